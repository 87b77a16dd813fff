// What one does to a turn: the row of buttons below it (app/tools.py), and its recordings again.

import { $, made } from "./dom.js";
import { aloud } from "./aloud.js";
import * as composer from "./composer.js";
import { t, translate } from "./i18n.js";
import { toast, told } from "./notice.js";
import { clipOf } from "./player.js";
import { call } from "./server.js";
import { current, followAgain, isWriting, onShown, refresh } from "./view.js";

let kept = null; // [turn, button] that had the focus, while the page is drawn again

const about = article => ({ conversation: current(), turn: Number(article.dataset.turn) });

const BUTTONS = {
  copy: article => copy(article),
  edit: article => composer.edit(about(article)),
  again: article => begun("again", article),
  go_on: article => begun("go_on", article),
  undo: () => undo(),
  good: (article, button) => rate(article, button, true),
  bad: (article, button) => rate(article, button, false),
  aloud: (_, button) => aloud(button),
  before: (_, button) => choose(button),
  after: (_, button) => choose(button),
};
const WHILE_WRITING = ["copy", "aloud", "good", "bad"]; // the others would have to wait

async function begun(name, article) {
  await call(name, about(article));
  followAgain();
  refresh();
}

async function choose(button) {
  const turn = Number(button.dataset.choose);
  kept = [turn, button.classList[1]];
  await call("choose", { conversation: current(), turn });
  refresh();
}

async function undo() {
  const conversation = current();
  const { turn } = await call("undo", { conversation });
  refresh();
  if (!turn) return;
  const action = async () => (await call("choose", { conversation, turn }), refresh());
  toast(t("turn.undone"), { label: t("tool.redo"), action });
}

async function copy(article) {
  const { text } = await call("content", about(article));
  try {
    await navigator.clipboard.writeText(text);
    toast(t("tool.copied"));
  } catch {
    toast(t("tool.uncopied"));
  }
}

// A verdict counts at once; why is asked afterwards, and may be left open.
async function rate(article, button, good) {
  const isTaken = button.getAttribute("aria-pressed") === "true";
  const verdict = isTaken ? null : good, asked = about(article);
  const { note } = await call("content", asked);
  await call("rate", { ...asked, good: verdict, note });
  for (const name of ["good", "bad"]) $(`.tool.${name}`, article)?.setAttribute("aria-pressed", verdict === (name === "good"));
  kept = [asked.turn, button.classList[1]];
  refresh();
  if (verdict !== null) why(asked, verdict, note);
}

function why(asked, good, note) {
  const sheet = $("#rating");
  $("h2", sheet).textContent = t(good ? "rate.good" : "rate.bad");
  $("textarea", sheet).value = note;
  $("form", sheet).onsubmit = () => {
    const said = $("textarea", sheet).value;
    told(async () => (await call("rate", { ...asked, good, note: said }), refresh()));
  };
  sheet.showModal();
}

function sheet() {
  const one = translate(made(`<dialog id="rating" aria-labelledby="rating-title"><form method="dialog">
    <header><h2 id="rating-title"></h2><button type="button" class="close" data-t-aria-label="close"></button></header>
    <textarea rows="3" dir="auto" maxlength="4000" data-t-placeholder="rate.hint" data-t-aria-label="rate.hint"></textarea>
    <footer><button type="button" class="cancel" data-t="cancel"></button><button type="submit" class="save" data-t="save"></button></footer>
    </form></dialog>`));
  for (const name of [".close", ".cancel"]) $(name, one).onclick = () => one.close();
  document.body.append(one);
}

function pressed(event) {
  const button = event.target.closest?.("article .tools .tool"), reused = event.target.closest?.("article .reuse");
  if (reused) return composer.attachClip(clipOf(reused.closest("figure"))), composer.focus();
  if (!button || (isWriting() && !WHILE_WRITING.includes(button.classList[1]))) return;
  const article = button.closest("article"), name = button.classList[1];
  kept = [Number(article.dataset.turn), name];
  told(() => BUTTONS[name](article, button));
}

/** Who goes on by keyboard is still where they were, though all was drawn anew. */
function keepFocus() {
  document.body.classList.toggle("writing", isWriting());
  if (!kept || document.activeElement !== document.body) return;
  const row = $(`article[data-turn="${kept[0]}"] .tools`);
  const button = row && ($(`.${kept[1]}:not(:disabled)`, row) || $(".tool:not(:disabled)", row));
  button?.focus({ preventScroll: true });
}

export function start() {
  sheet();
  document.addEventListener("click", pressed);
  document.addEventListener("focusin", event => event.target.closest(".tools") || (kept = null));
  onShown(keepFocus);
}
