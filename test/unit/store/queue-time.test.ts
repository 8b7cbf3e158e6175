import { afterEach, describe, expect, it } from 'vitest';
import {
  after,
  type EpochMs,
  epochMs,
  MINUTE,
  type Milliseconds,
  ms,
  SECOND,
} from '../../../src/lib/units.ts';
import type { Store } from '../../../src/messages/store.ts';
import { createProcessClock, createServerClock, withQueueClock } from '../../../src/store/queue-time.ts';
import { anAlert, aRule } from '../../support/builders.ts';
import { openTempStore } from '../../support/temp-store.ts';
import { START } from '../../support/virtual-clock.ts';

const LEASE: Milliseconds = ms(25 * SECOND);

let close: (() => Promise<void>) | undefined;
afterEach(() => close?.());

/** Replicas of one store, each with a clock that is so many seconds ahead. */
async function replicas(one: number, other: number) {
  let now: EpochMs = START;
  const temp = await openTempStore({ now: () => now });
  close = temp.dispose;
  const queue = { now: async () => now };
  const replica = (seconds: number) => {
    const clock = { now: () => after(now, ms(seconds * SECOND)) };
    const store: Store = withQueueClock(temp.store, { clock, queue });
    return {
      store,
      now: clock.now,
      claim: async () => await store.claimMessage({ now: clock.now(), lease: LEASE }),
      post: async (key: string) => {
        const evalTime = clock.now();
        const state = { evalTime, rules: {} };
        const desired = { group: 'g', alert: anAlert(), rule: aRule(), asOf: evalTime };
        const messages = [{ key, isNew: true, desired, at: evalTime }];
        await store.applyEvaluation({ group: key, state, messages });
      },
    };
  };
  return {
    live: (seconds: number) => {
      now = after(now, ms(seconds * SECOND));
    },
    all: [replica(one), replica(other)] as const,
  };
}

describe('replicas of which one is wrong by minutes', () => {
  it.each([
    [206, 0],
    [-206, 0],
    [0, 206],
  ])('claim at once what the other has written (%i s and %i s ahead)', async (one, other) => {
    const { all } = await replicas(one, other);
    const [writer, reader] = all;
    await writer.post('a');
    expect((await reader.claim())?.key).toBe('a');
    expect(await writer.claim()).toBeUndefined();
  });

  it('keep a lease for as long as it lasts, and what is put off for as long as it is', async () => {
    const { all, live } = await replicas(206, 0);
    const [wrong, right] = all;
    await wrong.post('a');
    const claimed = await wrong.claim();
    live(24);
    expect(await right.claim()).toBeUndefined();
    await wrong.store.renewLease({
      key: 'a',
      token: claimed?.token ?? 0,
      until: after(wrong.now(), ms(10 * SECOND)),
    });
    live(9);
    expect(await right.claim()).toBeUndefined();
    live(2);
    const again = await right.claim();
    expect(again?.key).toBe('a');
    const settlement = { key: 'a', token: again?.token ?? 0, lineKeys: [], failures: 1, syncedRevision: 0 };
    const dueAt = after(right.now(), ms(5 * SECOND));
    await right.store.settleMessage({ ...settlement, dueAt, isFinal: false });
    live(4);
    expect(await wrong.claim()).toBeUndefined();
    live(2);
    expect((await wrong.claim())?.key).toBe('a');
  });

  it('see since when a message waits in their own time', async () => {
    const { all, live } = await replicas(206, 0);
    await all[0].post('a');
    live(10);
    for (const { store, now } of all) {
      const { oldestAt } = await store.pendingMessages();
      expect(now() - (oldestAt ?? 0)).toBe(10 * SECOND);
    }
  });
});

describe('the clock of the queue', () => {
  it('is requested from the server now and then, and goes on in between', async () => {
    let monotonic = 0;
    let requests = 0;
    const clock = createServerClock(
      async () => {
        requests += 1;
        return epochMs(START + monotonic);
      },
      () => monotonic,
    );
    expect([await clock.now(), requests]).toEqual([START, 1]);
    monotonic = 29_000;
    expect([await clock.now(), requests]).toEqual([START + 29_000, 1]);
    monotonic = 30_000;
    expect([await clock.now(), requests]).toEqual([START + 30_000, 2]);
  });

  it('of one process is not set when the machine is', async () => {
    let monotonic = 5;
    let now: EpochMs = START;
    const clock = createProcessClock({ now: () => now }, () => monotonic);
    now = after(START, MINUTE);
    monotonic += 1_000;
    expect(await clock.now()).toBe(START + 1_000);
  });
});
