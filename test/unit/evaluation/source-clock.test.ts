import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createEvaluator } from '../../../src/evaluation/evaluator.ts';
import { createSourceClock } from '../../../src/evaluation/source-clock.ts';
import { after, type EpochMs, epochMs, MINUTE, ms, SECOND } from '../../../src/lib/units.ts';
import { aGroup, aRule } from '../../support/builders.ts';
import { takeDecided } from '../../support/decided.ts';
import { createFakeMetricsSource } from '../../support/fake-metrics-source.ts';
import { createManualScheduler } from '../../support/manual-scheduler.ts';
import { createSpyLogger, createSpyRecorder } from '../../support/spies.ts';
import { openTempStore } from '../../support/temp-store.ts';
import { expandValue, TICK } from '../../support/timeline.ts';
import { createVirtualClock, START, type VirtualClock } from '../../support/virtual-clock.ts';

const at = (seconds: number): EpochMs => after(START, ms(seconds * SECOND));
const dateOf = (time: EpochMs): EpochMs => epochMs(Math.floor(time / SECOND) * SECOND);

describe("the measured offset of Prometheus's clock", () => {
  const logger = createSpyLogger();
  const recorder = createSpyRecorder();
  const observe = (clock: ReturnType<typeof createSourceClock>, offset: number, duration = 0) =>
    clock.observe({ date: dateOf(at(100 + offset)), sentAt: at(100 - duration), receivedAt: at(100) });

  it.each([
    [0, 0, false],
    [4, 0, false],
    [-4, 0, false],
    [-20, -19, false],
    [20, 20, false],
    [-90, -89, true],
    [3_600, 3_600, true],
  ])('of %s s is corrected by %s s', (offset, used, isProblem) => {
    const clock = createSourceClock({ logger, recorder });
    observe(clock, offset);
    expect([clock.offset() / SECOND, clock.problem() !== undefined]).toEqual([used, isProblem]);
  });

  it('is not changed by a pause of this process during a query', () => {
    const clock = createSourceClock({ logger, recorder });
    observe(clock, -150, 150);
    expect(clock.offset()).toBe(0);
  });

  it('is logged once for each change', () => {
    const own = createSpyLogger();
    const clock = createSourceClock({ logger: own, recorder });
    for (const offset of [-90, -90, -91, -90, 0, 0]) observe(clock, offset);
    expect(own.lines.map(({ level, fields }) => [level, fields['localClock']])).toEqual([
      ['warn', '89 s ahead of Prometheus'],
      ['info', undefined],
    ]);
  });
});

it('the measured offset is a metric, also where it is too small to be corrected', () => {
  const recorder = createSpyRecorder();
  const clock = createSourceClock({ logger: createSpyLogger(), recorder });
  clock.observe({ date: at(103), sentAt: at(100), receivedAt: at(100) });
  expect(recorder.events('clockMeasured')).toEqual([{ offsetSeconds: 3 }]);
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
    const local: VirtualClock = { ...trueClock, now: () => after(trueClock.now(), ms(ahead() * SECOND)) };
    const scheduler = createManualScheduler(local);
    const logger = createSpyLogger();
    const sourceClock = createSourceClock({ logger, recorder: createSpyRecorder() });
    const metrics = createFakeMetricsSource();
    metrics.answer('slow_share > 0.01', (time) => {
      sourceClock.observe({ date: dateOf(trueClock.now()), sentAt: local.now(), receivedAt: local.now() });
      const age = trueClock.now() - time;
      return age < -2_000 || age > MINUTE ? [] : [{ labels: { service: 'checkout' }, value: 0.5 }];
    });
    const evaluator = createEvaluator({
      store: temp.store,
      metrics,
      scheduler,
      clock: local,
      sourceClock,
      logger,
      recorder: createSpyRecorder(),
      expand: expandValue,
    });
    await evaluator.start({ groups: [GROUP], objectives: [] });
    return { scheduler, sourceClock };
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

  // A replica that has sent no query yet may have claimed evaluation times from the future: these are skipped.
  it.each(OFFSETS)(
    'of %s s on both replicas fires after the claims from before the first query',
    async (ahead) => {
      expect(
        await firesAfter([await aReplica(() => ahead), await aReplica(() => ahead)]),
      ).toBeLessThanOrEqual(4);
    },
  );

  it.each(OFFSETS)('stepping by %s s during a breach keeps the alert', async (step) => {
    let ahead = 0;
    const replica = await aReplica(() => ahead);
    await firesAfter([replica]);
    ahead = step;
    expect(await firesAfter([replica])).toBeNaN();
    const state = await temp.store.loadGroup(GROUP.id);
    expect(Object.values(state?.rules ?? {})[0]?.alerts.map((alert) => alert.state)).toEqual(['firing']);
    expect(Math.abs((state?.evalTime ?? 0) - trueClock.now())).toBeLessThanOrEqual(TICK);
  });
});
