import type { UnconfirmedEnd } from '../../alerts/alert.ts';
import type { BudgetView } from '../../latency/error-budget.ts';
import type { SlowBetween } from '../../latency/figures.ts';
import { bound, boundRange, count, durationText, share, significant, timeSpan } from '../../lib/format.ts';
import { DAY, HOUR, type Milliseconds, ms, us } from '../../lib/units.ts';
import type { Comparison, SloRule, ValueKind } from '../../rules/rule.ts';
import { date } from './mrkdwn.ts';

/* How the values of rules, histograms and error budgets are written in messages. Plain numbers: lib/format.ts. */

/** A latency in milliseconds: `850 µs`, `8.1 ms`, `812 ms`, `1.24 s`. */
export const latency = (duration: Milliseconds): string => durationText(us(duration * 1_000));

/** `at least ` before a share at an approximate threshold: it is measured at the next higher bucket bound. */
export const atLeastPrefix = ({ valueKind, objective }: Pick<SloRule, 'valueKind' | 'objective'>): string =>
  objective?.isApproximate === true && valueKind === 'slow-share' ? 'at least ' : '';

/**
 * A quantile of a histogram with its bucket: `812 ms (between 500 ms and 1 s)`, `over 3600 s` above the highest bound.
 * The value itself is interpolated.
 */
export function estimate(known: { value: Milliseconds; low?: Milliseconds; high?: Milliseconds }): string {
  const { value, low, high } = known;
  if (high === undefined && low !== undefined) return `over ${bound(low)}`;
  if (low === undefined || high === undefined) return latency(value);
  return `${latency(value)} (between ${bound(low)} and ${bound(high)})`;
}

/**
 * A quantile as the bucket it is in: `500 ms to 1 s`, `up to 5 ms`, `over 3600 s`. Beside traces nothing more precise is
 * said: the value inside the bucket is interpolated, and the slowest trace may be below it.
 */
export function bucketText(known: { value: Milliseconds; low?: Milliseconds; high?: Milliseconds }): string {
  const { value, low, high } = known;
  if (low === undefined || Number.isNaN(value)) return roughly(known);
  if (high === undefined) return `over ${bound(low)}`;
  return low <= 0 ? `up to ${bound(high)}` : boundRange(low, high);
}

/** A quantile without its bucket, for narrow columns: `≈ 812 ms`, `over 3600 s`. */
export function roughly(known: { value: Milliseconds; low?: Milliseconds; high?: Milliseconds }): string {
  if (known.high === undefined && known.low !== undefined) return `over ${bound(known.low)}`;
  return Number.isNaN(known.value) ? 'no requests' : `≈ ${latency(known.value)}`;
}

const BINARY_UNITS = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

/** `512 bytes`, `1.5 GiB`. */
function bytesText(value: number): string {
  const power = Math.max(0, Math.floor(Math.log2(Math.abs(value) || 1) / 10));
  const unit = BINARY_UNITS[Math.min(power, BINARY_UNITS.length - 1)] ?? 'bytes';
  return `${significant(value / 1_024 ** BINARY_UNITS.indexOf(unit))} ${unit}`;
}

/** Over an hour a number of seconds is an age or a time that is left, not a latency. */
const LONGEST_LATENCY: Milliseconds = ms(HOUR);

function durationValue(duration: Milliseconds): string {
  return Math.abs(duration) < LONGEST_LATENCY || !Number.isFinite(duration)
    ? latency(duration)
    : `${duration < 0 ? '-' : ''}${timeSpan(ms(Math.abs(duration)))}`;
}

/** A number with a unit that has a format of its own; undefined for any other unit. */
function unitText(value: number, unit: string): string | undefined {
  if (!Number.isFinite(value)) return undefined;
  switch (unit) {
    case 's':
    case 'seconds':
      return durationValue(ms(value * 1_000));
    case 'ms':
      return durationValue(ms(value));
    case '%':
    case 'percent':
      return `${significant(value)}%`;
    case 'ratio':
      return share(value);
    case 'bytes':
      return bytesText(value);
    case 'bytes/s':
      return `${bytesText(value)}/s`;
    case '/s':
      return `${significant(value)}/s`;
    default:
      return undefined;
  }
}

/** A rule's value: a percentage, a latency, or a number with its unit. A latency without a unit is in milliseconds. */
export function ruleValue(value: number, how: { kind: ValueKind; unit?: string }): string {
  const { kind, unit = kind === 'latency' ? 'ms' : undefined } = how;
  if (kind === 'slow-share' || (kind === 'ratio' && unit === undefined)) return share(value);
  if (unit === undefined) return significant(value);
  return unitText(value, unit) ?? `${significant(value)} ${unit}`;
}

const COMPARISONS: Readonly<Record<Comparison, string>> = {
  '>': 'above',
  '>=': 'at or above',
  '<': 'below',
  '<=': 'at or below',
  '==': 'equal to',
  '!=': 'other than',
};

/** A comparison as text: Slack needs `>` escaped. */
export function comparisonWord(comparison: Comparison): string {
  return COMPARISONS[comparison];
}

/** How long an alert without data stays open. */
export function noDataEnd({ noData }: Pick<SloRule, 'noData'>): string {
  const limit = noData === 'resolve' ? '' : `, or closes after ${timeSpan(noData)} without data`;
  return `The alert stays open until data shows recovery${limit}.`;
}

/** Why an alert stays open that Alertmanager resolved. */
export function unconfirmedEndText({ at, until }: UnconfirmedEnd): string {
  const limit =
    until === undefined ? '' : `, or until ${date(until, '{time}')} unless Alertmanager sends it again`;
  return `Alertmanager resolved it at ${date(at, '{time}')}. It stays open until Prometheus shows recovery${limit}.`;
}

/**
 * What is left of an error budget: `62% left (over 30 days), exhausted in 2 d 14 h at the current burn rate`, `exhausted:
 * 140% used (over 30 days)`. With less data than the budget's period: `62% left (based on 12 days of data)`.
 */
export function budgetText(budget: BudgetView, burnRate?: number): string {
  const { left, period, over } = budget;
  const isComplete = over >= period - DAY;
  const basis = isComplete ? `over ${budgetDays(budget)}` : `based on ${budgetDays(budget)} of data`;
  const isBurning = left > 0 && isComplete && burnRate !== undefined && burnRate > 1;
  const end = isBurning
    ? `, exhausted in ${timeSpan(ms((left * period) / burnRate))} at the current burn rate`
    : '';
  return `${budgetLeft(budget)} (${basis})${end}`;
}

/** `62% left`, `exhausted`, `exhausted: 140% used`. */
export function budgetLeft({ left, isAtMost }: BudgetView): string {
  if (left <= -0.005) return `exhausted: ${isAtMost === true ? 'at least ' : ''}${share(1 - left)} used`;
  return left <= 0 ? 'exhausted' : `${isAtMost === true ? 'at most ' : ''}${share(left)} left`;
}

/** The days that a budget is computed from: its period, or what there is of it. */
export const budgetDays = ({ over, period }: BudgetView): string =>
  days(over >= period - DAY ? period : over);

const days = (duration: Milliseconds): string =>
  duration < DAY ? 'less than a day' : count(Math.round(duration / DAY), 'day');

/**
 * Where a threshold lies that is no bucket bound, and the bound at which an approximate one is evaluated: ` (between the
 * bucket bounds 500 ms and 1 s, evaluated at 1 s)`. Empty for a threshold that is a bound.
 */
export function thresholdNote(found: SlowBetween | undefined, isApproximate = false): string {
  if (found === undefined) return isApproximate ? ' (evaluated at the next higher bucket bound)' : '';
  const { low, high } = found;
  if (low === high) return '';
  if (high === undefined) return ' (above all bucket bounds)';
  const evaluated = isApproximate ? `, evaluated at ${bound(high)}` : '';
  return ` (between the bucket bounds ${bound(low)} and ${bound(high)}${evaluated})`;
}

/** A number of microseconds, such as a mean or a difference, as a duration. */
export const time = (micros: number): string => durationText(us(micros));
