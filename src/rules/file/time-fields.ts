import { z } from 'zod';
import { parseInstant } from '../../lib/instant.ts';
import type { EpochMs } from '../../lib/units.ts';
import type { TimeInterval, WholeRange } from '../../policy/time-interval.ts';
import { defined } from './defined.ts';
import { field, name } from './fields.ts';
import { emptyIsAbsent } from './text-maps.ts';

const quoted = (text: string): string => (text === '' ? 'empty' : JSON.stringify(text));
const problem = (message: string) => ({ problems: [{ message }] });

/** An instant in RFC 3339: without a zone it would be another instant for everybody who reads it. */
export const instant = field<EpochMs>((text) => {
  const value = parseInstant(text);
  return value === undefined
    ? problem(`is ${quoted(text)}: write an instant with its zone, like 2026-11-21T22:00:00+01:00`)
    : { value };
});

/** Minutes since midnight, 24:00 included. */
const clockTime = field<number>((text) => {
  const [, hours, minutes] = /^(\d{1,2}):(\d\d)$/.exec(text) ?? [];
  const value = Number(hours) * 60 + Number(minutes);
  return Number(minutes) < 60 && value <= 24 * 60
    ? { value }
    : problem(`is ${quoted(text)}: write a time of day like "09:00", or "24:00" for the end of the day`);
});

const timeRangeSchema = z
  .strictObject({ start_time: clockTime, end_time: clockTime })
  .refine(({ start_time: begin, end_time: end }) => begin < end, {
    error: 'ends before it begins: write two of them, one up to "24:00" and one from "00:00"',
    path: ['end_time'],
  })
  .transform(({ start_time: begin, end_time: end }): WholeRange => ({ begin, end }));

/** What stands on either side of a range: its words, and how to tell a person what may stand there. */
interface Scale {
  /** Undefined for what is not on the scale. */
  readonly read: (text: string) => number | undefined;
  readonly how: string;
  /** Numbers whose order is only known with a month, such as -1: 0 where it is known. */
  readonly orderOf: (begin: number, end: number) => number;
}

/** `monday`, `monday:friday`: both ends inclusive. */
const rangeOf = ({ read, how, orderOf }: Scale) =>
  field<WholeRange>((text) => {
    const [from = '', to = from, ...rest] = text.split(':').map((part) => part.trim().toLowerCase());
    const begin = read(from);
    const end = read(to);
    if (begin === undefined || end === undefined || rest.length > 0)
      return problem(`is ${quoted(text)}: write ${how}`);
    if (orderOf(begin, end) > 0) return problem(`is ${quoted(text)}, which ends before it begins`);
    return { value: { begin, end } };
  });

const ascending = (begin: number, end: number): number => begin - end;

const wholeIn =
  (low: number, high: number) =>
  (text: string): number | undefined => {
    const value = /^-?\d+$/.test(text) ? Number(text) : Number.NaN;
    return value >= low && value <= high ? value : undefined;
  };

const wordIn = (words: readonly string[], first: number) => (text: string) => {
  const index = words.indexOf(text);
  return index === -1 ? undefined : index + first;
};

const WEEKDAYS = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'];
const MONTHS = [
  'january',
  'february',
  'march',
  'april',
  'may',
  'june',
  'july',
  'august',
  'september',
  'october',
  'november',
  'december',
];

/** As in Alertmanager the week begins on Sunday, so a range over the weekend is written as two. */
const weekdays = rangeOf({
  read: wordIn(WEEKDAYS, 0),
  how: 'a weekday or a range like monday:friday (weeks begin on sunday)',
  orderOf: ascending,
});
const isDay = wholeIn(-31, 31);
const daysOfMonth = rangeOf({
  read: (text) => (isDay(text) === 0 ? undefined : isDay(text)),
  how: 'a day of the month, a range like 1:7, or days from its end like -3:-1',
  orderOf: (begin, end) => (begin < 0 === end < 0 ? begin - end : begin < 0 ? 1 : 0),
});
const monthName = wordIn(MONTHS, 1);
const isMonth = wholeIn(1, 12);
const months = rangeOf({
  read: (text) => monthName(text) ?? isMonth(text),
  how: 'a month or a range like january:march or 1:3',
  orderOf: ascending,
});
const years = rangeOf({
  read: wholeIn(1, 9_999),
  how: 'a year or a range like 2026:2028',
  orderOf: ascending,
});

/** A time zone that the runtime knows. */
const location = field<string>((text) => {
  try {
    return { value: new Intl.DateTimeFormat('en', { timeZone: text }).resolvedOptions().timeZone };
  } catch {
    return problem(`is ${quoted(text)}: write an IANA time zone like Europe/Vienna`);
  }
});

const listOf = <T extends z.ZodType>(schema: T) => emptyIsAbsent(z.array(schema));

const timeIntervalInput = z.strictObject({
  times: listOf(timeRangeSchema),
  weekdays: listOf(weekdays),
  days_of_month: listOf(daysOfMonth),
  months: listOf(months),
  years: listOf(years),
  location: location.optional(),
});

/** An empty list is the same as none: any value will do. */
const orAny = (ranges: readonly WholeRange[] | undefined): readonly WholeRange[] | undefined =>
  ranges?.length === 0 ? undefined : ranges;

const timeIntervalSchema = timeIntervalInput.transform(
  (input): TimeInterval => ({
    location: input.location ?? 'UTC',
    ...defined({
      times: orAny(input.times),
      weekdays: orAny(input.weekdays),
      daysOfMonth: orAny(input.days_of_month),
      months: orAny(input.months),
      years: orAny(input.years),
    }),
  }),
);

/** Alertmanager's `time_intervals` entry: a name, and intervals of which one must hold. */
export const namedIntervalSchema = z.strictObject({
  name,
  time_intervals: z.array(timeIntervalSchema).min(1, { error: 'is empty: it would hold never' }),
});

/** The keys of an entry, by the dotted path of the map they stand in. */
export const NAMED_INTERVAL_KEYS: Readonly<Record<string, readonly string[]>> = {
  '': Object.keys(namedIntervalSchema.shape),
  time_intervals: Object.keys(timeIntervalInput.shape),
  'time_intervals.times': ['start_time', 'end_time'],
};
