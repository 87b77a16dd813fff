// A long conversation begins with its end: earlier turns come when one scrolls up to them.

import { $, $$, made } from "./dom.js";
import { t } from "./i18n.js";
import { tried } from "./notice.js";
import { call } from "./server.js";
import { current, onMissing, onShown, refresh } from "./view.js";

let place, sentinel, joins = "", isBusy = false;

const firstShown = () => $("#shown article[data-turn]")?.dataset.turn || "";
const first = () => $("article[data-turn]", place)?.dataset.turn || firstShown();

/** What was loaded belongs to the line it was loaded for. */
function check() {
  const here = `${current()} ${firstShown()}`;
  if (here === joins) return;
  joins = here;
  $$(".turns", place).forEach(one => one.remove());
  sentinel.hidden = !$("#shown .turns")?.dataset.earlier;
}

async function load(until = 0) {
  if (isBusy || sentinel.hidden) return;
  isBusy = true;
  const mine = joins;
  try {
    const { html, more, elsewhere } = await call("earlier", { conversation: current(), before: Number(first()), until });
    if (mine !== joins || elsewhere) return elsewhere;
    const page = made('<div class="turns"></div>'), before = document.documentElement.scrollHeight;
    page.innerHTML = html;
    sentinel.after(page);
    sentinel.hidden = !more;
    scrollBy({ top: document.documentElement.scrollHeight - before, behavior: "instant" });
  } finally {
    isBusy = false;
  }
}

/** A turn that is not shown: further up, or on another line. */
async function find(turn) {
  const isElsewhere = sentinel.hidden || (await load(turn));
  if (isElsewhere) await call("choose", { conversation: current(), turn }), refresh();
  return !isElsewhere;
}

export function start() {
  place = made('<div id="earlier"><p class="older"></p></div>');
  sentinel = place.firstElementChild;
  sentinel.textContent = t("turn.earlier");
  sentinel.hidden = true;
  $("#shown").before(place);
  new IntersectionObserver(entries => entries.some(one => one.isIntersecting) && tried(load), { rootMargin: "400px 0px 0px" }).observe(sentinel);
  onShown(check);
  onMissing(find);
}
