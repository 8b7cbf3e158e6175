import { describe, expect, it } from 'vitest';
import { epochMs } from '../../../src/lib/units.ts';
import {
  containsInstant,
  containsLocal,
  createLocalTime,
  daysInMonth,
  type LocalTime,
  type TimeInterval,
} from '../../../src/policy/time-interval.ts';

/** Saturday. */
const local = (over: Partial<LocalTime> = {}): LocalTime => ({
  year: 2026,
  month: 11,
  day: 21,
  weekday: 6,
  minute: 600,
  ...over,
});

const rows: Readonly<Record<string, readonly [Omit<TimeInterval, 'location'>, Partial<LocalTime>, boolean]>> =
  {
    'an empty interval is always active': [{}, {}, true],
    'the start of a time is inclusive': [{ times: [{ begin: 600, end: 601 }] }, {}, true],
    'the end of a time is exclusive': [{ times: [{ begin: 540, end: 600 }] }, {}, false],
    'midnight belongs to the day that ends at 24:00': [
      { times: [{ begin: 1080, end: 1440 }] },
      { minute: 1439 },
      true,
    ],
    'one of several times is enough': [
      {
        times: [
          { begin: 0, end: 1 },
          { begin: 599, end: 700 },
        ],
      },
      {},
      true,
    ],
    'weekdays are inclusive': [{ weekdays: [{ begin: 1, end: 6 }] }, {}, true],
    'another weekday': [{ weekdays: [{ begin: 1, end: 5 }] }, {}, false],
    'days of the month': [{ daysOfMonth: [{ begin: 21, end: 21 }] }, {}, true],
    'days from the end': [{ daysOfMonth: [{ begin: -10, end: -10 }] }, {}, true],
    'the last days': [{ daysOfMonth: [{ begin: -3, end: -1 }] }, { day: 28 }, true],
    'not yet the last days': [{ daysOfMonth: [{ begin: -3, end: -1 }] }, { day: 27 }, false],
    'a range over the end of the month is limited to it': [
      { daysOfMonth: [{ begin: 29, end: 31 }] },
      { day: 30 },
      true,
    ],
    'a day the month does not have': [{ daysOfMonth: [{ begin: 31, end: 31 }] }, { day: 30 }, false],
    'from the start to the end': [{ daysOfMonth: [{ begin: 1, end: -1 }] }, { day: 30 }, true],
    months: [{ months: [{ begin: 10, end: 12 }] }, {}, true],
    'another month': [{ months: [{ begin: 1, end: 10 }] }, {}, false],
    years: [{ years: [{ begin: 2026, end: 2026 }] }, {}, true],
    'another year': [{ years: [{ begin: 2027, end: 2030 }] }, {}, false],
    'all lists must match': [{ weekdays: [{ begin: 6, end: 6 }], months: [{ begin: 1, end: 1 }] }, {}, false],
  };

describe('a time interval', () => {
  it.each(Object.entries(rows))('%s', (_, [interval, over, expected]) => {
    expect(containsLocal({ ...interval, location: 'UTC' }, local(over))).toBe(expected);
  });

  it('uses the local time of its own zone', () => {
    const zones: string[] = [];
    const intervals = ['Europe/Vienna', 'Asia/Tokyo'].map((location) => ({
      location,
      weekdays: [{ begin: 0, end: 0 }],
    }));
    const localTime = (_: unknown, zone: string): LocalTime => {
      zones.push(zone);
      return local({ weekday: zone === 'Asia/Tokyo' ? 0 : 6 });
    };
    expect(containsInstant(intervals, epochMs(0), localTime)).toBe(true);
    expect(zones).toEqual(['Europe/Vienna', 'Asia/Tokyo']);
    expect(containsInstant([], epochMs(0), localTime)).toBe(false);
  });

  it.each([
    [2024, 2, 29],
    [2100, 2, 28],
    [2000, 2, 29],
    [2026, 2, 28],
    [2026, 4, 30],
    [2026, 12, 31],
  ])('%i-%i has %i days', (year, month, days) => {
    expect(daysInMonth({ year, month })).toBe(days);
  });
});

describe('local time', () => {
  const localTime = createLocalTime();
  const times: Readonly<Record<string, readonly [string, string, object]>> = {
    'UTC is unchanged': [
      '2026-11-21T04:05:59Z',
      'UTC',
      { year: 2026, month: 11, day: 21, weekday: 6, minute: 245 },
    ],
    'another day in the east': [
      '2026-12-31T20:00:00Z',
      'Asia/Tokyo',
      { year: 2027, month: 1, day: 1, weekday: 5, minute: 300 },
    ],
    'midnight is minute 0': ['2026-11-20T23:00:00Z', 'Europe/Vienna', { day: 21, minute: 0 }],
    'before the clocks go back': ['2026-10-25T00:30:00Z', 'Europe/Vienna', { minute: 150 }],
    'the same minute repeats after the clocks went back': [
      '2026-10-25T01:30:00Z',
      'Europe/Vienna',
      { minute: 150 },
    ],
    'clocks that go forward skip an hour': ['2026-03-29T01:00:00Z', 'Europe/Vienna', { minute: 180 }],
    'an offset of half an hour': ['2026-11-21T00:00:00Z', 'Asia/Kolkata', { minute: 330 }],
  };

  it.each(Object.entries(times))('%s', (_, [at, zone, expected]) => {
    expect(localTime(epochMs(Date.parse(at)), zone)).toMatchObject(expected);
  });

  it('refuses an unknown time zone', () => {
    expect(() => localTime(epochMs(0), 'Europe/Wien')).toThrow(RangeError);
  });
});
