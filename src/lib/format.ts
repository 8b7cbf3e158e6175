import type { EpochMs, Microseconds, Milliseconds, TimeWindow } from './units.ts';
import { utcTime } from './units.ts';

/*
 * How numbers are written for people: one format for durations (`82 ms`, `1.2 s`), percentages (`6.3%`) and counts
 * (`12,300`), and no more digits than are known. Instants in Slack messages: `date` in slack/blocks/mrkdwn.ts.
 */

/** A count with a comma at every thousand: `12,300`. */
export const grouped = (value: number): string => value.toLocaleString('en-US');

/** `1 span`, `12,300 spans`. */
export const count = (amount: number, noun: string, plural = `${noun}s`): string =>
  `${grouped(amount)} ${amount === 1 ? noun : plural}`;

/** At most `digits` significant digits; from 10^(digits - 1) on a whole number. */
export function significant(value: number, digits = 3): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
  const size = Math.abs(value);
  if (size >= 1e15) return value.toExponential(digits - 1).replace('e+', 'e');
  if (size >= 10 ** (digits - 1)) return grouped(Math.round(value));
  return String(Number(value.toPrecision(digits)));
}

/** A measured duration or a latency: `850 µs`, `8.1 ms`, `812 ms`, `1.24 s`, `412 s`. */
export function durationText(duration: Microseconds): string {
  const size = Math.abs(duration);
  const sign = duration < 0 ? '-' : '';
  if (!Number.isFinite(size)) return significant(duration);
  if (size === 0) return '0 ms';
  if (size < 999.5) return `${sign}${significant(size)} µs`;
  if (size < 9_950) return `${sign}${significant(size / 1_000, 2)} ms`;
  if (size < 999_500) return `${sign}${Math.round(size / 1_000)} ms`;
  const seconds = size / 1_000_000;
  return `${sign}${seconds >= 1_000 && seconds < 1e15 ? Math.round(seconds) : significant(seconds)} s`;
}

/** A configured threshold or bucket bound, with all its digits: `500 ms`, `2.5 s`, `3600 s`. */
export function bound(duration: Milliseconds): string {
  return duration < 1_000
    ? `${Number(duration.toFixed(3))} ms`
    : `${Number((duration / 1_000).toFixed(6))} s`;
}

/** Two bounds as a range: `1 to 5 ms`, `500 ms to 1 s`. */
export function boundRange(low: Milliseconds, high: Milliseconds): string {
  const [number = '', unit = ''] = bound(low).split(' ');
  return `${bound(high).endsWith(` ${unit}`) ? number : bound(low)} to ${bound(high)}`;
}

const TIME_UNITS = [
  ['d', 86_400],
  ['h', 3_600],
  ['min', 60],
  ['s', 1],
] as const;

/** A period in its two largest units, without seconds from one hour on: `45 s`, `12 min`, `1 h 5 min`, `2 d 3 h`. */
export function timeSpan(duration: Milliseconds): string {
  let rest = Math.max(0, Math.round(duration / 1_000));
  if (rest >= 3_600) rest = Math.round(rest / 60) * 60;
  const parts: string[] = [];
  for (const [unit, size] of TIME_UNITS) {
    const amount = Math.floor(rest / size);
    rest -= amount * size;
    if (amount > 0) parts.push(`${amount} ${unit}`);
    else if (parts.length > 0) break;
    if (parts.length === 2) break;
  }
  return parts.length === 0 ? '0 s' : parts.join(' ');
}

/**
 * A ratio as a percentage: `7.2%`, `34%`, `under 0.1%`. From 99% on with the digits that its distance from 100% has: `99.9%`,
 * `99.95%`, `over 99.99%` when nearly all. No `<`, which Slack needs escaped.
 */
export function share(value: number): string {
  if (!Number.isFinite(value)) return significant(value);
  const percent = value * 100;
  if (percent <= 0) return '0%';
  if (percent < 0.1) return 'under 0.1%';
  if (percent < 9.95) return `${Number(percent.toFixed(1))}%`;
  if (percent >= 99 && percent < 100) return nearlyAll(percent);
  return `${grouped(Math.round(percent))}%`;
}

/** Two digits of the distance from 100%: of an objective's percentages only these differ. */
function nearlyAll(percent: number): string {
  const missing = Number((100 - percent).toPrecision(2));
  return missing < 0.01 ? 'over 99.99%' : `${Number((100 - missing).toPrecision(6))}%`;
}

/** A burn rate: `0.55x`, `7.2x`, `14.4x`, `120x`. */
export function burn(rate: number): string {
  const size = Math.abs(rate);
  if (size >= 9.95 && size < 99.95) return `${Number(rate.toFixed(1))}x`;
  return `${significant(rate, size < 9.95 ? 2 : 3)}x`;
}

/** Requests per second. */
export function rate(perSecond: number): string {
  return `${significant(perSecond)} req/s`;
}

/** A window in UTC, for text that cannot hold Slack's dates: `from 14:00 to 14:10 UTC`; with dates where they differ. */
export const windowText = ({ start, end }: TimeWindow): string =>
  `from ${timeText(start, end)} to ${timeText(end, end)} UTC`;

function timeText(instant: EpochMs, reference: EpochMs): string {
  const [date = '', time = ''] = utcTime(instant).split(' ');
  const shown = time.endsWith(':00') ? time.slice(0, 5) : time;
  return utcTime(reference).startsWith(date) ? shown : `${date} ${shown}`;
}

/** The first names of many, in running text: `cart, payments and 3 more`. */
export function listed(names: readonly string[], most: number): string {
  const more = names.length > most ? ` and ${names.length - most} more` : '';
  return `${names.slice(0, most).join(', ')}${more}`;
}

/** A list that shows the first few of many. */
export interface Truncated<T> {
  readonly rows: readonly T[];
  readonly hidden: number;
}

/** A sentence that names people and instants: each is shown as Slack shows it, and the rest is nobody's markup. */
export type Phrase = readonly (
  | string
  | { readonly person: string }
  | { readonly at: EpochMs }
  /** What a machine wrote, or is to read: labels, matchers, ids. */
  | { readonly code: string }
  | { readonly text: string; readonly url: string }
)[];
