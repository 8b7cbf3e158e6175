import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createEvaluator } from '../../../src/evaluation/evaluator.ts';
import { createClockMeasurement, createSourceClock } from '../../../src/evaluation/source-clock.ts';
import { after, type EpochMs, epochMs, MINUTE, ms, SECOND } from '../../../src/lib/units.ts';
import { aGroup, aRule } from '../../support/builders.ts';
import { takeDecided } from '../../support/decided.ts';
import { aSourceError, createFakeMetricsSource } from '../../support/fake-metrics-source.ts';
import { createManualScheduler } from '../../support/manual-scheduler.ts';
import { createSpyLogger, createSpyRecorder } from '../../support/spies.ts';
import { openTempStore } from '../../support/temp-store.ts';
import { expandValue, TICK } from '../../support/timeline.ts';
import { createVirtualClock, type VirtualClock } from '../../support/virtual-clock.ts';

const dateOf = (time: EpochMs): EpochMs => epochMs(Math.floor(time / SECOND) * SECOND);

/** A clock that is ahead of a true one by `ahead()` seconds. */
const aheadOf = (trueClock: VirtualClock, ahead: () => number): VirtualClock => ({
  ...trueClock,
  now: () => after(trueClock.now(), ms(ahead() * SECOND)),
});

describe("the measured offset of Prometheus's clock", () => {
  let ahead: number;
  let trueClock: VirtualClock;
  let logger: ReturnType<typeof createSpyLogger>;
  let sourceClock: ReturnType<typeof createSourceClock>;
  beforeEach(() => {
    ahead = 0;
    trueClock = createVirtualClock();
    logger = createSpyLogger();
    const clock = aheadOf(trueClock, () => ahead);
    sourceClock = createSourceClock({
      logger,
      recorder: createSpyRecorder(),
      clock,
      monotonic: () => trueClock.now(),
    });
  });

  /** An exchange with a Prometheus whose clock is right. */
  const observe = (duration = 0): void => {
    const receivedAt = after(trueClock.now(), ms(ahead * SECOND));
    const sentAt = after(receivedAt, ms(-duration * SECOND));
    sourceClock.observe({ date: dateOf(trueClock.now()), sentAt, receivedAt });
  };
  const error = (): number => (sourceClock.clock.now() - trueClock.now()) / SECOND;

  it.each([
    [0, 0, false],
    [4, 4, false],
    [-4, -4, false],
    [-20, 0, false],
    [20, 1, false],
    [-90, 0, true],
    [-3_600, 0, true],
  ])('of a local clock that is %s s ahead leaves an error of %s s', (seconds, left, isProblem) => {
    ahead = seconds;
    observe();
    expect([error(), sourceClock.problem() !== undefined]).toEqual([left, isProblem]);
  });

  it('is not changed by a pause of this process during a query', () => {
    observe(150);
    expect(error()).toBe(0);
  });

  it('is logged once for each change', () => {
    for (const seconds of [90, 90, 91, 90, 0, 0]) {
      ahead = seconds;
      observe();
    }
    expect(logger.lines.map(({ level, fields }) => [level, fields['localClock']])).toEqual([
      ['warn', '89 s ahead of Prometheus'],
      ['info', undefined],
    ]);
  });

  it.each([-300, 3_600])(
    'is uncertain after a step by %s s, which is ignored until it is confirmed',
    (step) => {
      expect(sourceClock.isUncertain()).toBe(true);
      observe();
      expect(sourceClock.isUncertain()).toBe(false);
      ahead = step;
      expect([sourceClock.isUncertain(), error()]).toEqual([true, 0]);
      observe();
      expect([sourceClock.isUncertain(), Math.abs(error()) <= 1]).toEqual([false, true]);
    },
  );

  it('follows the local clock after a suspension, in which the monotonic clock did not run', () => {
    observe();
    // The local clock is right, the monotonic one is 600 s behind.
    const local = aheadOf(trueClock, () => 0);
    let suspended = 0;
    const monotonic = () => trueClock.now() - suspended;
    const clock = createSourceClock({ logger, recorder: createSpyRecorder(), clock: local, monotonic });
    const exchange = () =>
      clock.observe({ date: dateOf(local.now()), sentAt: local.now(), receivedAt: local.now() });
    exchange();
    suspended = 600 * SECOND;
    expect(clock.isUncertain()).toBe(true);
    exchange();
    expect(clock.clock.now()).toBe(local.now());
  });
});

describe('the measurement before an evaluation', () => {
  const measuring = (metrics: ReturnType<typeof createFakeMetricsSource>, isUncertain = true) =>
    createClockMeasurement({
      sourceClock: { isUncertain: () => isUncertain },
      metrics,
      clock: createVirtualClock(),
    });

  it('is one query for evaluations at the same time, and none when the offset is certain', async () => {
    const metrics = createFakeMetricsSource();
    const measure = measuring(metrics);
    await Promise.all([measure(), measure()]);
    expect(metrics.queries.map(({ expr }) => expr)).toEqual(['vector(1)']);
    await measuring(metrics, false)();
    expect(metrics.queries).toHaveLength(1);
  });

  it('is given up when Prometheus does not respond, and made again before the next one', async () => {
    const metrics = createFakeMetricsSource();
    metrics.fail(aSourceError());
    const measure = measuring(metrics);
    await measure();
    await measure();
    expect(metrics.queries).toHaveLength(2);
  });
});

describe('an evaluator whose clock differs from that of Prometheus', () => {
  let trueClock: VirtualClock;
  let temp: Awaited<ReturnType<typeof openTempStore>>;
  beforeEach(async () => {
    trueClock = createVirtualClock();
    temp = await openTempStore(trueClock);
  });
  afterEach(() => temp.dispose());

  const GROUP = aGroup({ interval: TICK, rules: [aRule({ for: MINUTE })] });

  /** A replica whose clock is ahead by `ahead()` seconds. Prometheus has samples of the last minute only. */
  async function aReplica(ahead: () => number) {
    const local = aheadOf(trueClock, ahead);
    const scheduler = createManualScheduler(local);
    const logger = createSpyLogger();
    const sourceClock = createSourceClock({
      logger,
      recorder: createSpyRecorder(),
      clock: local,
      monotonic: () => trueClock.now(),
    });
    const metrics = createFakeMetricsSource();
    const observe = () =>
      sourceClock.observe({ date: dateOf(trueClock.now()), sentAt: local.now(), receivedAt: local.now() });
    const times: number[] = [];
    metrics.answer('vector(1)', () => {
      observe();
      return [];
    });
    metrics.answer('slow_share > 0.01', (time) => {
      observe();
      const age = trueClock.now() - time;
      times.push(age);
      return age < -2_000 || age > MINUTE ? [] : [{ labels: { service: 'checkout' }, value: 0.5 }];
    });
    const evaluator = createEvaluator({
      store: temp.store,
      metrics,
      scheduler,
      clock: sourceClock.clock,
      sourceClock,
      measureClock: createClockMeasurement({ sourceClock, metrics, clock: local }),
      logger,
      recorder: createSpyRecorder(),
      expand: expandValue,
    });
    await evaluator.start({ groups: [GROUP], objectives: [] });
    return { scheduler, sourceClock, times };
  }

  /** Runs ticks of the replicas until the alert fires; returns the minutes until then. */
  async function firesAfter(replicas: readonly Awaited<ReturnType<typeof aReplica>>[]): Promise<number> {
    for (let tick = 1; tick <= 20; tick++) {
      await trueClock.advance(TICK);
      for (const { scheduler } of replicas) await scheduler.fire(GROUP.id);
      if (takeDecided(temp.store).some(({ kind }) => kind === 'firing')) return (tick * TICK) / MINUTE;
    }
    return Number.NaN;
  }

  const OFFSETS = [-300, -90, 90, 180, 3_600];

  it.each(OFFSETS)('of %s s fires in time', async (ahead) => {
    const replica = await aReplica(() => ahead);
    expect(await firesAfter([replica])).toBeLessThanOrEqual(2.5);
    expect(replica.sourceClock.problem()).toMatch(/^the local clock is \d+ s (?:ahead of|behind) Prometheus/);
  });

  it.each(OFFSETS)('of %s s does not blind another replica', async (ahead) => {
    expect(await firesAfter([await aReplica(() => ahead), await aReplica(() => 0)])).toBeLessThanOrEqual(2.5);
  });

  it.each(OFFSETS)('of %s s on both replicas fires in time', async (ahead) => {
    expect(await firesAfter([await aReplica(() => ahead), await aReplica(() => ahead)])).toBeLessThanOrEqual(
      2.5,
    );
  });

  it.each(OFFSETS)(
    'stepping by %s s during a breach keeps the alert, and queries no other time',
    async (step) => {
      let ahead = 0;
      const replica = await aReplica(() => ahead);
      await firesAfter([replica]);
      ahead = step;
      expect(await firesAfter([replica])).toBeNaN();
      const state = await temp.store.loadGroup(GROUP.id);
      expect(Object.values(state?.rules ?? {})[0]?.alerts.map((alert) => alert.state)).toEqual(['firing']);
      expect(replica.times.filter((age) => age < -2_000 || age > TICK + 2_000)).toEqual([]);
    },
  );
});
