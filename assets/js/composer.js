// The composer: words and clips on their way. Recording, attaching, sending, stopping.

import { $, clock, made, settled } from "./dom.js";
import * as drafts from "./drafts.js";
import { language, t } from "./i18n.js";
import { told, trouble } from "./notice.js";
import { figure } from "./player.js";
import { record } from "./recorder.js";
import { call, post } from "./server.js";
import { current, followAgain, isWriting, onShown, open } from "./view.js";

const LONGEST = 60 * 60; // seconds of one recording: the browser holds it in memory
const TALLEST = 220; // px of the field, before it scrolls

let form, text, attached;
let finish = null; // ends the recording that is going on
let isSending = false;

const items = () => [...attached.children];
const clips = () => items().filter(item => item.dataset.digest).map(item => ({ ...item.dataset }));
const keep = settled(200, () => drafts.keep({ text: text.value, clips: clips() }));

export const isRecording = () => !!finish;
export const focus = () => text.focus();

/** Puts words into the field, in place of what is there. */
export function fill(words) {
  text.value = words;
  update();
  focus();
}

/** Takes everything out. */
export function clear() {
  text.value = "";
  attached.replaceChildren();
  update();
}

/** Puts a stored clip beside the words: { digest, name, seconds }. */
export function attachClip(clip, item = attached.appendChild(made("<li></li>"))) {
  const remove = made('<button type="button" class="remove"></button>');
  remove.setAttribute("aria-label", t("composer.remove", { name: clip.name }));
  remove.onclick = () => (item.remove(), update(), focus());
  item.className = "";
  Object.assign(item.dataset, { digest: clip.digest, name: clip.name, seconds: clip.seconds });
  item.replaceChildren(figure(clip), remove);
  update();
}

/** Sends a file to the store, and attaches it as it is kept there. */
export async function attach(blob, name) {
  const item = attached.appendChild(made('<li class="loading"></li>'));
  item.textContent = t("composer.reading", { name });
  update();
  try {
    attachClip(await post(`earshot/clips?name=${encodeURIComponent(name)}`, blob), item);
  } catch (error) {
    item.remove();
    trouble(error.message);
  }
  update();
}

export async function toggleRecording() {
  const button = $(".record", form);
  if (finish) {
    const ended = finish;
    finish = null;
    update();
    const time = new Date().toLocaleTimeString(language, { hour: "2-digit", minute: "2-digit" });
    return attach(await ended(), t("composer.recording", { time }));
  }
  button.disabled = true;
  try {
    finish = await record((seconds, loudness) => {
      $(".recorded", form).textContent = clock(seconds);
      $(".level i", form).style.width = `${Math.min(100, 130 * Math.sqrt(loudness))}%`;
      if (seconds > LONGEST && finish) told(toggleRecording);
    });
  } finally {
    button.disabled = false;
    update();
  }
}

export async function send() {
  if (finish) await toggleRecording();
  if (isSending || isWriting() || items().some(item => item.className === "loading")) return;
  if (!clips().length && !text.value.trim()) return focus();
  isSending = true;
  update();
  try {
    const said = { conversation: current(), text: text.value, clips: clips() };
    const { conversation } = await call("ask", said);
    clear();
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
  const isEmpty = !text.value.trim() && !items().length && !finish;
  $(".send", form).disabled = isEmpty || isSending || !!$(".loading", attached);
  text.style.height = "auto";
  text.style.height = `${Math.min(text.scrollHeight, TALLEST)}px`;
  document.body.style.setProperty("--composer", `${form.parentElement.offsetHeight}px`);
  keep();
}

function restore() {
  const draft = drafts.kept();
  clear();
  text.value = draft.text;
  draft.clips.forEach(clip => attachClip(clip));
  update();
}

export function start(element) {
  form = $("form", element);
  [text, attached] = [$("textarea", form), $(".attached", form)];
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
  files.onchange = () => {
    trouble("");
    for (const file of files.files) attach(file, file.name);
    files.value = "";
  };
  onShown(update);
  restore();
}
