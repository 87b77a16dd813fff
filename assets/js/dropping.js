// Files that are dropped or pasted: sound goes to the composer, exports go onto the list.

import { $, $$ } from "./dom.js";
import { attach, focus, here, refuse } from "./composer.js";
import { filesOf, withFolders } from "./files.js";
import { trouble } from "./notice.js";
import { read } from "./pasted.js";
import { take } from "./shelf.js";

const EXPORT = /\.(zip|html?|json)$/i;
const isField = element => element.matches?.("input, textarea");

function pasted(event) {
  const { files, text, isPlain } = read(event.clipboardData);
  if (files.length) trouble("");
  files.forEach(file => attach(file));
  const isElsewhere = !isField(event.target) && !!text && !$$("dialog").some(one => one.open);
  if (isElsewhere) focus();
  if (isPlain && !isElsewhere) return; // the browser writes it
  if (files.length || text) event.preventDefault();
  if (text && isField(document.activeElement)) document.execCommand("insertText", false, text); // can be undone
}

/** `give` takes a file to where it belongs. */
async function dropped(transfer, give) {
  const draft = here(), folders = withFolders(transfer);
  if (!folders) return [...transfer.files].forEach(file => give(file, draft));
  const { files, sentences } = await filesOf(folders);
  files.forEach(file => give(file, draft));
  sentences.forEach(sentence => refuse(sentence, draft));
}

export function start() {
  const mark = where => {
    document.body.classList.toggle("dragging", where === "composer");
    document.body.classList.toggle("importing", where === "list");
  };
  addEventListener("paste", pasted);
  addEventListener("dragover", event => {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    mark(event.target.closest?.("#side") ? "list" : "composer");
  });
  addEventListener("dragleave", event => event.relatedTarget || mark(""));
  addEventListener("drop", event => {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    mark("");
    trouble("");
    const isOnList = $("#side").contains(event.target);
    dropped(event.dataTransfer, (file, draft) => (isOnList && EXPORT.test(file.name) ? take(file) : attach(file, draft)));
  });
}
