import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RuleHealth } from '../../../src/alerts/alert.ts';
import { createEvaluator, type Evaluator } from '../../../src/evaluation/evaluator.ts';
import { createOutageGroup, sourceHealthOf } from '../../../src/evaluation/source-outage.ts';
import { DAY, type EpochMs, MINUTE } from '../../../src/lib/units.ts';
import type { Store } from '../../../src/messages/store.ts';
import type { RuleSet } from '../../../src/rules/file/rule-file.ts';
import { aGroup, aRule } from '../../support/builders.ts';
import { type Decided, takeDecided } from '../../support/decided.ts';
import { aSourceError, createFakeMetricsSource } from '../../support/fake-metrics-source.ts';
import { createManualScheduler } from '../../support/manual-scheduler.ts';
import { notificationsOf } from '../../support/notifications.ts';
import { createSpyLogger, createSpyRecorder } from '../../support/spies.ts';
import { openTempStore } from '../../support/temp-store.ts';
import { evalTimeAt, expandValue } from '../../support/timeline.ts';
import { createVirtualClock, type VirtualClock } from '../../support/virtual-clock.ts';

const slow = aRule({ name: 'Slow', expr: 'slow' });
const errors = aRule({ name: 'Errors', expr: 'errors' });
const groups = [aGroup({ name: 'one', rules: [slow] }), aGroup({ name: 'two', rules: [errors] })];

describe('the health of the source', () => {
  const sourceError = (since: EpochMs): RuleHealth => ({ kind: 'source-error', message: 'refused', since });
  const state = (health: RuleHealth, evaluatedAt: EpochMs) => ({
    evalTime: evaluatedAt,
    rules: { Slow: { rule: slow, alerts: [], health, evaluatedAt } },
  });
  const healthAt = (health: RuleHealth, at: EpochMs) =>
    sourceHealthOf([{ ...aGroup({ rules: [slow] }), state: state(health, at) }]);

  it('ignores a single failed evaluation', () => {
    expect(healthAt(sourceError(evalTimeAt(1)), evalTimeAt(1))).toMatchObject({ rules: 1, failing: 0 });
    expect(healthAt(sourceError(evalTimeAt(1)), evalTimeAt(2))).toEqual({
      rules: 1,
      failing: 1,
      since: evalTimeAt(1),
      reason: 'refused',
    });
  });
  it('ignores rules without an evaluation, and errors of a rule', () => {
    expect(sourceHealthOf([{ ...aGroup({ rules: [slow, errors] }), state: undefined }])).toMatchObject({
      rules: 0,
    });
    expect(healthAt({ kind: 'rule-error', message: 'parse error' }, evalTimeAt(2))).toMatchObject({
      failing: 0,
    });
  });
  it('counts a rare rule until others get a response, and a frequent one until it gets one', () => {
    const failed = { ...aGroup({ rules: [slow] }), state: state(sourceError(evalTimeAt(1)), evalTimeAt(2)) };
    const other = (at: EpochMs) => ({
      ...aGroup({ rules: [errors] }),
      state: {
        evalTime: at,
        rules: { Errors: { rule: errors, alerts: [], health: { kind: 'ok' } as const, evaluatedAt: at } },
      },
    });
    const daily = { ...failed, interval: DAY };
    const failing = (group: typeof failed, at: EpochMs) => sourceHealthOf([group, other(at)]).failing;
    expect(failing(daily, evalTimeAt(1))).toBe(1);
    expect(failing(daily, evalTimeAt(2))).toBe(1);
    expect(failing(daily, evalTimeAt(3))).toBe(0);
    expect(failing(failed, evalTimeAt(3))).toBe(1);
    expect(sourceHealthOf([daily]).failing).toBe(1);
  });
  it('ignores the state of a removed rule', () => {
    expect(
      sourceHealthOf([
        { ...aGroup({ rules: [errors] }), state: state(sourceError(evalTimeAt(0)), evalTimeAt(3)) },
      ]),
    ).toMatchObject({
      rules: 0,
      failing: 0,
    });
  });
});

describe('an outage of Prometheus', () => {
  let clock: VirtualClock;
  let temp: Awaited<ReturnType<typeof openTempStore>>;
  beforeEach(async () => {
    clock = createVirtualClock();
    temp = await openTempStore(clock);
  });
  afterEach(() => temp.dispose());

  function aReplica(store: Store, over: { isPrometheus?: boolean } = {}) {
    const scheduler = createManualScheduler(clock);
    const metrics = createFakeMetricsSource();
    const parts = {
      store,
      metrics,
      clock,
      recorder: createSpyRecorder(),
      logger: createSpyLogger(),
      expand: expandValue,
      notifications: notificationsOf(over),
    };
    let loaded: RuleSet = { groups: [], objectives: [] };
    const outage = createOutageGroup({ ...parts, groups: () => loaded.groups });
    const evaluator = createEvaluator({ ...parts, scheduler, ownGroups: [outage] });
    const watch: Evaluator = {
      ...evaluator,
      start: (rules) => evaluator.start((loaded = rules)),
      replace: (rules) => evaluator.replace((loaded = rules)),
    };
    return { watch, scheduler, metrics };
  }

  async function drain(): Promise<readonly Decided[]> {
    return takeDecided(temp.store);
  }
  const ruleSet = { groups, objectives: [] };
  const isNotified = ({ kind }: Decided): boolean => kind !== 'refresh';

  it('is notified once for all rules and replicas, and resolved when it responds, also after a restart', async () => {
    const one = aReplica(temp.store);
    const two = aReplica(temp.store);
    for (const { watch, metrics } of [one, two]) {
      metrics.fail(aSourceError());
      await watch.start(ruleSet);
    }
    for (let i = 0; i < 8; i++) {
      await one.scheduler.run(15_000);
      await two.scheduler.run(15_000);
    }
    const notified = (await drain()).filter(isNotified);
    expect(notified.map(({ kind, alert, rule }) => [kind, rule.about, alert.value])).toEqual([
      ['firing', 'source', 2],
    ]);
    expect(notified[0]?.alert.annotations).toMatchObject({ reason: 'connection refused', rules: '2' });
    expect(notified[0]?.destination).toEqual({ mentions: [] });
    await one.watch.stop();
    await two.watch.stop();

    const next = aReplica(temp.store);
    await next.watch.start(ruleSet);
    await next.scheduler.run(2 * MINUTE);
    expect((await drain()).filter(isNotified).map(({ kind, alertId }) => [kind, alertId])).toEqual([
      ['resolved', notified[0]?.alertId],
    ]);
  });

  it('is not notified when it is short', async () => {
    const { watch, scheduler, metrics } = aReplica(temp.store);
    await watch.start(ruleSet);
    for (const isFailing of [true, false, true, false, true, false]) {
      metrics.fail(isFailing ? aSourceError() : undefined);
      await scheduler.run(30_000);
    }
    expect(await drain()).toEqual([]);
  });

  it('is not notified in Prometheus’s mode', async () => {
    const { watch, scheduler, metrics } = aReplica(temp.store, { isPrometheus: true });
    metrics.fail(aSourceError());
    await watch.start(ruleSet);
    await scheduler.run(5 * MINUTE);
    expect(await drain()).toEqual([]);
  });

  it('is resolved as removed when there are no rules any more', async () => {
    const { watch, scheduler, metrics } = aReplica(temp.store);
    metrics.fail(aSourceError());
    await watch.start(ruleSet);
    await scheduler.run(3 * MINUTE);
    await watch.replace({ groups: [], objectives: [] });
    await scheduler.run(MINUTE);
    expect((await drain()).filter(isNotified).map(({ kind, alert }) => [kind, alert.resolveReason])).toEqual([
      ['firing', undefined],
      ['resolved', 'rule-removed'],
    ]);
  });

  it('is not resolved when all rules were replaced meanwhile', async () => {
    const { watch, scheduler, metrics } = aReplica(temp.store);
    metrics.fail(aSourceError());
    await watch.start(ruleSet);
    await scheduler.run(3 * MINUTE);
    await watch.replace({
      groups: [aGroup({ name: 'three', rules: [aRule({ name: 'Other', expr: 'other' })] })],
      objectives: [],
    });
    await scheduler.run(3 * MINUTE);
    expect((await drain()).filter(isNotified).map(({ kind }) => kind)).toEqual(['firing']);
    metrics.fail(undefined);
    await scheduler.run(3 * MINUTE);
    expect((await drain()).filter(isNotified).map(({ kind }) => kind)).toEqual(['resolved']);
  });

  it('is resolved when other rules get a response, although a daily group was not queried again', async () => {
    const { watch, scheduler, metrics } = aReplica(temp.store);
    const daily = aGroup({
      name: 'daily',
      schedule: '0 0 2 * * *',
      rules: [aRule({ name: 'Daily', expr: 'daily' })],
    });
    await watch.start({ groups: [...groups, daily], objectives: [] });
    metrics.fail(aSourceError());
    await scheduler.run(2 * MINUTE);
    // The scheduler of this test ignores its schedule: from here on it is queried once a day.
    await watch.replace({ groups: [...groups, { ...daily, interval: DAY }], objectives: [] });
    await scheduler.run(MINUTE);
    expect((await drain()).filter(isNotified).map(({ kind, alert }) => [kind, alert.value])).toEqual([
      ['firing', 3],
    ]);
    metrics.fail(undefined);
    await scheduler.run(2 * MINUTE);
    expect((await temp.store.loadGroup(daily.id))?.rules['Daily']?.health.kind).toBe('source-error');
    expect((await drain()).filter(isNotified).map(({ kind }) => kind)).toEqual(['resolved']);
  });

  it('counts as neither an alert nor a tick for readiness', async () => {
    const { watch, scheduler } = aReplica(temp.store);
    await watch.start({ groups: [], objectives: [] });
    await scheduler.run(MINUTE);
    expect(watch.lastEvaluatedAt()).toBeUndefined();
  });
});
