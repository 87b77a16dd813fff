// The files of what was dropped: a folder's own, too, as deep as it goes, up to a bound.

import { t } from "./i18n.js";

const MOST = 50; // files of one drop that has folders
const LOOKED_AT = 2000; // files and folders, at most
const NAMED = 5; // of those that are left out
const HIDDEN = /^(\.|~\$|Thumbs\.db$|desktop\.ini$|__MACOSX$)/i; // what systems put into folders
const SOUNDLESS = /^(image|text|font)\/|^application\/(pdf|json|xml|msword|rtf|zip|gzip|vnd\.|x-(zip|msdownload|sh|python))/;
const NAMES = /\.(m3u8?|pls|cue|log|nfo|sfv|db|ini|lnk|md|lrc|srt|vtt)$/i;

/** What was dropped, where there are folders in it; else null. To be called while the drop is handled,
 * which is when a browser tells. */
export function withFolders(transfer) {
  const items = [...transfer.items].filter(({ kind }) => kind === "file");
  const all = items.map(item => item.webkitGetAsEntry?.()).filter(Boolean);
  return all.some(one => one.isDirectory) ? all : null;
}

/** The files of a drop: { files, sentences } with what is left out, and why. */
export async function filesOf(all) {
  const walk = { files: [], soundless: [], beyond: 0, unread: [], n: 0 };
  for (const one of all) await visit(one, walk, false);
  const left = (key, names) => names.length && t(key, { n: names.length, names: some(names) });
  const beyond = walk.beyond && t("drop.beyond", { n: MOST, most: LOOKED_AT });
  const none = !walk.files.length && t("drop.none");
  const sentences = [left("drop.soundless", walk.soundless), left("drop.unread", walk.unread), beyond, none];
  return { files: walk.files, sentences: sentences.filter(Boolean) };
}

const some = names => names.slice(0, NAMED).join(", ") + (names.length > NAMED ? " …" : "");

async function visit(one, walk, isWithin) {
  if (isWithin && HIDDEN.test(one.name)) return;
  if (walk.n++ >= LOOKED_AT || (!one.isDirectory && walk.files.length >= MOST)) return void (walk.beyond = 1);
  try {
    if (one.isDirectory) for (const child of await children(one)) await visit(child, walk, true);
    else take(await new Promise((done, failed) => one.file(done, failed)), walk, isWithin);
  } catch {
    walk.unread.push(one.name);
  }
}

/** A file that somebody dropped itself is always sent: Earshot says what it is. */
function take(file, walk, isWithin) {
  if (isWithin && (SOUNDLESS.test(file.type) || NAMES.test(file.name))) walk.soundless.push(file.name);
  else walk.files.push(file);
}

/** A folder's entries by name; a browser gives a hundred at a time. */
async function children(folder) {
  const reader = folder.createReader(), all = [];
  for (;;) {
    const some = await new Promise((done, failed) => reader.readEntries(done, failed));
    if (!some.length) return all.sort((one, other) => one.name.localeCompare(other.name, undefined, { numeric: true }));
    all.push(...some);
  }
}
