import { describe, expect, it } from 'vitest';
import { epochMs } from '../../../src/lib/units.ts';
import {
  containsInstant,
  containsLocal,
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
    'nothing said holds always': [{}, {}, true],
    'a time begins inclusive': [{ times: [{ begin: 600, end: 601 }] }, {}, true],
    'a time ends exclusive': [{ times: [{ begin: 540, end: 600 }] }, {}, false],
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
    'a range that goes over the end of the month is held inside it': [
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
    'all lists must hold': [{ weekdays: [{ begin: 6, end: 6 }], months: [{ begin: 1, end: 1 }] }, {}, false],
  };

describe('a time interval', () => {
  it.each(Object.entries(rows))('%s', (_, [interval, over, expected]) => {
    expect(containsLocal({ ...interval, location: 'UTC' }, local(over))).toBe(expected);
  });

  it('asks for the local time of its own zone', () => {
    const asked: string[] = [];
    const intervals = ['Europe/Vienna', 'Asia/Tokyo'].map((location) => ({
      location,
      weekdays: [{ begin: 0, end: 0 }],
    }));
    const localTime = (_: unknown, zone: string): LocalTime => {
      asked.push(zone);
      return local({ weekday: zone === 'Asia/Tokyo' ? 0 : 6 });
    };
    expect(containsInstant(intervals, epochMs(0), localTime)).toBe(true);
    expect(asked).toEqual(['Europe/Vienna', 'Asia/Tokyo']);
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
