import { expect, test } from 'vitest';
import { createEvaluator } from '../../../src/evaluation/evaluator.ts';
import { MINUTE } from '../../../src/lib/units.ts';
import type { Store } from '../../../src/messages/store.ts';
import type { RuleGroup } from '../../../src/rules/rule.ts';
import { aGroup, aRule } from '../../support/builders.ts';
import { takeDecided } from '../../support/decided.ts';
import { createFakeMetricsSource } from '../../support/fake-metrics-source.ts';
import { createManualScheduler } from '../../support/manual-scheduler.ts';
import { createSpyLogger, createSpyRecorder } from '../../support/spies.ts';
import { openTempStore } from '../../support/temp-store.ts';
import { expandValue } from '../../support/timeline.ts';
import { createVirtualClock, type VirtualClock } from '../../support/virtual-clock.ts';

const TICK = 30_000;
const ruleSetOf = (...groups: readonly RuleGroup[]) => ({ groups, objectives: [] });
const groupOf = (name: string, expr: string): RuleGroup =>
  aGroup({ name, rules: [aRule({ name: `Rule-${expr}`, expr })] });

function aReplica(store: Store, clock: VirtualClock) {
  const scheduler = createManualScheduler(clock);
  const metrics = createFakeMetricsSource();
  metrics.answer('a', [{ labels: { service: 'checkout' }, value: 0.5 }]);
  const watch = createEvaluator({
    store,
    metrics,
    scheduler,
    clock,
    recorder: createSpyRecorder(),
    logger: createSpyLogger(),
    expand: expandValue,
  });
  return { watch, scheduler };
}

async function drain(store: Store): Promise<readonly string[]> {
  return takeDecided(store).map(({ rule, kind, alert }) =>
    `${rule.name} ${kind} ${alert.resolveReason ?? ''}`.trim(),
  );
}

test('alerts of a removed group that a replica with older rules fired later are resolved after that replica stopped', async () => {
  const clock = createVirtualClock();
  const { store, dispose } = await openTempStore(clock);
  const renewed = aReplica(store, clock);
  const outdated = aReplica(store, clock);
  await outdated.watch.start(ruleSetOf(groupOf('old', 'a'), groupOf('new', 'b')));
  await renewed.watch.start(ruleSetOf(groupOf('new', 'b')));
  await outdated.scheduler.run(2 * TICK);
  expect(await drain(store)).toEqual(['Rule-a firing']);
  await outdated.watch.stop();

  await renewed.scheduler.run(10 * MINUTE);
  expect(await drain(store)).toEqual([]);
  await renewed.scheduler.run(15 * MINUTE);
  expect(await drain(store)).toEqual(['Rule-a resolved rule-removed']);
  await dispose();
});
