// Asking the server. A refusal becomes an Error whose message is a sentence for people.

import { t } from "./i18n.js";

let functions = {};
let told = () => {};

/** Gradio's server functions, and who is told when nobody answers. */
export function connect(server, lost) {
  functions = server;
  told = lost;
}

function checked(done, isPassing = false) {
  if (done?.sentence) throw Object.assign(new Error(done.sentence), { isPassing });
  return done;
}

/** What went wrong has nothing to do with what was asked: it may go well the next time. */
const passing = sentence => Object.assign(new Error(sentence), { isPassing: true });

const silence = () => {
  told();
  return passing(t("trouble.silent"));
};

/** One of the page's commands (app/events.py), with one value. */
export async function call(name, value = null) {
  const done = await functions[name](value).catch(() => null);
  if (!done) throw silence(); // Gradio gives nothing when nobody answers
  return checked(done);
}

/** A body to one of our addresses (app/web.py); the answer as an object. `sent(share)` is told how much
 * of it has gone out, 1 at the end; `signal` (an AbortSignal) breaks it off. */
export async function post(address, body, sent = () => {}, signal = null) {
  const { status, responseText } = await new Promise((done, failed) => {
    const request = new XMLHttpRequest(); // fetch cannot tell how far it is
    request.open("POST", address);
    request.setRequestHeader("x-earshot", "page");
    request.upload.onprogress = ({ loaded, total }) => loaded < total && sent(loaded / total);
    request.upload.onload = () => sent(1);
    request.onload = () => done(request);
    request.onerror = () => failed(silence());
    request.onabort = () => failed(passing(t("trouble.silent")));
    signal?.addEventListener("abort", () => request.abort());
    if (signal?.aborted) request.onabort();
    else request.send(body);
  });
  return checked(parsed(responseText), status >= 500);
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
    throw passing(t("trouble.server"));
  }
}
