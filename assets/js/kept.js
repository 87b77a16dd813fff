// What is not sent yet outlives a reload, a closed tab and a look elsewhere: the browser keeps it,
// for each conversation and each tab, so that two tabs do not write over each other's. What a closed
// tab has left is taken over by the next one that shows its conversation.

const PREFIX = "earshot-draft:", TAB = "earshot-tab";
const AGAIN = 1000; // ms: a page that is loaded again may come before its end is known …
const RELOADED = 30; // … on a busy machine long before: so often it asks for its own name again

let tab = "";

const key = conversation => `${PREFIX}${conversation}:${tab}`;
const lock = name => `${TAB}-${name}`;

/** Whether the browser keeps it: storage may be full or forbidden. `kept` is any JSON; null is none. */
export function keep(conversation, kept) {
  try {
    if (kept) localStorage.setItem(key(conversation), JSON.stringify(kept));
    else localStorage.removeItem(key(conversation));
    return true;
  } catch {
    return !kept;
  }
}

export const kept = conversation => read(key(conversation));

function read(name) {
  try {
    return JSON.parse(localStorage.getItem(name));
  } catch {
    return null;
  }
}

/** Drafts of a conversation that closed tabs have left, which are this tab's from now on. */
export async function left(conversation) {
  const start = `${PREFIX}${conversation}`, alive = await tabs(), found = [];
  for (const name of names()) {
    const [of, whose] = [name.slice(0, start.length), name.slice(start.length + 1)];
    const isSame = of === start && (name === start || name[start.length] === ":");
    if (!isSame || whose === tab || alive.has(lock(whose))) continue;
    found.push(read(name));
    localStorage.removeItem(name);
  }
  return found.filter(Boolean);
}

function names() {
  try {
    return Object.keys(localStorage);
  } catch {
    return [];
  }
}

/** Locks of the tabs that are open. Where the browser knows none, what is left is anybody's. */
async function tabs() {
  const { held } = (await navigator.locks?.query()) || { held: [] };
  return new Set(held.map(({ name }) => name));
}

/** Holds a tab's name until the page is gone; whether it could be had. */
const claim = name =>
  new Promise(told => navigator.locks.request(lock(name), { ifAvailable: true }, got => (told(!!got), got && new Promise(() => {}))));

function rename(name) {
  tab = name;
  try {
    sessionStorage.setItem(TAB, tab);
  } catch {
    // the name lasts as long as the page
  }
}

function given() {
  try {
    return sessionStorage.getItem(TAB);
  } catch {
    return null;
  }
}

/** This tab's name, which a reload keeps. A tab that is the duplicate of another gets one of its
 * own, and `renamed()` is called. */
export async function start(renamed) {
  const fresh = () => Math.random().toString(36).slice(2);
  rename(given() || fresh());
  if (!navigator.locks || (await claim(tab))) return;
  const isReload = performance.getEntriesByType("navigation")[0]?.type === "reload";
  for (let tries = isReload ? RELOADED : 1; tries > 0; tries -= 1) {
    await new Promise(done => setTimeout(done, AGAIN));
    if (await claim(tab)) return;
  }
  rename(fresh());
  claim(tab);
  renamed();
}
