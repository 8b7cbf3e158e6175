import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  createAlertReceiver,
  type ListAlerts,
  RECEIVED_GROUP,
  type ReceivedNotification,
} from '../../../src/evaluation/alert-receiver.ts';
import { UpstreamError } from '../../../src/lib/errors.ts';
import { after, before, between, type EpochMs, MINUTE, ms, SECOND } from '../../../src/lib/units.ts';
import type { Store } from '../../../src/messages/store.ts';
import { NO_POLICY } from '../../../src/policy/suppress.ts';
import { createLocalTime } from '../../../src/policy/time-interval.ts';
import { takeDecided } from '../../support/decided.ts';
import { createFakeMetricsSource, type FakeMetricsSource } from '../../support/fake-metrics-source.ts';
import { createSpyLogger } from '../../support/spies.ts';
import { openTempStore } from '../../support/temp-store.ts';
import { createVirtualClock, START, type VirtualClock } from '../../support/virtual-clock.ts';

const EXPR = 'latency_seconds > 0.5';

/** What one alert of a notification says. */
interface Said {
  readonly status?: 'firing' | 'resolved';
  readonly startsAt?: EpochMs;
  readonly expr?: string;
}

const about = (service: string, { status = 'firing', startsAt = START, expr = EXPR }: Said = {}) => ({
  status,
  labels: { alertname: 'Slow', service },
  annotations: {},
  startsAt,
  endsAt: status === 'resolved' ? after(startsAt, ms(1_000)) : undefined,
  expr,
});

const from = (...alerts: ReceivedNotification['alerts']): ReceivedNotification => ({
  from: 'http://alertmanager:9093',
  alerts,
});

const unavailable = new UpstreamError({
  system: 'store',
  code: 'unavailable',
  message: 'The store does not respond.',
  advice: '',
});

describe('receiving alerts', () => {
  let temp: Awaited<ReturnType<typeof openTempStore>>;
  let store: Store;
  let clock: VirtualClock;
  let metrics: FakeMetricsSource;

  beforeEach(async () => {
    clock = createVirtualClock(after(START, MINUTE));
    temp = await openTempStore(clock);
    store = temp.store;
    metrics = createFakeMetricsSource();
  });
  afterEach(() => temp.dispose());

  const receiverOn = (over: Partial<Store> = {}, limits: { readonly maxOpen?: number } = {}) =>
    createAlertReceiver({
      ...limits,
      store: { ...store, ...over },
      metrics,
      clock,
      logger: createSpyLogger(),
    });

  const kinds = (): readonly string[] =>
    takeDecided(store).map(({ kind, alert }) => `${alert.labels['service']} ${kind}`);

  it('is done when the alerts and their messages are in the store', async () => {
    metrics.answer(EXPR, [{ labels: { service: 'cart' }, value: 0.8 }]);
    await receiverOn().receive(from(about('cart')));
    const state = await store.loadGroup(RECEIVED_GROUP.id);
    expect(Object.values(state?.rules ?? {}).flatMap(({ alerts }) => alerts)).toMatchObject([
      { labels: { service: 'cart' }, state: 'firing', value: 0.8 },
    ]);
    expect(kinds()).toEqual(['cart firing']);
  });

  it('fails while the store does not respond, and the notification that is sent again is stored once', async () => {
    let isDown = true;
    const receiver = receiverOn({
      applyEvaluation: async (change) => {
        if (isDown) throw unavailable;
        return await store.applyEvaluation(change);
      },
    });
    await expect(receiver.receive(from(about('cart')))).rejects.toThrow(unavailable);
    isDown = false;
    await receiver.receive(from(about('cart')));
    await receiver.receive(from(about('cart')));
    expect(kinds()).toEqual(['cart firing']);
  });

  it('a write whose answer was lost is not repeated', async () => {
    const receiver = receiverOn({
      applyEvaluation: async (change) => {
        await store.applyEvaluation(change);
        throw unavailable;
      },
    });
    await expect(receiver.receive(from(about('cart')))).rejects.toThrow(unavailable);
    await receiverOn().receive(from(about('cart')));
    expect(kinds()).toEqual(['cart firing']);
  });

  it('replicas that receive and evaluate at the same time lose nothing of each other', async () => {
    const replicas = [receiverOn(), receiverOn(), receiverOn()];
    await Promise.all(
      replicas.flatMap((replica, index) => [
        replica.receive(from(about(`service-${index}`))),
        replica.receive(from(about('shared'))),
        replica.evaluate(after(START, ms(index * SECOND))),
      ]),
    );
    expect([...kinds()].sort()).toEqual([
      'service-0 firing',
      'service-1 firing',
      'service-2 firing',
      'shared firing',
    ]);
  });

  it('what fires and is resolved while it waits is notified of both', async () => {
    const receiver = receiverOn();
    await Promise.all([
      receiver.receive(from(about('cart'))),
      receiver.receive(from(about('cart', { status: 'resolved' }))),
    ]);
    expect(kinds()).toEqual(['cart firing', 'cart resolved']);
  });

  it('a thousand alerts, and a flood of notifications, are a few writes', async () => {
    let writes = 0;
    const receiver = receiverOn({
      applyEvaluation: async (change) => {
        writes += 1;
        return await store.applyEvaluation(change);
      },
    });
    const many = Array.from({ length: 1_000 }, (_, index) => about(`service-${index}`));
    await receiver.receive(from(...many));
    await Promise.all(
      Array.from({ length: 60 }, (_, index) => receiver.receive(from(about(`more-${index}`)))),
    );
    expect(writes).toBeLessThanOrEqual(3);
    const { received = {} } = (await store.loadGroup(RECEIVED_GROUP.id)) ?? {};
    expect(Object.keys(received)).toHaveLength(1_060);
    // The expression and its recovery, of each evaluation.
    expect(metrics.queries.length).toBeLessThanOrEqual(2 * writes);
  });

  it('more notifications than can wait are refused, to be sent again', async () => {
    const receiver = receiverOn();
    const all = await Promise.allSettled(
      Array.from({ length: 100 }, (_, index) => receiver.receive(from(about(`service-${index}`)))),
    );
    const stored = all.filter(({ status }) => status === 'fulfilled').length;
    const { received = {} } = (await store.loadGroup(RECEIVED_GROUP.id)) ?? {};
    expect(Object.keys(received)).toHaveLength(stored);
    expect(stored).toBeLessThan(100);
  });

  it('alerts beyond the limit are refused until one of the open ones has ended, and those open are notified further', async () => {
    const receiver = receiverOn({}, { maxOpen: 2 });
    const open = async (): Promise<readonly string[]> => {
      const { rules = {} } = (await store.loadGroup(RECEIVED_GROUP.id)) ?? {};
      return Object.values(rules)
        .flatMap(({ alerts }) => alerts.filter(({ state }) => state === 'firing'))
        .flatMap(({ labels }) => labels['service'] ?? [])
        .sort();
    };
    await expect(receiver.receive(from(about('a'), about('b'), about('c')))).rejects.toThrow(
      '1 of 3 alerts were refused: 2 received alerts are open.',
    );
    expect(await open()).toEqual(['a', 'b']);
    await receiver.receive(from(about('a'), about('b')));
    metrics.answer(EXPR, []);
    await receiver.receive(from(about('a', { status: 'resolved' })));
    await receiver.receive(from(about('c')));
    expect(await open()).toEqual(['b', 'c']);
  });

  it('does not wait for a Prometheus that hangs', async () => {
    metrics.answer(EXPR, () => new Promise(() => undefined));
    const received = receiverOn()
      .receive(from(about('cart')))
      .then(() => true);
    // The store reads from a disk: the query begins some time after the request.
    const moment = async (): Promise<boolean> => {
      await clock.advance(500);
      await wait(1);
      return false;
    };
    while (!(await Promise.race([received, moment()])));
    expect(between(after(START, MINUTE), clock.now())).toBeLessThan(30 * SECOND);
    expect(kinds()).toEqual(['cart firing']);
  });

  it('evaluates each interval once, and nothing without alerts', async () => {
    const replicas = [receiverOn(), receiverOn()];
    const evaluate = (evalTime: EpochMs) => Promise.all(replicas.map((each) => each.evaluate(evalTime)));
    expect(await evaluate(START)).toEqual([undefined, undefined]);
    await replicas[0]?.receive(from(about('cart')));
    expect((await evaluate(START)).filter((state) => state !== undefined)).toHaveLength(1);
  });

  it('shows a silence of Alertmanager while it lasts, also when Alertmanager does not answer meanwhile', async () => {
    const listed: (Awaited<ReturnType<ListAlerts>> | Error)[] = [];
    const { labels } = about('cart');
    const silenced = { kind: 'silence', by: 'Alertmanager (ann)', since: START } as const;
    const receiver = createAlertReceiver({
      store,
      metrics,
      clock,
      logger: createSpyLogger(),
      notifications: {
        policy: () => NO_POLICY,
        localTime: createLocalTime(),
        callGraphAt: async () => undefined,
      },
      listAlerts: async () => {
        const next = listed.shift() ?? [];
        if (next instanceof Error) throw next;
        return next;
      },
    });
    const shown = async (next: (typeof listed)[number]) => {
      listed.push(next);
      await clock.advance(15_000);
      await receiver.evaluate(clock.now());
      return takeDecided(store).at(-1)?.alert.suppressed?.by;
    };
    await receiver.receive(from(about('cart')));
    takeDecided(store);
    expect(await shown([{ labels, suppressed: silenced }])).toBe('Alertmanager (ann)');
    await shown(unavailable);
    const state = await store.loadGroup(RECEIVED_GROUP.id);
    expect(JSON.stringify(state?.rules)).toContain('Alertmanager (ann)');
    expect(await shown([{ labels }])).toBeUndefined();
    expect(JSON.stringify((await store.loadGroup(RECEIVED_GROUP.id))?.rules)).not.toContain('(ann)');
  });

  it('takes over a state from the future', async () => {
    await receiverOn().receive(from(about('cart')));
    kinds();
    const [ahead] = [createVirtualClock(before(START, ms(24 * 60 * MINUTE)))];
    const behind = createAlertReceiver({ store, metrics, clock: ahead, logger: createSpyLogger() });
    await behind.receive(from(about('pay')));
    expect((await store.loadGroup(RECEIVED_GROUP.id))?.evalTime).toBe(ahead.now());
    expect(kinds()).toEqual(['pay firing']);
  });
});
