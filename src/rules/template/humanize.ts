import { type EpochMs, epochMs } from '../../lib/units.ts';
import { goFloat } from '../promql.ts';
import { fourDigits } from './go-format.ts';
import { timeText } from './go-time.ts';

/* Prometheus's functions that write a number for people. Source: prometheus/common helpers/templates. */

const isNotFinite = (value: number): boolean => !Number.isFinite(value);

interface Scale {
  readonly prefixes: readonly string[];
  readonly step: (value: number) => number;
  readonly isDone: (size: number) => boolean;
}

/** Scales a number step by step and adds the prefix of the last step. */
function scaled(value: number, { prefixes, step, isDone }: Scale): string {
  let number = value;
  let prefix = '';
  for (const next of prefixes) {
    if (isDone(Math.abs(number))) break;
    prefix = next;
    number = step(number);
  }
  return fourDigits(number) + prefix;
}

const PREFIXES = ['k', 'M', 'G', 'T', 'P', 'E', 'Z', 'Y'] as const;

const LARGE: Scale = { prefixes: PREFIXES, step: (value) => value / 1_000, isDone: (size) => size < 1_000 };
const BINARY: Scale = {
  prefixes: PREFIXES.map((prefix) => `${prefix}i`),
  step: (value) => value / 1_024,
  isDone: (size) => size < 1_024,
};
const SMALL: Scale = {
  prefixes: ['m', 'u', 'n', 'p', 'f', 'a', 'z', 'y'],
  step: (value) => value * 1_000,
  isDone: (size) => size >= 1,
};

/** `1.235M`, `120m`. */
export function humanize(value: number): string {
  if (value === 0 || isNotFinite(value)) return fourDigits(value);
  return scaled(value, Math.abs(value) >= 1 ? LARGE : SMALL);
}

/** `4.883ki`. */
export function humanize1024(value: number): string {
  return Math.abs(value) <= 1 || isNotFinite(value) ? fourDigits(value) : scaled(value, BINARY);
}

/** A ratio as `7.256%`. */
export const humanizePercentage = (value: number): string => `${fourDigits(value * 100)}%`;

/** Seconds as days, hours, minutes and seconds. */
export function humanizeDuration(value: number): string {
  if (isNotFinite(value)) return fourDigits(value);
  if (value === 0) return `${fourDigits(value)}s`;
  if (Math.abs(value) < 1) return `${scaled(value, SMALL)}s`;
  const sign = value < 0 ? '-' : '';
  const size = Math.abs(value);
  const whole = Math.trunc(size);
  const parts = [
    Math.floor(whole / 86_400),
    Math.floor(whole / 3_600) % 24,
    Math.floor(whole / 60) % 60,
    whole % 60,
  ];
  const first = parts.findIndex((part) => part !== 0);
  if (first === 3) return `${sign}${fourDigits(size)}s`;
  const units = ['d', 'h', 'm', 's'];
  return (
    sign +
    parts
      .map((part, i) => `${part}${units[i] ?? ''}`)
      .slice(first)
      .join(' ')
  );
}

/** The limit of Go's int64, in nanoseconds. */
const NANOSECONDS_LIMIT = 2 ** 63;

/**
 * Unix seconds as an instant, in whole milliseconds.
 * @throws Error when Go's nanoseconds overflow.
 */
export function toInstant(seconds: number): EpochMs {
  if (Number.isNaN(seconds) || Math.abs(seconds * 1e9) >= NANOSECONDS_LIMIT) {
    const value = goFloat(seconds);
    throw new Error(`${value} cannot be represented as a nanoseconds timestamp since it overflows int64`);
  }
  // Through whole nanoseconds, as Go does, whose rounding is visible: 0.25 s after midnight may read .249.
  return epochMs(Number(BigInt(Math.trunc(seconds * 1e9)) / 1_000_000n));
}

/** Unix seconds as `2026-11-20 14:05:00.25 +0000 UTC`. */
export const humanizeTimestamp = (value: number): string =>
  isNotFinite(value) ? fourDigits(value) : timeText(toInstant(value));
