// The menus of things one may well ask: what the model was taught, in the person's language. The
// composer's fills the field, a clip's asks at once.

import { $ } from "./dom.js";
import { ask, fill } from "./composer.js";
import { t } from "./i18n.js";
import { popup } from "./menu.js";
import { toast, told } from "./notice.js";
import { clipOf } from "./player.js";
import { call } from "./server.js";
import { current } from "./view.js";

const FEW = 8; // as many fit one menu

let tasks = null;

async function open(button, does, isOffered = () => true) {
  ({ tasks } = tasks ? { tasks } : await call("tasks"));
  const offered = tasks.filter(isOffered);
  if (!offered.length) return toast(t("tasks.none"));
  const entry = task => ({ label: task.label, does: () => does(task) });
  const domains = [...new Set(offered.map(task => task.domain))];
  if (offered.length <= FEW) return popup(button, offered.map(entry));
  popup(button, domains.map(domain => ({ label: domain, more: offered.filter(task => task.domain === domain).map(entry) })));
}

/** A task as the question about a clip that was sent before. */
const askAbout = clip => ({ task, ask: text }) => told(() => ask({ conversation: current(), text, clips: [clip], task }));

/** Another model was taught others. */
export const forget = () => (tasks = null);

export const start = () => {
  const button = $(".composer .tasks");
  button.onclick = () => told(() => open(button, ({ ask, task }) => fill(ask, task)));
  document.addEventListener("click", event => {
    const own = event.target.closest?.("article figure.clip .task");
    if (own) told(() => open(own, askAbout(clipOf(own.closest("figure"))), task => task.alone));
  });
};
