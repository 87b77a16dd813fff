// Recordings that have not reached Earshot yet outlive their page: the browser keeps them, second by
// second. Where it cannot (a private window, a full disk), they live as long as the page.

const STORES = { recordings: { keyPath: "id" }, blocks: { autoIncrement: true } };

let opening = null;

function database() {
  opening ??= new Promise((done, failed) => {
    const request = indexedDB.open("earshot", 1);
    request.onupgradeneeded = () => {
      for (const [name, how] of Object.entries(STORES)) request.result.createObjectStore(name, how);
    };
    request.onsuccess = () => done(request.result);
    request.onerror = () => failed(request.error);
  });
  return opening;
}

/** Does `work(recordings, blocks)` as one; what it returns is a request, or nothing. */
async function within(mode, work) {
  try {
    const parts = (await database()).transaction(Object.keys(STORES), mode);
    const request = work(parts.objectStore("recordings"), parts.objectStore("blocks"));
    return await new Promise((done, failed) => {
      parts.oncomplete = () => done(request?.result);
      parts.onabort = parts.onerror = () => failed(parts.error);
    });
  } catch {
    return undefined;
  }
}

// Held until the page is gone: who can take it finds a recording that nobody is making or sending.
const lock = id => `earshot-recording-${id}`;
const hold = id => new Promise(held => navigator.locks.request(lock(id), () => (held(), new Promise(() => {}))));
const isAlone = id => navigator.locks.request(lock(id), { ifAvailable: true }, got => !!got);

/** A recording begins: { id, name, rate }. */
export async function begin(recording) {
  await hold(recording.id);
  await within("readwrite", recordings => recordings.put(recording));
}

/** Samples (Int16Array) that follow. */
export const add = (id, samples) => within("readwrite", (_, blocks) => void blocks.add({ id, samples }));

/** It has arrived, or is not wanted. */
export const forget = id =>
  within("readwrite", (recordings, blocks) => {
    recordings.delete(id);
    blocks.openCursor().onsuccess = ({ target: { result: cursor } }) => {
      if (!cursor) return;
      if (cursor.value.id === id) cursor.delete();
      cursor.continue();
    };
  });

/** Those whose page went before they had arrived, each with its blocks: they are this page's now. */
export async function left() {
  const found = [];
  if (!navigator.locks) return found; // nor is there a microphone
  for (const one of (await within("readonly", recordings => recordings.getAll())) || []) {
    if (!(await isAlone(one.id))) continue;
    await hold(one.id);
    const blocks = (await within("readonly", (_, all) => all.getAll())) || [];
    const samples = blocks.filter(block => block.id === one.id).map(block => block.samples);
    if (samples.length) found.push({ ...one, blocks: samples });
    else await forget(one.id);
  }
  return found;
}
