// Players: one sound at a time. The server renders them too (app/render.py), in the same form.

import { $, $$, clock, made } from "./dom.js";
import { t } from "./i18n.js";
import { draw } from "./wave.js";

const listeners = [];
let latest = null; // the player heard last
let until = null; // where a stretch ends, while one is played

/** `listener(figure, seconds)` whenever a sound has moved on. */
export const onMoved = listener => listeners.push(listener);

/** A player for a stored clip: { digest, name, seconds }, numbered where there are several. */
export function figure(clip, number = 0) {
  const one = made(`<figure class="clip"><button type="button" class="play"></button><figcaption><b></b> <span dir="auto"></span></figcaption>
    <div class="wave"><canvas></canvas><input type="range" min="0" max="1000" value="0"></div><time></time>
    <div class="more"><button type="button" class="tool task" aria-haspopup="menu"></button><button type="button" class="tool spectrum"></button><button type="button" class="tool reuse"></button></div><audio preload="none"></audio></figure>`);
  Object.assign(one.dataset, { digest: clip.digest, name: clip.name, seconds: clip.seconds });
  $("time", one).textContent = clock(Math.round(clip.seconds));
  $("audio", one).src = `earshot/clips/${clip.digest}`;
  label(one, number);
  return one;
}

/** Says what a player plays: its name, and its number if it has one. */
export function label(one, number) {
  const { name } = one.dataset, numbered = number ? t("clip.label", { n: number }) : "";
  $("figcaption", one).title = $("figcaption span", one).textContent = name;
  $("figcaption b", one).textContent = numbered;
  $("figcaption b", one).hidden = !numbered;
  const say = key => t(key, { label: numbered || name });
  $(".play", one).setAttribute("aria-label", say("clip.play"));
  $("input", one).setAttribute("aria-label", say("clip.position"));
  for (const [what, key] of [["task", "clip.tasks"], ["spectrum", "clip.spectrum"], ["reuse", "clip.reuse"]]) {
    const button = $(`.${what}`, one);
    button.title = say(key);
    button.setAttribute("aria-label", say(key));
  }
}

export const clipOf = one => ({ digest: one.dataset.digest, name: one.dataset.name, seconds: Number(one.dataset.seconds) });

/** Plays what is paused, pauses what plays; without an element, the last one heard or shown. */
export function toggle(one = latest?.isConnected ? latest : $$("figure.clip").at(-1)) {
  if (!one) return;
  const audio = $("audio", one);
  if (!audio.paused) return audio.pause();
  mean(one, null);
  audio.play().catch(() => {});
}

/** Plays exactly from one time to another, and shows the stretch on the waveform. */
export function playStretch(one, from, to) {
  const audio = $("audio", one);
  $$("figure.clip[data-from]").forEach(other => mean(other, null));
  audio.currentTime = from;
  mean(one, { from, to });
  audio.play().catch(() => {});
}

function mean(one, stretch) {
  until = stretch && { one, to: stretch.to };
  if (stretch) Object.assign(one.dataset, stretch);
  else delete one.dataset.from, delete one.dataset.to;
  draw(one);
}

/** Marks a stretch on the waveform without playing it. */
export function markStretch(one, from, to) {
  Object.assign(one.dataset, { from, to });
  draw(one);
}

function shown(event) {
  const one = event.target.closest("figure.clip");
  if (!one) return;
  const audio = event.target;
  one.classList.toggle("playing", !audio.paused);
  if (event.type === "play") {
    latest = one;
    $$("audio").forEach(other => other !== audio && other.pause());
    requestAnimationFrame(() => follow(one));
  }
  move(one);
}

// Smoothly, and to the frame: events come four times a second only.
function follow(one) {
  const audio = $("audio", one);
  if (until?.one === one && audio.currentTime >= until.to) {
    audio.pause();
    audio.currentTime = until.to;
    until = null;
  }
  move(one);
  if (!audio.paused && one.isConnected) requestAnimationFrame(() => follow(one));
}

function move(one) {
  const audio = $("audio", one), seconds = Number(one.dataset.seconds);
  const at = audio.ended ? 0 : audio.currentTime;
  $("input", one).value = (1000 * at) / seconds;
  $("time", one).textContent = clock(at || Math.round(seconds));
  draw(one);
  listeners.forEach(listener => listener(one, at));
}

export function seek(one, seconds) {
  $("audio", one).currentTime = seconds; // before the sound is there, this is where it will begin
  mean(one, null);
  move(one);
}

export function start() {
  for (const type of ["play", "pause", "ended", "timeupdate", "seeked"])
    document.addEventListener(type, shown, true); // media events do not bubble
  document.addEventListener("click", event => {
    const play = event.target.closest?.("figure.clip .play");
    if (play) toggle(play.closest("figure"));
  });
  document.addEventListener("input", event => {
    const one = event.target.closest?.("figure.clip");
    if (one && event.target.matches(".wave > input:only-of-type")) seek(one, (event.target.value / 1000) * one.dataset.seconds);
  });
}
