// What was heard of a clip, folded below it (app/note_display.py): stays open while the page is drawn
// again, and calls languages by their names here.

import { $$ } from "./dom.js";
import { language } from "./i18n.js";
import { onShown } from "./view.js";

const opened = new Set(); // turn and digest of those that are open

const names = new Intl.DisplayNames([language], { type: "language" });

function nameOf(code) {
  try {
    return names.of(code);
  } catch {
    return code; // it is none
  }
}

const placeOf = fold => `${fold.closest("article").dataset.turn} ${fold.closest("figure").dataset.digest}`;

function toggled(fold) {
  if (fold.open) opened.add(placeOf(fold));
  else opened.delete(placeOf(fold));
  for (const one of $$("[data-language]", fold)) one.textContent = nameOf(one.dataset.language);
}

function openAgain() {
  if (!opened.size) return;
  for (const fold of $$("article figure > .heard")) if (opened.has(placeOf(fold))) fold.open = true;
}

export function start() {
  const seen = event => event.target.matches?.("article figure > .heard") && toggled(event.target);
  document.addEventListener("toggle", seen, true); // it does not bubble
  onShown(openAgain);
}
