// Whether the server is there, and whether anything changed elsewhere: asked now and then.

import { $ } from "./dom.js";
import { t } from "./i18n.js";

const EVERY = 3000; // ms
const PATIENCE = 5000; // ms for an answer: a busy machine is not a dead one

let process = "", changed = 0, isDoubted = false, isEnding = false, timer, listener, isBusy, told = () => {};

/** `listener()` is called when another tab or process has written, or the network is back. While
 * `busy()`, the page holds what would be lost with it. */
export function start(elsewhere, busy) {
  [listener, isBusy] = [elsewhere, busy];
  addEventListener("online", ask);
  addEventListener("offline", ask);
  document.addEventListener("visibilitychange", () => document.hidden || ask());
  ask();
}

/** `changed(state)` at every look: a word that is another when the model is, or will be. */
export const onModel = changed => (told = changed);

/** Somebody got no answer: if there is one now, everything is asked for again. */
export function doubt() {
  isDoubted = true;
  ask();
}

function ask() {
  clearTimeout(timer);
  timer = setTimeout(turn, 0);
}

async function turn() {
  if (!document.hidden) await look();
  clearTimeout(timer); // somebody else may have asked meanwhile
  timer = setTimeout(turn, EVERY);
}

function say(isTrouble, sentence) {
  $("#offline span").textContent = sentence;
  $("#offline").hidden = !isTrouble;
}

async function look() {
  let now;
  try {
    const answer = await fetch("earshot/alive", { cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
    if (answer.status === 410) return location.reload(); // no longer shared: the server says so
    now = await answer.json();
  } catch {
    say(true, t("offline"));
    return;
  }
  // Gradio's session ended with the process that gave this page; the draft is kept
  if (process && now.process !== process) return isBusy() ? say(false, "") : location.reload();
  const wasAway = !$("#offline").hidden && !isEnding;
  isEnding = now.ending;
  say(isEnding, t("ending"));
  const isNews = wasAway || isDoubted || (changed && now.changed !== changed);
  [process, changed, isDoubted] = [now.process, now.changed, false];
  told(now.model);
  if (isNews) listener();
}
