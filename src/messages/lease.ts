import type { Clock } from '../lib/clock.ts';
import { after, type EpochMs, type Milliseconds, ms, SECOND } from '../lib/units.ts';
import type { Attempt, ClaimedMessage, Store } from './store.ts';

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
