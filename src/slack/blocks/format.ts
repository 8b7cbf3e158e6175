import type { BudgetView, SlowBetween } from '../../latency/figures.ts';
import { DAY, type Milliseconds, ms, us } from '../../lib/units.ts';
import type { Comparison, ValueKind } from '../../rules/rule.ts';
import { durationText } from '../../traces/wording.ts';

/** How numbers are written for people: one way, in one place, and never more digits than are known. */

/** At most `digits` significant digits before the unit, whole numbers from 100 on. */
function significant(value: number, digits = 3): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
  const size = Math.abs(value);
  if (size >= 1e15) return value.toExponential(digits - 1).replace('e+', 'e');
  if (size >= 10 ** (digits - 1)) return String(Math.round(value));
  return String(Number(value.toPrecision(digits)));
}

/** The duration of a request or a latency: `850 µs`, `8.1 ms`, `812 ms`, `1.24 s`, `412 s`. */
export const latency = (duration: Milliseconds): string => durationText(us(duration * 1_000));

/** Before a value: a share by the bound above an approximate threshold is the least it can be. */
export const floor = (of: { readonly isApproximate?: boolean; readonly valueKind: ValueKind }): string =>
  of.isApproximate === true && of.valueKind === 'slow-share' ? 'at least ' : '';

/** A bucket bound or a threshold, as it was configured: `500 ms`, `2.5 s`, `3600 s`. */
export function bound(duration: Milliseconds): string {
  return duration < 1_000
    ? `${Number(duration.toFixed(3))} ms`
    : `${Number((duration / 1_000).toFixed(6))} s`;
}

const SPAN_UNITS = [
  ['d', 86_400],
  ['h', 3_600],
  ['min', 60],
  ['s', 1],
] as const;

/** How long something lasted, in its two largest units: `45 s`, `12 min`, `1 h 5 min`, `2 d 3 h`. */
export function timeSpan(duration: Milliseconds): string {
  let rest = Math.max(0, Math.round(duration / 1_000));
  // Seconds say nothing once an hour has passed.
  if (rest >= 3_600) rest = Math.round(rest / 60) * 60;
  const parts: string[] = [];
  for (const [unit, size] of SPAN_UNITS) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count > 0) parts.push(`${count} ${unit}`);
    else if (parts.length > 0) break;
    if (parts.length === 2) break;
  }
  return parts.length === 0 ? '0 s' : parts.join(' ');
}

/** A share between 0 and 1: `7.2%`, `34%`, `under 0.1%`, `over 99%` for almost all. No `<`: it would need escaping. */
export function share(value: number): string {
  if (!Number.isFinite(value)) return significant(value);
  const percent = value * 100;
  if (percent <= 0) return '0%';
  if (percent < 0.1) return 'under 0.1%';
  if (percent < 9.95) return `${Number(percent.toFixed(1))}%`;
  if (percent < 100 && Math.round(percent) >= 100) return 'over 99%';
  return `${Math.round(percent)}%`;
}

/** How many times faster than allowed the budget is used up: `0.55x`, `7.2x`, `14.4x`, `120x`. */
export function burn(rate: number): string {
  const size = Math.abs(rate);
  if (size >= 9.95 && size < 99.95) return `${Number(rate.toFixed(1))}x`;
  return `${significant(rate, size < 9.95 ? 2 : 3)}x`;
}

/** Requests per second. */
export function rate(perSecond: number): string {
  return `${significant(perSecond)} req/s`;
}

/**
 * What a histogram knows of a quantile: `812 ms (between 500 ms and 1 s)`, `over 3600 s` above the highest bound. The
 * number inside the bucket is an interpolation, so the bounds always stand beside it.
 */
export function estimate(known: { value: Milliseconds; low?: Milliseconds; high?: Milliseconds }): string {
  const { value, low, high } = known;
  if (high === undefined && low !== undefined) return `over ${bound(low)}`;
  if (low === undefined || high === undefined) return latency(value);
  return `${latency(value)} (between ${bound(low)} and ${bound(high)})`;
}

/** The same without the interval, for headlines and narrow columns: `≈ 812 ms`, `over 3600 s`. */
export function roughly(known: { value: Milliseconds; low?: Milliseconds; high?: Milliseconds }): string {
  if (known.high === undefined && known.low !== undefined) return `over ${bound(known.low)}`;
  return Number.isNaN(known.value) ? 'no requests' : `≈ ${latency(known.value)}`;
}

/** A rule's value in the words of its kind; `unit` is that of a plain number or of a latency (`ms` or `s`). */
export function ruleValue(value: number, how: { kind: ValueKind; unit?: string }): string {
  if (how.kind === 'slow-share') return share(value);
  if (how.kind === 'latency') {
    if (how.unit === 's') return latency((value * 1_000) as Milliseconds);
    if (how.unit === undefined || how.unit === 'ms') return latency(value as Milliseconds);
  }
  return how.unit === undefined ? significant(value) : `${significant(value)} ${how.unit}`;
}

const WORDS: Readonly<Record<Comparison, string>> = {
  '>': 'above',
  '>=': 'at or above',
  '<': 'below',
  '<=': 'at or below',
  '==': 'equal to',
  '!=': 'other than',
};

/** How a value stands to its bound, in words: a `>` would have to be escaped. */
export function comparisonWord(comparison: Comparison): string {
  return WORDS[comparison];
}

/**
 * What is left of an error budget, and when it will be used up at this burn rate: `62% of 30 d left, used up in 2 d 3 h
 * at this rate`. Where there is less than its period to judge by, it is what that time allows, and says so.
 */
export function budgetText(budget: BudgetView, burnRate?: number): string {
  const { left, period, over } = budget;
  if (over < period - DAY) return budgetSoFar(budget);
  const days = timeSpan(period);
  if (left <= -0.005) return `overspent: ${spent(budget)} what ${days} allow`;
  if (left <= 0) return `${days} used up`;
  const isBurning = burnRate !== undefined && burnRate > 1;
  const end = isBurning ? `, used up in ${timeSpan(ms((left * period) / burnRate))} at this rate` : '';
  return `${most(budget)}${share(left)} of ${days} left${end}`;
}

function budgetSoFar(budget: BudgetView): string {
  const time = budget.over < DAY ? 'few hours' : timeSpan(budget.over);
  return budget.left < 0
    ? `overspent, judged by the ${time} of data there is: ${spent(budget)} what that allows`
    : `${most(budget)}${share(budget.left)} left, judged by the ${time} of data there is`;
}

const most = ({ isAtMost }: BudgetView): string => (isAtMost === true ? 'at most ' : '');

const spent = ({ left, isAtMost }: BudgetView): string =>
  `${isAtMost === true ? 'at least ' : ''}${significant(1 - left, 2)} times`;

/** Where a threshold stands that is no bucket bound, as the rest of a sentence; nothing where it is one. */
export function besideBounds({ low, high }: SlowBetween): string {
  if (low === high) return '';
  return high === undefined
    ? ', which lies above all bucket bounds'
    : `, which lies between ${bound(low)} and ${bound(high)}`;
}

/** The same of an approximate threshold, with the bound that it is judged by. */
export function judgedAt(found: SlowBetween | undefined): string {
  if (found === undefined) return ', judged by the bucket bound above it';
  const { low, high } = found;
  const by = high === undefined || low === high ? '' : `: judged at ${bound(high)}`;
  return `${besideBounds(found)}${by}`;
}
