// Shortcuts: one table, which the help sheet shows.

import { $, $$, made } from "./dom.js";
import * as composer from "./composer.js";
import { toggle } from "./player.js";
import { find, renew } from "./shelf.js";
import { t } from "./i18n.js";
import { told } from "./notice.js";
import { isOpen as menuIsOpen } from "./menu.js";
import { isComposing, isTouch } from "./typing.js";
import { isWriting } from "./view.js";

const MAC = /Mac|iPhone|iPad/.test(navigator.platform);
const alt = (code, key) => ({ shown: [MAC ? "⌥" : "Alt", key], fits: e => e.altKey && !e.ctrlKey && !e.metaKey && e.code === code });
const bare = key => ({ shown: [key], fits: e => e.key === key && !e.ctrlKey && !e.metaKey && !e.altKey && !isField(e.target) });

// what it is called, how it is pressed, what it does (nothing: it is shown here, and done elsewhere)
const TABLE = [
  ["keys.send", { shown: isTouch() ? [MAC ? "⌘" : "Ctrl", "Enter"] : ["Enter"] }],
  ["keys.line", { shown: isTouch() ? ["Enter"] : ["⇧", "Enter"] }],
  ["keys.record", alt("KeyR", "R"), () => told(composer.toggleRecording)],
  ["keys.play", alt("KeyP", "P"), () => toggle()],
  ["keys.stop", { shown: ["Esc"], fits: e => e.key === "Escape" && isWriting() && !e.target.closest?.("dialog, .find") }, () => told(composer.stop)],
  ["keys.new", alt("KeyN", "N"), renew],
  ["keys.find", { shown: [MAC ? "⌘" : "Ctrl", "K"], fits: e => (e.ctrlKey || e.metaKey) && !e.altKey && e.code === "KeyK" }, find],
  ["keys.help", bare("?"), help],
];

const isField = element => element.matches?.("input:not([type=range]), textarea, select, [contenteditable]");

export function help() {
  const sheet = $("#keys dl");
  sheet.replaceChildren(
    ...TABLE.map(([name, { shown }]) => {
      const row = made("<div><dt></dt><dd></dd></div>");
      $("dt", row).textContent = t(name);
      $("dd", row).append(...shown.map(key => Object.assign(document.createElement("kbd"), { textContent: key })));
      return row;
    }),
  );
  $("#keys").showModal();
}

export function start() {
  addEventListener("keydown", event => {
    if (isComposing(event) || menuIsOpen() || $$("dialog").some(one => one.open)) return;
    const row = TABLE.find(([, { fits }, does]) => does && fits(event));
    if (!row) return;
    event.preventDefault();
    row[2]();
  });
  $("#foot .help").onclick = help;
}
