// What is being written in each conversation, its recordings and uploads with it: it stays there
// whatever else is looked at meanwhile. What the browser keeps of it: kept.js.
//
// A draft is { conversation, edits, text, list, troubles }: `edits` is the earlier question that it
// will replace, or 0; `troubles` are sentences that nobody has seen yet.

import * as attached from "./attached.js";
import { t } from "./i18n.js";
import * as kept from "./kept.js";

const books = new Map(); // by conversation: { edits, drafts } with its drafts by what they edit
const unkept = new Set(); // conversations of which the browser keeps nothing

let like; // the list that the page came with

const made = (conversation, edits) => ({ conversation, edits, text: "", list: attached.lists(like), troubles: [] });

const all = () => [...books.values()].flatMap(({ drafts }) => [...drafts.values()]);
const isEmpty = ({ text, list }) => !text && attached.isEmpty(list);

function book(conversation) {
  if (!books.has(conversation)) {
    const one = { edits: 0, drafts: new Map([[0, made(conversation, 0)]]) };
    books.set(conversation, one);
    fill(conversation, kept.kept(conversation));
  }
  return books.get(conversation);
}

/** What is being written in a conversation ("" is a new one). */
export function of(conversation) {
  const { edits, drafts } = book(conversation);
  return drafts.get(edits);
}

/** What will replace an earlier question; `content` fills it when it is new. */
export function edit(conversation, turn, content) {
  const one = book(conversation);
  one.edits = turn;
  if (!one.drafts.has(turn)) {
    one.drafts.set(turn, made(conversation, turn));
    put(one.drafts.get(turn), content);
  }
  return one.drafts.get(turn);
}

/** An earlier question is edited no more: what comes next. What is on its way goes there, too. */
export function close({ conversation, edits, list }) {
  const one = book(conversation);
  if (edits) one.drafts.delete(edits);
  if (one.edits === edits) one.edits = 0;
  const next = one.drafts.get(0);
  if (edits) attached.move(list, next.list);
  keep(conversation);
  return next;
}

/** It was sent: what was written meanwhile is what comes next. */
export function continued(draft) {
  const next = close(draft);
  put(next, draft);
}

/** A new conversation has begun with this draft, and has its id now. */
export function begin(draft, id) {
  books.set(id, { edits: 0, drafts: new Map([[0, draft]]) });
  books.delete(draft.conversation);
  keep(draft.conversation);
  draft.conversation = id;
  keep(id);
}

export const withList = list => all().find(draft => draft.list === list);

/** Whether something would be lost if the page went now. */
export const isBusy = () => unkept.size > 0 || all().some(({ list }) => attached.isUnsent(list));

/** Puts what was kept, or left by another tab, into a draft: after what is there. */
function put(draft, { text = "", clips = [], pending = [] }) {
  draft.text = [draft.text, text].filter(Boolean).join("\n");
  const there = new Set(attached.clips(draft.list).map(({ digest }) => digest));
  for (const clip of clips) if (!there.has(clip.digest)) attached.add(draft.list, clip);
  draft.troubles.push(...pending.map(name => t("composer.half", { name })));
}

/** As it was kept, or as earlier versions of this page kept it. */
function fill(conversation, stored) {
  if (!stored) return;
  const { edits = 0, aside } = stored, one = books.get(conversation);
  const drafts = stored.drafts || [{ ...stored, edits }, ...(edits ? [{ ...aside, edits: 0 }] : [])];
  for (const draft of drafts) {
    if (!one.drafts.has(draft.edits)) one.drafts.set(draft.edits, made(conversation, draft.edits));
    put(one.drafts.get(draft.edits), draft);
  }
  if (one.drafts.has(edits)) one.edits = edits;
}

/** Takes over what closed tabs have left in a conversation; whether there was anything. */
export async function adopt(conversation) {
  if (!isEmpty(of(conversation))) return false; // it keeps until this is sent
  const left = await kept.left(conversation);
  left.forEach(one => fill(conversation, one));
  if (left.length) keep(conversation);
  return left.length > 0;
}

export function keep(conversation) {
  const { edits, drafts } = books.get(conversation) || { drafts: new Map() };
  const said = [...drafts.values()].map(({ edits, text, list }) => ({ edits, text, clips: attached.clips(list), pending: attached.pending(list) }));
  const is = said.some(({ edits, text, clips, pending }) => edits || text || clips.length || pending.length);
  if (kept.keep(conversation, is ? { edits, drafts: said } : null)) unkept.delete(conversation);
  else unkept.add(conversation);
}

/** `list` is the one that the page shows before any draft. */
export function start(list) {
  like = list;
  kept.start(() => [...books.keys()].forEach(keep));
}
