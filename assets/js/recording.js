// The recording that this page is making: one at a time, for the draft in which it was begun, for as
// long as Earshot takes one.

import { $, clock } from "./dom.js";
import { language, t } from "./i18n.js";
import { trouble } from "./notice.js";
import { record } from "./recorder.js";
import { keepAwake, letSleep } from "./wakelock.js";

const LONGEST = 3 * 60 * 60; // seconds; a guest's page says what theirs is (app/policy.py)
const UNKEPT = 60 * 60; // seconds that a page may hold by itself, where the browser keeps nothing
const SPARE = 1; // second, so that none is longer than Earshot takes

let going = null; // { draft, name, longest, isKept, id, end }
let isStarting = false;
let changed = () => {}, arrived = async () => {};

export const longest = () => Math.min(LONGEST, Number(document.documentElement.dataset.longest || Infinity));

/** What the recording belongs to; null while there is none. */
export const draft = () => going?.draft ?? null;

/** It belongs to another draft from now on. */
export const give = other => going && (going.draft = other);

export const isOn = () => !!going;

const now = () => new Date().toLocaleTimeString(language, { hour: "2-digit", minute: "2-digit" });

export async function begin(about) {
  if (going || isStarting) return;
  isStarting = true;
  $(".composer .record").disabled = true;
  const name = t("composer.recording", { time: now() });
  const one = { draft: about, name, longest: longest(), isKept: true };
  try {
    const lost = () => endWith(one, t("trouble.microphone.lost"));
    const told = (...level) => heard(one, ...level);
    Object.assign(one, await record({ name, conversation: about.conversation }, told, lost));
    going = one;
    keepAwake();
  } finally {
    isStarting = false;
    $(".composer .record").disabled = false;
    changed();
  }
}

function heard(one, seconds, loudness, isKept) {
  if (one.isKept && !isKept) {
    one.isKept = false;
    one.longest = Math.min(one.longest, seconds + UNKEPT);
    trouble(t("recording.unkept"));
  }
  $(".composer .recorded").textContent = `${clock(seconds)} / ${clock(one.longest)}`;
  $(".composer .level i").style.width = `${Math.min(100, 130 * Math.sqrt(loudness))}%`;
  if (seconds > one.longest - SPARE) endWith(one, t("recording.ended", { time: now(), longest: clock(one.longest) }));
}

/** It ends though nobody asked for it. */
async function endWith(one, sentence) {
  if (going !== one) return;
  trouble(sentence);
  await finish();
}

/** Ends it, and waits until it is attached. */
export async function finish() {
  const one = going;
  if (!one) return;
  going = null;
  letSleep();
  changed();
  await arrived(one.draft, { id: one.id, name: one.name, wav: one.end() });
}

/** `attach(draft, { id, name, wav })` is given a promise of what was recorded; `listener` is told when
 * one begins and ends. */
export function start(attach, listener) {
  [arrived, changed] = [attach, listener];
}
