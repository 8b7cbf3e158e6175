import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createEvaluator, type Evaluator } from '../../../src/evaluation/evaluator.ts';
import { UpstreamError } from '../../../src/lib/errors.ts';
import type { Sample } from '../../../src/lib/metrics-source.ts';
import { MINUTE, ms } from '../../../src/lib/units.ts';
import type { Store } from '../../../src/messages/store.ts';
import type { RuleGroup } from '../../../src/rules/rule.ts';
import { aGroup, aRule } from '../../support/builders.ts';
import { takeDecided } from '../../support/decided.ts';
import { createFakeMetricsSource, type FakeMetricsSource } from '../../support/fake-metrics-source.ts';
import { createManualScheduler, type ManualScheduler } from '../../support/manual-scheduler.ts';
import { createSpyLogger, createSpyRecorder, type SpyLogger, type SpyRecorder } from '../../support/spies.ts';
import { openTempStore } from '../../support/temp-store.ts';
import { evalTimeAt, expandValue } from '../../support/timeline.ts';
import { createVirtualClock, settle, type VirtualClock } from '../../support/virtual-clock.ts';

const TICK = 30_000;
const breach: readonly Sample[] = [{ labels: { service: 'checkout' }, value: 0.5 }];
const ruleSetOf = (...groups: readonly RuleGroup[]) => ({ groups, objectives: [] });
const groupOf = (name: string, ...exprs: readonly string[]): RuleGroup =>
  aGroup({ name, rules: exprs.map((expr) => aRule({ name: `Rule-${expr}`, expr })) });

describe('the evaluator', () => {
  let temp: Awaited<ReturnType<typeof openTempStore>>;
  let store: Store;
  let failing: boolean;
  let clock: VirtualClock;
  let scheduler: ManualScheduler;
  let metrics: FakeMetricsSource;
  let recorder: SpyRecorder;
  let logger: SpyLogger;

  beforeEach(async () => {
    clock = createVirtualClock();
    temp = await openTempStore(clock);
    failing = false;
    store = {
      ...temp.store,
      groups: async () => {
        if (failing) {
          throw new UpstreamError({ system: 'store', code: 'unavailable', message: 'gone', advice: 'Wait.' });
        }
        return await temp.store.groups();
      },
    };
    scheduler = createManualScheduler(clock);
    metrics = createFakeMetricsSource();
    recorder = createSpyRecorder();
    logger = createSpyLogger();
  });

  afterEach(async () => {
    await temp.dispose();
  });

  const aWatch = (): Evaluator =>
    createEvaluator({ store, metrics, scheduler, clock, recorder, logger, expand: expandValue });

  const drain = async (): Promise<readonly string[]> => {
    return takeDecided(temp.store).map(({ rule, kind, alert }) =>
      `${rule.name} ${kind} ${alert.resolveReason ?? ''}`.trim(),
    );
  };

  it('runs every group of the rule set at its evaluation times', async () => {
    const watch = aWatch();
    await watch.start(ruleSetOf(groupOf('one', 'a'), groupOf('two', 'b')));
    expect(watch.lastEvaluatedAt()).toBeUndefined();
    await scheduler.run(4 * TICK);
    const exprs = metrics.queries.map(({ expr }) => expr);
    expect(exprs.filter((expr) => expr === 'a')).toHaveLength(4);
    expect(exprs.filter((expr) => expr === 'b')).toHaveLength(4);
    expect(watch.lastEvaluatedAt()).toBeGreaterThan(evalTimeAt(3));
  });

  it('counts the alerts of all groups by state', async () => {
    metrics.answer('a', breach);
    metrics.answer('b', breach);
    const watch = aWatch();
    const slow = aRule({ name: 'Slow', expr: 'b', for: MINUTE });
    await watch.start(ruleSetOf(groupOf('one', 'a'), aGroup({ name: 'two', rules: [slow] })));
    await scheduler.run(TICK);
    expect(recorder.events('alerts').at(-1)).toEqual({ pending: 1, firing: 1, 'no-data': 0 });
    metrics.answer('a', []);
    await scheduler.run(2 * TICK);
    expect(recorder.events('alerts').at(-1)).toEqual({ pending: 0, firing: 1, 'no-data': 1 });
    await watch.replace(ruleSetOf(groupOf('one', 'a')));
    expect(recorder.events('alerts').at(-1)).toEqual({ pending: 0, firing: 0, 'no-data': 1 });
  });

  it('keeps the state of unchanged rules over a reload', async () => {
    metrics.answer('a', breach);
    const watch = aWatch();
    await watch.start(ruleSetOf(groupOf('one', 'a')));
    await scheduler.run(TICK);
    await watch.replace(ruleSetOf(groupOf('one', 'a'), groupOf('two', 'b')));
    await scheduler.run(2 * TICK);
    expect(await drain()).toEqual(['Rule-a firing']);
  });

  it('keeps the `for` timer over a restart', async () => {
    metrics.answer('a', breach);
    const rule = aRule({ name: 'Slow', expr: 'a', for: ms(3 * TICK) });
    const ruleSet = ruleSetOf(aGroup({ rules: [rule] }));
    await aWatch().start(ruleSet);
    await scheduler.run(2 * TICK);
    await aWatch().start(ruleSet);
    await scheduler.run(TICK);
    expect(await drain()).toEqual([]);
    await scheduler.run(TICK);
    expect(await drain()).toEqual(['Slow firing']);
  });

  it('resolves the alerts of a removed group at once', async () => {
    metrics.answer('a', breach);
    metrics.answer('b', breach);
    const watch = aWatch();
    await watch.start(ruleSetOf(groupOf('one', 'a'), groupOf('two', 'b')));
    await scheduler.run(TICK);
    await drain();
    await watch.replace(ruleSetOf(groupOf('two', 'b')));
    expect(await drain()).toEqual(['Rule-a resolved rule-removed']);
    await scheduler.run(TICK);
    expect(await drain()).toEqual([]);
  });

  it('resolves the alerts of a group that was removed while the process was stopped', async () => {
    metrics.answer('a', breach);
    await aWatch().start(ruleSetOf(groupOf('one', 'a')));
    await scheduler.run(TICK);
    await aWatch().start(ruleSetOf(groupOf('two', 'b')));
    expect(await drain()).toEqual(['Rule-a firing', 'Rule-a resolved rule-removed']);
  });

  it('does not notify a pending alert of a removed group', async () => {
    metrics.answer('a', breach);
    const watch = aWatch();
    await watch.start(ruleSetOf(aGroup({ rules: [aRule({ expr: 'a', for: MINUTE })] })));
    await scheduler.run(TICK);
    await watch.replace(ruleSetOf());
    expect(await drain()).toEqual([]);
  });

  it('resolves the alerts of a removed rule at the next tick of its group', async () => {
    metrics.answer('a', breach);
    metrics.answer('b', breach);
    const watch = aWatch();
    await watch.start(ruleSetOf(groupOf('one', 'a', 'b')));
    await scheduler.run(TICK);
    await drain();
    await watch.replace(ruleSetOf(groupOf('one', 'b')));
    await scheduler.run(TICK);
    expect(await drain()).toEqual(['Rule-a resolved rule-removed']);
  });

  it('rejects a running tick of a removed group', async () => {
    let answer: (samples: readonly Sample[]) => void = () => undefined;
    metrics.answer('a', breach);
    const watch = aWatch();
    await watch.start(ruleSetOf(groupOf('one', 'a')));
    await scheduler.run(TICK);
    metrics.answer(
      'a',
      () =>
        new Promise((resolve) => {
          answer = resolve;
        }),
    );
    await clock.advance(TICK);
    const running = scheduler.fire('rules.yaml;one');
    await clock.whenAsleep();
    await watch.replace(ruleSetOf());
    answer([...breach, { labels: { service: 'cart' }, value: 0.9 }]);
    await running;
    expect(await drain()).toEqual(['Rule-a firing', 'Rule-a resolved rule-removed']);
    expect((await store.loadGroup('rules.yaml;one'))?.rules).toEqual({});
  });

  it('deletes a removed group once no tick of it can be running', async () => {
    const watch = aWatch();
    await watch.start(ruleSetOf(groupOf('one', 'a')));
    await scheduler.run(TICK);
    await watch.replace(ruleSetOf());
    expect(await store.groups()).toEqual(['rules.yaml;one']);
    await clock.advance(11 * MINUTE);
    await watch.replace(ruleSetOf());
    expect(await store.groups()).toEqual([]);
  });

  it('evaluates a removed group that is added again', async () => {
    metrics.answer('a', breach);
    const watch = aWatch();
    for (const ruleSet of [ruleSetOf(groupOf('one', 'a')), ruleSetOf(), ruleSetOf(groupOf('one', 'a'))]) {
      await watch.replace(ruleSet);
      await scheduler.run(TICK);
    }
    expect(await drain()).toEqual(['Rule-a firing', 'Rule-a resolved rule-removed', 'Rule-a firing']);
  });

  it('resolves a removed group later when the store does not respond at the reload', async () => {
    metrics.answer('a', breach);
    const watch = aWatch();
    await watch.start(ruleSetOf(groupOf('one', 'a'), groupOf('two', 'b')));
    await scheduler.run(TICK);
    failing = true;
    await watch.replace(ruleSetOf(groupOf('two', 'b')));
    expect(logger.messages('warn')).toEqual([
      'alerts of removed rule groups could not be resolved; retrying after the next tick',
    ]);
    expect(await drain()).toEqual(['Rule-a firing']);
    failing = false;
    await scheduler.run(TICK);
    expect(await drain()).toEqual(['Rule-a resolved rule-removed']);
  });

  it('counts a tick of another replica as evaluated, but not one that failed or was stale', async () => {
    const watch = aWatch();
    const group = groupOf('one', 'a');
    await watch.start(ruleSetOf(group));
    await store.claimTick({ group: group.id, evalTime: evalTimeAt(1), ttl: MINUTE });
    await scheduler.fire(group.id, evalTimeAt(1));
    const seen = watch.lastEvaluatedAt();
    expect(seen).toBe(clock.now());
    await scheduler.fire(group.id, evalTimeAt(0));
    await clock.advance(TICK);
    await scheduler.fire(group.id, evalTimeAt(-1));
    await temp.store.close();
    await scheduler.fire(group.id, evalTimeAt(2));
    expect(watch.lastEvaluatedAt()).toBe(seen);
  });

  it('counts missed ticks, and logs them in one line when the group runs again', async () => {
    const watch = aWatch();
    const group = groupOf('one', 'a');
    await watch.start(ruleSetOf(group));
    for (const tick of [1, 2, 3]) scheduler.miss(group.id, evalTimeAt(tick));
    expect(logger.lines).toEqual([]);
    await scheduler.fire(group.id, evalTimeAt(4));
    expect(logger.lines).toEqual([
      {
        level: 'warn',
        message: 'ticks were missed',
        fields: { group: group.id, count: 3, since: '2026-11-20 14:00:30' },
      },
    ]);
    expect(recorder.events('evaluated').map(({ outcome }) => outcome)).toEqual([
      'missed',
      'missed',
      'missed',
      'ok',
    ]);
  });

  it('stops the schedule', async () => {
    const watch = aWatch();
    await watch.start(ruleSetOf(groupOf('one', 'a')));
    await watch.stop();
    await scheduler.run(TICK);
    await settle();
    expect(metrics.queries).toEqual([]);
  });
});
