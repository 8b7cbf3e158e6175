import { describe, expect, it } from 'vitest';
import { dayLabel, formatSlackDate } from '../../../../../demo/slack/page/text/dates.ts';
import { epochMs } from '../../../../../src/lib/units.ts';
import { NOW } from './render.ts';

const at = (iso: string): number => Date.parse(iso) / 1_000;
const berlin = { timeZone: 'Europe/Berlin', now: NOW };

describe('formatSlackDate', () => {
  it.each([
    ['numbers', '{date_num}', '2026-11-21T23:30:00Z', '2026-11-22'],
    ['slashes', '{date_slash}', '2026-11-01T12:00:00Z', '11/01/2026'],
    ['a near day without its year', '{date}', '2026-11-02T12:00:00Z', 'November 2nd'],
    ['a far day with its year', '{date}', '2014-02-18T12:00:00Z', 'February 18th, 2014'],
    ['a short day', '{date_short}', '2014-02-18T12:00:00Z', 'Feb 18, 2014'],
    ['a long day', '{date_long}', '2014-02-11T12:00:00Z', 'Tuesday, February 11th, 2014'],
    [
      'today at the head of a sentence',
      '{date_short_pretty} at {time}',
      '2026-11-21T13:05:00Z',
      'Today at 14:05',
    ],
    ['yesterday inside a sentence', 'since {date_pretty}', '2026-11-20T12:00:00Z', 'since yesterday'],
    [
      'a month keeps its capital inside a sentence',
      'on {date_pretty}',
      '2026-11-10T12:00:00Z',
      'on November 10th',
    ],
    ['tomorrow by the zone of the reader', '{date_long_pretty}', '2026-11-21T23:30:00Z', 'Tomorrow'],
    ['midnight is 00', '{time}', '2026-11-20T23:00:00Z', '00:00'],
    ['minutes ago', '{ago}', '2026-11-21T14:05:00Z', '7 minutes ago'],
    ['one token beside another', '{date_num} {time_secs}', '2026-11-21T13:05:09Z', '2026-11-21 14:05:09'],
  ])('%s', (_, format, iso, text) => {
    expect(formatSlackDate({ seconds: at(iso), format }, berlin)).toBe(text);
  });

  it('gives up on an unknown token and on an impossible instant, so that the fallback is shown', () => {
    expect(
      formatSlackDate({ seconds: at('2026-11-21T13:05:00Z'), format: '{century}' }, berlin),
    ).toBeUndefined();
    expect(formatSlackDate({ seconds: Number.NaN, format: '{time}' }, berlin)).toBeUndefined();
  });

  it('follows the change to winter time', () => {
    const times = ['2026-10-25T00:30:00Z', '2026-10-25T01:30:00Z'].map((iso) =>
      formatSlackDate({ seconds: at(iso), format: '{time}' }, berlin),
    );
    expect(times).toEqual(['02:30', '02:30']);
  });
});

describe('dayLabel', () => {
  it.each([
    ['2026-11-21T00:30:00Z', 'Today'],
    ['2026-11-20T22:59:59Z', 'Yesterday'],
    ['2026-11-19T12:00:00Z', 'Thursday, November 19th'],
    ['2025-12-31T12:00:00Z', 'Wednesday, December 31st, 2025'],
  ])('%s is %s for a reader in Berlin', (iso, label) => {
    expect(dayLabel(epochMs(Date.parse(iso)), 'Europe/Berlin', NOW)).toBe(label);
  });
});
