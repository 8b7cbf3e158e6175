import { expect, test } from 'vitest';
import { createEvaluateGroup, type TickOutcome } from '../../../src/evaluation/evaluate-group.ts';
import type { Sample } from '../../../src/lib/metrics-source.ts';
import { between, MINUTE, ms, SECOND } from '../../../src/lib/units.ts';
import { NO_POLICY } from '../../../src/policy/suppress.ts';
import { aGroup, aRule } from '../../support/builders.ts';
import { createFakeMetricsSource } from '../../support/fake-metrics-source.ts';
import { createSpyLogger, createSpyRecorder } from '../../support/spies.ts';
import { expandValue } from '../../support/timeline.ts';
import { inVirtualTime } from '../slack/slack-server.ts';
import { useBed } from './sync-bed.ts';

const bed = useBed();

const SERVICES = 1_000;
/** Rows in a reply. */
const PAGE = 50;
const rule = aRule({ name: 'CheckoutP99High', channel: '#incidents', labels: { severity: 'page' } });
const group = aGroup({ rules: [rule], interval: ms(30 * SECOND) });
const services = Array.from({ length: SERVICES }, (_, index) => `service-${String(index).padStart(4, '0')}`);

/** A rule that so many services breach, evaluated against the bed's store. */
function watching() {
  const metrics = createFakeMetricsSource();
  const say = (expr: string, value: number): void =>
    metrics.answer(
      expr,
      services.map((service, index): Sample => ({ labels: { service }, value: value + index / 1e6 })),
    );
  const evaluate = createEvaluateGroup({
    store: bed.store,
    metrics,
    clock: bed.stand.clock,
    recorder: createSpyRecorder(),
    logger: createSpyLogger(),
    expand: expandValue,
    notifications: {
      policy: () => NO_POLICY,
      localTime: () => ({ year: 2026, month: 1, day: 1, weekday: 4, minute: 0 }),
      callGraphAt: async () => undefined,
    },
  });
  const tick = async (isBreaching: boolean): Promise<TickOutcome> => {
    if (isBreaching) say(rule.expr, 0.05);
    else metrics.answer(rule.expr, []);
    say(rule.recovery?.expr ?? '', isBreaching ? 0.05 : 0.001);
    return await inVirtualTime(bed.stand.clock, evaluate(group, bed.stand.clock.now()));
  };
  return { tick };
}

/** Works until every message is shown; how many seconds that took. */
async function delivered(): Promise<number> {
  const { clock } = bed.stand;
  const begun = clock.now();
  const sync = bed.syncOn(bed.store, { workers: 6 });
  sync.start();
  while ((await bed.store.pendingMessages()).depth > 0 && between(begun, clock.now()) < 5 * MINUTE)
    await bed.tick();
  const took = between(begun, clock.now()) / SECOND;
  await inVirtualTime(clock, sync.stop());
  return took;
}

test('a thousand services that breach at once are notified in a minute, in one message with its thread, and ended so', async () => {
  const { tick } = watching();
  expect((await tick(true)).kind).toBe('applied');
  const seconds = await delivered();
  const posts = bed.called('chat.postMessage');
  const replies = SERVICES / PAGE;
  expect(bed.messages()).toHaveLength(1);
  expect(bed.messages()[0]?.text).toContain(`${SERVICES} services breach CheckoutP99High`);
  expect(bed.thread(bed.messages()[0])).toHaveLength(replies);
  expect(posts.filter(({ outcome }) => outcome !== 'ok')).toEqual([]);
  expect(posts).toHaveLength(1 + replies);
  expect(seconds).toBeLessThan(2 * replies + 30);

  await bed.stand.clock.advance(ms(10 * MINUTE));
  expect((await tick(false)).kind).toBe('applied');
  expect(await delivered()).toBeLessThan(2 * replies + 30);
  expect(bed.messages()[0]?.text).toContain(`all ${SERVICES} services recovered`);
  const listed = bed.thread(bed.messages()[0]).map(({ blocks }) => JSON.stringify(blocks));
  expect(listed.filter((blocks) => blocks.includes('🔴 firing'))).toEqual([]);
  expect(listed.filter((blocks) => blocks.includes('✅ recovered'))).toHaveLength(replies);
});
