import { expect, it } from 'vitest';
import type { MetricsSource } from '../../../../src/lib/metrics-source.ts';
import { NO_POLICY, type NotificationPolicy } from '../../../../src/policy/suppress.ts';
import { replayOf, request, source } from './replay-bed.ts';

it('counts flapping and grouped alerts as they are notified live', async () => {
  const rounds = Array.from({ length: 10 }, (_, round): readonly [number, number] => [
    10 + round * 4,
    12 + round * 4,
  ]);
  const one = source(rounds).metrics;
  const many: MetricsSource = {
    ...one,
    range: async (query, signal) =>
      (await one.range(query, signal)).flatMap((series) =>
        Array.from({ length: 12 }, (_, index) => ({ ...series, labels: { service: `svc-${index}` } })),
      ),
  };
  const notified = async (metrics: MetricsSource, policy: NotificationPolicy = NO_POLICY) => {
    const [rule] = (await replayOf(metrics)(request({ policy }))).rules;
    return [rule?.alerts, rule?.messages, rule?.replies];
  };
  // Three rounds, then the lines for flapping and for stable.
  expect(await notified(one)).toEqual([10, 3, 5]);
  expect(await notified(one, { ...NO_POLICY, flapThreshold: 0 })).toEqual([10, 10, 10]);
  expect(await notified(many)).toEqual([120, 3, 5]);
  expect(await notified(many, { ...NO_POLICY, groupThreshold: 12 })).toEqual([120, 36, 60]);
});
