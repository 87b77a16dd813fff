// The screen stays on while the page records: a phone that locks it takes the microphone away.
// Browsers end the lock whenever the page is hidden. Where they know none, the screen does as ever.

let isWanted = false, lock = null;

async function request() {
  lock = null;
  const got = await navigator.wakeLock?.request("screen").catch(() => null); // a low battery, say
  if (!got) return;
  if (!isWanted || lock) got.release();
  else lock = got;
}

export function keepAwake() {
  isWanted = true;
  request();
}

export function letSleep() {
  isWanted = false;
  lock?.release();
  lock = null;
}

document.addEventListener("visibilitychange", () => isWanted && !document.hidden && request());
