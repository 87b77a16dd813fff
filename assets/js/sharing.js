// Sharing this page with others: a sheet for the owner, and a word in the bar while it is shared.
// To guests the server tells nothing of it, and nothing is shown.

import { $, made } from "./dom.js";
import { language, t, translate } from "./i18n.js";
import { toast } from "./notice.js";
import { call } from "./server.js";

const SOON = 700, EVERY = 4000; // ms between two looks: at what is under way, and at who is on

let sheet, opener, chip, timer, now = null, had = "";

/** Whether the server told anything. */
async function look() {
  clearTimeout(timer);
  try {
    if (!document.hidden) now = await call("sharing_now");
  } catch (error) {
    if (!error.isPassing) return privacy("login.kept"), false; // a guest
  }
  timer = setTimeout(look, now?.state === "opening" ? SOON : EVERY);
  if (now) show();
  return true;
}

const until = seconds => new Date(seconds * 1000).toLocaleString(language, { weekday: "short", hour: "2-digit", minute: "2-digit" });

function show() {
  const { state, trouble, shared, on } = now;
  opener.hidden = false;
  privacy(state === "off" ? "settings.private" : "settings.shared");
  chip.hidden = state !== "on";
  chip.textContent = t("sharing.chip", { n: on });
  for (const part of ["off", "opening", "on"]) $(`.${part}`, sheet).hidden = part !== state;
  line(".trouble", trouble);
  if (shared) tell(shared, on);
  const what = `${state} ${shared?.address}`;
  if (sheet.open && what !== had) fill();
  had = what;
}

/** Where what is said and recorded goes. Nothing is claimed before it is known. */
function privacy(key) {
  const place = $("#settings .private");
  place.textContent = t(key);
  place.hidden = false;
}

function tell({ address, until: ends, fingerprint }, on) {
  const link = $(".where a", sheet);
  link.href = link.textContent = address;
  line(".guests", t("sharing.on", { n: on }));
  line(".until", ends ? t("sharing.until", { time: until(ends) }) : t("sharing.forever"));
  line(".plain", address.startsWith("https:") ? "" : t("sharing.plain"));
  $(".trust", sheet).hidden = !fingerprint;
  $(".trust code", sheet).textContent = fingerprint;
}

/** Set only when it is another: a screen reader says it anew. */
function line(selector, text) {
  const place = $(selector, sheet);
  if (place.textContent !== text) place.textContent = text;
  place.hidden = !text;
}

/** What does not change while it is shared. */
async function fill() {
  const { rules, hours, through, qr } = await call("invitation");
  $(".rules", sheet).replaceChildren(...rules.map(rule => Object.assign(document.createElement("li"), { textContent: rule })));
  const names = [0, ...hours].map(n => [n ? t("sharing.ends.hours", { n }) : t("sharing.ends.never"), n]);
  const select = $("select", sheet), chosen = select.value || "0";
  select.replaceChildren(...names.map(([name, n]) => new Option(name, n, false, String(n) === chosen)));
  line(".through", through && t("sharing.through", { server: through }));
  $(".qr", sheet).hidden = !qr;
  if (qr) $(".qr", sheet).src = qr;
  $(".password code", sheet).textContent = "";
  $(".password .reveal", sheet).hidden = false;
}

async function open() {
  sheet.showModal();
  await asked(async () => {
    await look();
    await fill();
  });
}

/** Does what was asked for; what is refused is said in the sheet. */
async function asked(work) {
  line(".refused", "");
  try {
    await work();
  } catch (error) {
    line(".refused", error.message);
  }
}

const begin = how => asked(async () => {
  await call("begin_sharing", { how, hours: $("select", sheet).value, https: $("[name=https]", sheet).checked });
  now = { ...now, state: "opening", trouble: "" };
  show();
  timer = setTimeout(look, SOON);
});

const end = () => asked(async () => {
  await call("end_sharing");
  await look();
});

const reveal = () => asked(async () => {
  const { password } = await call("shared_password");
  $(".password code", sheet).textContent = password;
  $(".password .reveal", sheet).hidden = true;
});

const copy = text => navigator.clipboard.writeText(text).then(() => toast(t("tool.copied")), () => toast(t("tool.uncopied")));

export function start() {
  sheet = translate(made(`<dialog id="sharing" aria-labelledby="sharing-title"><form method="dialog">
    <header><h2 id="sharing-title" data-t="sharing.title"></h2><button class="close" data-t-aria-label="close"></button></header>
    <p class="trouble" role="alert" hidden></p>
    <section class="off"><p data-t="sharing.what"></p>
      <label><span data-t="sharing.ends"></span><select name="hours"></select></label>
      <label class="tick"><input type="checkbox" name="https" checked><span data-t="sharing.https"></span></label>
      <div class="ways"><button type="button" class="begin lan" data-t="sharing.lan"></button><button type="button" class="begin link" data-t="sharing.link"></button></div>
      <p class="through fine"></p></section>
    <section class="opening" hidden><p role="status" data-t="sharing.opening"></p></section>
    <section class="on" hidden>
      <img class="qr">
      <div class="where"><small data-t="sharing.address"></small><a target="_blank" rel="noopener"></a><button type="button" class="copy" data-t="tool.copy"></button></div>
      <div class="password"><small data-t="sharing.password"></small><code></code><button type="button" class="reveal" data-t="sharing.show"></button></div>
      <p class="guests" role="status"></p><p class="until"></p><p class="plain fine"></p>
      <p class="trust fine"><span data-t="sharing.trust"></span> <code></code></p>
      <button type="button" class="end" data-t="sharing.end"></button></section>
    <ul class="rules fine"></ul>
    <p class="refused" role="alert" hidden></p></form></dialog>`));
  $(".qr", sheet).alt = t("sharing.qr");
  document.body.append(sheet);
  sheet.addEventListener("click", event => event.target === sheet && sheet.close());
  opener = $("#foot .share");
  chip = made('<button type="button" class="chip" aria-haspopup="dialog" hidden></button>');
  $("#bar .about").before(chip);
  opener.onclick = chip.onclick = open;
  $(".begin.lan", sheet).onclick = () => begin("lan");
  $(".begin.link", sheet).onclick = () => begin("link");
  $(".copy", sheet).onclick = () => copy($(".where a", sheet).href);
  $(".reveal", sheet).onclick = reveal;
  $(".end", sheet).onclick = end;
  look();
}
