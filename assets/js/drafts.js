// What is not sent yet outlives a reload and a look elsewhere: kept by the browser, for each
// conversation.

const PREFIX = "earshot-draft:";
const NOTHING = { text: "", clips: [] };

/** { text, clips: [{ digest, name, seconds }], edits } */
export function keep(conversation, draft) {
  try {
    if (draft.text || draft.clips.length) localStorage.setItem(PREFIX + conversation, JSON.stringify(draft));
    else localStorage.removeItem(PREFIX + conversation);
  } catch {
    // storage is full or forbidden: the draft lives as long as the page
  }
}

export function kept(conversation) {
  try {
    return { ...NOTHING, ...JSON.parse(localStorage.getItem(PREFIX + conversation)) };
  } catch {
    return NOTHING;
  }
}
