import { z } from 'zod';
import { nearestName } from '../../lib/nearest.ts';
import type { EpochMs } from '../../lib/units.ts';
import { parseInstant } from '../../lib/units.ts';
import type { TimeInterval, WholeRange } from '../../policy/time-interval.ts';
import { emptyIsAbsent, field, name, parsed } from './fields.ts';
import {
  errorAt,
  firstOfEach,
  locationOf,
  type RuleFileReading,
  type RuleFileSection,
  readLists,
  sectionAt,
  shown,
} from './section.ts';

/** An RFC 3339 time. The zone is required: without one it would depend on the reader. */
export const instant = parsed<EpochMs>('a time with its zone, like 2026-11-21T22:00:00+01:00', parseInstant);

/** Minutes since midnight, 24:00 included. */
const clockTime = parsed('a time of day like "09:00", or "24:00" for the end of the day', (text) => {
  const [, hours, minutes] = /^(\d{1,2}):(\d\d)$/.exec(text) ?? [];
  const value = Number(hours) * 60 + Number(minutes);
  return Number(minutes) < 60 && value <= 24 * 60 ? value : undefined;
});

const timeRangeSchema = z
  .strictObject({ start_time: clockTime, end_time: clockTime })
  .refine(({ start_time: begin, end_time: end }) => begin < end, {
    error: 'not after `start_time`. Split a range over midnight in two: up to "24:00" and from "00:00"',
    path: ['end_time'],
  })
  .transform(({ start_time: begin, end_time: end }): WholeRange => ({ begin, end }));

/**
 * `monday`, `monday:friday`: both ends inclusive. `valueOf` returns undefined for a text that is not on the scale. Which of
 * a positive and a negative end comes first depends on the month (`1:-1`), so only `-1:1` is known to be wrong.
 */
const rangeOf = (expected: string, valueOf: (text: string) => number | undefined) =>
  field<WholeRange>((text) => {
    const [from = '', to = from, ...rest] = text.split(':').map((end) => end.trim().toLowerCase());
    const begin = valueOf(from);
    const end = valueOf(to);
    if (begin === undefined || end === undefined || rest.length > 0)
      return { problems: [{ message: `found ${shown(text)}, expected ${expected}` }] };
    const isReversed = begin < 0 === end < 0 ? begin > end : begin < 0;
    return isReversed
      ? { problems: [{ message: `found ${shown(text)}, whose end is before its start` }] }
      : { value: { begin, end } };
  });

const wholeIn =
  (low: number, high: number) =>
  (text: string): number | undefined => {
    const value = /^-?\d+$/.test(text) ? Number(text) : Number.NaN;
    return value >= low && value <= high ? value : undefined;
  };

const indexIn = (names: readonly string[], first: number) => (text: string) => {
  const index = names.indexOf(text);
  return index === -1 ? undefined : index + first;
};

const WEEKDAYS = 'sunday monday tuesday wednesday thursday friday saturday'.split(' ');
const MONTHS = 'january february march april may june july august september october november december'.split(
  ' ',
);

/** As in Alertmanager the week starts on Sunday, so a range over the weekend is written as two. */
const weekdays = rangeOf(
  'a weekday or a range like monday:friday (weeks start on sunday)',
  indexIn(WEEKDAYS, 0),
);
const dayNumber = wholeIn(-31, 31);
const daysOfMonth = rangeOf(
  'a day of the month, a range like 1:7, or days from its end like -3:-1',
  (text) => dayNumber(text) || undefined,
);
const monthName = indexIn(MONTHS, 1);
const monthNumber = wholeIn(1, 12);
const months = rangeOf(
  'a month or a range like january:march or 1:3',
  (text) => monthName(text) ?? monthNumber(text),
);
const years = rangeOf('a year or a range like 2026:2028', wholeIn(1, 9_999));

const location = parsed('an IANA time zone like Europe/Vienna', (text) => {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: text }).resolvedOptions().timeZone;
  } catch {
    return undefined;
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

/** An empty list is an absent one: it does not restrict the interval. */
const orAny = (ranges: readonly WholeRange[] | undefined): readonly WholeRange[] | undefined =>
  ranges?.length === 0 ? undefined : ranges;

const timeIntervalSchema = timeIntervalInput.transform(
  (input): TimeInterval => ({
    location: input.location ?? 'UTC',
    times: orAny(input.times),
    weekdays: orAny(input.weekdays),
    daysOfMonth: orAny(input.days_of_month),
    months: orAny(input.months),
    years: orAny(input.years),
  }),
);

/** Alertmanager's `time_intervals` entry: a name, and intervals of which one must contain the time. */
export const namedIntervalSchema = z.strictObject({
  name,
  time_intervals: z.array(timeIntervalSchema).min(1, { error: 'found an empty list, expected an interval' }),
});

/** A list of names of time intervals. */
export const intervalNames = emptyIsAbsent(z.array(name));

/** Resolves the names in a section to time intervals; an unknown name is an error. */
export type FindTimeIntervals = (
  section: RuleFileSection,
  names: readonly string[],
) => readonly TimeInterval[];

/** Reads `time_intervals` of all documents. Names are resolved within a file. */
export function readTimeIntervals(reading: RuleFileReading): FindTimeIntervals {
  const byFile = new Map<string, Map<string, readonly TimeInterval[]>>();
  const defined = readLists(reading, 'time_intervals', namedIntervalSchema).map(({ value, section }) => {
    const { file } = section.source;
    const known = byFile.get(file) ?? new Map<string, readonly TimeInterval[]>();
    byFile.set(file, known.set(value.name, value.time_intervals));
    return { name: `${file};${value.name}`, value, location: locationOf(sectionAt(section, 'name')) };
  });
  firstOfEach(reading, defined, ({ value }) => `time interval \`${value.name}\``);
  return (section, names) =>
    names.flatMap((wanted, index) => {
      const known = byFile.get(section.source.file) ?? new Map<string, readonly TimeInterval[]>();
      const intervals = known.get(wanted);
      if (intervals !== undefined) return intervals;
      const near = nearestName(wanted, known.keys());
      const hint =
        near === undefined ? 'add it to `time_intervals` in this file.' : `did you mean \`${near}\`?`;
      reading.errors.push(errorAt(sectionAt(section, index), `unknown time interval \`${wanted}\`: ${hint}`));
      return [];
    });
}
