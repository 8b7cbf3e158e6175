import type { EpochMs } from '../lib/units.ts';

/** What a calendar and a clock on the wall of some time zone show at an instant. */
export interface LocalTime {
  readonly year: number;
  /** 1 to 12. */
  readonly month: number;
  /** 1 to 31. */
  readonly day: number;
  /** 0 is Sunday. */
  readonly weekday: number;
  /** Minutes since midnight by the clock on the wall: where clocks change, some are skipped or come twice. */
  readonly minute: number;
}

/** Tells the local time of an IANA zone, such as `Europe/Vienna`. */
export type LocalTimeIn = (at: EpochMs, zone: string) => LocalTime;

/** From `begin` to `end`, both inclusive. */
export interface WholeRange {
  readonly begin: number;
  readonly end: number;
}

/**
 * A recurring span of time in Alertmanager's terms: an instant is inside when every list that is there has an entry
 * that holds. Source: alertmanager timeinterval/timeinterval.go, ContainsTime.
 */
export interface TimeInterval {
  /** In minutes since midnight: `begin` inclusive, `end` exclusive, at most 1440. */
  readonly times?: readonly WholeRange[];
  readonly weekdays?: readonly WholeRange[];
  /** Counted from 1, or from the end of the month backwards from -1. */
  readonly daysOfMonth?: readonly WholeRange[];
  readonly months?: readonly WholeRange[];
  readonly years?: readonly WholeRange[];
  /** IANA time zone. */
  readonly location: string;
}

const isWithin = (value: number, ranges: readonly WholeRange[] | undefined): boolean =>
  ranges === undefined || ranges.some(({ begin, end }) => value >= begin && value <= end);

const isWithinTimes = (minute: number, ranges: readonly WholeRange[] | undefined): boolean =>
  ranges === undefined || ranges.some(({ begin, end }) => minute >= begin && minute < end);

const SHORT_MONTHS: ReadonlySet<number> = new Set([4, 6, 9, 11]);

/** The Gregorian calendar's length of a month. */
export function daysInMonth({ year, month }: Pick<LocalTime, 'year' | 'month'>): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return SHORT_MONTHS.has(month) ? 30 : 31;
}

/**
 * A range of days, held inside its month:
 *
 *     1 2 3 ... 27 28 29 30        -3:-1 is 28:30 here;  29:31 is 29:30;  31 is no day of this month
 *                  ^^^^^^^^
 */
function isWithinDays(local: LocalTime, ranges: readonly WholeRange[] | undefined): boolean {
  if (ranges === undefined) return true;
  const last = daysInMonth(local);
  const fromStart = (day: number): number => (day < 0 ? last + day + 1 : day);
  return ranges.some(({ begin, end }) => {
    const first = fromStart(begin);
    return first <= last && local.day >= first && local.day <= Math.min(last, fromStart(end));
  });
}

/** Whether the local time of its own zone lies in an interval. */
export function containsLocal(interval: TimeInterval, local: LocalTime): boolean {
  return (
    isWithinTimes(local.minute, interval.times) &&
    isWithin(local.weekday, interval.weekdays) &&
    isWithinDays(local, interval.daysOfMonth) &&
    isWithin(local.month, interval.months) &&
    isWithin(local.year, interval.years)
  );
}

/** Whether an instant lies in any of some intervals. */
export function containsInstant(
  intervals: readonly TimeInterval[],
  at: EpochMs,
  localTime: LocalTimeIn,
): boolean {
  return intervals.some((interval) => containsLocal(interval, localTime(at, interval.location)));
}
