import type { Clock } from '../lib/clock.ts';
import { after, between, type EpochMs, HOUR, MINUTE, type Milliseconds, ms, SECOND } from '../lib/units.ts';
import type { FindOutcome } from './notifier.ts';
import type { Attempt, ClaimedMessage, DesiredMessage, MessageRecord, ShownMessage, Store } from './store.ts';

/** Slack shows a message that it accepted within this time: absent after it means never accepted. */
export const SHOWN_WITHIN: Milliseconds = ms(30 * SECOND);

/**
 * While reconciling is impossible (a scope is missing, Slack does not respond), the call is repeated after this time: a
 * possible second message is better than a breach that nobody sees.
 */
const RECONCILE_PATIENCE: Milliseconds = ms(5 * MINUTE);

/** How long a group thread reply waits between looks for the message that it belongs to. */
const PARENT_WAIT: Milliseconds = ms(2 * SECOND);

/** A parent that is not posted after this time will not be: the store lost it. */
const LONGEST_PARENT_WAIT: Milliseconds = HOUR;

const FIRST_BACKOFF = ms(2 * SECOND);
const LONGEST_BACKOFF = ms(2 * MINUTE);
/** While Slack does not respond: a breach is to be seen soon after it does, however long that took. */
const LONGEST_OUTAGE_BACKOFF = ms(15 * SECOND);

/** How long to wait after a refused attempt: 2 s, 4 s, 8 s ... 2 min. `failures` counts from 1. */
export function backoff(failures: number): Milliseconds {
  const doublings = Math.min(Math.max(failures, 1) - 1, 20);
  return ms(Math.min(LONGEST_BACKOFF, FIRST_BACKOFF * 2 ** doublings));
}

/** The same after an attempt that Slack did not answer: at most 15 s. */
export const outageBackoff = (failures: number): Milliseconds =>
  ms(Math.min(LONGEST_OUTAGE_BACKOFF, backoff(failures)));

/** What to do for a message, given what is known of it. */
export type SyncStep =
  /** The outcome of an earlier call is unknown: look for its key before anything is sent. */
  | { readonly kind: 'reconcile'; readonly attempt: Attempt; readonly isLine: boolean }
  /** `isBrief`: it ended before it could be posted, so one line says it all. */
  | { readonly kind: 'post'; readonly isBrief: boolean }
  /** Edit the message where it differs, then add the first line that its thread does not show. */
  | { readonly kind: 'update'; readonly isEdit: boolean }
  | { readonly kind: 'wait'; readonly until: EpochMs; readonly reason: 'parent-not-posted' }
  | { readonly kind: 'drop'; readonly reason: 'parent-lost' | 'never-posted' };

/** Decides the next step for a message. `isEnded`: its final form is to be shown. Pure. */
export function decideStep(
  record: MessageRecord,
  given: { readonly parent: ShownMessage | undefined; readonly isEnded: boolean; readonly now: EpochMs },
): SyncStep {
  const { key, desired, shown, attempt } = record;
  const { parent, isEnded, now } = given;
  if (desired?.parent !== undefined && parent === undefined) return withoutParent(desired, now);
  if (attempt !== undefined) return { kind: 'reconcile', attempt, isLine: attempt.key !== key };
  if (shown === undefined)
    return desired === undefined
      ? { kind: 'drop', reason: 'never-posted' }
      : { kind: 'post', isBrief: isEnded && desired.parent === undefined };
  // A parent that was deleted and posted again has a new thread.
  if (parent !== undefined && parent.postedAt > shown.postedAt) return { kind: 'post', isBrief: false };
  return { kind: 'update', isEdit: isEditDue(record) };
}

function withoutParent({ asOf }: DesiredMessage, now: EpochMs): SyncStep {
  return between(asOf, now) > LONGEST_PARENT_WAIT
    ? { kind: 'drop', reason: 'parent-lost' }
    : { kind: 'wait', until: after(now, PARENT_WAIT), reason: 'parent-not-posted' };
}

const isEditDue = ({ desired, shown, revision, syncedRevision }: MessageRecord): boolean =>
  desired !== undefined && revision > syncedRevision && shown?.isFrozen !== true;

/** What to do after looking for a message whose outcome was unknown. */
export type ReconcileStep =
  | { readonly kind: 'adopt' }
  | { readonly kind: 'send'; readonly reason: 'absent' | 'out-of-patience' }
  | { readonly kind: 'wait'; readonly until: EpochMs };

/** Decides whether a call with an unknown outcome is repeated. Pure. */
export function decideReconcile(
  found: FindOutcome['kind'],
  { since }: Attempt,
  { failures, now }: { readonly failures: number; readonly now: EpochMs },
): ReconcileStep {
  if (found === 'found') return { kind: 'adopt' };
  if (found === 'absent')
    return between(since, now) >= SHOWN_WITHIN
      ? { kind: 'send', reason: 'absent' }
      : { kind: 'wait', until: after(since, SHOWN_WITHIN) };
  return between(since, now) >= RECONCILE_PATIENCE
    ? { kind: 'send', reason: 'out-of-patience' }
    : { kind: 'wait', until: after(now, outageBackoff(failures + 1)) };
}

/** A dead replica's messages are claimed by another after this time. */
export const LEASE: Milliseconds = ms(25 * SECOND);

/** How often a lease is renewed while its message is worked on. */
const RENEW_EVERY: Milliseconds = ms(6 * SECOND);

/** The longest that a call to Slack takes, with a margin: it must end before the lease does. */
const LONGEST_CALL: Milliseconds = ms(12 * SECOND);

/** A lease on one message. */
export interface Lease {
  /** Whether a call that begins now ends before the lease: to be checked directly before each call, after every wait. */
  readonly allowsCall: () => boolean;
  /** Renews it, and records the attempt that is about to be made; false when it was lost. */
  readonly renew: (attempt?: Attempt) => Promise<boolean>;
  /** Ends the renewal in the background. */
  readonly stop: () => void;
}

/**
 * Keeps the lease on a claimed message while it is worked on. Time since the last renewal is measured by a monotonic
 * clock too: neither a process that was frozen nor a clock that was set back makes an old lease look new.
 */
export function keepLease(
  parts: {
    readonly store: Pick<Store, 'renewLease'>;
    readonly clock: Clock;
    readonly monotonic: () => number;
  },
  { key, token }: Pick<ClaimedMessage, 'key' | 'token'>,
  claimedAt: { readonly now: EpochMs; readonly monotonic: number },
): Lease {
  const { store, clock, monotonic } = parts;
  const stopped = new AbortController();
  let renewedAt = claimedAt;
  let isLost = false;

  const allowsCall = (): boolean => {
    const elapsed = Math.max(clock.now() - renewedAt.now, monotonic() - renewedAt.monotonic);
    return !isLost && elapsed + LONGEST_CALL <= LEASE;
  };

  const renew = async (attempt?: Attempt): Promise<boolean> => {
    if (isLost) return false;
    const begunAt = { now: clock.now(), monotonic: monotonic() };
    if (await store.renewLease({ key, token, until: after(begunAt.now, LEASE), attempt }))
      renewedAt = begunAt;
    else isLost = true;
    return !isLost;
  };

  async function renewInBackground(): Promise<void> {
    for (;;) {
      await clock.sleep(RENEW_EVERY, stopped.signal);
      if (stopped.signal.aborted) return;
      // A store that does not respond is tried again: until then the lease ages.
      await renew().catch(() => undefined);
    }
  }

  void renewInBackground();
  return { allowsCall, renew, stop: () => stopped.abort() };
}
