// Players: one sound at a time. The server renders them too (app/render.py), in the same form.

import { $, $$, clock, made } from "./dom.js";
import { t } from "./i18n.js";

/** A player for a stored clip: { digest, name, seconds }. */
export function figure(clip) {
  const one = made(`<figure class="clip"><button type="button" class="play"></button><figcaption><span></span></figcaption>
    <input type="range" min="0" max="1000" value="0"><time></time><audio preload="none"></audio></figure>`);
  $("figcaption span", one).textContent = one.title = clip.name;
  $(".play", one).setAttribute("aria-label", t("clip.play", { label: clip.name }));
  $("input", one).setAttribute("aria-label", t("clip.position", { label: clip.name }));
  $("time", one).textContent = clock(Math.round(clip.seconds));
  $("audio", one).src = `earshot/clips/${clip.digest}`;
  return one;
}

/** Plays what is paused, pauses what plays; without an element, the last one heard or shown. */
let latest = null;
export function toggle(one = latest?.isConnected ? latest : $$("figure.clip").at(-1)) {
  if (!one) return;
  const audio = $("audio", one);
  if (audio.paused) audio.play();
  else audio.pause();
}

function shown(event) {
  const one = event.target.closest("figure.clip");
  if (!one) return;
  const audio = event.target;
  one.classList.toggle("playing", !audio.paused);
  if (event.type === "play") {
    latest = one;
    $$("audio").forEach(other => other !== audio && other.pause());
  }
  if (!audio.duration) return;
  $("input", one).value = (1000 * audio.currentTime) / audio.duration;
  $("input", one).style.setProperty("--done", `${(100 * audio.currentTime) / audio.duration}%`);
  $("time", one).textContent = clock(audio.ended ? audio.duration : audio.currentTime || audio.duration);
}

function seek(one, share) {
  const audio = $("audio", one);
  const go = () => (audio.currentTime = share * audio.duration);
  if (audio.duration) return go();
  audio.addEventListener("loadedmetadata", go, { once: true });
  audio.preload = "metadata";
  audio.load();
}

export function start() {
  for (const type of ["play", "pause", "ended", "timeupdate"])
    document.addEventListener(type, shown, true); // media events do not bubble
  document.addEventListener("click", event => {
    const play = event.target.closest?.("figure.clip .play");
    if (play) toggle(play.closest("figure"));
  });
  document.addEventListener("input", event => {
    const one = event.target.closest?.("figure.clip");
    if (one && event.target.type === "range") seek(one, event.target.value / 1000);
  });
}
