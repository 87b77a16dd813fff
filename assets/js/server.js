// Asking the server. A refusal becomes an Error whose message is a sentence for people.

import { t } from "./i18n.js";

let functions = {};
let told = () => {};

/** Gradio's server functions, and who is told when nobody answers. */
export function connect(server, lost) {
  functions = server;
  told = lost;
}

function checked(done) {
  if (done?.sentence) throw new Error(done.sentence);
  return done;
}

const silence = () => {
  told();
  return Object.assign(new Error(t("trouble.silent")), { isSilence: true });
};

/** One of the page's commands (app/events.py), with one value. */
export async function call(name, value = null) {
  const done = await functions[name](value).catch(() => null);
  if (!done) throw silence(); // Gradio gives nothing when nobody answers
  return checked(done);
}

/** A body to one of our addresses (app/web.py); the answer as an object. */
export async function post(address, body) {
  const sent = await fetch(address, { method: "POST", body, headers: { "x-earshot": "page" } }).catch(() => {
    throw silence();
  });
  return checked(await sent.json());
}
