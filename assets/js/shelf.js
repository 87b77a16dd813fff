// The list of conversations: found, opened, named, pinned, tagged, copied, exported, deleted.

import { $, $$, made, settled } from "./dom.js";
import { download } from "./download.js";
import { focus } from "./composer.js";
import { day, language, t } from "./i18n.js";
import { isOpen as menuIsOpen, popup } from "./menu.js";
import { toast, told, tried, trouble } from "./notice.js";
import { call, post } from "./server.js";
import { share } from "./share.js";
import { isKey } from "./typing.js";
import { current, onShown, open, refresh as look } from "./view.js";

const TYPING = 90; // ms of quiet before a search
const PAGE = 60; // as many as the server gives at a time

let list, field, tag = "", asked = 0, shown = "", isBusy = false;

const isChanging = () => menuIsOpen() || !!$("input", list);

/** The list as it is now. What is being typed into it is left alone. */
export async function refresh() {
  if (isChanging()) return;
  const mine = ++asked;
  const words = field.value.trim();
  const { html, tags } = await call("listing", { words, tag, current: current(), count: $$(".item", list).length });
  if (mine !== asked || isChanging()) return; // a later question was faster
  showTags(tags);
  if (html !== shown) replace((shown = html));
  $(".none", list).hidden = !!html;
  $(".none", list).textContent = html ? "" : t(words ? "list.nothing" : "list.empty", { words });
}

function replace(html) {
  const focused = list.contains(document.activeElement) ? document.activeElement : null;
  const id = focused?.closest(".item")?.dataset.id, what = focused?.classList[0];
  $("ul", list).innerHTML = html;
  finish();
  if (id) $(`.item[data-id="${id}"] ${what ? `.${what}` : "a"}`, list)?.focus();
}

/** Names the days, once each, and watches for the end. */
function finish() {
  let before = null;
  for (const heading of $$("li.day", list)) {
    if (heading.dataset.day === before) heading.remove();
    else $("h2", heading).textContent = heading.dataset.day ? day(heading.dataset.day) : t("list.pinned");
    before = heading.dataset.day;
  }
  mark();
  const older = $(".older", list);
  if (older) watcher.observe(older);
}

const mark = () => {
  for (const link of $$(".item a", list))
    if (link.closest(".item").dataset.id === current()) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
};

const watcher = new IntersectionObserver(entries => entries.some(entry => entry.isIntersecting) && more());

async function more() {
  const older = $(".older", list);
  if (!older || isBusy) return;
  isBusy = true;
  try {
    const mine = asked;
    const about = { words: field.value.trim(), tag, current: current(), from: older.dataset.following, count: PAGE };
    const { html } = await call("listing", about);
    if (mine !== asked) return;
    older.remove();
    $("ul", list).insertAdjacentHTML("beforeend", html);
    shown = ""; // the next refresh compares with nothing
    finish();
  } finally {
    isBusy = false;
  }
}

function showTags(tags) {
  const place = $(".tags", list);
  place.hidden = !tags.length;
  place.replaceChildren(
    ...tags.map(name => {
      const button = made('<button type="button" dir="auto"></button>');
      button.textContent = name;
      button.setAttribute("aria-pressed", name === tag);
      button.onclick = () => ((tag = name === tag ? "" : name), refresh());
      return button;
    }),
  );
}

/** To the field for searching, and to nothing said yet. */
export function find() {
  document.body.classList.add("listing");
  field.focus();
  field.select();
}
export function renew() {
  trouble("");
  open("");
  focus();
}

// What one can do to a conversation

const act = (name, value) => told(async () => [await call(name, value), await refresh()][0]);

function menu(button) {
  const item = button.closest(".item"), id = item.dataset.id;
  const isPinned = item.dataset.pinned === "1";
  const form = (label, kind) => ({ label: t(label), does: () => download(`earshot/export/${id}?form=${kind}`) });
  popup(button, [
    { label: t("menu.rename"), sign: "pen", does: () => rename(item) },
    { label: t(isPinned ? "menu.unpin" : "menu.pin"), sign: "pin", does: () => act("pin", { conversation: id, pinned: !isPinned }) },
    { label: t("menu.tags"), sign: "tag", does: () => tagging(item) },
    { label: t("menu.duplicate"), sign: "copy", does: () => act("duplicate", { conversation: id }).then(made => made && open(made.conversation)) },
    {
      label: t("menu.export"),
      sign: "out",
      more: [form("export.html", "html"), form("export.zip", "zip"), form("export.markdown", "markdown"), form("export.json", "json")],
    },
    { label: t("menu.share"), sign: "share", does: () => told(() => share(id)) },
    { label: t("menu.delete"), sign: "bin", danger: true, does: () => forget(id) },
  ]);
}

function rename(item) {
  const link = $("a", item);
  const input = made('<input class="rename" dir="auto" maxlength="200">');
  input.value = link.getAttribute("title");
  input.setAttribute("aria-label", t("menu.rename"));
  link.hidden = true;
  link.before(input);
  input.select();
  let isOver = false;
  const over = keeps => {
    if (isOver) return;
    isOver = true;
    const title = input.value.trim();
    input.remove();
    link.hidden = false;
    if (keeps && title && title !== link.getAttribute("title"))
      act("rename", { conversation: item.dataset.id, title }).then(() => item.dataset.id === current() && look());
    $("a", item).focus();
  };
  input.onblur = () => over(true);
  input.onkeydown = event => {
    if (isKey(event, "Enter")) over(true);
    else if (isKey(event, "Escape")) over(false);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
}

function tagging(item) {
  const sheet = $("#tagging"), form = $("form", sheet);
  form.elements.tags.value = JSON.parse(item.dataset.tags || "[]").join(", ");
  form.onsubmit = () => {
    const tags = form.elements.tags.value.split(/[,，、;]/).map(name => name.trim()).filter(Boolean);
    act("label", { conversation: item.dataset.id, tags });
  };
  sheet.showModal();
}

/** All conversations in one file, or those that the list shows for a tag or a search. */
function exporting(button) {
  const words = field.value.trim();
  const entry = (label, about) => ({ label, sign: "out", does: () => download(`earshot/export?${new URLSearchParams(about)}`) });
  const some = words ? [entry(t("export.found", { words }), { words })] : tag ? [entry(t("export.tagged", { tag }), { tag })] : [];
  popup(button, [...some, entry(t("export.all"), {})]);
}

async function forget(id) {
  if (!(await act("forget", { conversation: id }))) return;
  if (id === current()) open("");
  const undo = async () => {
    await call("restore", { conversation: id });
    await refresh();
    open(id);
  };
  toast(t("list.deleted"), { label: t("undo"), action: undo });
}

/** A file that was exported comes back as conversations. */
export async function take(given) {
  const { name } = given, tell = toast(t("import.reading", { name }), { stays: true });
  const sent = share => share < 1 && tell(t("composer.sending", { name, percent: share.toLocaleString(language, { style: "percent" }) }));
  await told(async () => {
    const { conversations, missing } = await post(`earshot/import?name=${encodeURIComponent(name)}`, given, sent).finally(() => tell(""));
    const done = t("import.done", { n: conversations.length });
    toast(missing ? `${done} · ${t("import.missing", { n: missing })}` : done);
    await refresh();
    if (conversations.length) open(conversations[0]);
  });
}

// Pressing and typing

function pressed(event) {
  const hit = selector => event.target.closest(selector);
  const link = hit("#list a, #brand a");
  if (link && !(event.ctrlKey || event.metaKey || event.shiftKey)) {
    event.preventDefault();
    trouble("");
    document.body.classList.remove("listing");
    const address = new URL(link.href);
    open(address.searchParams.get("c") || "", { turn: link.dataset.turn || "" });
    mark();
    if (link.matches(".new")) focus();
  } else if (hit("#bar .menu")) {
    const isOpen = document.body.classList.toggle("listing");
    $("#bar .menu").setAttribute("aria-expanded", isOpen);
  } else if (hit("#list .more")) menu(hit("#list .more"));
  else if (!hit("#side, .popup")) document.body.classList.remove("listing");
}

/** Arrows go through the list, from the field on. */
function walk(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step || event.target.matches(".rename")) return;
  const stops = [field, ...$$(".item a", list)];
  const at = stops.indexOf(event.target);
  if (at < 0) return;
  event.preventDefault();
  stops[Math.max(0, Math.min(stops.length - 1, at + step))].focus();
}

export function start() {
  [list, field] = [$("#list"), $("#brand .find")];
  const search = settled(TYPING, () => told(refresh));
  field.oninput = search;
  field.onkeydown = event => {
    if (isKey(event, "Enter")) $(".item a", list)?.click();
    if (!isKey(event, "Escape") || !field.value) return;
    event.stopPropagation();
    field.value = "";
    told(refresh);
  };
  $("#side").addEventListener("keydown", walk);
  document.addEventListener("click", pressed);
  const files = $("#foot .imported");
  $("#foot .import").onclick = () => files.click();
  $("#foot .export").onclick = event => exporting(event.currentTarget);
  files.onchange = () => {
    for (const one of files.files) take(one);
    files.value = "";
  };
  onShown(({ moved, ended }) => {
    if (moved) mark();
    if (moved || ended) tried(refresh);
  });
  tried(refresh);
}
