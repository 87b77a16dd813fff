// Which model answers: said in the bar, chosen in a sheet. Asked for when the server says that
// something has changed (alive.js), and again and again while a model is being loaded or fetched.

import { $, $$, made } from "./dom.js";
import { onModel } from "./alive.js";
import { language, t, translate } from "./i18n.js";
import { toast, trouble } from "./notice.js";
import { call } from "./server.js";

const SOON = 600; // ms between two looks at something that is under way
const GPU = { mps: "model.on.mps", cpu: "model.on.cpu", Apple: "model.on.mps" };

const VERDICTS = { true: "model.has", false: "model.lacks", null: "model.notes" };

const unit = (value, unit, digits) => value.toLocaleString(language, { style: "unit", unit, unitDisplay: unit === "minute" ? "long" : "short", maximumFractionDigits: digits });
export const size = bytes => (bytes < 1e9 ? unit(bytes / 1e6, "megabyte", 0) : unit(bytes / 1e9, "gigabyte", 1));
const share = ({ done, total }) => (total ? done / total : 0).toLocaleString(language, { style: "percent" });
const named = device => (GPU[device] ? t(GPU[device]) : device);

let sheet, button, timer, now = null, offer = null, had = "";
const listeners = [];

/** `listener({ changed })` after every look; `changed` when another model answers than before. */
export const onLooked = listener => listeners.push(listener);

/** What answers now, as the server told last. */
export const present = () => now;

async function look() {
  clearTimeout(timer);
  const before = now;
  now = await call("model").catch(() => now); // what is wrong is said by alive.js
  if (!now) return;
  const isBusy = now.loading || (now.fetching && !now.fetching.is_over);
  if (isBusy) timer = setTimeout(look, SOON);
  const changed = !!before && before.stamp !== now.stamp;
  const ended = before?.loading && !now.loading, fetched = before?.fetching && !before.fetching.is_over && now.fetching?.is_over;
  show();
  if (changed) said(t("model.now", { name: now.name }));
  else if (ended && now.failed) said(failure());
  if (ended) trouble(""); // "send this when it is ready"
  if (sheet.open && (ended || changed || fetched)) await list();
  listeners.forEach(listener => listener({ changed }));
}

const failure = () => t("model.failed", { name: now.failed.title, now: now.name, why: now.failed.why });
const said = sentence => sheet.open || toast(sentence);

/** One sentence: what it is, and what it can take in. */
function sentence() {
  const { name, weights, bits, memory, device, context, hears } = now, positions = context.toLocaleString(language);
  if (!weights) return t("model.loaded.bare", { name, context: positions });
  const many = weights.toLocaleString(language, { notation: "compact", maximumSignificantDigits: 3 });
  const length = unit(Math.max(1, Math.round(hears / 60)), "minute", 0);
  return t("model.loaded", { name, weights: many, bits, memory: size(memory), device: named(device), context: positions, length });
}

function show() {
  const { name, bits, memory, loading, fetching, note, licence, weights } = now;
  const facts = ["", weights && t("model.bits", { bits }), memory && size(memory)].filter(fact => fact !== 0);
  $("span", button).textContent = loading ? t("model.loading", { name: loading.title }) : name;
  $("small", button).textContent = loading ? ` ${share(loading)}` : facts.join(" · ");
  button.classList.toggle("busy", !!loading || !!(fetching && !fetching.is_over));
  button.title = sentence();
  $("#settings .model b").textContent = name;
  $(".loaded", sheet).textContent = sentence();
  $(".about", sheet).textContent = [note, t("model.licence", { licence })].filter(Boolean).join(" ");
  progress($(".loading", sheet), loading, loading && t("model.loading", { name: loading.title }), loading && share(loading));
  line($(".wait", sheet), loading ? t("model.wait") : now.failed ? failure() : "", !!now.failed && !loading);
  $$(".models button", sheet).forEach(one => (one.disabled = !!loading));
  showFetching();
}

function progress(place, about, label, told) {
  place.hidden = !about;
  if (!about) return;
  const bar = $("progress", place);
  bar.setAttribute("aria-label", label);
  if (about.total) [bar.max, bar.value] = [about.total, about.done];
  else bar.removeAttribute("value");
  if ($("b", place)) $("b", place).textContent = label;
  $("span", place).textContent = told;
}

/** Set only when it is another: a screen reader says it anew. */
function line(place, text, isTrouble) {
  if (place.textContent !== text) place.textContent = text;
  place.hidden = !text;
  place.classList.toggle("trouble", isTrouble);
}

function arrived(fetching) {
  if (fetching.what === "packing") return t("model.packing", { percent: share(fetching) });
  return fetching.total ? t("model.fetching", { done: size(fetching.done), total: size(fetching.total) }) : t("model.fetch.start");
}

function showFetching() {
  const { fetching } = now, isOn = fetching && !fetching.is_over;
  progress($(".fetching", sheet), isOn ? fetching : null, t("model.fetch.bar"), isOn && arrived(fetching));
  let end = "";
  if (fetching && !isOn) end = fetching.is_stopped ? t("model.fetch.stopped") : fetching.why ? t("model.fetch.failed", { why: fetching.why }) : t("model.fetched");
  line($(".fetched", sheet), end, !!fetching?.why);
  const can = offer && !offer.fit.why && offer.needs <= offer.free;
  $(".fetch", sheet).hidden = !can || isOn;
  $(".terms", sheet).hidden = !can || isOn;
}

/** Why Qwen-Audio-Chat suits this machine, or does not. */
export function fitting({ fit, needs, free }) {
  const values = { device: named(fit.device), free: size(fit.free), total: size(fit.total), wants: size(fit.wants) };
  const suits = t(`fit.${fit.why || "yes"}`, values);
  return fit.why || needs <= free ? suits : `${suits} ${t("model.disk", { needs: size(needs), free: size(free) })}`;
}

async function list() {
  if ((document.documentElement.dataset.no || "").split(" ").includes("model")) return; // a guest who may not
  const { models, offer: found } = await call("models_here");
  offer = found;
  $(".models", sheet).replaceChildren(...models.map(row));
  $(".offer", sheet).hidden = !offer && !now.fetching;
  $(".why", sheet).textContent = offer ? fitting(offer) : "";
  if (offer) $(".fetch", sheet).textContent = t(offer.has_begun ? "model.fetch.on" : "model.fetch", { size: size(offer.needs) });
  show();
}

function row({ name, title, n_bytes, bits, trouble: why, is_used }) {
  const one = made('<li><div><b dir="auto"></b><small dir="auto"></small></div></li>');
  $("b", one).textContent = title;
  const facts = [name, bits && t("model.bits", { bits }), n_bytes && t("model.disk_size", { size: size(n_bytes) })];
  $("small", one).textContent = facts.filter(Boolean).join(" · ");
  if (why) one.classList.add("broken"), $("div", one).append(Object.assign(document.createElement("small"), { textContent: why }));
  if (is_used) one.append(Object.assign(made('<span class="used"></span>'), { textContent: t("model.used") }));
  else if (!why) one.append(use(name, title));
  return one;
}

function use(name, title) {
  const one = made('<button type="button" class="use" data-t="model.use"></button>');
  one.textContent = t("model.use");
  one.setAttribute("aria-label", t("model.use.name", { name: title }));
  one.onclick = () => asked("use", { name });
  return one;
}

/** Asks for something; what is refused is said in the sheet. */
async function asked(name, value) {
  try {
    line($(".refused", sheet), "");
    await call(name, value);
    await look();
  } catch (error) {
    line($(".refused", sheet), error.message);
  }
}

async function findings() {
  const place = $(".findings", sheet);
  place.replaceChildren(Object.assign(document.createElement("li"), { textContent: t("model.machine.looking") }));
  const { findings } = await call("machine");
  place.replaceChildren(...findings.map(finding));
}

function finding({ ok, subject, sentence, remedy }) {
  const one = made('<li><i></i><div lang="en" dir="ltr"><b></b> <span></span><small></small></div></li>');
  const verdict = VERDICTS[ok];
  one.className = verdict.split(".").pop();
  $("i", one).textContent = t(verdict);
  $("b", one).textContent = subject;
  $("span", one).textContent = sentence;
  $("small", one).textContent = remedy && t("model.todo", { remedy });
  return one;
}

/** Opens the sheet, perhaps with what this machine has. */
export async function open({ machine = false } = {}) {
  line($(".refused", sheet), "");
  if (!sheet.open) sheet.showModal();
  $("details", sheet).open = machine;
  try {
    await look();
    await list();
  } catch (error) {
    line($(".refused", sheet), error.message);
  }
}

export function start() {
  button = $("#bar .about");
  sheet = translate(made(`<dialog id="model" aria-labelledby="model-title"><form method="dialog">
    <header><h2 id="model-title" data-t="model.title"></h2><button class="close" data-t-aria-label="close"></button></header>
    <div><p class="loaded"></p><p class="about fine"></p></div>
    <div class="loading going" hidden><b></b><span></span><progress></progress><button type="button" class="cancel" data-t="cancel"></button></div>
    <p class="wait" role="status" hidden></p>
    <section><h3 data-t="model.here"></h3><ul class="models"></ul></section>
    <section class="offer" hidden><p class="why"></p>
      <div class="fetching going" hidden><span></span><progress></progress><button type="button" class="cancel" data-t="cancel"></button></div>
      <p class="fetched" role="status" hidden></p><button type="button" class="fetch save"></button><p class="terms fine" data-t="model.fetch.licence"></p></section>
    <p class="refused" role="alert" hidden></p>
    <details><summary data-t="model.machine"></summary><ul class="findings"></ul></details></form></dialog>`));
  document.body.append(sheet);
  sheet.addEventListener("click", event => event.target === sheet && sheet.close());
  button.onclick = () => open();
  $("#settings .model button").onclick = () => ($("#settings").close(), open());
  $(".loading .cancel", sheet).onclick = () => asked("give_up");
  $(".fetching .cancel", sheet).onclick = () => asked("stop_fetching");
  $(".fetch", sheet).onclick = () => asked("fetch");
  $("details", sheet).ontoggle = event => event.target.open && findings().catch(error => line($(".refused", sheet), error.message));
  onModel(state => state !== had && ((had = state), look()));
}
