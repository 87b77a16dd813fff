// The composer: words and recordings on their way. Attaching, editing, sending, stopping.

import { $, clock, settled } from "./dom.js";
import * as attached from "./attached.js";
import * as drafts from "./drafts.js";
import { t } from "./i18n.js";
import { addTrouble, toast, told, trouble } from "./notice.js";
import { wav } from "./recorder.js";
import * as recording from "./recording.js";
import * as recordings from "./recordings.js";
import { call } from "./server.js";
import { isSend, isTouch, onTouch } from "./typing.js";
import { current, followAgain, isWriting, onShown, open } from "./view.js";

const TALLEST = 220; // px of the field, before it scrolls

let form, text;
let shown; // the draft in the form
let isSending = false;
const listeners = [];

/** `listener()` when what will be sent has changed. */
export const onChanged = listener => listeners.push(listener);

let filled = "", task = ""; // what was put into the field, and the task that it asks for

const asked = ({ conversation, edits, list, text }) => {
  const isTask = text.trim() && text.trim() === filled;
  return { conversation, edits, text, clips: attached.clips(list), task: isTask ? task : "" };
};

/** What will be sent: { conversation, text, clips, edits }. */
export const draft = () => asked(shown);

/** Where what is made now belongs, whatever is looked at when it is ready. */
export const here = () => shown;

const keepNow = () => drafts.keep(shown.conversation);
const keep = settled(200, keepNow);

/** Whether something would be lost if the page went now. */
export const isBusy = () => recording.isOn() || drafts.isBusy();
export const focus = () => text.focus();

/** Puts words into the field: after what the person wrote, in place of what was put there. Alone, and
 * unchanged, they are a `task` of the model's. */
export function fill(words, named = "") {
  const own = text.value.trim(), before = filled;
  [filled, task] = [words, named];
  write(own && own !== before ? `${own}\n${words}` : words);
  focus();
}

function write(words) {
  text.value = shown.text = words;
  update();
}

const listOf = draft => (drafts.withList(draft.list) || shown).list; // it may have been given up meanwhile
export const attachClip = (clip, draft = shown) => attached.add(listOf(draft), clip);
export const attach = (file, draft = shown) => attached.attach(listOf(draft), file, file.name);

/** Says what could not be attached, where it would have been. */
export const refuse = (sentence, draft = shown) => failed(draft.list, sentence);

/** Takes an earlier question into the composer: { conversation, turn }. */
export async function edit(about) {
  const content = await call("content", about);
  const draft = drafts.edit(about.conversation, about.turn, content);
  if (shown.conversation === about.conversation) show(draft);
  focus();
}

/** Back to what was being written before an earlier question was edited. */
function endEditing() {
  const ended = shown;
  show(drafts.close(ended));
  if (recording.draft() === ended) recording.give(shown);
  focus();
}

function show(draft) {
  shown = draft;
  $(".attached", form).replaceWith(draft.list);
  text.value = draft.text;
  draft.troubles.splice(0).forEach(addTrouble);
  update();
}

export async function toggleRecording() {
  if (recording.isOn()) await recording.finish();
  else await recording.begin(shown);
}

/** A recording goes where it was begun: { id, name, wav }, where `wav` may be a promise. */
function arrived(draft, { id, name, wav }) {
  if (draft !== shown) {
    const action = () => open(draft.conversation);
    toast(t("composer.elsewhere", { name }), { label: t("composer.there"), action, stays: true });
  }
  return attached.attach(draft.list, wav, name, id);
}

/** What was being recorded when its page went. */
async function recover() {
  for (const { id, name, rate, conversation = shown.conversation, parts } of await recordings.left()) {
    const draft = drafts.of(conversation);
    if (draft === shown) toast(t("composer.recovered", { name }));
    arrived(draft, { id, name, wav: wav(parts, rate) });
  }
}

/** Sends a draft: the one in the form, unless another is meant. */
export async function send(draft = shown) {
  if (recording.draft() === draft) await recording.finish();
  const { conversation, text, list } = draft, isHere = conversation === current();
  if (isSending || (isHere && isWriting()) || attached.isUnsent(list)) return;
  if (!attached.clips(list).length && !text.trim()) return focus();
  const takeOut = attached.taken(list);
  await begin(asked(draft), id => {
    takeOut();
    draft.text = draft.text.startsWith(text) ? draft.text.slice(text.length).trimStart() : draft.text;
    if (draft.edits) drafts.continued(draft);
    else if (id !== conversation) drafts.begin(draft, id);
    drafts.keep(draft.conversation);
  });
}

/** Asks something that is in no draft: { text, clips, task }, in a new `conversation` or in one. */
export const ask = question => isSending || begin({ conversation: "", edits: 0, ...question });

async function begin(question, done = () => {}) {
  isSending = true;
  update();
  const from = current();
  try {
    const { conversation } = await call("ask", question);
    done(conversation);
    if (current() !== from) return; // the person looks at something else by now
    followAgain();
    open(conversation);
    moved();
  } finally {
    isSending = false;
    update();
  }
}

export const stop = () => call("stop", { conversation: current() });

function update() {
  const writing = isWriting(), isRecording = recording.isOn(), isMine = recording.draft() === shown;
  form.classList.toggle("recording", isRecording);
  const record = $(".record", form), longest = t("composer.longest", { time: clock(recording.longest()) });
  $("span", record).textContent = t(isRecording ? "composer.finish" : "composer.record");
  record.title = isRecording ? "" : longest;
  $(".recorded", form).hidden = $(".level", form).hidden = !isRecording;
  $(".stop", form).hidden = !writing;
  $(".send", form).hidden = writing;
  $(".editing", form).hidden = !shown.edits;
  const isEmpty = !text.value.trim() && attached.isEmpty(shown.list) && !isMine;
  $(".send", form).disabled = isEmpty || isSending || attached.isUnsent(shown.list);
  text.style.height = "auto";
  text.style.height = `${Math.min(text.scrollHeight, TALLEST)}px`;
  document.body.style.setProperty("--composer", `${form.parentElement.offsetHeight}px`);
  keep();
  listeners.forEach(listener => listener());
}

/** Each conversation has its own draft. */
function moved() {
  const draft = drafts.of(current());
  if (draft !== shown) {
    keepNow();
    show(draft);
    adopt(draft);
  } else if (text.value !== draft.text) write(draft.text);
  else update();
}

/** What a closed tab has left here. */
async function adopt({ conversation }) {
  if ((await drafts.adopt(conversation)) && current() === conversation) show(drafts.of(conversation));
}

/** A list has changed, perhaps of a draft that is not shown. */
function changed(list) {
  const draft = drafts.withList(list);
  if (draft === shown) update();
  else if (draft) drafts.keep(draft.conversation);
}

function failed(list, sentence) {
  const draft = drafts.withList(list);
  if (!draft || draft === shown) addTrouble(sentence);
  else draft.troubles.push(sentence);
}

export function start(element) {
  form = $("form", element);
  text = $("textarea", form);
  attached.start(changed, failed);
  recording.start(arrived, update);
  drafts.start($(".attached", form));
  shown = drafts.of(current());
  const files = $("input[type=file]", form);
  form.onsubmit = event => (event.preventDefault(), told(() => send()));
  text.oninput = () => write(text.value);
  text.onkeydown = event => {
    if (!isSend(event)) return;
    event.preventDefault();
    told(() => send());
  };
  $(".record", form).onclick = () => told(toggleRecording);
  $(".attach", form).onclick = () => files.click();
  $(".stop", form).onclick = () => told(stop);
  $(".editing button", form).onclick = endEditing;
  files.onchange = () => {
    trouble("");
    for (const file of files.files) attach(file);
    files.value = "";
  };
  const hint = () => text.setAttribute("enterkeyhint", isTouch() ? "enter" : "send");
  onTouch(hint);
  hint();
  addEventListener("beforeunload", event => isBusy() && event.preventDefault());
  addEventListener("pagehide", keepNow);
  document.addEventListener("visibilitychange", () => document.hidden && keepNow()); // phones end a page without a word
  onShown(moved);
  show(shown);
  adopt(shown).then(recover);
}
