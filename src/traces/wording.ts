import { utcTime } from '../lib/instant.ts';
import { type EpochMs, type Microseconds, type TimeWindow, us } from '../lib/units.ts';

/** At most `digits` significant digits, and whole numbers from there on. */
const significant = (value: number, digits: number): string =>
  value >= 10 ** (digits - 1) ? String(Math.round(value)) : String(Number(value.toPrecision(digits)));

/**
 * The duration of a request, or a latency, for a person: `850 µs`, `8.1 ms`, `812 ms`, `1.24 s`, `412 s`. The one way in
 * which messages, pictures and sentences write it, so that the same duration never has other digits beside itself.
 */
export function durationText(duration: Microseconds): string {
  const size = Math.abs(duration);
  const sign = duration < 0 ? '-' : '';
  if (!Number.isFinite(size)) return Number.isNaN(size) ? 'NaN' : `${sign || '+'}Inf`;
  if (size === 0) return '0 ms';
  if (size < 999.5) return `${sign}${significant(size, 3)} µs`;
  if (size < 9_950) return `${sign}${significant(size / 1_000, 2)} ms`;
  if (size < 999_500) return `${sign}${Math.round(size / 1_000)} ms`;
  if (size >= 1e21) return `${sign}${(size / 1e6).toExponential(2).replace('e+', 'e')} s`;
  return `${sign}${significant(size / 1_000_000, 3)} s`;
}

/** Each range with the step in which `durationText` shows it, in microseconds. */
const STEPS: readonly (readonly [number, number])[] = [
  [999, 1],
  [9_900, 100],
  [999_000, 1_000],
  [9_990_000, 10_000],
  [99_900_000, 100_000],
];

/**
 * The same, never less than the duration: a bound that was rounded up still holds. Rounds to what `durationText` shows.
 */
export function boundText(duration: Microseconds): string {
  const step = STEPS.find(([up]) => duration <= up)?.[1] ?? 1_000_000;
  return durationText(us(Math.ceil(duration / step) * step));
}

/** `3 spans`, `1 span`: for nouns whose plural is an s. */
export const count = (amount: number, noun: string): string => `${amount} ${noun}${amount === 1 ? '' : 's'}`;

function clock(instant: EpochMs, reference: EpochMs): string {
  const [date = '', time = ''] = utcTime(instant).split(' ');
  const shown = time.endsWith(':00') ? time.slice(0, 5) : time;
  return utcTime(reference).startsWith(date) ? shown : `${date} ${shown}`;
}

/** `14:00-14:10 UTC`; with the date of whatever is not on the day of the window's end. */
export function windowText({ start, end }: TimeWindow): string {
  return `${clock(start, end)}-${clock(end, end)} UTC`;
}

/** How a service is called that has no name. */
export const named = (service: string): string => (service === '' ? '(no service name)' : service);
