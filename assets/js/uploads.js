// Sounds on their way to Earshot: a few at a time, each telling how far it is.

import { clock } from "./dom.js";
import { language, t } from "./i18n.js";
import { post } from "./server.js";

const LOOK = 700; // ms between two looks at how far the server has read
const AT_ONCE = 3; // a browser has six connections to one server, and the page wants some

let n_sending = 0;
const waiting = [];

async function turn() {
  if (n_sending < AT_ONCE) n_sending++;
  else await new Promise(go => waiting.push(go)); // takes over the place of one that is done
}

const over = () => (waiting.length ? waiting.shift()() : n_sending--);

/** Sends a sound to the store: a clip as it is kept there. `tell` is given a sentence now and then,
 * `signal` (an AbortSignal) breaks it off; `track` chooses among several sound tracks. */
export async function upload(blob, name, isRecorded, tell, signal, track = "") {
  await turn();
  try {
    await readable(blob, name);
    return await sent(blob, name, isRecorded, tell, signal, track);
  } finally {
    over();
  }
}

/** A file that was moved since it was chosen, or that is a folder, would look like a server that is away. */
async function readable(blob, name) {
  try {
    await blob.slice(0, 1).arrayBuffer();
  } catch {
    throw new Error(t("trouble.file", { name }));
  }
}

async function sent(blob, name, isRecorded, tell, signal, track) {
  const id = crypto.randomUUID?.() || String(Math.random());
  const about = new URLSearchParams({ name, from: isRecorded ? "microphone" : "file", reading: id, track });
  let timer;
  const look = async () => {
    const { seconds } = await fetch(`earshot/reading/${id}`).then(answer => answer.json()).catch(() => ({}));
    if (timer && seconds) tell(t("composer.read", { name, time: clock(seconds) }));
  };
  const progress = share => {
    if (share < 1) tell(t("composer.sending", { name, percent: share.toLocaleString(language, { style: "percent" }) }));
    else timer ??= setInterval(look, LOOK);
  };
  try {
    return await post(`earshot/clips?${about}`, blob, progress, signal);
  } finally {
    clearInterval(timer);
    timer = 0;
  }
}
