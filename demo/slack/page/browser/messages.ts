/** Browser module `messages.js`: putting messages in their places and keeping the reader's place among them. */
export const MESSAGES_SCRIPT = String.raw`
import { currentChannel, elementFrom, find, messageIn, post } from './dom.js';

const GROUPING_SECONDS = 300;
const NEAR_END = 80;

export const channelList = () => find('messages');
export const threadList = () => find('thread-messages');

const entriesOf = (list) => [...list.querySelectorAll(':scope > [data-message-ts]')];
const tsOf = (entry) => entry.dataset.messageTs;
/** Like the server: no floating numbers, which would lose the last decimals. */
const isAfter = (a, b) => a.length - b.length || (a < b ? -1 : a > b ? 1 : 0);

const isAtEnd = (list) => list.scrollHeight - list.scrollTop - list.clientHeight < NEAR_END;
const distances = new WeakMap();

export function scrollToEnd(list) {
  list.scrollTop = list.scrollHeight;
  distances.set(list, true);
}

/** Follows the end of a list through everything that changes its height: new messages, edits, pictures that load, the window. */
export function followEnd(list, onMove = () => {}) {
  scrollToEnd(list);
  list.addEventListener('scroll', () => {
    distances.set(list, isAtEnd(list));
    onMove(isAtEnd(list));
  });
  const keep = () => {
    if (distances.get(list)) list.scrollTop = list.scrollHeight;
  };
  new ResizeObserver(keep).observe(list);
  list.addEventListener('load', keep, true);
  list.addEventListener('toggle', keep, true);
}

/** Day dividers and grouping, by the server's rules, for an entry and the one after it. */
function place(entry) {
  if (!entry) return;
  let previous = entry.previousElementSibling;
  while (previous && !previous.matches('[data-message-ts]')) previous = previous.previousElementSibling;
  const startsDay = !previous || previous.dataset.day !== entry.dataset.day;
  const continues =
    !startsDay &&
    previous.dataset.user === entry.dataset.user &&
    previous.dataset.groups === 'true' &&
    entry.dataset.groups === 'true' &&
    Number(tsOf(entry)) - Number(tsOf(previous)) < GROUPING_SECONDS;
  entry.classList.toggle('starts-day', startsDay);
  entry.classList.toggle('continues', continues);
}

/** The next message; lines that are no messages, such as the echo of a command, are passed over. */
function nextEntry(entry) {
  let next = entry.nextElementSibling;
  while (next && !next.matches('[data-message-ts]')) next = next.nextElementSibling;
  return next;
}

/** What the reader holds in an entry survives its replacement: focus, and what is folded open. */
function replace(old, entry) {
  const active = old.contains(document.activeElement) ? document.activeElement : null;
  const key = active && active.dataset.actionId;
  const folds = [...old.querySelectorAll('details')].map((fold) => fold.open);
  old.replaceWith(entry);
  const after = [...entry.querySelectorAll('details')];
  if (after.length === folds.length) after.forEach((fold, i) => (fold.open = folds[i]));
  if (key) entry.querySelector('[data-action-id="' + CSS.escape(key) + '"]')?.focus({ preventScroll: true });
}

/** Adds or replaces an entry at the place its ts gives it. Answers whether it is new in the list. */
export function upsert(list, html) {
  const entry = elementFrom(html);
  const old = messageIn(list, tsOf(entry));
  if (old) replace(old, entry);
  else {
    const next = entriesOf(list).find((each) => isAfter(tsOf(each), tsOf(entry)) > 0);
    list.insertBefore(entry, next ?? null);
  }
  place(entry);
  place(nextEntry(entry));
  if (distances.get(list)) list.scrollTop = list.scrollHeight;
  return !old;
}

export function remove(list, ts) {
  const entry = messageIn(list, ts);
  const next = entry && nextEntry(entry);
  entry?.remove();
  place(next);
}

function markUnread(channelId, isUnread) {
  document.querySelector('[data-role="channel"][data-channel="' + CSS.escape(channelId) + '"]')?.classList.toggle('is-unread', isUnread);
}

/** A new message in another channel leaves a dot; in this one it is read while the page is being looked at. */
export function noteArrival(data) {
  if (data.isOwn || data.html.includes('data-ephemeral="true"')) return;
  if (data.channelId !== currentChannel || document.hidden) markUnread(data.channelId, true);
  else void post('/page/read', { channelId: currentChannel });
}

export function readCurrentChannel() {
  if (document.hidden) return;
  markUnread(currentChannel, false);
  void post('/page/read', { channelId: currentChannel });
}

export function speak(text) {
  find('announcer').textContent = text.slice(0, 400);
}
`;
