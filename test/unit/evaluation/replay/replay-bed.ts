import { createReplay, type ReplayRequest } from '../../../../src/evaluation/replay/replay.ts';
import type { MetricsSource } from '../../../../src/lib/metrics-source.ts';
import { after, type EpochMs, HOUR, MINUTE, ms } from '../../../../src/lib/units.ts';
import { createLocalTime } from '../../../../src/policy/time-interval.ts';
import type { RuleGroup } from '../../../../src/rules/rule.ts';
import { aGroup } from '../../../support/builders.ts';
import { createFakeMetricsSource } from '../../../support/fake-metrics-source.ts';
import { createSpyLogger, createSpyRecorder } from '../../../support/spies.ts';
import { expandValue } from '../../../support/timeline.ts';
import { START } from '../../../support/virtual-clock.ts';

/** Minutes after the start in which the service breaches, inclusive. */
export type Breaches = readonly (readonly [from: number, to: number])[];

export interface Query {
  readonly kind: 'instant' | 'range';
  readonly expr: string;
  readonly points: number;
  readonly start: EpochMs;
}

export const minuteOf = (at: EpochMs): number => (at - START) / MINUTE;
const labels = { service: 'checkout' };

/** A source with one service that breaches in some minutes; `slow_share` always returns its value. */
export function source(breaches: Breaches, options: { reject?: (queries: Query) => Error | undefined } = {}) {
  const queries: Query[] = [];
  const valueAt = (expr: string, at: EpochMs): number | undefined => {
    const minute = minuteOf(at);
    const isSlow = breaches.some(([from, to]) => minute >= from && minute <= to);
    if (expr === 'slow_share') return isSlow ? 0.5 : 0.001;
    return isSlow ? 0.5 : undefined;
  };
  const note = (one: Query): void => {
    queries.push(one);
    const error = options.reject?.(one);
    if (error !== undefined) throw error;
  };
  const metrics: MetricsSource = {
    ...createFakeMetricsSource(),
    instant: async ({ expr, at }) => {
      note({ kind: 'instant', expr, points: 1, start: at });
      const value = valueAt(expr, at);
      return value === undefined ? [] : [{ labels, value }];
    },
    range: async ({ expr, window, step }) => {
      const points = Math.floor((window.end - window.start) / step) + 1;
      note({ kind: 'range', expr, points, start: window.start });
      const found = Array.from({ length: points }, (_, i) => after(window.start, ms(i * step))).flatMap(
        (at) => {
          const value = valueAt(expr, at);
          return value === undefined ? [] : [{ at, value }];
        },
      );
      return found.length === 0 ? [] : [{ labels, points: found }];
    },
  };
  return { metrics, queries };
}

export const group = (over: Partial<RuleGroup> = {}): RuleGroup => aGroup({ interval: MINUTE, ...over });

export function replayOf(metrics: MetricsSource, pauses: number[] = []) {
  return createReplay({
    metrics,
    clock: { sleep: async (duration) => void pauses.push(duration) },
    expand: expandValue,
    localTime: createLocalTime(),
    recorder: createSpyRecorder(),
    logger: createSpyLogger(),
  });
}

export const request = (over: Partial<ReplayRequest> = {}): ReplayRequest => ({
  groups: [group()],
  window: { start: START, end: after(START, ms(10 * HOUR)) },
  timezone: 'UTC',
  ...over,
});
