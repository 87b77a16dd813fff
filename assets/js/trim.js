// Cutting a recording in the composer: two handles on its waveform. The server makes a new clip of
// what lies between them; the whole stays stored.

import { $, clock, made } from "./dom.js";
import { t, translate } from "./i18n.js";
import { toast, told } from "./notice.js";
import { clipOf, markStretch, playStretch } from "./player.js";
import { post } from "./server.js";
import { draw } from "./wave.js";

const FINE = 1000; // steps across a recording
const LEAST = 0.1; // seconds: in less nothing can be heard

/** Lets a person choose a stretch of a player's clip; `done(clip)` is given the new one. */
export function trim(one, done) {
  if ($(".trimming", one)) return close(one);
  const place = translate(made(`<div class="trimming">
    <input type="range" class="from" min="0" max="${FINE}" value="0" data-t-aria-label="trim.start">
    <input type="range" class="to" min="0" max="${FINE}" value="${FINE}" data-t-aria-label="trim.end">
    <output></output>
    <button type="button" class="hear" data-t="trim.hear"></button><button type="button" class="keep" data-t="trim.keep"></button>
    <button type="button" class="cancel" data-t="cancel"></button></div>`));
  const clip = clipOf(one), least = Math.ceil((FINE * LEAST) / clip.seconds);
  const [from, to] = [$(".from", place), $(".to", place)];
  const time = input => (input.value / FINE) * clip.seconds;
  const show = moved => {
    if (moved === from) from.value = Math.min(from.value, to.value - least);
    if (moved === to) to.value = Math.max(to.value, Number(from.value) + least);
    for (const input of [from, to]) input.setAttribute("aria-valuetext", `${time(input).toFixed(2)} s`);
    $("output", place).textContent = `${time(from).toFixed(2)} – ${time(to).toFixed(2)} s`;
    markStretch(one, time(from), time(to));
  };
  place.oninput = event => show(event.target);
  $(".hear", place).onclick = () => playStretch(one, time(from), time(to));
  $(".cancel", place).onclick = () => close(one);
  $(".keep", place).onclick = () => told(async () => {
    const name = `${clip.name}, ${clock(time(from))}–${clock(Math.ceil(time(to)))}`;
    const about = new URLSearchParams({ start: time(from), end: time(to), name });
    const part = await post(`earshot/clips/${clip.digest}/part?${about}`);
    close(one);
    done(part);
    toast(t("trim.done"), { label: t("undo"), action: () => done(clip) });
  });
  one.append(place);
  one.classList.add("cutting");
  show();
  from.focus();
}

function close(one) {
  $(".trimming", one)?.remove();
  one.classList.remove("cutting");
  delete one.dataset.from;
  delete one.dataset.to;
  draw(one);
}
