// Files that are dropped or pasted: sound goes to the composer, exports go onto the list.

import { $ } from "./dom.js";
import { attach } from "./composer.js";
import { take } from "./shelf.js";
import { trouble } from "./notice.js";

const EXPORT = /\.(zip|html?|json)$/i;
const files = transfer => [...(transfer?.files || [])];

export function start() {
  const mark = where => {
    document.body.classList.toggle("dragging", where === "composer");
    document.body.classList.toggle("importing", where === "list");
  };
  addEventListener("paste", event => {
    for (const file of files(event.clipboardData)) attach(file, file.name), event.preventDefault();
  });
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
    const onList = $("#side").contains(event.target);
    for (const file of files(event.dataTransfer))
      if (onList && EXPORT.test(file.name)) take(file);
      else attach(file, file.name);
  });
}
