// The recordings in the composer: in the order in which the model will hear them, each with its
// number, named, moved, cut and taken out.

import { $, $$, made, save } from "./dom.js";
import { t } from "./i18n.js";
import { figure, label } from "./player.js";
import * as recordings from "./recordings.js";
import { trim } from "./trim.js";
import { isKey } from "./typing.js";
import { upload } from "./uploads.js";

const MOST_TRACKS = 8; // that are offered

let changed, failed;

/** Each draft has a list of its own, whether it is shown or not: `ul.attached`. */
export const lists = like => made(`<ul class="attached" aria-label="${like.getAttribute("aria-label")}"></ul>`);

const items = list => [...list.children];
const placed = list => items(list).filter(item => item.dataset.digest);
const listOf = item => item.parentElement;

export const clips = list => placed(list).map(({ dataset }) => ({ digest: dataset.digest, name: dataset.name, seconds: Number(dataset.seconds) }));
/** Names of files that have not arrived yet, and of which the browser keeps nothing. */
export const pending = list => items(list).filter(item => item.dataset.pending).map(item => item.dataset.pending);
export const isEmpty = list => !items(list).length;
export const isUnsent = list => !!$(".loading, .unsent", list);

/** The clips that are there now; what comes back takes just these out. */
export function taken(list) {
  const sent = placed(list);
  return () => (sent.forEach(item => item.remove()), renumber(list));
}

/** What has not arrived yet goes on in another list. */
export const move = (list, other) => other.append(...$$(".loading, .unsent", list));

/** Puts a stored clip beside the words: { digest, name, seconds }. */
export function add(list, clip, item = list.appendChild(made("<li></li>"))) {
  item.className = "";
  delete item.dataset.pending;
  Object.assign(item.dataset, { digest: clip.digest, name: clip.name, seconds: clip.seconds });
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
  item.replaceChildren(figure(clip), handles, ...remarks(clip));
  renumber(list);
}

/** What is missing of a recording that has just come in, or was changed. */
function remarks(clip) {
  return (clip.remarks || []).map(sentence => {
    const line = made('<p class="remark" role="status"></p>');
    line.textContent = sentence;
    return line;
  });
}

/** Buttons that hear another sound track of the same file instead. */
function otherTracks({ track = 1, n_tracks: n = 1 }, hear) {
  const others = Array.from({ length: Math.min(n, MOST_TRACKS) }, (_, i) => i + 1).filter(one => one !== track);
  return others.map(one => {
    const button = made('<button type="button" class="track"></button>');
    button.textContent = t("composer.track", { n: one });
    button.onclick = () => hear(one);
    return button;
  });
}

function remove(item) {
  const next = item.nextElementSibling || item.previousElementSibling, list = listOf(item);
  item.remove();
  renumber(list);
  (next ? $(".remove", next) : $(".composer textarea"))?.focus();
}

function renumber(list) {
  const all = placed(list);
  all.forEach((item, i) => {
    const { name } = item.dataset, one = $("figure", item);
    one.dataset.name = name;
    label(one, all.length > 1 ? i + 1 : 0);
    const say = (what, key) => {
      const button = $(`.handles .${what}`, item);
      button.title = t(key, { name });
      button.setAttribute("aria-label", button.title);
    };
    say("move", "composer.move"), say("rename", "composer.rename"), say("trim", "composer.trim"), say("remove", "composer.remove");
    $(".handles .move", item).hidden = all.length < 2;
  });
  changed(list);
}

function step(event, item, grip) {
  const back = ["ArrowLeft", "ArrowUp"].includes(event.key), on = ["ArrowRight", "ArrowDown"].includes(event.key);
  const other = back ? item.previousElementSibling : on ? item.nextElementSibling : null;
  if (!back && !on) return;
  event.preventDefault();
  if (!other) return;
  if (back) other.before(item);
  else other.after(item);
  renumber(listOf(item));
  grip.focus();
}

function drag(event, item, grip) {
  event.preventDefault();
  grip.setPointerCapture(event.pointerId);
  item.classList.add("moving");
  grip.onpointermove = ({ clientX, clientY }) => {
    const over = document.elementFromPoint(clientX, clientY)?.closest(".attached li");
    if (!over || over === item || listOf(over) !== listOf(item)) return;
    const all = items(listOf(item)), isAfter = all.indexOf(over) > all.indexOf(item);
    if (isAfter) over.after(item);
    else over.before(item);
  };
  grip.onlostpointercapture = () => {
    grip.onpointermove = grip.onlostpointercapture = null;
    item.classList.remove("moving");
    renumber(listOf(item));
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
    renumber(listOf(item));
    $(".handles .rename", item).focus();
  };
  input.onblur = () => over(true);
  input.onkeydown = event => {
    if (isKey(event, "Enter")) over(true);
    else if (isKey(event, "Escape")) over(false);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
}

const cut = item => trim($("figure", item), clip => (add(listOf(item), clip, item), $(".handles .trim", item).focus()));

/** Sends a sound to the store, and attaches it to a list as it is kept there. A `recording` (its id)
 * exists nowhere else: it stays until it has arrived. `sound` may be a promise. */
export async function attach(list, sound, name, recording = "", item = list.appendChild(made("<li></li>")), track = "") {
  const cancelling = new AbortController();
  const tell = loading(item, name, !recording && cancelling);
  if (!recording) item.dataset.pending = name;
  changed(listOf(item));
  let blob;
  try {
    blob = await sound;
    const clip = await upload(blob, name, !!recording, tell, cancelling.signal, track);
    // its page may have gone between its arrival and its being forgotten
    if (recording && clips(listOf(item)).some(({ digest }) => digest === clip.digest)) item.remove();
    else {
      add(listOf(item), clip, item);
      item.append(...otherTracks(clip, one => attach(listOf(item), blob, name, recording, item, one)));
    }
    if (recording) recordings.forget(recording);
  } catch (error) {
    const place = listOf(item);
    if (cancelling.signal.aborted) return remove(item);
    if (blob && (recording || error.isPassing)) unsent(item, blob, name, recording);
    else item.remove(), changed(place);
    failed(place, error.isPassing || error.message.includes(name) ? error.message : `${name}: ${error.message}`);
  }
  if (listOf(item)) changed(listOf(item));
}

/** Shows that it is on its way; what comes back changes its words. */
function loading(item, name, cancelling) {
  const words = made("<span></span>");
  item.className = "loading";
  item.replaceChildren(words);
  words.textContent = t("composer.reading", { name });
  if (cancelling) {
    const button = made('<button type="button" class="tool remove"></button>');
    button.title = t("composer.remove", { name });
    button.setAttribute("aria-label", button.title);
    button.onclick = () => cancelling.abort();
    item.append(button);
  }
  return sentence => (words.textContent = sentence);
}

function unsent(item, blob, name, recording) {
  item.className = "unsent";
  item.replaceChildren(made("<span></span>"), ...["composer.retry", "composer.download", "composer.remove"].map(key => {
    const button = made('<button type="button"></button>');
    button.textContent = t(key, { name });
    button.onclick = () => {
      if (key === "composer.retry") attach(listOf(item), blob, name, recording, item);
      else if (key === "composer.download") save(blob, /\.\w+$/.test(name) ? name : `${name}.wav`);
      else remove(item), recording && recordings.forget(recording);
    };
    return button;
  }));
  item.firstChild.textContent = t("composer.unsent", { name });
}

/** `listener(list)` is told when one has changed, `unable(list, sentence)` what could not be attached. */
export function start(listener, unable) {
  [changed, failed] = [listener, unable];
}
