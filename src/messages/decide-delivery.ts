import { after, between, type EpochMs, MINUTE, type Milliseconds, ms, SECOND } from '../lib/units.ts';
import type { ThreadNote } from './notifier.ts';
import type { MessageRef, OutboxEntry } from './store.ts';

/** A message is edited at most this often, so that it does not flicker; its end and its gaps are shown at once. */
const EDIT_INTERVAL: Milliseconds = ms(30 * SECOND);

/** Slack has shown a message that it accepted by then: absent after this long means that it never was. */
export const SHOWN_WITHIN: Milliseconds = ms(30 * SECOND);

/**
 * When nobody can look (a scope is missing, Slack answers no search) for this long, the notification is sent again all
 * the same: a possible second message is better than a breach that nobody sees.
 */
const LOOK_UP_PATIENCE: Milliseconds = ms(5 * MINUTE);

/** How often an edit is tried before the next one takes its place; what comes after it must not wait behind it. */
export const REFRESH_ATTEMPTS = 3;

const FIRST_BACKOFF = ms(2 * SECOND);
const LONGEST_BACKOFF = ms(2 * MINUTE);

/** How long to wait after a failed attempt: 2 s, 4 s, 8 s ... 2 min. `attempt` counts from 1. */
export function backoff(attempt: number): Milliseconds {
  const doublings = Math.min(Math.max(attempt, 1) - 1, 20);
  return ms(Math.min(LONGEST_BACKOFF, FIRST_BACKOFF * 2 ** doublings));
}

/** What to do about an entry, given what is known of its message. */
export type DeliveryAction =
  | { readonly kind: 'post' }
  /** An earlier attempt may have posted it: find out before anything is sent. */
  | { readonly kind: 'look-up-first' }
  /** Edit the message; then tell its thread, unless `note` is absent. */
  | { readonly kind: 'update'; readonly note?: ThreadNote['kind'] }
  /** Tell its thread alone. */
  | { readonly kind: 'tell'; readonly note: ThreadNote['kind'] }
  /** Post or edit a reply that lists a part of an alert group. */
  | { readonly kind: 'page' }
  | { readonly kind: 'wait'; readonly until: EpochMs; readonly reason: 'edited-lately' }
  | { readonly kind: 'nothing-to-do'; readonly reason: 'already-posted' | 'never-posted' | 'outdated' };

/**
 * Decides what an entry asks for. Pure.
 *
 * An alertId's entries come in order, so news about a message that is not there can only follow a firing that was
 * given up; as none ever is, `never-posted` means a store that lost its references, and nothing is posted for it: a
 * resolve of what nobody saw is noise.
 */
export function decideDelivery(
  entry: OutboxEntry,
  ref: MessageRef | undefined,
  now: EpochMs,
): DeliveryAction {
  if (entry.alertGroup?.page !== undefined) return { kind: 'page' };
  if (entry.kind === 'firing') {
    if (ref !== undefined) return { kind: 'nothing-to-do', reason: 'already-posted' };
    return entry.unknownSince === undefined ? { kind: 'post' } : { kind: 'look-up-first' };
  }
  if (ref === undefined) return { kind: 'nothing-to-do', reason: 'never-posted' };
  if (entry.kind === 'flapping' || entry.kind === 'stable') return { kind: 'tell', note: entry.kind };
  if (entry.createdAt < ref.asOf) return { kind: 'nothing-to-do', reason: 'outdated' };
  return editOf(entry, ref, now);
}

/** When the message is edited, and what its thread is notified. */
function editOf(entry: OutboxEntry, ref: MessageRef, now: EpochMs): DeliveryAction {
  if (entry.kind === 'act')
    return entry.notified === undefined ? { kind: 'update' } : { kind: 'update', note: 'silence' };
  if (entry.kind !== 'refresh')
    return entry.kind === 'firing' ? { kind: 'update' } : { kind: 'update', note: entry.kind };
  // The first edit brings the traces: it follows the post at once.
  const wasEdited = ref.editedAt > ref.postedAt;
  if (!wasEdited || between(ref.editedAt, now) >= EDIT_INTERVAL) return { kind: 'update' };
  return { kind: 'wait', until: after(ref.editedAt, EDIT_INTERVAL), reason: 'edited-lately' };
}

/** What to do after looking for a message whose fate was not known. */
export type LookUpAction =
  | { readonly kind: 'adopt' }
  | { readonly kind: 'send'; readonly reason: 'absent' | 'out-of-patience' }
  | { readonly kind: 'wait'; readonly until: EpochMs };

/** Decides whether a notification is sent again. Pure. */
export function decideAfterLookUp(
  found: 'found' | 'absent' | 'unknown',
  { unknownSince, attempt }: Pick<OutboxEntry, 'unknownSince' | 'attempt'>,
  now: EpochMs,
): LookUpAction {
  if (found === 'found') return { kind: 'adopt' };
  const since = unknownSince ?? now;
  if (found === 'absent')
    return between(since, now) >= SHOWN_WITHIN
      ? { kind: 'send', reason: 'absent' }
      : { kind: 'wait', until: after(since, SHOWN_WITHIN) };
  return between(since, now) >= LOOK_UP_PATIENCE
    ? { kind: 'send', reason: 'out-of-patience' }
    : { kind: 'wait', until: after(now, backoff(attempt)) };
}
