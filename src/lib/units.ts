/** A number that carries its unit in the type, so that milliseconds never meet microseconds by accident. */
type Unit<Name extends string> = number & { readonly __unit: Name };

/** A length of time in milliseconds. Rules, windows and deadlines are in milliseconds. */
export type Milliseconds = Unit<'ms'>;

/** A length of time in microseconds. Spans and traces are in microseconds, as Jaeger stores them. */
export type Microseconds = Unit<'us'>;

/** An instant: milliseconds since 1970-01-01T00:00:00Z. */
export type EpochMs = Unit<'epoch-ms'>;

/** An instant: microseconds since 1970-01-01T00:00:00Z. Safe as a number until the year 2255. */
export type EpochUs = Unit<'epoch-us'>;

/** A share between 0 and 1. */
export type Ratio = Unit<'ratio'>;

/** A plain number with its unit. Nothing is checked: what comes from outside is, where it comes in. */
export const ms = (value: number): Milliseconds => value as Milliseconds;
export const us = (value: number): Microseconds => value as Microseconds;
export const epochMs = (value: number): EpochMs => value as EpochMs;
export const epochUs = (value: number): EpochUs => value as EpochUs;
export const ratio = (value: number): Ratio => value as Ratio;

export const SECOND: Milliseconds = ms(1_000);
export const MINUTE: Milliseconds = ms(60_000);
export const HOUR: Milliseconds = ms(3_600_000);
export const DAY: Milliseconds = ms(86_400_000);

/** Milliseconds to microseconds. */
export const toUs = (duration: Milliseconds): Microseconds => us(duration * 1_000);
/** Microseconds to milliseconds, with fractions. */
export const toMs = (duration: Microseconds): Milliseconds => ms(duration / 1_000);
/** An instant in milliseconds to the same instant in microseconds. */
export const toEpochUs = (instant: EpochMs): EpochUs => epochUs(instant * 1_000);
/** An instant in microseconds to milliseconds, rounded down. */
export const toEpochMs = (instant: EpochUs): EpochMs => epochMs(Math.floor(instant / 1_000));

/** The instant `duration` after `instant`. */
export const after = (instant: EpochMs, duration: Milliseconds): EpochMs => epochMs(instant + duration);
/** The instant `duration` before `instant`. */
export const before = (instant: EpochMs, duration: Milliseconds): EpochMs => epochMs(instant - duration);
/** The time from `earlier` to `later`; negative when they are the other way round. */
export const between = (earlier: EpochMs, later: EpochMs): Milliseconds => ms(later - earlier);

/** A span of time from `start` to `end`, both inclusive. */
export interface TimeWindow {
  readonly start: EpochMs;
  readonly end: EpochMs;
}

/** A window in `count` slices of one length. */
export function slicesOf({ start, end }: TimeWindow, count: number): readonly TimeWindow[] {
  const bounds = Array.from({ length: count + 1 }, (_, i) => Math.round(start + ((end - start) * i) / count));
  return bounds
    .slice(1)
    .map((to, i) => ({ start: bounds[i], end: to }) as TimeWindow)
    .filter(({ start, end }) => end > start);
}

const PROMETHEUS_UNITS = [
  ['y', 365 * 86_400_000],
  ['w', 7 * 86_400_000],
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
  ['ms', 1],
] as const;

const PROMETHEUS_DURATION =
  /^(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+)s)?(?:(\d+)ms)?$/;

/** 292 years: Prometheus counts nanoseconds in 64 bits. */
const MAX_DURATION = 9_223_372_036_854;

/**
 * Reads a duration in Prometheus syntax: `5m`, `1h30m`, `500ms`, `0`. Units come in falling order, each at most once.
 * Returns undefined for anything else (`1.5h`, `5`, `30m1h`).
 * Source of the grammar: prometheus/common model.ParseDuration.
 */
export function parseDuration(text: string): Milliseconds | undefined {
  if (text === '0') return ms(0);
  const match = PROMETHEUS_DURATION.exec(text);
  if (match === null || text === '') return undefined;
  const total = PROMETHEUS_UNITS.reduce((sum, [, size], i) => sum + Number(match[i + 1] ?? 0) * size, 0);
  return total <= MAX_DURATION ? ms(total) : undefined;
}

/** Writes a duration in Prometheus syntax (`1h30m`, `500ms`, `0s`): what `parseDuration` reads back. */
export function formatDuration(duration: Milliseconds): string {
  let rest = Math.round(duration);
  if (rest === 0) return '0s';
  const parts: string[] = [];
  for (const [unit, size] of PROMETHEUS_UNITS) {
    // Years and weeks only when they come out even, as Prometheus prints them: 90d, not 12w6d.
    if ((unit === 'y' || unit === 'w') && rest % size !== 0) continue;
    const count = Math.floor(rest / size);
    if (count > 0) parts.push(`${count}${unit}`);
    rest -= count * size;
  }
  return parts.join('');
}

/** A Go duration, as Jaeger's search form takes it: `812ms`, `1.5s` is written `1500ms`, `250us`. */
export function goDuration(duration: Microseconds): string {
  return duration % 1_000 === 0 ? `${duration / 1_000}ms` : `${duration}us`;
}

const ISO =
  /^(\d{4})-(\d\d)-(\d\d)[T ]([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d:?\d\d)$/i;

function offsetMinutes(zone: string): number {
  if (zone.toUpperCase() === 'Z') return 0;
  const digits = zone.slice(1).replace(':', '');
  return (zone.startsWith('-') ? -1 : 1) * (Number(digits.slice(0, 2)) * 60 + Number(digits.slice(2)));
}

/** Midnight in UTC; undefined for a day that the calendar does not have. */
function dateOf(year: number, month: number, day: number): Date | undefined {
  const date = new Date(0);
  // Not `Date.UTC`, which takes the years 0 to 99 for 1900 to 1999.
  date.setUTCFullYear(year, month - 1, day);
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day ? date : undefined;
}

/**
 * Reads an instant of ISO 8601 with its zone: `2026-11-20T14:00:00Z`, `2026-11-20T15:00+01:00`. Undefined for a date
 * that does not exist: `Date` would turn 30 February into 2 March.
 */
export function parseInstant(text: string): EpochMs | undefined {
  const match = ISO.exec(text);
  if (match === null) return undefined;
  const part = (index: number): number => Number(match[index] ?? 0);
  const date = dateOf(part(1), part(2), part(3));
  if (date === undefined) return undefined;
  const minutes = part(5) - offsetMinutes(match[8] ?? 'Z');
  const millis = Number((match[7] ?? '0').padEnd(3, '0').slice(0, 3));
  return epochMs(date.setUTCHours(part(4), minutes, part(6), millis));
}

/** `2026-11-20 14:05:00` in UTC, fractions cut off: what Prometheus's graph page reads as the end of its range. */
export const utcTime = (instant: EpochMs): string =>
  new Date(instant).toISOString().slice(0, -5).replace('T', ' ');

/** Writes an instant in UTC: what `parseInstant` reads back. */
export const formatInstant = (instant: EpochMs): string =>
  new Date(instant).toISOString().replace('.000Z', 'Z');
