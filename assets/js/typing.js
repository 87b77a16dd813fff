// Whether a key means itself, or is the input method's (Chinese, Japanese, Korean …), which takes
// Enter to confirm and Escape to drop what is being composed; and what Enter does on a phone.

const CONFIRMING = 10; // ms: Safari ends the composition before it tells of the key that ended it
const INPUT_METHOD = 229; // the keyCode of a key that the input method takes, Safari's too

let composed = -Infinity; // when the last composition ended

export const isComposing = event =>
  event.isComposing || event.keyCode === INPUT_METHOD || event.timeStamp - composed < CONFIRMING;

/** Whether this key was pressed, and is not the input method's. */
export const isKey = (event, key) => event.key === key && !isComposing(event);

/** Keyboards of phones have no Shift+Enter: there Enter makes a line, and the button sends. */
const touch = matchMedia("(pointer: coarse)");
export const isTouch = () => touch.matches;
export const onTouch = changed => touch.addEventListener("change", changed);

/** Whether this key sends what is in a field of several lines. */
export const isSend = event =>
  isKey(event, "Enter") && !event.shiftKey && (!isTouch() || event.ctrlKey || event.metaKey);

export function start() {
  document.addEventListener("compositionend", ({ timeStamp }) => (composed = timeStamp), true);
  // a form with one line would be sent by it
  document.addEventListener("keydown", event => {
    if (event.key === "Enter" && isComposing(event) && event.target.matches?.("input")) event.preventDefault();
  }, true);
}
