import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createEvaluator, type Evaluator } from '../../../src/evaluation/evaluator.ts';
import { evalTimeOf, spreadOffset } from '../../../src/evaluation/schedule.ts';
import { ms } from '../../../src/lib/units.ts';
import { NO_POLICY } from '../../../src/policy/suppress.ts';
import { createLocalTime } from '../../../src/policy/time-interval.ts';
import { aGroup, aRule } from '../../support/builders.ts';
import { takeDecided } from '../../support/decided.ts';
import { createFakeMetricsSource } from '../../support/fake-metrics-source.ts';
import { createManualScheduler, type ManualScheduler } from '../../support/manual-scheduler.ts';
import { createSpyLogger, createSpyRecorder } from '../../support/spies.ts';
import { openTempStore } from '../../support/temp-store.ts';
import { expandValue, TICK } from '../../support/timeline.ts';
import { createVirtualClock, type VirtualClock } from '../../support/virtual-clock.ts';

/** Breaches from the first tick on, so that it fires at the seventh unless its timer is reset. */
const GROUP = aGroup({
  interval: TICK,
  rules: [aRule({ name: 'Slow', expr: 'slow', for: ms(6 * TICK) })],
});
const BOOK = { groups: [GROUP], objectives: [] };

interface Replica {
  readonly watch: Evaluator;
  readonly scheduler: ManualScheduler;
}

/** Replicas by name; a restarted one has lost its memory. */
interface Step {
  readonly start?: readonly string[];
  readonly ticks: number;
  /** In the order of their claims. */
  readonly by: readonly string[];
}

describe('a restart while an alert is pending, with `compat: prometheus`', () => {
  let clock: VirtualClock;
  let temp: Awaited<ReturnType<typeof openTempStore>>;
  beforeEach(async () => {
    clock = createVirtualClock();
    temp = await openTempStore(clock);
  });
  afterEach(() => temp.dispose());

  async function aReplica(isShared: boolean, isPrometheus: boolean): Promise<Replica> {
    const metrics = createFakeMetricsSource();
    metrics.answer('slow', [{ labels: { service: 'checkout' }, value: 0.5 }]);
    const scheduler = createManualScheduler(clock);
    const watch = createEvaluator({
      store: temp.store,
      metrics,
      scheduler,
      clock,
      recorder: createSpyRecorder(),
      logger: createSpyLogger(),
      expand: expandValue,
      isShared,
      notifications: {
        policy: () => ({ ...NO_POLICY, isPrometheus }),
        localTime: createLocalTime(),
        callGraphAt: async () => undefined,
      },
    });
    await watch.start(BOOK);
    return { watch, scheduler };
  }

  /** Runs the steps, then ticks until it fires; returns that tick, counted from 1. */
  async function firesAt(
    steps: readonly Step[],
    mode: { isShared: boolean; isPrometheus: boolean },
  ): Promise<number> {
    const replicas = new Map<string, Replica>();
    let tick = 0;
    const last = steps.at(-1)?.by ?? [];
    for (const { start = [], ticks, by } of [...steps, { ticks: 20, by: last }]) {
      for (const name of start) replicas.set(name, await aReplica(mode.isShared, mode.isPrometheus));
      for (let n = 0; n < ticks; n++) {
        await clock.advance(TICK);
        tick += 1;
        for (const name of by) await replicas.get(name)?.scheduler.fire(GROUP.id);
        if (takeDecided(temp.store)[0]?.kind === 'firing') return tick;
      }
    }
    return Number.NaN;
  }

  const both: Step = { start: ['a', 'b'], ticks: 3, by: ['a', 'b'] };
  const cases: Record<string, { steps: readonly Step[]; alone?: true; at: number }> = {
    'is none while another replica evaluates, though the started one claims first': {
      steps: [both, { start: ['a'], ticks: 1, by: ['a', 'b'] }],
      at: 7,
    },
    'is none while another replica evaluates and claims first': {
      steps: [both, { start: ['b'], ticks: 1, by: ['a', 'b'] }],
      at: 7,
    },
    'is none for either when one restarts after the other': {
      steps: [both, { start: ['a'], ticks: 2, by: ['a', 'b'] }, { start: ['b'], ticks: 1, by: ['a', 'b'] }],
      at: 7,
    },
    'is one when all restart at once: they skip a tick and reset the timer': {
      steps: [both, { start: ['a', 'b'], ticks: 1, by: ['a', 'b'] }],
      at: 3 + 1 + 7,
    },
    'is one of a single replica, detected one tick later': {
      steps: [
        { start: ['a'], ticks: 3, by: ['a'] },
        { start: ['a'], ticks: 1, by: ['a'] },
      ],
      at: 3 + 1 + 7,
    },
    'is one when a tick is missing already, detected at once': {
      steps: [both, { ticks: 1, by: [] }, { start: ['a'], ticks: 1, by: ['a'] }],
      at: 3 + 1 + 7,
    },
    'is one when the store is not shared, detected at once': {
      alone: true,
      steps: [
        { start: ['a'], ticks: 3, by: ['a'] },
        { start: ['a'], ticks: 1, by: ['a'] },
      ],
      at: 3 + 7,
    },
  };
  it.each(Object.entries(cases))('%s', async (_, { steps, alone, at }) => {
    expect(await firesAt(steps, { isShared: alone !== true, isPrometheus: true })).toBe(at);
  });

  it('skips no tick where no timer could be lost', async () => {
    const { watch, scheduler } = await aReplica(true, true);
    const calm = aGroup({ interval: TICK, rules: [aRule({ expr: 'calm', for: ms(6 * TICK) })] });
    await watch.start({ groups: [calm], objectives: [] });
    await clock.advance(TICK);
    await scheduler.fire(calm.id);
    const again = await aReplica(true, true);
    await again.watch.start({ groups: [calm], objectives: [] });
    await clock.advance(TICK);
    const evalTime = evalTimeOf(clock.now(), TICK, spreadOffset(calm.id, TICK));
    await again.scheduler.fire(calm.id, evalTime);
    expect((await temp.store.loadGroup(calm.id))?.evalTime).toBe(evalTime);
  });

  it('keeps the timer and skips no tick without it', async () => {
    const steps = cases['is one of a single replica, detected one tick later']?.steps ?? [];
    expect(await firesAt(steps, { isShared: true, isPrometheus: false })).toBe(7);
  });
});
