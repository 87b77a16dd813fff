// What a screen reader hears of an answer: whole sentences as they come, seldom; never each word.

import { $ } from "./dom.js";
import { t } from "./i18n.js";
import { isWriting, onShown } from "./view.js";

const PAUSE = 4000; // ms between two announcements
const ENDS = /[.!?。！？…](?=\s)|[。！？]|\n/g;

let said = 0, last = 0, wasWriting = false;

function tell(text) {
  if (!text.trim()) return;
  const line = document.createElement("p");
  line.textContent = text.trim();
  $("#announcer").replaceChildren(line);
  last = Date.now();
}

function follow({ moved, arrived }) {
  const text = $("#newest .words")?.innerText || "";
  if (moved) [said, wasWriting] = [0, false];
  if (arrived && !isWriting()) [said, wasWriting] = [0, true]; // it was done before it was shown
  if (isWriting()) {
    if (!wasWriting) [said] = [0], tell(t("turn.listening"));
    wasWriting = true;
    const whole = [...text.matchAll(ENDS)].at(-1);
    const end = whole ? whole.index + 1 : 0;
    if (end > said && Date.now() - last > PAUSE) tell(text.slice(said, end)), (said = end);
  } else if (wasWriting) {
    wasWriting = false;
    const notes = [...document.querySelectorAll("#newest .note")].map(note => note.innerText);
    tell([text.slice(said), ...notes].join(" "));
  }
}

export const start = () => onShown(follow);
