// The first time: what this machine could do with a larger model, until it is put away or there.

import { $, made } from "./dom.js";
import { t } from "./i18n.js";
import { fitting, onLooked, open, present } from "./model.js";
import { call } from "./server.js";
import { onShown } from "./view.js";

const KEY = "earshot-welcomed";

let offer = null, isAsked = false;

function isAway() {
  try {
    return !!localStorage.getItem(KEY);
  } catch {
    return true; // storage is forbidden: it would come again each time
  }
}

function putAway() {
  offer = null;
  $(".welcome")?.remove();
  try {
    localStorage.setItem(KEY, "1");
  } catch {
    // it is away for as long as the page lives
  }
  $("#composer textarea").focus();
}

/** What the machine can hold is asked once, and only where a model is loaded that could be left. */
async function ask() {
  if (isAsked || !present()?.weights || !$(".turns.empty") || isAway()) return;
  isAsked = true;
  ({ offer } = await call("models_here").catch(() => ({ offer: null }))); // guests may not ask
  place();
}

function place() {
  const empty = $("#shown .turns.empty");
  if (!offer || !empty || $(".welcome", empty)) return;
  const one = made('<aside class="welcome" aria-labelledby="welcome"><h2 id="welcome"></h2><p></p><footer><button type="button" class="more"></button><button type="button" class="away"></button></footer></aside>');
  $("h2", one).textContent = t("model.welcome");
  $("p", one).textContent = fitting(offer);
  $(".more", one).textContent = t("model.welcome.more");
  $(".away", one).textContent = t("model.welcome.no");
  $(".more", one).onclick = () => open({ machine: !!offer.fit.why });
  $(".away", one).onclick = putAway;
  empty.append(one);
}

export function start() {
  onLooked(({ changed }) => {
    if (changed) [offer, isAsked] = [null, false], $(".welcome")?.remove();
    ask();
  });
  onShown(() => (ask(), place()));
}
