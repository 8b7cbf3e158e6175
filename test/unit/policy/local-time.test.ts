import { expect, it } from 'vitest';
import { epochMs } from '../../../src/lib/units.ts';
import { createLocalTime } from '../../../src/policy/time-interval.ts';

const localTime = createLocalTime();
const rows: Readonly<Record<string, readonly [string, string, object]>> = {
  'UTC is itself': [
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
  'the same minute comes again after they did': ['2026-10-25T01:30:00Z', 'Europe/Vienna', { minute: 150 }],
  'clocks that go forward skip an hour': ['2026-03-29T01:00:00Z', 'Europe/Vienna', { minute: 180 }],
  'half an hour off': ['2026-11-21T00:00:00Z', 'Asia/Kolkata', { minute: 330 }],
};

it.each(Object.entries(rows))('%s', (_, [at, zone, expected]) => {
  expect(localTime(epochMs(Date.parse(at)), zone)).toMatchObject(expected);
});

it('refuses a zone that there is not', () => {
  expect(() => localTime(epochMs(0), 'Europe/Wien')).toThrow(RangeError);
});
