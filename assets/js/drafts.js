// What is not sent yet outlives a reload: kept by the browser, for this tab.

const KEY = "earshot-draft";

/** { text, clips: [{ digest, name, seconds }] } */
export function keep(draft) {
  try {
    sessionStorage.setItem(KEY, JSON.stringify(draft));
  } catch {
    // storage is full or forbidden: the draft lives as long as the page
  }
}

export function kept() {
  try {
    return JSON.parse(sessionStorage.getItem(KEY)) || { text: "", clips: [] };
  } catch {
    return { text: "", clips: [] };
  }
}
