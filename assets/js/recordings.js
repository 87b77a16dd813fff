// Recordings that have not reached Earshot yet outlive their page: the browser's database keeps
// them, second by second, and the page holds none of it. Where it cannot (a private window, a full
// disk), they live as long as the page.

const STORES = { recordings: { keyPath: "id" }, blocks: { autoIncrement: true } };
const AT_ONCE = 60; // blocks, of a second each, that are read into memory: 6 MB

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

/** Does `work(recordings, blocks)` as one; what it returns is a request, or nothing. Gives that
 * request's result, or true; undefined where the browser refuses. */
async function within(mode, work) {
  try {
    const parts = (await database()).transaction(Object.keys(STORES), mode);
    const request = work(parts.objectStore("recordings"), parts.objectStore("blocks"));
    return await new Promise((done, failed) => {
      parts.oncomplete = () => done(request ? request.result : true);
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

const blocksOf = (id, from = 0, to = Infinity) => IDBKeyRange.bound([id, from], [id, to]);
const UNNUMBERED = IDBKeyRange.upperBound(Infinity); // as an earlier Earshot kept them

/** A recording begins: { id, name, rate, conversation }. What comes back takes its samples, a
 * second at a time, and gives them back as parts of a Blob. */
export async function begin(recording) {
  await hold(recording.id);
  const rest = []; // what the database did not take
  let isKept = !!(await within("readwrite", recordings => recordings.put(recording)));
  let n = 0, adding = Promise.resolve();
  const keep = async samples => {
    const block = { id: recording.id, samples };
    if (isKept) isKept = !!(await within("readwrite", (_, blocks) => blocks.put(block, [recording.id, n])));
    if (isKept) n++;
    else rest.push(new Blob([samples]));
  };
  return {
    isKept: () => isKept,
    add: samples => (adding = adding.then(() => keep(samples))),
    parts: async () => (await adding, [...(await stored(recording.id)), ...rest]),
  };
}

/** What the database has of a recording, as Blobs (16-bit samples). */
export async function stored(id) {
  const parts = [], earlier = (await within("readonly", (_, blocks) => blocks.getAll(UNNUMBERED))) || [];
  for (const block of earlier) if (block.id === id) parts.push(new Blob([block.samples]));
  for (let from = 0; ; from += AT_ONCE) {
    const blocks = await within("readonly", (_, all) => all.getAll(blocksOf(id, from, from + AT_ONCE - 1)));
    if (!blocks?.length) return parts;
    parts.push(new Blob(blocks.map(block => block.samples)));
  }
}

/** It has arrived, or is not wanted. */
export const forget = id =>
  within("readwrite", (recordings, blocks) => {
    recordings.delete(id);
    blocks.delete(blocksOf(id));
    blocks.openCursor(UNNUMBERED).onsuccess = ({ target: { result: cursor } }) => {
      if (!cursor) return;
      if (cursor.value.id === id) cursor.delete();
      cursor.continue();
    };
  });

/** Those whose page went before they had arrived, each with its parts: they are this page's now. */
export async function left() {
  const found = [];
  if (!navigator.locks) return found; // nor is there a microphone
  for (const one of (await within("readonly", recordings => recordings.getAll())) || []) {
    if (!(await isAlone(one.id))) continue;
    await hold(one.id);
    const parts = await stored(one.id);
    if (parts.length) found.push({ ...one, parts });
    else await forget(one.id);
  }
  return found;
}
