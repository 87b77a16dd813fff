// Times in answers: a chip plays exactly what it is about, and shows it on the waveform.

import { $, $$ } from "./dom.js";
import { figure, playStretch } from "./player.js";

const MOMENT = 2; // seconds played from a time that ends nothing

/** The player of a chip's clip: the last one before it that can be seen, else one below the answer. */
function playerFor(chip) {
  const { digest, name, seconds } = chip.dataset, answer = chip.closest("article");
  const own = $(`.cited[data-digest="${digest}"] figure`, answer);
  const before = $$(`figure.clip[data-digest="${digest}"]`)
    .filter(one => one.compareDocumentPosition(chip) & Node.DOCUMENT_POSITION_FOLLOWING)
    .filter(isSeen);
  if (before.length) return before.at(-1);
  if (own) return own;
  const place = Object.assign(document.createElement("div"), { className: "cited" });
  place.dataset.digest = digest;
  place.append(figure({ digest, name, seconds: Number(seconds) }));
  $(".words", answer).after(place);
  return place.firstElementChild;
}

const isSeen = one => {
  const { top, bottom } = one.getBoundingClientRect();
  return top >= 0 && bottom <= innerHeight - $("#composer").offsetHeight;
};

/** A sentence or a word of what was heard of a clip (app/note_display.py). */
function playHeard(said) {
  const { start, end } = said.dataset, one = said.closest("figure.clip");
  playStretch(one, Number(start), Math.min(Number(end), Number(one.dataset.seconds)));
}

export function start() {
  document.addEventListener("click", event => {
    const said = event.target.closest?.(".heard [data-start]");
    if (said) return playHeard(said);
    const chip = event.target.closest?.(".mark[data-digest]");
    if (!chip) return;
    const from = Number(chip.dataset.start), one = playerFor(chip);
    const to = chip.dataset.end ? Number(chip.dataset.end) : from + MOMENT;
    playStretch(one, from, Math.min(to, Number(one.dataset.seconds)));
  });
}
