// A recording as the model hears it: log-mel, one window at a time, with a cursor in time.

import { $, clock, made } from "./dom.js";
import { t } from "./i18n.js";
import { told } from "./notice.js";
import { onMoved, seek } from "./player.js";

async function open(one) {
  const place = made('<div class="mel"><canvas role="img"></canvas><i></i></div>');
  one.append(place);
  $(".spectrum", one).setAttribute("aria-expanded", true);
  place.onclick = event => {
    const share = event.offsetX / place.clientWidth, { start, end } = place.dataset;
    seek(one, Number(start) + share * (end - start));
  };
  await load(one, $("audio", one).currentTime);
}

function close(one) {
  $(".mel", one).remove();
  $(".spectrum", one).setAttribute("aria-expanded", false);
}

async function load(one, at) {
  const place = $(".mel", one);
  place.dataset.loading = "";
  try {
    const answer = await fetch(`earshot/spectrum/${one.dataset.digest}?at=${at}`);
    if (!answer.ok) throw new Error((await answer.json()).sentence);
    const number = name => Number(answer.headers.get(`x-${name}`));
    Object.assign(place.dataset, { start: number("start"), end: number("end") });
    paint($("canvas", place), new Uint8Array(await answer.arrayBuffer()), number("rows"), number("columns"));
    const stretch = { start: clock(number("start")), end: clock(Math.round(number("end"))) };
    $("canvas", place).setAttribute("aria-label", t("clip.drawn", { label: one.dataset.name, ...stretch }));
  } finally {
    delete place.dataset.loading;
  }
  point(one, $("audio", one).currentTime);
}

// From the ground over green to the ink: in both looks the louder, the clearer.
function paint(canvas, shades, rows, columns) {
  const { backgroundColor, color, caretColor } = getComputedStyle(canvas);
  const [ground, middle, ink] = [backgroundColor, color, caretColor].map(name => name.match(/[\d.]+/g).map(Number));
  const mixed = (one, other, share) => one.map((value, i) => value + share * (other[i] - value));
  const colours = Array.from({ length: 256 }, (_, i) => (i < 160 ? mixed(ground, middle, i / 160) : mixed(middle, ink, (i - 160) / 95)));
  [canvas.width, canvas.height] = [columns, rows];
  const pen = canvas.getContext("2d"), picture = pen.createImageData(columns, rows);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) {
      const [red, green, blue] = colours[shades[row * columns + column]];
      picture.data.set([red, green, blue, 255], 4 * ((rows - 1 - row) * columns + column)); // high pitch on top
    }
  pen.putImageData(picture, 0, 0);
}

function point(one, at) {
  const place = $(".mel", one);
  if (!place?.dataset.end || "loading" in place.dataset) return;
  const { start, end } = place.dataset;
  if (at < start || (at > end && at < one.dataset.seconds)) return told(() => load(one, at));
  $("i", place).style.left = `${(100 * (at - start)) / (end - start)}%`;
}

export function start() {
  onMoved(point);
  document.addEventListener("click", event => {
    const one = event.target.closest?.("figure.clip .spectrum")?.closest("figure");
    if (one) $(".mel", one) ? close(one) : told(() => open(one));
  });
}
