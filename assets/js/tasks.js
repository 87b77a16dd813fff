// The menu of things one may well ask: what the model was taught, in the person's language.

import { $ } from "./dom.js";
import { fill } from "./composer.js";
import { popup } from "./menu.js";
import { told } from "./notice.js";
import { call } from "./server.js";

const FEW = 8; // as many fit one menu

let tasks = null;

async function open(button) {
  ({ tasks } = tasks ? { tasks } : await call("tasks"));
  const entry = ({ label, ask }) => ({ label, does: () => fill(ask) });
  const domains = [...new Set(tasks.map(task => task.domain))];
  if (tasks.length <= FEW) return popup(button, tasks.map(entry));
  popup(button, domains.map(domain => ({ label: domain, more: tasks.filter(task => task.domain === domain).map(entry) })));
}

/** Another model was taught others. */
export const forget = () => (tasks = null);

export const start = () => {
  const button = $(".composer .tasks");
  button.onclick = () => told(() => open(button));
};
