// Answers read aloud, by the browser's own voices.

import { $, $$ } from "./dom.js";
import { language, t } from "./i18n.js";
import { toast } from "./notice.js";

const SCRIPTS = [ // a script that only one of our languages is written in
  ["ja", /[\u3040-\u30ff]/], ["ko", /[\uac00-\ud7af]/], ["zh", /[\u4e00-\u9fff]/],
  ["ru", /[\u0400-\u04ff]/], ["ar", /[\u0600-\u06ff]/],
];
const COMMON = { // words that hardly any sentence is without
  en: ["the", "is", "and", "of", "a", "to", "in", "it"], de: ["der", "die", "das", "und", "ist", "ein", "nicht", "zu"],
  fr: ["le", "la", "les", "et", "est", "un", "une", "des"], es: ["el", "los", "y", "es", "una", "que", "en", "del"],
  it: ["il", "che", "di", "è", "un", "una", "non", "gli"], pt: ["o", "os", "e", "é", "um", "uma", "não", "do"],
};

const LATE = 1500; // ms that voices may take to be known

let button = null; // of what is being read

/** The language of a text, as far as its letters and commonest words tell. */
export function languageOf(text, otherwise) {
  const script = SCRIPTS.find(([, letters]) => letters.test(text));
  if (script) return script[0];
  const words = new Set(text.toLowerCase().split(/[^\p{L}]+/u));
  const counts = Object.entries(COMMON).map(([code, common]) => [common.filter(word => words.has(word)).length, code]);
  const [most, code] = counts.sort((one, other) => other[0] - one[0])[0];
  return most > 1 ? code : otherwise;
}

function quiet() {
  speechSynthesis.cancel();
  if (button?.isConnected) name(button, false);
  button = null;
}

function name(one, isReading) {
  one.classList.toggle("reading", isReading);
  one.title = t(isReading ? "tool.quiet" : "tool.aloud");
  one.setAttribute("aria-label", one.title);
}

/** Whether there is a voice: browsers tell late, and where there is none, never. */
function hasVoice() {
  const synthesis = window.speechSynthesis;
  if (!synthesis || synthesis.getVoices().length) return !!synthesis;
  return new Promise(done => {
    synthesis.addEventListener("voiceschanged", () => done(true), { once: true });
    setTimeout(() => done(synthesis.getVoices().length > 0), LATE);
  });
}

/** Reads the answer that a button belongs to; pressed again, it is quiet. */
export async function aloud(pressed) {
  const wasReading = pressed === button;
  if (button) quiet();
  if (wasReading) return;
  if (!(await hasVoice())) return toast(t("tool.mute"));
  const text = $(".words", pressed.closest("article")).innerText;
  const chosen = $("#shown .turns").dataset.answers;
  const said = new SpeechSynthesisUtterance(text);
  said.lang = chosen || languageOf(text, language);
  said.onend = () => button === pressed && quiet();
  said.onerror = event => {
    if (button === pressed) quiet();
    if (!["canceled", "interrupted"].includes(event.error)) toast(t("tool.mute"));
  };
  $$("audio").forEach(audio => audio.pause());
  name((button = pressed), true);
  speechSynthesis.speak(said);
}

export const start = () => addEventListener("pagehide", () => window.speechSynthesis?.cancel());
