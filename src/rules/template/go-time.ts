import type { EpochMs } from '../../lib/units.ts';

const MONTHS = 'January February March April May June July August September October November December'.split(
  ' ',
);
const DAYS = 'Sunday Monday Tuesday Wednesday Thursday Friday Saturday'.split(' ');

const padded = (value: number, width: number, fill = '0'): string => String(value).padStart(width, fill);

const dayOfYear = (date: Date): number =>
  Math.floor((date.getTime() - Date.UTC(date.getUTCFullYear(), 0, 1)) / 86_400_000) + 1;

const twelve = (hour: number): number => (hour % 12 === 0 ? 12 : hour % 12);

/** The parts of a layout, in the order in which they are recognized. Source: Go's time/format.go. */
const PARTS: readonly (readonly [string, (date: Date) => string])[] = [
  ['January', (date) => MONTHS[date.getUTCMonth()] ?? ''],
  ['Jan', (date) => (MONTHS[date.getUTCMonth()] ?? '').slice(0, 3)],
  ['Monday', (date) => DAYS[date.getUTCDay()] ?? ''],
  ['Mon', (date) => (DAYS[date.getUTCDay()] ?? '').slice(0, 3)],
  ['MST', () => 'UTC'],
  ['2006', (date) => padded(date.getUTCFullYear(), 4)],
  ['-07:00', () => '+00:00'],
  ['-0700', () => '+0000'],
  ['Z07:00', () => 'Z'],
  ['Z0700', () => 'Z'],
  ['002', (date) => padded(dayOfYear(date), 3)],
  ['01', (date) => padded(date.getUTCMonth() + 1, 2)],
  ['02', (date) => padded(date.getUTCDate(), 2)],
  ['03', (date) => padded(twelve(date.getUTCHours()), 2)],
  ['04', (date) => padded(date.getUTCMinutes(), 2)],
  ['05', (date) => padded(date.getUTCSeconds(), 2)],
  ['06', (date) => padded(date.getUTCFullYear() % 100, 2)],
  ['15', (date) => padded(date.getUTCHours(), 2)],
  ['PM', (date) => (date.getUTCHours() < 12 ? 'AM' : 'PM')],
  ['pm', (date) => (date.getUTCHours() < 12 ? 'am' : 'pm')],
  ['_2', (date) => padded(date.getUTCDate(), 2, ' ')],
  ['1', (date) => String(date.getUTCMonth() + 1)],
  ['2', (date) => String(date.getUTCDate())],
  ['3', (date) => String(twelve(date.getUTCHours()))],
  ['4', (date) => String(date.getUTCMinutes())],
  ['5', (date) => String(date.getUTCSeconds())],
];

/** A fraction of a second in a layout: zeros keep all digits, nines drop those that are zero at the end. */
const FRACTION = /^[.,](0+|9+)(?!\d)/;

function fractionText(date: Date, [dotted = '', digits = '']: RegExpExecArray): string {
  const all = padded(date.getUTCMilliseconds(), 3).padEnd(digits.length, '0').slice(0, digits.length);
  const kept = digits.startsWith('9') ? all.replace(/0+$/, '') : all;
  return kept === '' ? '' : dotted.charAt(0) + kept;
}

/** A time in UTC in a layout of Go, such as `15:04 Jan 2`. */
export function formatTime(at: EpochMs, layout: string): string {
  const date = new Date(at);
  let written = '';
  for (let rest = layout; rest !== ''; ) {
    const fraction = FRACTION.exec(rest);
    const part = fraction === null ? PARTS.find(([name]) => rest.startsWith(name)) : undefined;
    if (fraction !== null) written += fractionText(date, fraction);
    else written += part === undefined ? rest.charAt(0) : part[1](date);
    rest = rest.slice(fraction?.[0].length ?? part?.[0].length ?? 1);
  }
  return written;
}

/** A time as Go prints it: `2015-06-23 13:19:44.128 +0000 UTC`. */
export const timeText = (at: EpochMs): string => formatTime(at, '2006-01-02 15:04:05.999999999 -0700 MST');

const SMALL_UNITS = [
  [1e6, 'ms'],
  [1e3, 'µs'],
  [1, 'ns'],
] as const;

const trimmed = (value: number, digits: number): string =>
  value
    .toFixed(digits)
    .replace(/(\.\d*?)0+$/, '$1')
    .replace(/\.$/, '');

/** A duration as Go prints it: `1h2m0.01s`, `1.5ms`, `0s`. */
export function durationText(nanoseconds: number): string {
  if (nanoseconds === 0) return '0s';
  const sign = nanoseconds < 0 ? '-' : '';
  const size = Math.abs(nanoseconds);
  const small = size < 1e9 ? SMALL_UNITS.find(([unit]) => size >= unit) : undefined;
  if (small !== undefined) return `${sign}${trimmed(size / small[0], 6)}${small[1]}`;
  const whole = Math.floor(size / 1e9);
  const hours = Math.floor(whole / 3_600);
  const minutes = Math.floor(whole / 60) % 60;
  const seconds = trimmed((whole % 60) + (size % 1e9) / 1e9, 9);
  const hoursText = hours === 0 ? '' : `${hours}h`;
  return `${sign}${hoursText}${whole < 60 ? '' : `${minutes}m`}${seconds}s`;
}
