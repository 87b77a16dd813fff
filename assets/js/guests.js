// Guests: to the owner a sheet that says who came and what they left, and deletes it; to a guest, in
// the settings, what they have used and the way out. What else a guest may not do is hidden by
// css/guests.css, after what the server has written on the page's first line.

import { $, made } from "./dom.js";
import { language, t, translate } from "./i18n.js";
import { size } from "./model.js";
import { told } from "./notice.js";
import { call } from "./server.js";

let sheet;

const isGuest = () => "guest" in document.documentElement.dataset;

const day = seconds => new Date(seconds * 1000).toLocaleString(language, { dateStyle: "medium", timeStyle: "short" });
const number = (value, digits = 0) => value.toLocaleString(language, { maximumFractionDigits: digits });

async function look() {
  const { guests, days } = await call("guests");
  $("ul", sheet).replaceChildren(...guests.map(row));
  $(".none", sheet).hidden = guests.length > 0;
  $(".wipe", sheet).hidden = !guests.length;
  $(".days", sheet).textContent = t("guests.days", { n: number(days, 1) });
}

function row({ id, name, since, seen, bytes, minutes }) {
  const one = made('<li><div><b dir="auto"></b><small></small><small></small></div><button type="button" class="tool remove"></button></li>');
  const [when, what] = one.querySelectorAll("small"), remove = $("button", one);
  $("b", one).textContent = name;
  when.textContent = t("guests.seen", { since: day(since), seen: day(seen) });
  what.textContent = t("guests.left", { size: size(bytes), minutes: number(minutes, 1) });
  remove.title = t("guests.forget", { name });
  remove.setAttribute("aria-label", remove.title);
  surely(remove, "", () => call("forget_guest", { guest: id }).then(look));
  return one;
}

/** What cannot be undone is asked for twice. */
function surely(button, label, work) {
  const put = isAsked => {
    button.classList.toggle("sure", isAsked);
    button.textContent = isAsked ? t("guests.sure") : label;
  };
  put(false);
  button.onblur = () => put(false);
  button.onclick = () => (button.classList.contains("sure") ? (put(false), told(work)) : put(true));
}

async function open() {
  await look();
  $("#settings").close();
  sheet.showModal();
}

/** In a guest's settings. */
async function visit() {
  const { may, used } = await call("visit");
  const values = { minutes: number(used.minutes), most: number(may.minutes_of_sound, 1), mb: number(used.mb), disk: number(may.disk_mb) };
  $(".visit p").textContent = t("visit.used", values);
  $(".visit .fine").textContent = t("visit.kept", { n: number(may.keep_days, 1) });
}

async function go() {
  await call("go");
  location.reload();
}

export function start() {
  const settings = $("#settings form"), before = $(".fine", settings);
  if (isGuest()) {
    before.before(translate(made('<section class="visit"><h3 data-t="visit.title"></h3><p></p><p class="fine"></p><button type="button" class="go"></button></section>')));
    surely($(".visit .go"), t("visit.go"), go);
    $("#foot .settings").addEventListener("click", () => told(visit));
    return;
  }
  const opener = made('<button type="button" class="reset guests"></button>');
  opener.textContent = t("guests.open");
  before.before(opener);
  opener.onclick = () => told(open);
  sheet = translate(made(`<dialog id="guests" aria-labelledby="guests-title"><form method="dialog">
    <header><h2 id="guests-title" data-t="guests.title"></h2><button class="close" data-t-aria-label="close"></button></header>
    <ul></ul><p class="none" data-t="guests.none" hidden></p><p class="fine days"></p>
    <footer><button type="button" class="wipe"></button></footer></form></dialog>`));
  document.body.append(sheet);
  sheet.addEventListener("click", event => event.target === sheet && sheet.close());
  surely($(".wipe", sheet), t("guests.forget_all"), () => call("forget_guests").then(look));
}
