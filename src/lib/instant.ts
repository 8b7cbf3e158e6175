import { type EpochMs, epochMs } from './units.ts';

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
