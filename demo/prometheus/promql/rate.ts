import type { RangeWindow } from './select.ts';
import type { VersionBehavior } from './version-behavior.ts';

/** Which of the three extrapolating functions. */
export interface RateKind {
  /** Counters start again at zero when they fall; gauges (`delta`) may fall. */
  readonly counter: boolean;
  /** Per second, or over the whole range. */
  readonly perSecond: boolean;
}

/** The rise from the first to the last sample, with each fall of a counter read as a restart from zero. */
function riseOf({ values, from, to }: RangeWindow, counter: boolean): number {
  let rise = (values[to - 1] as number) - (values[from] as number);
  if (!counter) return rise;
  let previous = values[from] as number;
  for (let i = from + 1; i < to; i++) {
    const current = values[i] as number;
    if (current < previous) rise += previous;
    previous = current;
  }
  return rise;
}

/**
 * How much time before the first sample the rise is carried on, in seconds.
 *
 *      start                                       end
 *        |<---- toStart ---->x----x----x----x------>|
 *                  |<-zero-->|  a counter cannot have been below zero
 */
function extensionAtStart(
  versionBehavior: VersionBehavior,
  gap: { readonly toStart: number; readonly toZero: number; readonly spacing: number },
): number {
  const threshold = gap.spacing * 1.1;
  if (versionBehavior.zeroPointBeforeThreshold) {
    const toStart = Math.min(gap.toStart, gap.toZero);
    return toStart < threshold ? toStart : gap.spacing / 2;
  }
  return Math.min(gap.toStart < threshold ? gap.toStart : gap.spacing / 2, gap.toZero);
}

/**
 * `rate`, `increase` and `delta`: the rise over the samples, extrapolated to the bounds of the range when a sample would have been
 * expected there (within 1.1 times the mean spacing), otherwise by half a spacing. Undefined with fewer than two samples.
 * Source: prometheus/prometheus promql/functions.go extrapolatedRate; the order of operations is kept for equal rounding.
 */
export function extrapolatedRate(
  window: RangeWindow,
  versionBehavior: VersionBehavior,
  kind: RateKind,
): number | undefined {
  const { times, values, from, to, start, end } = window;
  if (to - from < 2) return undefined;
  const first = times[from] as number;
  const last = times[to - 1] as number;
  const rise = riseOf(window, kind.counter);
  const sampled = (last - first) / 1_000;
  const spacing = sampled / (to - from - 1);

  const firstValue = values[from] as number;
  const boundedByZero = kind.counter && rise > 0 && firstValue >= 0;
  const toZero = boundedByZero ? sampled * (firstValue / rise) : Infinity;
  const toStart = (first - start) / 1_000;
  const toEnd = (end - last) / 1_000;

  const atStart = extensionAtStart(versionBehavior, { toStart, toZero, spacing });
  const atEnd = toEnd < spacing * 1.1 ? toEnd : spacing / 2;
  let factor = (sampled + atStart + atEnd) / sampled;
  if (kind.perSecond) factor /= (end - start) / 1_000;
  return rise * factor;
}

/**
 * `irate` and `idelta`: from the last two samples only.
 * Source: prometheus/prometheus promql/functions.go instantValue.
 */
export function instantRate(
  { times, values, from, to }: RangeWindow,
  perSecond: boolean,
): number | undefined {
  if (to - from < 2) return undefined;
  const last = values[to - 1] as number;
  const previous = values[to - 2] as number;
  const interval = (times[to - 1] as number) - (times[to - 2] as number);
  const rise = perSecond && last < previous ? last : last - previous;
  return perSecond ? rise / (interval / 1_000) : rise;
}
