import { describe, expect, it, test, vi } from 'vitest';
import { before, MINUTE, ms, SECOND } from '../../../src/lib/units.ts';
import { createLinks } from '../../../src/links/link.ts';
import { keepLease, LEASE } from '../../../src/messages/decide-sync.ts';
import type { Notifier } from '../../../src/messages/notifier.ts';
import { createRedactMessage } from '../../../src/messages/post-message.ts';
import type { ClaimedMessage, Store } from '../../../src/messages/store.ts';
import { createMessageSync } from '../../../src/messages/sync.ts';
import { anAlert, aRule } from '../../support/builders.ts';
import { createSpyLogger, createSpyRecorder } from '../../support/spies.ts';
import { createVirtualClock, START } from '../../support/virtual-clock.ts';

/** One worker with one message whose last call has an unknown outcome, and a search of the channel that takes time. */
function setUp({ searchTakes, isClaimedAgain = false }: { searchTakes: number; isClaimedAgain?: boolean }) {
  const clock = createVirtualClock(START);
  const message: ClaimedMessage = {
    key: 'e',
    token: 3,
    desired: { group: 'g', alert: anAlert(), rule: aRule(), asOf: before(START, MINUTE) },
    lines: [],
    attempt: { key: 'e', since: before(START, MINUTE) },
    failures: 2,
    revision: 1,
    syncedRevision: 0,
  };
  const left = [message];
  const store = {
    claimMessage: async () => left.pop(),
    renewLease: vi.fn<Store['renewLease']>(async () => !isClaimedAgain),
    settleMessage: vi.fn<Store['settleMessage']>(async () => !isClaimedAgain),
    shownMessage: async () => undefined,
    actions: async () => new Map(),
  };
  const post = vi.fn<Notifier['post']>(async () => ({ kind: 'sent', channelId: 'C1', messageTs: '1.2' }));
  const unused = async () => ({ kind: 'unknown', reason: 'not queried here' }) as const;
  const sync = createMessageSync({
    redact: createRedactMessage([]),
    store,
    notifier: {
      post,
      find: async () => {
        await clock.advance(searchTakes);
        return { kind: 'absent' };
      },
      update: unused,
      reply: unused,
      contentHash: () => '',
    },
    collect: async () => ({ traces: { kind: 'pending' }, gaps: [] }),
    clock,
    logger: createSpyLogger(),
    recorder: createSpyRecorder(),
    links: createLinks({ jaeger: 'https://jaeger.example' }),
    defaultChannel: '#general',
    workers: 1,
    monotonic: () => 0,
  });
  return { sync, store, post };
}

test('what a search does not find is posted again, however long the search took: the lease is renewed', async () => {
  const { sync, store, post } = setUp({ searchTakes: 100 * SECOND });
  await sync.drain();
  expect(store.renewLease.mock.calls.length).toBeGreaterThan(3);
  expect(post).toHaveBeenCalledOnce();
  expect(store.settleMessage).toHaveBeenCalledOnce();
});

test('the attempt is recorded before the call', async () => {
  const { sync, store, post } = setUp({ searchTakes: SECOND });
  await sync.drain();
  const recorded = store.renewLease.mock.calls.find(([{ attempt }]) => attempt !== undefined);
  expect(recorded?.[0]).toMatchObject({ key: 'e', token: 3, attempt: { key: 'e' } });
  expect(post).toHaveBeenCalledOnce();
});

test('nothing is posted when the message was claimed again meanwhile', async () => {
  const { sync, post } = setUp({ searchTakes: SECOND, isClaimedAgain: true });
  await sync.drain();
  expect(post).not.toHaveBeenCalled();
});

describe('a lease', () => {
  const claim = () => {
    const clock = createVirtualClock(START);
    const time = { monotonic: 0 };
    const store = { renewLease: vi.fn<Store['renewLease']>(async () => true) };
    const lease = keepLease(
      { store, clock, monotonic: () => time.monotonic },
      { key: 'e', token: 1 },
      {
        now: clock.now(),
        monotonic: 0,
      },
    );
    return { clock, time, store, lease };
  };

  it('allows a call that ends before it does', () => {
    const { lease } = claim();
    expect(lease.allowsCall()).toBe(true);
    lease.stop();
  });

  it('allows none in a process that was frozen, whatever the clock on the wall says', () => {
    const { time, lease } = claim();
    time.monotonic = 150 * SECOND;
    expect(lease.allowsCall()).toBe(false);
    lease.stop();
  });

  it('allows none after a clock that jumped ahead', async () => {
    const { clock, store, lease } = claim();
    store.renewLease.mockImplementation(async () => await new Promise<boolean>(() => undefined));
    await clock.advance(LEASE);
    expect(lease.allowsCall()).toBe(false);
    lease.stop();
  });

  it('allows one again after it was renewed, and none after it was lost', async () => {
    const { time, store, lease } = claim();
    time.monotonic = 20 * SECOND;
    expect(await lease.renew()).toBe(true);
    expect(lease.allowsCall()).toBe(true);
    store.renewLease.mockResolvedValue(false);
    expect(await lease.renew()).toBe(false);
    expect(lease.allowsCall()).toBe(false);
    lease.stop();
  });

  it('is over within 30 s of the end of its process', () => {
    expect(LEASE).toBeLessThanOrEqual(ms(30 * SECOND));
  });
});
