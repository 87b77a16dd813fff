// What the page says, in the person's language. The server chose it, and put its strings into the
// page (app/i18n.py): there is one place that decides, and nothing to wait for.

const { code, strings } = JSON.parse(document.getElementById("strings").textContent);
const plural = new Intl.PluralRules(code);

export const language = code;

/** The words for a key, with {names} filled in. `n` chooses between one and several. */
export function t(key, values = {}) {
  let text = strings[key] ?? key;
  if (typeof text === "object") text = plural.select(values.n) === "one" ? text.one : text.other;
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

const ATTRIBUTES = ["aria-label", "title", "placeholder"];

/** Fills a template: data-t is an element's text, data-t-title and so on its attributes. */
export function translate(root) {
  for (const place of root.querySelectorAll("[data-t]")) place.textContent = t(place.dataset.t);
  for (const name of ATTRIBUTES)
    for (const place of root.querySelectorAll(`[data-t-${name}]`))
      place.setAttribute(name, t(place.getAttribute(`data-t-${name}`)));
  return root;
}

/** A day (2025-11-03) as a heading: today, yesterday, 3 November, November 2024. */
export function day(iso) {
  const [year, month, date] = iso.split("-").map(Number);
  const then = new Date(year, month - 1, date), now = new Date();
  const ago = Math.round((new Date(now.getFullYear(), now.getMonth(), now.getDate()) - then) / 864e5);
  if (ago < 2) return t(ago === 1 ? "list.yesterday" : "list.today");
  const form = year === now.getFullYear() ? { month: "long", day: "numeric" } : { month: "long", year: "numeric" };
  return new Intl.DateTimeFormat(code, form).format(then);
}
