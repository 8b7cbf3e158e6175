import { afterEach, beforeEach, expect, test } from 'vitest';
import { createEvaluateGroup } from '../../../src/evaluation/evaluate-group.ts';
import { MINUTE, ms, SECOND } from '../../../src/lib/units.ts';
import { aGroup, aRule } from '../../support/builders.ts';
import { createFakeMetricsSource } from '../../support/fake-metrics-source.ts';
import { createSpyLogger, createSpyRecorder } from '../../support/spies.ts';
import { openTempStore } from '../../support/temp-store.ts';
import { expandValue } from '../../support/timeline.ts';
import { createVirtualClock, type VirtualClock } from '../../support/virtual-clock.ts';
import { inVirtualTime } from '../slack/slack-server.ts';

let clock: VirtualClock;
let temp: Awaited<ReturnType<typeof openTempStore>>;
beforeEach(async () => {
  clock = createVirtualClock();
  temp = await openTempStore(clock);
});
afterEach(() => temp.dispose());

/** A group of breaching rules, and the duration of each query. */
function aLargeGroup({ rules, takes }: { rules: number; takes: number }) {
  const metrics = createFakeMetricsSource();
  const exprs = Array.from({ length: rules }, (_, index) => `expr_${index}`);
  for (const expr of exprs)
    metrics.answer(expr, async () => {
      await clock.sleep(ms(takes));
      return [{ labels: { service: expr }, value: 1 }];
    });
  const group = aGroup({
    interval: ms(MINUTE / 4),
    rules: exprs.map((expr) => aRule({ name: `Rule ${expr}`, key: expr, expr })),
  });
  const evaluate = createEvaluateGroup({
    store: temp.store,
    metrics,
    clock,
    recorder: createSpyRecorder(),
    logger: createSpyLogger(),
    expand: expandValue,
  });
  return async () => {
    const begun = clock.now();
    const outcome = await inVirtualTime(clock, evaluate(group, begun), 50);
    if (outcome.kind !== 'applied') throw new Error(outcome.kind);
    const firing = Object.values(outcome.state.rules).flatMap(({ alerts }) => alerts).length;
    return { firing, seconds: (clock.now() - begun) / SECOND, keys: Object.keys(outcome.state.rules) };
  };
}

test('a group whose queries together take longer than its interval finishes in time', async () => {
  const tick = aLargeGroup({ rules: 200, takes: 200 });
  const { firing, seconds, keys } = await tick();
  expect(firing).toBe(200);
  expect(seconds).toBeLessThan(13);
  expect(keys[1]).toBe('expr_1');
});

test('when not all rules can be queried in an interval, the next ticks query the others first', async () => {
  const tick = aLargeGroup({ rules: 120, takes: 1_000 });
  const counts: number[] = [];
  for (let ticks = 0; ticks < 4; ticks++) {
    counts.push((await tick()).firing);
    await clock.advance(15 * SECOND);
  }
  expect(counts[0]).toBeLessThan(60);
  expect(counts.at(-1)).toBe(120);
});
