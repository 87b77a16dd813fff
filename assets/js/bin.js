// Conversations that were deleted and can still be restored, and how long they are kept.

import { $, made } from "./dom.js";
import { t } from "./i18n.js";
import { told } from "./notice.js";
import { call } from "./server.js";
import { refresh } from "./shelf.js";
import { open } from "./view.js";

let sheet, choice;

const length = days => (days ? t("bin.days", { n: days }) : t("bin.minute"));

async function look() {
  const { deleted, days, choices } = await call("deleted");
  choice.replaceChildren(...choices.map(n => new Option(length(n), n, false, n === days)));
  $("ul", sheet).replaceChildren(...deleted.map(row));
  $(".fine", sheet).hidden = deleted.length > 0;
  $(".wipe", sheet).hidden = !deleted.length;
}

function row({ conversation, title, days }) {
  const one = made('<li><span dir="auto"></span><small></small><button type="button" class="restore"></button><button type="button" class="tool remove"></button></li>');
  $("span", one).textContent = title;
  $("small", one).textContent = t("bin.left", { time: length(days) });
  const button = $(".restore", one), remove = $(".remove", one);
  button.textContent = t("bin.restore");
  button.setAttribute("aria-label", `${t("bin.restore")}: ${title}`);
  button.onclick = () => told(() => restore(conversation));
  remove.title = t("bin.wipe", { title });
  remove.setAttribute("aria-label", remove.title);
  remove.onclick = () => told(() => wipe(conversation));
  return one;
}

async function restore(conversation) {
  await call("restore", { conversation });
  sheet.close();
  await refresh();
  open(conversation);
}

async function wipe(conversation) {
  await call("wipe", { conversation });
  await look();
  (document.activeElement === document.body ? $("button", sheet) : document.activeElement).focus();
}

export function start() {
  sheet = $("#bin");
  choice = $("#settings [name=kept]");
  choice.onchange = () => told(async () => (await call("keep_deleted", { days: Number(choice.value) }), look()));
  $("#foot .settings").addEventListener("click", () => told(look));
  $("#settings .binned").onclick = () => ($("#settings").close(), sheet.showModal());
  $(".wipe", sheet).onclick = () => told(() => wipe(""));
}
