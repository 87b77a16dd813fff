// Sentences to the person: troubles above the composer, passing notices at the foot.

import { $, made } from "./dom.js";
import { t } from "./i18n.js";

const STAYS = 8000; // ms; a notice that offers to undo must be read first
let timer;

export function trouble(sentence) {
  const place = $(".composer .trouble");
  $("span", place).textContent = sentence;
  place.hidden = !sentence;
}

/** One more line; the same is said once. */
export function addTrouble(sentence) {
  const lines = $(".composer .trouble span").textContent.split("\n").filter(Boolean);
  trouble([...new Set([...lines, ...sentence.split("\n")])].join("\n"));
}

/** Does what the person asked for; what goes wrong is told above the composer. */
export async function told(work) {
  trouble("");
  return tried(work);
}

/** Does what nobody asked for: what was told before stays. */
export async function tried(work) {
  try {
    return await work();
  } catch (error) {
    trouble(error.message);
  }
}

/** A passing notice, perhaps with something to press; one that `stays` passes when it is told to.
 * Returns what changes its sentence, or with an empty one takes it away. */
export function toast(sentence, { label = "", action = null, stays = false } = {}) {
  $("#toasts").replaceChildren();
  const item = made('<div class="toast"><span></span></div>');
  $("span", item).textContent = sentence;
  const gone = () => item.remove();
  if (action) {
    const button = made('<button type="button"></button>');
    button.textContent = label;
    button.onclick = () => (gone(), told(action));
    item.append(button);
  }
  const close = made('<button type="button" class="close"></button>');
  close.setAttribute("aria-label", t("close"));
  close.onclick = gone;
  item.append(close);
  const wait = () => stays || (timer = setTimeout(gone, STAYS));
  clearTimeout(timer);
  for (const type of ["mouseenter", "focusin"]) item.addEventListener(type, () => clearTimeout(timer));
  for (const type of ["mouseleave", "focusout"]) item.addEventListener(type, wait);
  wait();
  $("#toasts").append(item);
  return words => (words ? ($("span", item).textContent = words) : gone());
}
