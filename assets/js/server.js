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

/** A body to one of our addresses (app/web.py); the answer as an object. `sent(share)` is told how much
 * of it has gone out, 1 at the end. */
export async function post(address, body, sent = () => {}) {
  const text = await new Promise((done, failed) => {
    const request = new XMLHttpRequest(); // fetch cannot tell how far it is
    request.open("POST", address);
    request.setRequestHeader("x-earshot", "page");
    request.upload.onprogress = ({ loaded, total }) => loaded < total && sent(loaded / total);
    request.upload.onload = () => sent(1);
    request.onload = () => done(request.responseText);
    request.onerror = request.onabort = () => failed(silence());
    request.send(body);
  });
  return checked(parsed(text));
}

/** A file from one of our addresses, as { blob, name }. */
export async function file(address) {
  const given = await fetch(address).catch(() => {
    throw silence();
  });
  if (!given.ok) checked(parsed(await given.text()));
  const [, name] = /filename\*=UTF-8''(.+)$/.exec(given.headers.get("content-disposition"));
  return { blob: await given.blob(), name: decodeURIComponent(name) };
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(t("trouble.server"));
  }
}
