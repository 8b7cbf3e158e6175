import type { EpochMs } from '../lib/units.ts';

/** The local date and time of a time zone. */
export interface LocalTime {
  readonly year: number;
  /** 1 to 12. */
  readonly month: number;
  /** 1 to 31. */
  readonly day: number;
  /** 0 is Sunday. */
  readonly weekday: number;
  /** Minutes since midnight by the local clock: at a change to or from summer time some are skipped or repeated. */
  readonly minute: number;
}

/** The local time in an IANA time zone, such as `Europe/Vienna`. */
export type LocalTimeIn = (at: EpochMs, zone: string) => LocalTime;

/** From `begin` to `end`, both inclusive. */
export interface WholeRange {
  readonly begin: number;
  readonly end: number;
}

/**
 * A time interval of Alertmanager: it contains an instant when every list that is set has an entry that contains it.
 * Source: alertmanager timeinterval/timeinterval.go, ContainsTime.
 */
export interface TimeInterval {
  /** In minutes since midnight: `begin` inclusive, `end` exclusive, at most 1440. */
  readonly times?: readonly WholeRange[];
  readonly weekdays?: readonly WholeRange[];
  /** Counted from 1, or backwards from the end of the month from -1. */
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

/** The length of a month. The calendar repeats every 400 years; `Date.UTC` takes years below 100 as those after 1900. */
export const daysInMonth = ({ year, month }: Pick<LocalTime, 'year' | 'month'>): number =>
  new Date(Date.UTC(2_000 + (year % 400), month, 0)).getUTCDate();

/**
 * Whether a day is in one of the ranges, which are limited to the month:
 *
 *     1 2 3 ... 27 28 29 30        -3:-1 is 28:30 here;  29:31 is 29:30;  31 is never
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

/** Whether an interval contains a local time of its time zone. */
export function containsLocal(interval: TimeInterval, local: LocalTime): boolean {
  return (
    isWithinTimes(local.minute, interval.times) &&
    isWithin(local.weekday, interval.weekdays) &&
    isWithinDays(local, interval.daysOfMonth) &&
    isWithin(local.month, interval.months) &&
    isWithin(local.year, interval.years)
  );
}

/** Whether any of the intervals contains an instant. */
export function containsInstant(
  intervals: readonly TimeInterval[],
  at: EpochMs,
  localTime: LocalTimeIn,
): boolean {
  return intervals.some((interval) => containsLocal(interval, localTime(at, interval.location)));
}

const WEEKDAYS: readonly string[] = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];

/** The local time of a zone, by the time zone data of the runtime (ICU). Pure: `Intl` only formats the given instant. */
function createReader(zone: string): (at: number) => LocalTime {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    calendar: 'gregory',
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    weekday: 'short',
    hour: 'numeric',
    minute: 'numeric',
  });
  return (at) => {
    const parts = new Map(format.formatToParts(at).map(({ type, value }) => [type, value]));
    const number = (type: Intl.DateTimeFormatPartTypes): number => Number(parts.get(type));
    return {
      year: number('year'),
      month: number('month'),
      day: number('day'),
      weekday: WEEKDAYS.indexOf(parts.get('weekday') ?? ''),
      minute: number('hour') * 60 + number('minute'),
    };
  };
}

/** Local times of any zone. Formatters are kept for each zone, since creating one is expensive. */
export function createLocalTime(): LocalTimeIn {
  const readers = new Map<string, (at: number) => LocalTime>();
  return (at, zone) => {
    const reader = readers.get(zone) ?? createReader(zone);
    readers.set(zone, reader);
    return reader(at);
  };
}
