// Before the first question: recordings to try, and questions to begin with.

import { ask as begin, fill } from "./composer.js";
import { told } from "./notice.js";
import { call } from "./server.js";

async function take(key) {
  const { ask, ...clip } = await call("example", { key });
  await begin({ text: ask, clips: [clip] });
}

export function start() {
  document.addEventListener("click", event => {
    const example = event.target.closest(".example"), ask = event.target.closest(".asks .ask");
    if (example) told(() => take(example.dataset.example));
    if (ask) fill(ask.textContent);
  });
}
