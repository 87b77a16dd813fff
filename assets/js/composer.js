// The composer: words and recordings on their way. Recording, attaching, sending, stopping.

import { $, clock, settled } from "./dom.js";
import * as attached from "./attached.js";
import * as drafts from "./drafts.js";
import { language, t } from "./i18n.js";
import { toast, told, trouble } from "./notice.js";
import { record, wav } from "./recorder.js";
import * as recordings from "./recordings.js";
import { call } from "./server.js";
import { current, followAgain, isWriting, onShown, open } from "./view.js";

const LONGEST = 60 * 60; // seconds of one recording: the browser holds it in memory
const TALLEST = 220; // px of the field, before it scrolls

let form, text;
let here = ""; // the conversation that the draft is for
let edits = 0; // the earlier question that it will replace …
let aside = null; // … and what was being written before that
let sentTo = null; // a conversation that has just begun: what is typed meanwhile is for it
let finish = null; // ends the recording that is going on
let isSending = false;
const listeners = [];

/** `listener()` when what will be sent has changed. */
export const onChanged = listener => listeners.push(listener);

/** What will be sent: { text, clips, edits }. */
export const draft = () => ({ text: text.value, clips: attached.clips(), edits });

const keepNow = () => drafts.keep(here, { ...draft(), aside });
const keep = settled(200, keepNow);

export const isRecording = () => !!finish;
/** Whether something would be lost if the page went now. */
export const isBusy = () => isRecording() || attached.isUnsent();
export const focus = () => text.focus();

/** Puts words into the field: after what the person wrote, in place of what was put there. */
let filled = "";
export function fill(words) {
  const own = text.value.trim();
  text.value = own && own !== filled ? `${own}\n${words}` : words;
  filled = words;
  update();
  focus();
}

/** Takes everything out. */
export function clear() {
  text.value = "";
  edits = 0;
  attached.clear();
  update();
}

export const attachClip = clip => attached.add(clip);
export const attach = (blob, name) => attached.attach(blob, name);

/** Takes an earlier question into the composer: { conversation, turn }. */
export async function edit(about) {
  const { text: words, clips } = await call("content", about);
  if (!edits) aside = draft();
  put({ text: words, clips, edits: about.turn });
  focus();
}

function put(kept) {
  clear();
  text.value = kept.text;
  edits = kept.edits || 0;
  kept.clips.forEach(attachClip);
  update();
}

/** Back to what was being written before an earlier question was edited. */
function endEditing() {
  put(aside || { text: "", clips: [] });
  aside = null;
  keepNow();
}

export async function toggleRecording() {
  const button = $(".record", form);
  if (finish) {
    const ended = finish;
    finish = null;
    update();
    return arrived(await ended());
  }
  button.disabled = true;
  const time = new Date().toLocaleTimeString(language, { hour: "2-digit", minute: "2-digit" });
  const name = t("composer.recording", { time });
  try {
    finish = await record(name, (seconds, loudness) => {
      $(".recorded", form).textContent = clock(seconds);
      $(".level i", form).style.width = `${Math.min(100, 130 * Math.sqrt(loudness))}%`;
      if (seconds > LONGEST && finish) told(toggleRecording);
    }, unplugged);
  } finally {
    button.disabled = false;
    update();
  }
}

function unplugged() {
  if (finish) told(toggleRecording).then(() => trouble(t("trouble.microphone.lost")));
}

const arrived = ({ id, name, wav }) => attached.attach(wav, name, { recording: id });

/** What was being recorded when its page went. */
async function recover() {
  for (const { id, name, rate, blocks } of await recordings.left()) {
    toast(t("composer.recovered", { name }));
    arrived({ id, name, wav: wav(blocks, rate) });
  }
}

export async function send() {
  if (finish) await toggleRecording();
  if (isSending || isWriting() || attached.isUnsent()) return;
  if (!attached.clips().length && !text.value.trim()) return focus();
  isSending = true;
  update();
  try {
    const { conversation } = await call("ask", { conversation: here, ...draft() });
    endEditing();
    if (conversation !== here) sentTo = conversation;
    followAgain();
    open(conversation);
  } finally {
    isSending = false;
    update();
  }
}

export const stop = () => call("stop", { conversation: current() });

function update() {
  const writing = isWriting();
  form.classList.toggle("recording", !!finish);
  $(".record span", form).textContent = t(finish ? "composer.finish" : "composer.record");
  $(".recorded", form).hidden = $(".level", form).hidden = !finish;
  $(".stop", form).hidden = !writing;
  $(".send", form).hidden = writing;
  $(".editing", form).hidden = !edits;
  const isEmpty = !text.value.trim() && attached.isEmpty() && !finish;
  $(".send", form).disabled = isEmpty || isSending || attached.isUnsent();
  text.style.height = "auto";
  text.style.height = `${Math.min(text.scrollHeight, TALLEST)}px`;
  document.body.style.setProperty("--composer", `${form.parentElement.offsetHeight}px`);
  keep();
  listeners.forEach(listener => listener());
}

function restore() {
  const kept = drafts.kept(here);
  put(kept);
  aside = kept.aside || null;
}

/** Each conversation has its own draft. */
function moved() {
  if (current() !== here) {
    const isBegun = current() === sentTo;
    if (isBegun) drafts.keep(here, { text: "", clips: [] });
    else keepNow();
    here = current();
    if (!isBegun) restore();
    sentTo = null;
  }
  update();
}

export function start(element) {
  form = $("form", element);
  text = $("textarea", form);
  here = current();
  attached.start($(".attached", form), update);
  const files = $("input[type=file]", form);
  form.onsubmit = event => (event.preventDefault(), told(send));
  text.oninput = update;
  text.onkeydown = event => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    told(send);
  };
  $(".record", form).onclick = () => told(toggleRecording);
  $(".attach", form).onclick = () => files.click();
  $(".stop", form).onclick = () => told(stop);
  $(".editing button", form).onclick = () => (endEditing(), focus());
  files.onchange = () => {
    trouble("");
    for (const file of files.files) attach(file, file.name);
    files.value = "";
  };
  addEventListener("beforeunload", event => isBusy() && event.preventDefault());
  addEventListener("pagehide", keepNow);
  onShown(moved);
  restore();
  recover();
}
