// The microphone of the machine that Earshot runs on: recording with it, and how it listens. The
// server says who may; to others nothing of it is shown.

import { $, clock, made } from "./dom.js";
import * as composer from "./composer.js";
import { language, t } from "./i18n.js";
import { told, tried, trouble } from "./notice.js";
import { post } from "./server.js";

const EVERY = 10000; // ms between two looks for what another page has begun
const MODES = ["toggle", "hold", "speak"];

let banner, button, left, settings = {}, levels = null, isMine = false, draft; // in which it was begun

const ask = (what, values = {}) => post(`earshot/host/${what}?${new URLSearchParams(values)}`);

async function look() {
  const answer = await fetch("earshot/host", { cache: "no-store" }).catch(() => null);
  const state = answer?.ok ? await answer.json() : { allowed: false };
  button.hidden = $("#settings .host").hidden = !state.allowed;
  if (!state.allowed) return;
  settings = state.settings;
  if (state.recording && !levels) watch();
  if (!state.recording) offer(state.left[0]);
}

async function begin() {
  if (levels) return;
  button.disabled = true;
  try {
    await ask("start");
    [isMine, draft] = [true, composer.here()];
    watch();
  } finally {
    button.disabled = false;
  }
}

/** Shows what is being recorded, until it is over. */
function watch() {
  banner.hidden = false;
  document.body.classList.add("hosted");
  $("span", banner).textContent = t("host.recording");
  levels = new EventSource("earshot/host/level");
  levels.onmessage = ({ data }) => {
    const level = JSON.parse(data);
    if (level.peaks) show(level);
    if (level.over) told(isMine ? finish : ended);
  };
  levels.onerror = () => told(ended);
}

function show({ seconds, peaks, waiting }) {
  $("time", banner).textContent = waiting ? t("host.waiting") : clock(seconds);
  const canvas = $("canvas", banner), drawing = canvas.getContext("2d"), wide = canvas.width / 60;
  drawing.clearRect(0, 0, canvas.width, canvas.height);
  drawing.fillStyle = getComputedStyle(banner).color;
  peaks.forEach((peak, i) => {
    const high = Math.max(2, Math.sqrt(peak) * canvas.height);
    drawing.fillRect((i + 60 - peaks.length) * wide, (canvas.height - high) / 2, wide - 1.5, high);
  });
  banner.dataset.level = Math.max(...peaks, 0).toFixed(3);
}

async function ended() {
  levels?.close();
  levels = null;
  isMine = false;
  banner.hidden = true;
  document.body.classList.remove("hosted");
  await look();
}

async function finish() {
  const isSpoken = isMine && settings.mode_on_page === "speak";
  isMine = false;
  levels?.close();
  try {
    const { trouble: why, ...clip } = await ask("finish");
    composer.attachClip({ digest: clip.digest, name: clip.name, seconds: clip.seconds }, draft);
    if (why) trouble(why);
    else if (isSpoken) await composer.send(draft);
  } finally {
    await ended();
  }
}

async function drop() {
  isMine = false;
  levels?.close();
  await ask("drop").finally(ended);
}

/** What a crash, or a page that was closed, has left. */
function offer(take) {
  left.hidden = !take;
  if (!take) return;
  const when = new Date(take.began * 1000).toLocaleString(language, { dateStyle: "medium", timeStyle: "short" });
  $("span", left).textContent = t("host.left", { time: clock(take.seconds), when });
  $(".keep", left).onclick = () => told(async () => {
    left.hidden = true;
    composer.attachClip(await ask("keep", { id: take.id }));
    await look();
  });
  $(".forget", left).onclick = () => told(() => ask("forget", { id: take.id }).then(look));
}

async function open() {
  const part = $("#settings .host"), field = name => $(`[name=${name}]`, part);
  const { devices } = await ask("devices");
  const names = [...new Set(["", ...devices, settings.device])];
  field("device").replaceChildren(...names.map(name => new Option(name || t("host.usual"), name, false, name === settings.device)));
  field("mode_on_page").replaceChildren(...MODES.map(mode => new Option(t(`ends.${mode}`), mode, false, mode === settings.mode_on_page)));
  for (const name of ["sensitivity", "silence"]) field(name).value = settings[name];
  says(part);
}

function says(part) {
  const silence = $("[name=silence]", part), spoken = $("[name=mode_on_page]", part).value === "speak";
  $("output", silence.parentElement).textContent = t("host.seconds", { n: Number(silence.value).toLocaleString(language) });
  for (const name of ["silence", "sensitivity"]) $(`[name=${name}]`, part).closest("label").hidden = !spoken;
}

async function change(event) {
  says($("#settings .host"));
  ({ settings } = await ask("choose", { [event.target.name]: event.target.value }));
}

export function start() {
  [banner, left, button] = [$("#hosting"), $("#left"), $(".composer .host")];
  const part = $("#settings .host"), isHeld = () => settings.mode_on_page === "hold";
  button.onclick = () => isHeld() || told(levels ? finish : begin);
  button.onpointerdown = () => isHeld() && told(begin);
  button.onpointerup = button.onpointerleave = () => isHeld() && isMine && told(finish);
  $(".finish", banner).onclick = () => told(finish);
  $(".drop", banner).onclick = () => told(drop);
  part.ontoggle = () => part.open && told(open);
  part.addEventListener("change", event => told(() => change(event)));
  setInterval(() => document.hidden || tried(look), EVERY);
  look();
}
