// How much the model can still take in: a quiet ring in the bar, details when it is pressed.

import { $, $$, made, settled } from "./dom.js";
import { draft, onChanged } from "./composer.js";
import { language, t, translate } from "./i18n.js";
import { call } from "./server.js";
import { onShown } from "./view.js";

const QUIET = 600; // ms after the last change
const FULL = 0.9; // from here on it is no longer quiet

let button, sheet, asked = 0, latest = "";

const number = value => value.toLocaleString(language);

async function look() {
  const mine = ++asked, about = draft();
  const same = JSON.stringify([about, $("#newest article")?.dataset]);
  if (same === latest) return;
  const room = await call("room", about).catch(() => null); // what is wrong is said when it is sent
  if (mine !== asked || !room) return;
  latest = same;
  show(room);
}

function show({ used, context, clips, unheard, notes, new: beside, limits }) {
  const share = Math.min(1, used / context), isFull = share > FULL || unheard.length + notes.length > 0;
  const percent = share.toLocaleString(language, { style: "percent" });
  button.hidden = !used;
  button.classList.toggle("full", isFull);
  button.style.setProperty("--share", `${100 * share}%`);
  $("span", button).textContent = isFull ? percent : "";
  button.title = t("room.label", { percent });
  button.setAttribute("aria-label", button.title);
  $(".used", sheet).textContent = t("room.used", { used: number(used), context: number(context) });
  const said = [unheard.length && t("room.unheard", { stretches: unheard.join(t("and")) }), ...notes].filter(Boolean);
  $(".heard", sheet).textContent = said.join(" ") || t("room.heard");
  $(".heard", sheet).classList.toggle("full", said.length > 0);
  attached(beside);
  limited(limits);
  $("ul", sheet).replaceChildren(...clips.map(row));
}

/** Says beside each attached recording what of it will not be heard. */
function attached(beside) {
  for (const item of $$(".attached li[data-digest]")) {
    const told = beside[item.dataset.digest] || "", note = $(".unheard", item);
    if (!told) note?.remove();
    else if (note) note.textContent = told;
    else item.append(Object.assign(made('<p class="note unheard" role="status"></p>'), { textContent: told }));
  }
}

/** Says below the attached recordings what the model takes in. */
function limited(limits) {
  const place = $("#composer .limits");
  place.hidden = !limits;
  if (!limits) return;
  const { name, seconds, several, languages } = limits, told = [];
  const short = seconds < 60, unit = short ? "second" : "minute";
  const length = Math.round(short ? seconds : seconds / 60).toLocaleString(language, { style: "unit", unit, unitDisplay: "long" });
  if (seconds) told.push(t(several ? "limits.hears" : "limits.one", { name, length }));
  if (languages.length) {
    const names = new Intl.DisplayNames([language], { type: "language" });
    told.push(t("limits.understands", { languages: languages.map(code => names.of(code)).join(t("and")) }));
  }
  place.textContent = told.join(" ");
  place.hidden = !told.length;
}

function row({ name, cost, is_new }) {
  const one = made('<li><span dir="auto"></span><small></small><b></b></li>');
  $("span", one).textContent = name;
  $("small", one).textContent = is_new ? t("room.new") : "";
  $("b", one).textContent = cost === null ? "" : number(cost);
  return one;
}

/** Another model takes in more, or less. */
export const again = () => ((latest = ""), look());

export function start() {
  button = $("#bar .room");
  sheet = translate(made(`<dialog id="room" aria-labelledby="room-title"><form method="dialog">
    <header><h2 id="room-title" data-t="room.title"></h2><button class="close" data-t-aria-label="close"></button></header>
    <p class="used"></p><ul></ul><p class="heard"></p></form></dialog>`));
  document.body.append(sheet);
  sheet.addEventListener("click", event => event.target === sheet && sheet.close());
  button.onclick = () => sheet.showModal();
  const soon = settled(QUIET, look);
  onChanged(soon);
  onShown(({ moved, ended }) => (moved || ended) && soon());
  soon();
}
