import { expect, test, vi } from 'vitest';
import { after, before, MINUTE, ms, SECOND } from '../../../src/lib/units.ts';
import { createLinks } from '../../../src/links/link.ts';
import { createDelivery } from '../../../src/messages/deliver.ts';
import type { Notifier } from '../../../src/messages/notifier.ts';
import type { Store, TakenEntry } from '../../../src/messages/store.ts';
import { anAlert, aRule } from '../../support/builders.ts';
import { createSpyLogger, createSpyRecorder } from '../../support/spies.ts';
import { createVirtualClock, START } from '../../support/virtual-clock.ts';

/** One lane with one entry whose fate is not known, and a look into the channel that takes its time. */
function setUp({ lookTakes }: { lookTakes: number }) {
  const clock = createVirtualClock(START);
  const entry: TakenEntry = {
    id: 'e:firing',
    alertId: 'e',
    kind: 'firing',
    group: 'g',
    alert: anAlert(),
    rule: aRule(),
    createdAt: before(START, MINUTE),
    notBefore: START,
    attempt: 3,
    unknownSince: before(START, MINUTE),
    leasedUntil: after(START, ms(2 * MINUTE)),
  };
  const left = [entry];
  const store = {
    takeEntry: async () => left.pop(),
    completeEntry: vi.fn<Store['completeEntry']>(async () => undefined),
    postponeEntry: vi.fn<Store['postponeEntry']>(async () => undefined),
    messageRef: async () => undefined,
    loadGroup: async () => undefined,
    actions: async () => new Map(),
    outbox: async () => ({ depth: 0 }),
  };
  const post = vi.fn<Notifier['post']>(async () => ({ kind: 'sent', channelId: 'C1', messageTs: '1.2' }));
  const unused = async () => ({ kind: 'unknown', reason: 'not asked here' }) as const;
  const delivery = createDelivery({
    store,
    notifier: {
      post,
      find: async () => {
        await clock.advance(lookTakes);
        return { kind: 'absent' };
      },
      update: unused,
      reply: unused,
      contentHash: () => '',
    },
    enrich: async () => ({ traces: { kind: 'pending' }, gaps: [] }),
    clock,
    logger: createSpyLogger(),
    recorder: createSpyRecorder(),
    links: createLinks({ jaeger: 'https://jaeger.example' }),
    defaultChannel: '#general',
    lanes: 1,
  });
  return { delivery, store, post };
}

test('what could not be found quickly is posted again', async () => {
  const { delivery, store, post } = setUp({ lookTakes: 10 * SECOND });
  await delivery.drain();
  expect(post).toHaveBeenCalledOnce();
  expect(store.completeEntry).toHaveBeenCalledOnce();
});

test('nothing is posted when the lease could run out meanwhile: another may hold the entry by then', async () => {
  const { delivery, store, post } = setUp({ lookTakes: 100 * SECOND });
  await delivery.drain();
  expect(post).not.toHaveBeenCalled();
  expect(store.postponeEntry).toHaveBeenCalledOnce();
});

test('an entry is given back only by the attempt that holds it', async () => {
  const { delivery, store } = setUp({ lookTakes: 100 * SECOND });
  await delivery.drain();
  expect(store.postponeEntry.mock.calls[0]?.[0]).toMatchObject({ id: 'e:firing', attempt: 3 });
});
