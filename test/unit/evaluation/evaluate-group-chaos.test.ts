import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createEvaluateGroup } from '../../../src/evaluation/evaluate-group.ts';
import { UpstreamError } from '../../../src/lib/errors.ts';
import type { Sample } from '../../../src/lib/metrics-source.ts';
import { before, ms, SECOND } from '../../../src/lib/units.ts';
import type { Store } from '../../../src/messages/store.ts';
import type { RuleGroup } from '../../../src/rules/rule.ts';
import { aGroup, aRule } from '../../support/builders.ts';
import { type Decided, takeDecided } from '../../support/decided.ts';
import { aSourceError, createFakeMetricsSource } from '../../support/fake-metrics-source.ts';
import { runsOf } from '../../support/runs.ts';
import { createSpyLogger, createSpyRecorder } from '../../support/spies.ts';
import { openTempStore } from '../../support/temp-store.ts';
import { evalTimeAt, expandValue, TICK } from '../../support/timeline.ts';
import { createVirtualClock } from '../../support/virtual-clock.ts';

/** What happens at one tick. */
const tick = fc.record({
  services: fc.subarray(['a', 'b', 'c']),
  /** Services that the recovery query returns within the threshold. */
  seen: fc.subarray(['a', 'b', 'c']),
  source: fc.constantFrom('ok', 'ok', 'ok', 'ok', 'down'),
  /** `lost`: nothing is written; `unknown`: it is written and the response is lost. */
  store: fc.constantFrom('ok', 'ok', 'ok', 'ok', 'lost', 'unknown'),
  /** The number of replicas that run the tick concurrently. */
  replicas: fc.integer({ min: 1, max: 2 }),
  /** A delayed replica runs an unclaimed tick after this one, this many seconds earlier. */
  late: fc.constantFrom(0, 0, 0, 1, 70),
  /** The rule files from this tick on, as after a reload. */
  files: fc.constantFrom('as they were', 'as they were', 'as they were', 'other text', 'no such rule'),
});
const scenario = fc.record({
  for: fc.constantFrom(0, 1, 2).map((count) => ms(count * TICK)),
  keepFiringFor: fc.constantFrom(0, 0, 2).map((count) => ms(count * TICK)),
  ticks: fc.array(tick, { minLength: 5, maxLength: 25 }),
});
type Tick = typeof tick extends fc.Arbitrary<infer T> ? T : never;
type Scenario = typeof scenario extends fc.Arbitrary<infer T> ? T : never;

const samplesOf = (services: readonly string[], value: number): readonly Sample[] =>
  services.map((service) => ({ labels: { service }, value }));

/** No breach, no data, no failure: after enough such ticks an alert has no data. */
const QUIET: Tick = {
  services: [],
  seen: [],
  source: 'ok',
  store: 'ok',
  replicas: 1,
  late: 0,
  files: 'as they were',
};
const QUIET_TICKS = 4;

const gone = () =>
  new UpstreamError({ system: 'store', code: 'timeout', message: 'no answer', advice: 'Wait.' });

describe('with failures of the source and the store, restarts at every tick and a second replica', () => {
  let temp: Awaited<ReturnType<typeof openTempStore>>;
  const clock = createVirtualClock();
  let groups = 0;

  beforeAll(async () => {
    temp = await openTempStore(clock);
  });

  afterAll(async () => {
    await temp.dispose();
  });

  /** The store of a tick; records the applied evaluation times. */
  const storeFor = (mood: Tick['store'], applied: number[]): Store => ({
    ...temp.store,
    applyEvaluation: async (change) => {
      if (mood === 'lost') throw gone();
      const answer = await temp.store.applyEvaluation(change);
      if (answer === 'applied') applied.push(change.state.evalTime);
      if (mood === 'unknown') throw gone();
      return answer;
    },
  });

  /** The group in the rule files of a tick. */
  const groupAt = (group: RuleGroup, files: Tick['files']): RuleGroup => {
    if (files === 'no such rule') return { ...group, rules: [] };
    if (files === 'as they were') return group;
    return {
      ...group,
      rules: group.rules.map((rule) => ({ ...rule, annotations: { summary: 'other text' } })),
    };
  };

  const STAGES = ['pending', 'firing', 'resolved'] as const;

  /** Checks the stored state after every tick: its evaluation time and the stage of every alert never go back. */
  const createWitness = (group: string) => {
    let evalTime = 0;
    const stages = new Map<string, number>();
    return async (): Promise<void> => {
      const state = await temp.store.loadGroup(group);
      if (state === undefined) return;
      expect(state.evalTime).toBeGreaterThanOrEqual(evalTime);
      evalTime = state.evalTime;
      for (const { alertId, state: now } of Object.values(state.rules).flatMap(({ alerts }) => alerts)) {
        const stage = STAGES.indexOf(now);
        expect(stage).toBeGreaterThanOrEqual(stages.get(alertId) ?? 0);
        stages.set(alertId, stage);
      }
    };
  };

  const play = async (group: RuleGroup, ticks: Scenario['ticks']): Promise<readonly number[]> => {
    const applied: number[] = [];
    const look = createWitness(group.id);
    const metrics = createFakeMetricsSource();
    for (const [number, now] of ticks.entries()) {
      metrics.fail(now.source === 'ok' ? undefined : aSourceError());
      metrics.answer('slow_share > 0.01', samplesOf(now.services, 0.5));
      metrics.answer('slow_share', samplesOf(now.seen, 0.001));
      const parts = {
        metrics,
        clock: { ...clock, now: () => evalTimeAt(number) },
        recorder: createSpyRecorder(),
        logger: createSpyLogger(),
      };
      const evaluate = createEvaluateGroup({
        ...parts,
        store: storeFor(now.store, applied),
        expand: expandValue,
      });
      const given = groupAt(group, now.files);
      await Promise.all(Array.from({ length: now.replicas }, () => evaluate(given, evalTimeAt(number))));
      if (now.late > 0) await evaluate(given, before(evalTimeAt(number), ms(now.late * SECOND)));
      await look();
    }
    return applied;
  };

  const drain = async (): Promise<readonly Decided[]> => {
    return takeDecided(temp.store);
  };

  it('every posted alert is active or resolved once, and an evaluation time is applied at most once', async () => {
    await fc.assert(
      fc.asyncProperty(scenario, async ({ ticks, ...over }) => {
        const group = aGroup({ name: `chaos-${groups++}`, rules: [aRule(over)] });
        const applied = await play(group, ticks);
        expect(applied).toEqual([...new Set(applied)].sort((x, y) => x - y));

        const state = await temp.store.loadGroup(group.id);
        const living = new Set(
          Object.values(state?.rules ?? {})
            .flatMap(({ alerts }) => alerts)
            .filter((alert) => alert.state === 'firing')
            .map(({ alertId }) => alertId),
        );
        const notified = new Map<string, string[]>();
        for (const { alertId, kind } of await drain())
          notified.set(alertId, [...(notified.get(alertId) ?? []), kind]);
        expect([...living].filter((alertId) => !notified.has(alertId))).toEqual([]);
        for (const [alertId, kinds] of notified) {
          expect(kinds[0]).toBe('firing');
          expect(kinds.filter((kind) => kind === 'firing')).toHaveLength(1);
          expect(kinds.includes('resolved')).toBe(!living.has(alertId));
          if (kinds.includes('resolved')) expect(kinds.indexOf('resolved')).toBe(kinds.length - 1);
        }
      }),
      { numRuns: runsOf(60) },
    );
  });

  it('after everything recovered, every posted alert was notified as resolved or as without data', async () => {
    let posted = 0;
    await fc.assert(
      fc.asyncProperty(scenario, async ({ ticks, ...over }) => {
        const group = aGroup({ name: `calm-${groups++}`, rules: [aRule(over)] });
        await play(group, [...ticks, ...Array.from({ length: QUIET_TICKS }, () => QUIET)]);
        const notified = new Map<string, string>();
        for (const { alertId, kind } of await drain()) if (kind !== 'refresh') notified.set(alertId, kind);
        for (const last of notified.values()) expect(['resolved', 'no-data']).toContain(last);
        posted += notified.size;
      }),
      { numRuns: runsOf(60) },
    );
    expect(posted).toBeGreaterThan(runsOf(60));
  });
});
