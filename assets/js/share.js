// Sharing one conversation, or one answer of it: a link, or a file. And all links there are.

import { $, $$, made } from "./dom.js";
import { download } from "./download.js";
import { language, t, translate } from "./i18n.js";
import { told } from "./notice.js";
import { call } from "./server.js";
import { current, open } from "./view.js";

const LASTS = { hour: "share.lasts.hour", day: "share.lasts.day", week: "share.lasts.week", month: "share.lasts.month", ever: "share.lasts.ever" };
const USUAL = "week";
const SAID = 3000; // ms

let sheet, list, about = {}; // the conversation, and perhaps the answer, that the sheet is open for

const when = seconds => new Date(seconds * 1000).toLocaleString(language, { dateStyle: "medium", timeStyle: "short" });
const address = (link, base) => new URL(link.path, base || document.baseURI).href;

/** The button says so itself: a notice would be behind the sheet. */
async function copy(text, button) {
  const isDone = await navigator.clipboard?.writeText(text).then(() => true, () => false);
  button.textContent = t(isDone ? "share.copied" : "tool.uncopied");
  setTimeout(() => (button.textContent = t("share.copy")), SAID);
}

/** Opens the sheet for a conversation, perhaps for one answer of it. */
export async function share(conversation, answer = 0) {
  const { may, address: base, links } = await call("shared");
  about = { conversation, answer };
  const form = $("form", sheet);
  $(".what", form).hidden = !answer;
  form.elements.what.value = answer ? "answer" : "whole";
  form.elements.may_continue.checked = false;
  $(".made", form).hidden = true;
  refuse("");
  for (const part of $$(".linking", form)) part.hidden = !may;
  describe();
  $(".state", form).textContent = t(!may ? "share.guest" : base ? "share.on" : "share.off");
  $(".all", form).hidden = !may || !links.length;
  sheet.showModal();
}

/** The answer that is meant; 0 for the whole conversation. */
const meant = () => ($("form", sheet).elements.what.value === "answer" ? about.answer : 0);

const describe = () => ($(".holds", sheet).textContent = t(meant() ? "share.file.answer" : "share.file.whole"));

function refuse(sentence) {
  $(".refused", sheet).textContent = sentence;
  $(".refused", sheet).hidden = !sentence;
}

async function make() {
  refuse("");
  const { lasts, may_continue } = $("form", sheet).elements;
  const asked = { conversation: about.conversation, answer: meant(), lasts: lasts.value, may_continue: may_continue.checked };
  const link = await call("share", asked);
  const field = $(".made input", sheet);
  field.value = address(link, link.address);
  $(".made", sheet).hidden = $(".all", sheet).hidden = false;
  field.focus();
  field.select();
}

async function look() {
  const { links, address: base } = await call("shared");
  $("ul", list).replaceChildren(...links.map(link => row(link, base)));
  $(".none", list).hidden = links.length > 0;
}

function row(link, base) {
  const one = made('<li><a dir="auto"></a><small></small><button type="button" class="copies"></button><button type="button" class="revoke"></button><button type="button" class="tool remove"></button></li>');
  const title = link.title || t("list.untitled");
  const ends = link.open ? (link.expires ? t("share.until", { when: when(link.expires) }) : t(LASTS.ever)) : t("share.ended");
  const seen = link.visits ? t("share.visits", { n: link.visits, when: when(link.visited) }) : t("share.unseen");
  $("a", one).textContent = title;
  $("a", one).href = `?c=${link.conversation}`;
  $("a", one).onclick = event => (event.preventDefault(), list.close(), open(link.conversation));
  $("small", one).textContent = [...(link.alone ? [t("share.one")] : []), ends, seen].join(" · ");
  one.classList.toggle("ended", !link.open);
  press($(".copies", one), t("share.copy"), title, link.open && link.path, button => copy(address(link, base), button));
  press($(".revoke", one), t("share.revoke"), title, link.open, () => act("revoke", link));
  const remove = $(".remove", one);
  press(remove, "", title, !link.open, () => act("unlist", link));
  remove.title = t("share.unlist", { title });
  remove.setAttribute("aria-label", remove.title);
  return one;
}

function press(button, label, title, isThere, does) {
  button.textContent = label;
  button.setAttribute("aria-label", `${label}: ${title}`);
  button.hidden = !isThere;
  button.onclick = () => told(() => does(button));
}

async function act(name, link) {
  await call(name, { link: link.id });
  await look();
  if (document.activeElement === document.body) $("button", list).focus();
}

async function links() {
  await look();
  sheet.close();
  $("#settings").close();
  list.showModal();
}

function sheets() {
  sheet = translate(made(`<dialog id="share" aria-labelledby="share-title"><form method="dialog">
    <header><h2 id="share-title" data-t="share.title"></h2><button type="button" class="close" data-t-aria-label="close"></button></header>
    <fieldset class="what"><legend data-t="share.what"></legend>
      <label><input type="radio" name="what" value="answer"><span data-t="share.answer"></span></label>
      <label><input type="radio" name="what" value="whole"><span data-t="share.whole"></span></label>
    </fieldset>
    <label class="linking"><span data-t="share.lasts"></span><select name="lasts"></select></label>
    <label class="check linking"><input type="checkbox" name="may_continue"><span data-t="share.may_continue"></span></label>
    <p class="fine linking" data-t="share.fine"></p>
    <p class="fine state" role="status"></p>
    <p class="fine holds"></p>
    <p class="refused" role="alert" hidden></p>
    <div class="made" hidden><input readonly spellcheck="false" data-t-aria-label="share.link"><button type="button" class="copies" data-t="share.copy"></button></div>
    <footer><button type="button" class="all linking" data-t="share.links"></button><button type="button" class="file" data-t="share.file"></button><button type="submit" class="save linking" data-t="share.make"></button></footer>
    </form></dialog>`));
  list = translate(made(`<dialog id="links" aria-labelledby="links-title"><form method="dialog">
    <header><h2 id="links-title" data-t="share.links.open"></h2><button type="button" class="close" data-t-aria-label="close"></button></header>
    <ul></ul><p class="fine none" data-t="share.links.none" hidden></p>
    </form></dialog>`));
  for (const one of [sheet, list]) {
    $(".close", one).onclick = () => one.close();
    one.addEventListener("click", event => event.target === one && one.close()); // beside it
  }
  document.body.append(sheet, list);
}

export function start() {
  sheets();
  $("[name=lasts]", sheet).replaceChildren(...Object.entries(LASTS).map(([key, words]) => new Option(t(words), key, false, key === USUAL)));
  $("form", sheet).onsubmit = event => (event.preventDefault(), make().catch(error => refuse(error.message)));
  $(".made .copies", sheet).onclick = event => copy($(".made input", sheet).value, event.currentTarget);
  $(".file", sheet).onclick = () => download(`earshot/export/${about.conversation}?form=html${meant() ? `&answer=${meant()}` : ""}`);
  $(".what", sheet).onchange = describe;
  $(".all", sheet).onclick = () => told(links);
  const entry = made('<button type="button" class="reset links"></button>');
  entry.textContent = t("share.links.open");
  entry.onclick = () => told(links);
  $("#settings .binned").after(entry);
  document.addEventListener("click", event => {
    const pressed = event.target.closest?.("article .tools .tool.share, #list .share, #bar .share");
    if (pressed) told(() => share(current(), Number(pressed.closest("article")?.dataset.turn || 0)));
  });
}
