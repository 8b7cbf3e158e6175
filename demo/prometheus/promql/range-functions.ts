import { add, type CompensatedSum, mean, movingMean, totalOf } from './go-math.ts';
import { extrapolatedRate, instantRate } from './rate.ts';
import type { RangeWindow } from './select.ts';
import type { VersionBehavior } from './version-behavior.ts';

/** A function of the samples of one series within a range; undefined drops the series from the result. */
export type RangeFunction = (window: RangeWindow, versionBehavior: VersionBehavior) => number | undefined;

/** The extreme of the values that are numbers; NaN only when none is. */
function extreme(
  { values, from, to }: RangeWindow,
  better: (candidate: number, best: number) => boolean,
): number {
  let best = values[from] as number;
  for (let i = from + 1; i < to; i++) {
    const value = values[i] as number;
    if (better(value, best) || Number.isNaN(best)) best = value;
  }
  return best;
}

function countSteps(
  { values, from, to }: RangeWindow,
  counts: (previous: number, current: number) => boolean,
): number {
  let count = 0;
  for (let i = from + 1; i < to; i++) {
    if (counts(values[i - 1] as number, values[i] as number)) count++;
  }
  return count;
}

function sum({ values, from, to }: RangeWindow): number {
  const total: CompensatedSum = { sum: 0, error: 0 };
  for (let i = from; i < to; i++) add(total, values[i] as number);
  return totalOf(total);
}

const changed = (previous: number, current: number): boolean =>
  current !== previous && !(Number.isNaN(current) && Number.isNaN(previous));

/** The functions of range vectors by name. Source: prometheus/prometheus promql/functions.go. */
export const RANGE_FUNCTIONS: Readonly<Record<string, RangeFunction>> = {
  rate: (window, versionBehavior) =>
    extrapolatedRate(window, versionBehavior, { counter: true, perSecond: true }),
  increase: (window, versionBehavior) =>
    extrapolatedRate(window, versionBehavior, { counter: true, perSecond: false }),
  delta: (window, versionBehavior) =>
    extrapolatedRate(window, versionBehavior, { counter: false, perSecond: false }),
  irate: (window) => instantRate(window, true),
  idelta: (window) => instantRate(window, false),
  avg_over_time: (window, versionBehavior) =>
    versionBehavior.compensatedSums ? mean(window) : movingMean(window, true),
  changes: (window) => countSteps(window, changed),
  count_over_time: ({ from, to }) => to - from,
  last_over_time: ({ values, to }) => values[to - 1],
  max_over_time: (window) => extreme(window, (candidate, best) => candidate > best),
  min_over_time: (window) => extreme(window, (candidate, best) => candidate < best),
  present_over_time: () => 1,
  resets: (window) => countSteps(window, (previous, current) => current < previous),
  sum_over_time: sum,
};
