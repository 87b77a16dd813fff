// The recordings in the composer: in the order in which the model will hear them, each with its
// number, named, moved, cut and taken out.

import { $, $$, clock, made, save } from "./dom.js";
import { language, t } from "./i18n.js";
import { trouble } from "./notice.js";
import { figure, label } from "./player.js";
import * as recordings from "./recordings.js";
import { post } from "./server.js";
import { trim } from "./trim.js";

const LOOK = 700; // ms between two looks at how far the server has read

let list, changed;

const items = () => [...list.children];
export const clips = () => items().filter(item => item.dataset.digest).map(({ dataset }) => ({ digest: dataset.digest, name: dataset.name, seconds: Number(dataset.seconds) }));
export const isEmpty = () => !items().length;
export const isLoading = () => !!$(".loading", list);
export const isUnsent = () => !!$(".loading, .unsent", list);
export const clear = () => (list.replaceChildren(), renumber());

/** Puts a stored clip beside the words: { digest, name, seconds }. */
export function add(clip, item = list.appendChild(made("<li></li>"))) {
  item.className = "";
  Object.assign(item.dataset, clip);
  const handles = made('<div class="handles"></div>');
  const button = (name, does) => {
    const one = made(`<button type="button" class="tool ${name}"></button>`);
    one.onclick = does;
    handles.append(one);
    return one;
  };
  const grip = button("move");
  grip.onkeydown = event => step(event, item, grip);
  grip.onpointerdown = event => drag(event, item, grip);
  button("rename", () => rename(item));
  button("trim", () => cut(item));
  button("remove", () => remove(item));
  item.replaceChildren(figure(clip), handles);
  renumber();
}

function remove(item) {
  const next = item.nextElementSibling || item.previousElementSibling;
  item.remove();
  renumber();
  (next ? $(".remove", next) : $(".composer textarea"))?.focus();
}

function renumber() {
  const placed = items().filter(item => item.dataset.digest);
  placed.forEach((item, i) => {
    const { name } = item.dataset, one = $("figure", item);
    one.dataset.name = name;
    label(one, placed.length > 1 ? i + 1 : 0);
    const say = (what, key) => {
      const button = $(`.handles .${what}`, item);
      button.title = t(key, { name });
      button.setAttribute("aria-label", button.title);
    };
    say("move", "composer.move"), say("rename", "composer.rename"), say("trim", "composer.trim"), say("remove", "composer.remove");
    $(".handles .move", item).hidden = placed.length < 2;
  });
  changed();
}

function step(event, item, grip) {
  const back = ["ArrowLeft", "ArrowUp"].includes(event.key), on = ["ArrowRight", "ArrowDown"].includes(event.key);
  const other = back ? item.previousElementSibling : on ? item.nextElementSibling : null;
  if (!back && !on) return;
  event.preventDefault();
  if (!other) return;
  if (back) other.before(item);
  else other.after(item);
  renumber();
  grip.focus();
}

function drag(event, item, grip) {
  event.preventDefault();
  grip.setPointerCapture(event.pointerId);
  item.classList.add("moving");
  grip.onpointermove = ({ clientX, clientY }) => {
    const over = document.elementFromPoint(clientX, clientY)?.closest(".attached li");
    if (!over || over === item || over.parentElement !== list) return;
    const isAfter = items().indexOf(over) > items().indexOf(item);
    if (isAfter) over.after(item);
    else over.before(item);
  };
  grip.onlostpointercapture = () => {
    grip.onpointermove = grip.onlostpointercapture = null;
    item.classList.remove("moving");
    renumber();
  };
}

function rename(item) {
  const caption = $("figcaption", item), input = made('<input class="rename" dir="auto" maxlength="200">');
  input.value = item.dataset.name;
  input.setAttribute("aria-label", t("composer.rename", { name: item.dataset.name }));
  caption.hidden = true;
  caption.after(input);
  input.select();
  const over = keeps => {
    input.onblur = null;
    input.remove();
    caption.hidden = false;
    if (keeps && input.value.trim()) item.dataset.name = input.value.trim();
    renumber();
    $(".handles .rename", item).focus();
  };
  input.onblur = () => over(true);
  input.onkeydown = event => {
    if (event.key === "Enter" && !event.isComposing) over(true);
    else if (event.key === "Escape") over(false);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
}

const cut = item => trim($("figure", item), clip => (add(clip, item), $(".handles .trim", item).focus()));

/** Sends a sound to the store, and attaches it as it is kept there. A `recording` (its id) exists
 * nowhere else: it stays until it has arrived. */
export async function attach(blob, name, { recording = "" } = {}, item = list.appendChild(made("<li></li>"))) {
  item.className = "loading";
  item.textContent = t("composer.reading", { name });
  changed();
  try {
    const clip = await upload(blob, name, recording, how => (item.textContent = how));
    // its page may have gone between its arrival and its being forgotten
    if (recording && clips().some(({ digest }) => digest === clip.digest)) item.remove();
    else add(clip, item);
    if (recording) recordings.forget(recording);
  } catch (error) {
    trouble(error.message);
    if (recording || error.isSilence) unsent(item, blob, name, recording);
    else item.remove();
  }
  changed();
}

/** Tells how it goes: how much was sent, then how much the server has read. */
async function upload(blob, name, recording, tell) {
  const id = crypto.randomUUID?.() || String(Math.random()), from = recording ? "microphone" : "file";
  const about = new URLSearchParams({ name, from, reading: id });
  let timer;
  const look = async () => {
    const { seconds } = await fetch(`earshot/reading/${id}`).then(answer => answer.json()).catch(() => ({}));
    if (timer && seconds) tell(t("composer.read", { name, time: clock(seconds) }));
  };
  const sent = share => {
    if (share < 1) tell(t("composer.sending", { name, percent: share.toLocaleString(language, { style: "percent" }) }));
    else timer ??= setInterval(look, LOOK);
  };
  try {
    return await post(`earshot/clips?${about}`, blob, sent);
  } finally {
    clearInterval(timer);
    timer = 0;
  }
}

function unsent(item, blob, name, recording) {
  item.className = "unsent";
  item.replaceChildren(made("<span></span>"), ...["composer.retry", "composer.download", "composer.remove"].map(key => {
    const button = made('<button type="button"></button>');
    button.textContent = t(key, { name });
    button.onclick = () => {
      if (key === "composer.retry") attach(blob, name, { recording }, item);
      else if (key === "composer.download") save(blob, /\.\w+$/.test(name) ? name : `${name}.wav`);
      else remove(item), recording && recordings.forget(recording);
    };
    return button;
  }));
  item.firstChild.textContent = t("composer.unsent", { name });
}

export function start(element, listener) {
  [list, changed] = [element, listener];
}
