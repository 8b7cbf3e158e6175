import { type Clock, monotonicNow } from '../lib/clock.ts';
import { after, before, between, type EpochMs, type Milliseconds, ms, SECOND } from '../lib/units.ts';
import type { MessageUpdate, Store } from '../messages/store.ts';

/*
 * The instants by which messages are claimed: when each is due and when a lease ends. A replica whose clock was wrong, and
 * not corrected yet, would put a message off for as long as its clock was ahead. So these instants are of a clock that
 * all users of the store share and nobody sets: the server's, or the time since the process started.
 */

/** The clock of the message queue. */
export interface QueueClock {
  now(): Promise<EpochMs>;
}

/** A measurement of the server's clock is used for so long; in between the time that has passed is added to it. */
const MEASURED_FOR: Milliseconds = ms(30 * SECOND);

/** The clock of the server that holds the store. Rejects when it never responded. */
export function createServerClock(
  serverTime: () => Promise<EpochMs>,
  monotonic: () => number = monotonicNow,
): QueueClock {
  let known: { readonly server: EpochMs; readonly at: number } | undefined;
  const passed = (): Milliseconds => ms(known === undefined ? MEASURED_FOR : monotonic() - known.at);
  return {
    now: async () => {
      if (known === undefined || passed() >= MEASURED_FOR) {
        const server = await serverTime();
        known = { server, at: monotonic() };
      }
      return after(known.server, passed());
    },
  };
}

/** The time of a store that one process uses alone: that of its start, and what has passed since. */
export function createProcessClock(
  clock: Pick<Clock, 'now'>,
  monotonic: () => number = monotonicNow,
): QueueClock {
  const [start, at] = [clock.now(), monotonic()];
  return { now: async () => after(start, ms(monotonic() - at)) };
}

/** A store whose message queue goes by its own clock. Its users go by theirs, and see the instants in it. */
export function withQueueClock<Own extends Store>(
  store: Own,
  { clock, queue }: { readonly clock: Pick<Clock, 'now'>; readonly queue: QueueClock },
): Own {
  /** How far the queue's clock is ahead. */
  const ahead = async (): Promise<Milliseconds> => {
    const now = await queue.now();
    return between(clock.now(), now);
  };
  const shifted = (updates: readonly MessageUpdate[], by: Milliseconds): readonly MessageUpdate[] =>
    updates.map((update) => {
      const { at, notBefore = at } = update;
      return { ...update, at: after(at, by), notBefore: after(notBefore, by) };
    });
  const withUpdates = async <Change extends { readonly messages: readonly MessageUpdate[] }>(
    change: Change,
  ): Promise<Change> =>
    change.messages.length === 0 ? change : { ...change, messages: shifted(change.messages, await ahead()) };
  return {
    ...store,
    applyEvaluation: async (change) => await store.applyEvaluation(await withUpdates(change)),
    restore: async (found) =>
      await store.restore({ ...found, updates: shifted(found.updates, await ahead()) }),
    recordAction: async (done) => await store.recordAction(await withUpdates(done)),
    addSilence: async (made) => await store.addSilence(await withUpdates(made)),
    endSilence: async (done) => await store.endSilence(await withUpdates(done)),
    claimMessage: async ({ now, lease }) =>
      await store.claimMessage({ now: after(now, await ahead()), lease }),
    renewLease: async (claim) =>
      await store.renewLease({ ...claim, until: after(claim.until, await ahead()) }),
    settleMessage: async (settlement) =>
      await store.settleMessage({ ...settlement, dueAt: after(settlement.dueAt, await ahead()) }),
    pendingMessages: async () => {
      const { depth, oldestAt } = await store.pendingMessages();
      if (oldestAt === undefined) return { depth };
      return { depth, oldestAt: before(oldestAt, await ahead()) };
    },
  };
}
