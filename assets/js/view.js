// Where one is, and what is shown there. The conversation's id is in the address, so that a reload
// finds it again.

import { $ } from "./dom.js";
import { tried } from "./notice.js";

const NEAR = 80; // px from the end: still following
const FLASH = 2000; // ms that a turn one has jumped to is marked

let look = () => {};
let follow = true;
let wanted = ""; // a turn to go to once it is shown
let missing = async () => false;
let before = null; // the newest answer when something was asked, until another is here
const listeners = [];

const newestTurn = () => $("#newest [data-turn]")?.dataset.turn || "";

export const current = () => new URLSearchParams(location.search).get("c") || "";
export const isWriting = () => !!$('#newest [data-status="writing"]');
export const title = () => $("#shown [data-title]")?.dataset.title || "";

/** `listener({ conversation, moved, ended, arrived })` after every change of what is shown: `moved`
 * to another conversation, an answer has just `ended`, or the one that was asked for `arrived`. */
export const onShown = listener => listeners.push(listener);

/** Shows a conversation ("" is a new one), perhaps at one of its turns. */
export function open(id, { push = true, turn = "" } = {}) {
  if (push && id !== current()) history.pushState(null, "", id ? `?c=${id}` : location.pathname);
  wanted = turn;
  if (turn && isShown(id)) tried(jump);
  look({ conversation: id, since: isShown(id) ? Number($("#shown article")?.dataset.turn || 0) : 0 });
}

const isShown = id => $("#shown [data-conversation]")?.dataset.conversation === id;

/** `find(turn)` brings a turn that is not shown; whether it did. */
export const onMissing = find => (missing = find);

/** The same again: something may have happened elsewhere. */
export const refresh = () => open(current(), { push: false, turn: wanted });

/** Something is asked: stay at the end, for the answer that comes. */
export const followAgain = () => {
  follow = true;
  before = newestTurn();
};

async function jump() {
  const sought = wanted, place = () => $(`article[data-turn="${sought}"]`);
  wanted = "";
  if (!place() && !(await missing(Number(sought)))) return place() || (wanted = sought);
  const turn = place();
  follow = false;
  turn.scrollIntoView({ block: "center" });
  turn.classList.add("found");
  setTimeout(() => turn.classList.remove("found"), FLASH);
}

export function start(trigger) {
  look = trigger;
  let shown, wasWriting = false;
  addEventListener("scroll", () => {
    follow = innerHeight + scrollY >= document.documentElement.scrollHeight - NEAR;
  }, { passive: true });
  const seen = new MutationObserver(() => {
    const conversation = $("#shown [data-conversation]")?.dataset.conversation;
    const moved = conversation !== shown, ended = wasWriting && !isWriting();
    if (moved) follow = true;
    [shown, wasWriting] = [conversation, isWriting()];
    const arrived = before !== null && !["", before].includes(newestTurn());
    if (arrived) before = null;
    listeners.forEach(listener => listener({ conversation, moved, ended, arrived }));
    if (wanted && isShown(current())) tried(jump);
    if (follow) scrollTo(0, document.documentElement.scrollHeight);
  });
  const what = { childList: true, subtree: true, characterData: true, attributes: true };
  for (const place of ["#shown", "#newest"])
    seen.observe($(place), { ...what, attributeFilter: ["data-status", "data-conversation", "data-title"] });
  addEventListener("popstate", refresh);
  // Another tab may have gone on, the machine may have slept.
  document.addEventListener("visibilitychange", () => document.hidden || refresh());
}
