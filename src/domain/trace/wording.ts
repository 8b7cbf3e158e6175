import { utcTime } from '../link.ts';
import { type EpochMs, type Microseconds, type TimeWindow, us } from '../units.ts';

/** Removes what a fixed number of decimals adds: `1.50` is `1.5`. */
const short = (value: number, decimals: number): string => String(Number(value.toFixed(decimals)));

/** A length of time for a person, with three or four significant digits: `250 µs`, `8.12 ms`, `812 ms`, `1.24 s`, `2 min 5 s`. */
export function durationText(duration: Microseconds): string {
  const micros = Math.round(duration);
  if (micros < 1_000) return `${micros} µs`;
  if (micros < 10_000) return `${short(micros / 1_000, 2)} ms`;
  if (micros < 999_500) return `${short(micros / 1_000, micros < 100_000 ? 1 : 0)} ms`;
  if (micros < 59_995_000) return `${short(micros / 1_000_000, micros < 10_000_000 ? 2 : 1)} s`;
  const seconds = Math.round(micros / 1_000_000);
  const [minutes, rest] = [Math.floor(seconds / 60), seconds % 60];
  return rest === 0 ? `${minutes} min` : `${minutes} min ${rest} s`;
}

/**
 * The same, never less than the duration: a bound that was rounded up still holds. Rounds to what `durationText` shows.
 */
export function boundText(duration: Microseconds): string {
  const step = duration < 10_000 ? 10 : duration < 100_000 ? 100 : duration < 999_000 ? 1_000 : 0;
  if (step > 0) return durationText(us(Math.ceil(duration / step) * step));
  const coarse = duration < 9_990_000 ? 10_000 : duration < 59_900_000 ? 100_000 : 1_000_000;
  return durationText(us(Math.ceil(duration / coarse) * coarse));
}

function clock(instant: EpochMs, reference: EpochMs): string {
  const [date = '', time = ''] = utcTime(instant).split(' ');
  const shown = time.endsWith(':00') ? time.slice(0, 5) : time;
  return utcTime(reference).startsWith(date) ? shown : `${date} ${shown}`;
}

/** `14:00-14:10 UTC`; with the date of whatever is not on the day of the window's end. */
export function windowText({ start, end }: TimeWindow): string {
  return `${clock(start, end)}-${clock(end, end)} UTC`;
}
