// Waveforms: drawn from peaks that the server knows of a clip, on every player that comes to be.

import { $, $$ } from "./dom.js";

const BAR = 3; // px from one bar to the next
const known = new Map(); // digest: Uint8Array, once it is there
const asked = new Map(); // digest: the request for it

async function load(digest) {
  const answer = await fetch(`earshot/peaks/${digest}`);
  if (answer.ok) known.set(digest, new Uint8Array(await answer.arrayBuffer()));
}

function want(one) {
  const { digest } = one.dataset;
  if (known.has(digest)) return draw(one);
  if (!asked.has(digest)) asked.set(digest, load(digest).catch(() => asked.delete(digest)));
  asked.get(digest).then(() => $$(`figure.clip[data-digest="${digest}"]`).forEach(draw));
}

/** The waveform of a player as it is now: what has been heard, and the stretch that is meant. */
export function draw(one) {
  const canvas = $("canvas", one), peaks = known.get(one.dataset.digest);
  const { clientWidth: width, clientHeight: height } = canvas;
  if (!width) return;
  const scale = devicePixelRatio || 1;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  const pen = canvas.getContext("2d"), seconds = Number(one.dataset.seconds);
  // the canvas's own style names the colours: a custom property would come unresolved
  const { color: heard, caretColor: rest, textDecorationColor: meant } = getComputedStyle(canvas);
  pen.scale(scale, scale);
  if (one.dataset.from) {
    const [from, to] = [one.dataset.from, one.dataset.to].map(time => (width * time) / seconds);
    pen.fillStyle = meant;
    pen.fillRect(from, 0, Math.max(2, to - from), height);
  }
  const at = (width * $("audio", one).currentTime) / seconds;
  const n = Math.floor(width / BAR);
  for (let i = 0; i < n; i++) {
    const tall = peaks ? Math.max(2, loudest(peaks, i / n, (i + 1) / n) * height) : 2;
    pen.fillStyle = i * BAR < at ? heard : rest;
    pen.fillRect(i * BAR, (height - tall) / 2, BAR - 1, tall);
  }
  pen.fillStyle = heard;
  if (at > 0) pen.fillRect(Math.min(at, width - 1.5), 0, 1.5, height);
}

function loudest(peaks, from, to) {
  const some = peaks.subarray(Math.floor(from * peaks.length), Math.max(1, Math.ceil(to * peaks.length)));
  return Math.max(...some) / 255;
}

const seen = new IntersectionObserver(entries => {
  for (const { isIntersecting, target } of entries) if (isIntersecting) want(target);
});
const sized = new ResizeObserver(entries => entries.forEach(({ target }) => draw(target.closest("figure"))));

function watch() {
  for (const one of $$("figure.clip:not([data-watched])")) {
    one.dataset.watched = "";
    if (known.has(one.dataset.digest)) draw(one); // at once: it was shown a moment ago
    seen.observe(one);
    sized.observe($("canvas", one));
  }
}

export function start() {
  new MutationObserver(watch).observe(document.body, { childList: true, subtree: true });
  const again = () => $$("figure.clip").forEach(draw);
  new MutationObserver(again).observe(document.documentElement, { attributeFilter: ["data-look"] });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
  watch();
}
