import { describe, expect, it } from 'vitest';
import { progressBar, replayJson, replayText } from '../../../src/cli/replay.ts';
import type { ReplayReport } from '../../../src/evaluation/replay/replay.ts';
import { after, DAY, epochMs, HOUR, ms } from '../../../src/lib/units.ts';

const START = epochMs(Date.UTC(2026, 9, 21));

const report = (alerts: number, over: Partial<ReplayReport> = {}): ReplayReport => ({
  window: { start: START, end: after(START, ms(30 * DAY)) },
  timezone: 'Europe/Vienna',
  evaluations: 86_400,
  rules: [
    {
      rule: 'checkout-latency',
      group: 'checkout-latency',
      alerts,
      minutesFiring: alerts * 100.5,
      flaps: 1,
      messages: alerts,
      replies: alerts,
      failedEvaluations: 0,
    },
  ],
  hours: [
    { channel: '#shop', hour: START, messages: 2 },
    { channel: '#shop', hour: after(START, HOUR), messages: 10 },
  ],
  nightsInterrupted: 3,
  nights: 30,
  notes: [],
  ...over,
});

describe('the report of a replay', () => {
  it('shows one set of rules', () => {
    expect(replayText({ rules: report(12) })).toBe(
      [
        '2026-10-21 00:00 to 2026-11-20 00:00 UTC (30d), 86,400 group evaluations',
        '',
        'rule              alerts  minutes firing  flaps  messages  replies  failed',
        'checkout-latency      12           1,206      1        12       12       0',
        'all                   12           1,206      1        12       12       0',
        '',
        '#shop: 12 messages (most: 10 in the hour from 2026-10-21 01:00, 2 in the hour from 2026-10-21 00:00)',
        'nights interrupted: 3 of 30, 10% (22:00 to 06:00 Europe/Vienna)',
      ].join('\n'),
    );
  });

  it('shows two sets side by side, and the notes of both once', () => {
    const compare = report(4, { notes: ['a note'], hours: [] });
    const text = replayText({ rules: report(12, { notes: ['a note'] }), compare });
    expect(text).toMatch(/checkout-latency +12 -> 4 /);
    expect(text).toContain('before:\n  #shop: 12 messages');
    expect(text).toContain('after:\n  no messages');
    expect(text.match(/note: a note/g)).toHaveLength(1);
  });

  it('shows a rule that only one of them has', () => {
    const text = replayText({ rules: report(12, { rules: [] }), compare: report(4) });
    expect(text).toMatch(/checkout-latency +- -> 4 /);
    expect(text).toMatch(/all +0 -> 4 /);
  });

  it('is also available as JSON, with instants in UTC', () => {
    const { rules, compare } = JSON.parse(replayJson({ rules: report(12) })) as Record<
      string,
      Record<string, unknown>
    >;
    expect(rules).toMatchObject({
      from: '2026-10-21 00:00:00',
      percentOfNightsInterrupted: 10,
      hours: [{ channel: '#shop', hour: '2026-10-21 00:00:00', messages: 2 }, {}],
    });
    expect(compare).toBeUndefined();
  });

  it('draws a bar', () => {
    expect(progressBar({ done: 500, total: 1_000 })).toBe(
      `\r[${'#'.repeat(15)}${'.'.repeat(15)}] 50%, 500 of 1,000 evaluations`,
    );
  });
});
