// Settings of the page (language, look) and of the conversation (title, instructions, sampling).

import { $, $$ } from "./dom.js";
import { language, t } from "./i18n.js";
import { call } from "./server.js";
import { current, open, refresh } from "./view.js";

const YEAR = 365 * 24 * 3600; // seconds that a cookie is kept
const SAMPLING = ["temperature", "top_p", "max_tokens", "seed"];
const LANGUAGES = ["en", "zh", "es", "fr", "de", "ja"]; // of the page; the same for answers, and more
const ANSWERS = ["", "en", "zh", "es", "fr", "de", "ja", "ko", "it", "pt", "ru", "ar"];

const remember = (name, value) => (document.cookie = `earshot-${name}=${value};path=/;max-age=${YEAR};samesite=strict`);
const ownName = code => new Intl.DisplayNames([code], { type: "language" }).of(code);
const nameHere = code => (code ? new Intl.DisplayNames([language], { type: "language" }).of(code) : t("tune.answers.any"));

function fillSelect(select, codes, name, chosen) {
  select.replaceChildren(...codes.map(code => new Option(name(code), code, false, code === chosen)));
}

export function dress(look) {
  if (look === "auto") delete document.documentElement.dataset.look;
  else document.documentElement.dataset.look = look;
}

function settings() {
  const sheet = $("#settings"), form = $("form", sheet);
  fillSelect(form.elements.language, LANGUAGES, ownName, language);
  form.elements.look.value = document.documentElement.dataset.look || "auto";
  sheet.showModal();
}

async function tune() {
  const sheet = $("#tune"), form = $("form", sheet);
  const kept = await call("settings", { conversation: current() });
  form.elements.title.value = kept.title;
  form.elements.title.disabled = !current();
  form.elements.system.value = kept.system;
  fillSelect(form.elements.answer_language, ANSWERS, nameHere, kept.answer_language);
  fillSampling(form, kept.sampling);
  $(".reset", form).onclick = () => fillSampling(form, kept.usual);
  $(".refused", form).hidden = true;
  sheet.showModal();
}

function fillSampling(form, sampling) {
  for (const name of SAMPLING) form.elements[name].value = sampling[name] ?? "";
  $$(".slider input", form).forEach(showValue);
}

const showValue = input => ($("output", input.parentElement).textContent = Number(input.value).toLocaleString(language));

async function save(sheet, form) {
  const { title, system, answer_language } = form.elements;
  const sampling = Object.fromEntries(
    SAMPLING.filter(name => form.elements[name].value !== "").map(name => [name, Number(form.elements[name].value)]),
  );
  try {
    const asked = { conversation: current(), title: title.value, system: system.value, answer_language: answer_language.value, sampling };
    const { conversation } = await call("tune", asked);
    sheet.close();
    if (conversation === current()) refresh();
    else open(conversation);
  } catch (error) {
    $(".refused", form).textContent = error.message;
    $(".refused", form).hidden = false;
  }
}

export function start() {
  document.body.append(...$$("#dialogs dialog")); // out of reach of Gradio's own style
  for (const sheet of $$("dialog")) {
    for (const button of $$(".close, .cancel", sheet)) button.onclick = () => sheet.close();
    sheet.addEventListener("click", event => event.target === sheet && sheet.close()); // beside it
  }
  $("#foot .settings").onclick = settings;
  $("#settings [name=language]").onchange = event => (remember("language", event.target.value), location.reload());
  $("#settings fieldset").onchange = event => (remember("look", event.target.value), dress(event.target.value));
  $("#bar .tune").onclick = tune;
  $("#tune form").onsubmit = event => (event.preventDefault(), save($("#tune"), event.target));
  $("#tune").addEventListener("input", event => event.target.matches(".slider input") && showValue(event.target));
}
