import { describe, expect, it } from 'vitest';
import type { ReplayedEvaluation } from '../../../../src/evaluation/replay/tally.ts';
import { after, type EpochMs, HOUR, MINUTE, ms, SECOND } from '../../../../src/lib/units.ts';
import { DEFAULT_ROUTE } from '../../../../src/policy/route.ts';
import { NO_POLICY, type NotificationPolicy } from '../../../../src/policy/suppress.ts';
import { aPlainRule, aRule } from '../../../support/builders.ts';
import { decided } from '../../../support/decided.ts';
import { aSourceError } from '../../../support/fake-metrics-source.ts';
import { isFullRun } from '../../../support/runs.ts';
import { START } from '../../../support/virtual-clock.ts';
import type { Breaches, Query } from './replay-bed.ts';
import { group, minuteOf, replayOf, request, source } from './replay-bed.ts';

describe('what a replay counts', () => {
  it('counts alerts, minutes firing, flaps, messages and replies of each rule', async () => {
    const { metrics } = source([
      [10, 20],
      [40, 50],
      [300, 309],
    ]);
    const report = await replayOf(metrics)(request());
    expect(report.rules).toEqual([
      {
        rule: 'CheckoutSlow',
        group: 'checkout',
        alerts: 3,
        // The group's evaluation times lie between the minutes: ten in the first two breaches, nine in the last.
        minutesFiring: 29,
        flaps: 1,
        messages: 3,
        replies: 3,
        failedEvaluations: 0,
      },
    ]);
    expect(report.evaluations).toBe(600);
    expect(report.hours.map(({ channel, messages }) => [channel, messages])).toEqual([
      ['default channel', 2],
      ['default channel', 1],
    ]);
  });

  it('applies silences and routes', async () => {
    const { metrics } = source([
      [10, 20],
      [300, 309],
    ]);
    const policy: NotificationPolicy = {
      ...NO_POLICY,
      route: { ...DEFAULT_ROUTE, channel: '#shop' },
      silences: [{ matchers: [], endsAt: after(START, HOUR), createdBy: 'ann', comment: '' }],
    };
    const report = await replayOf(metrics)(request({ policy }));
    expect(report.rules).toMatchObject([{ alerts: 2, messages: 1, replies: 1 }]);
    expect(report.hours.map(({ channel, messages }) => [channel, messages])).toEqual([['#shop', 1]]);
    expect(report.notes).toEqual([]);
  });

  it('counts by the channels of teams and severities', async () => {
    const policy: NotificationPolicy = {
      ...NO_POLICY,
      teams: { shop: { channel: '#shop' } },
      severities: { page: { channel: '#pages' } },
    };
    const rules = ['shop', 'pay'].map((team) =>
      aRule({ name: team, key: team, labels: { team, severity: 'page' } }),
    );
    const { metrics } = source([[10, 20]]);
    const report = await replayOf(metrics)(request({ policy, groups: [group({ rules })] }));
    expect(report.hours.map(({ channel, messages }) => [channel, messages])).toEqual([
      ['#pages', 1],
      ['#shop', 1],
    ]);
  });

  const nights: Readonly<
    Record<string, { severity?: string; minute: number; timezone?: string; interrupted: number }>
  > = {
    // The window begins at 14:00 UTC.
    'a message at 23:00 interrupts the night': { minute: 9 * 60, interrupted: 1 },
    'a message at 21:00 does not': { minute: 7 * 60, interrupted: 0 },
    'a page does': { severity: 'page', minute: 9 * 60, interrupted: 1 },
    'a ticket can wait for the morning': { severity: 'ticket', minute: 9 * 60, interrupted: 0 },
    'at 21:30 UTC it is night in Vienna': { minute: 450, timezone: 'Europe/Vienna', interrupted: 1 },
  };
  it.each(Object.entries(nights))('%s', async (_, { severity, minute, timezone = 'UTC', interrupted }) => {
    const { metrics } = source([[minute, minute + 5]]);
    const rule = aRule(severity === undefined ? {} : { labels: { severity } });
    const report = await replayOf(metrics)(request({ groups: [group({ rules: [rule] })], timezone }));
    expect([report.nightsInterrupted, report.nights]).toEqual([interrupted, 1]);
  });

  it('includes rules that never fired, and notes differences from live', async () => {
    const { metrics } = source([]);
    const report = await replayOf(metrics)(request({ groups: [group({ schedule: '0 * * * * *' })] }));
    expect(report.rules).toHaveLength(1);
    expect(report.notes).toEqual([expect.stringContaining('0 * * * * *')]);
  });
});

describe('the queries of a replay', () => {
  it('are ranges of at most 1,000 points on the live grid, minus the query offset', async () => {
    const { metrics, queries } = source([]);
    const groups = [group({ queryOffset: ms(10 * SECOND) })];
    const window = { start: START, end: after(START, ms(40 * HOUR)) };
    const evalTimes: EpochMs[] = [];
    await replayOf(metrics)(
      request({ groups, window, onEvaluated: ({ evalTime }) => void evalTimes.push(evalTime) }),
    );
    expect(queries.map(({ kind, points }) => [kind, points])).toEqual([
      ['range', 1_000],
      ['range', 1_000],
      ['range', 400],
    ]);
    expect(queries[0]?.start).toBe((evalTimes[0] ?? 0) - 10_000);
  });

  it('have no recovery query while no alert may recover', async () => {
    const { metrics, queries } = source([]);
    await replayOf(metrics)(request());
    expect(queries.map(({ expr }) => expr)).toEqual(['slow_share > 0.01']);
  });

  it('have a recovery query from the evaluation on at which a firing alert is missing', async () => {
    const { metrics, queries } = source([[10, 20]]);
    const endings: EpochMs[] = [];
    const onEvaluated = ({ evalTime, messages }: ReplayedEvaluation): void => {
      if (decided(messages).some(({ kind }) => kind === 'resolved')) endings.push(evalTime);
    };
    await replayOf(metrics)(request({ onEvaluated }));
    expect(queries.filter(({ expr }) => expr === 'slow_share').map(({ start }) => start)).toEqual(endings);
  });

  it('are halved when the response is too large', async () => {
    const reject = ({ points }: Query) => (points > 300 ? aSourceError('too-large', 'too large') : undefined);
    const { metrics, queries } = source([[10, 20]], { reject });
    const report = await replayOf(metrics)(request({ groups: [group({ rules: [aPlainRule()] })] }));
    expect(report.rules[0]?.alerts).toBe(1);
    expect(queries.slice(0, 2).map(({ points }) => points)).toEqual([600, 300]);
  });

  it('are instants where a range is rejected for some of them', async () => {
    // Rejected at minutes 100 to 109 only, nine evaluations: a range that includes one of them is rejected.
    const reject = ({ start, points }: Query) => {
      const from = minuteOf(start);
      const isTouched = from <= 109 && from + points - 1 >= 100;
      return isTouched ? aSourceError('bad-request', 'many-to-many matching not allowed') : undefined;
    };
    const { metrics } = source([[10, 20]], { reject });
    const report = await replayOf(metrics)(request());
    expect(report.rules[0]).toMatchObject({ alerts: 1, failedEvaluations: 9 });
  });

  it('are far fewer than live for a rule that is always rejected', async () => {
    const { metrics, queries } = source([], {
      reject: () => aSourceError('bad-request', 'unknown function'),
    });
    const report = await replayOf(metrics)(request());
    expect(report.rules[0]?.failedEvaluations).toBe(600);
    expect(queries.length).toBeLessThan(100);
  });

  it('are an error of a rule whose result is too large at every instant', async () => {
    const { metrics, queries } = source([], { reject: () => aSourceError('too-large', 'too many series') });
    const report = await replayOf(metrics)(request());
    expect(report.rules[0]?.failedEvaluations).toBe(600);
    expect(queries.length).toBeLessThan(100);
  });

  it('are retried when the source does not respond, then fail with its error', async () => {
    const pauses: number[] = [];
    const { metrics } = source([], { reject: () => aSourceError('unavailable', 'connection refused') });
    await expect(replayOf(metrics, pauses)(request())).rejects.toThrow('connection refused');
    expect(pauses).toEqual([1_000, 5_000]);
  });
});

describe('an interrupted replay', () => {
  const window = { start: START, end: after(START, ms(48 * HOUR)) };
  const groups = [group(), group({ name: 'cart', rules: [aPlainRule()] })];
  const breaches: Breaches = [
    [985, 1_020],
    [1_990, 2_100],
  ];

  it('resumes from the saved progress, with the same report', async () => {
    const whole = await replayOf(source(breaches).metrics)(request({ groups, window }));
    for (const stopAfter of isFullRun ? [2, 5] : [2]) {
      const stop = new AbortController();
      let saved: string | undefined;
      let saves = 0;
      const save = async (progress: string) => {
        saved = progress;
        saves += 1;
        if (saves === stopAfter) stop.abort();
      };
      const first = replayOf(source(breaches).metrics)(
        request({ groups, window, save, signal: stop.signal }),
      );
      await expect(first).rejects.toThrow('aborted');
      let evaluated = 0;
      const rest = await replayOf(source(breaches).metrics)(
        request({
          groups,
          window,
          ...(saved === undefined ? {} : { saved }),
          onEvaluated: () => {
            evaluated += 1;
          },
        }),
      );
      expect(rest).toEqual(whole);
      expect(evaluated).toBeLessThan(whole.evaluations);
    }
  });

  it('starts over when the rules have changed', async () => {
    let saved = '';
    const save = async (progress: string) => {
      saved = progress;
    };
    await replayOf(source(breaches).metrics)(request({ groups, window, save }));
    let evaluated = 0;
    const changed = [group({ rules: [aRule({ for: MINUTE })] })];
    const onEvaluated = (): void => {
      evaluated += 1;
    };
    const report = await replayOf(source(breaches).metrics)(
      request({ groups: changed, window, saved, onEvaluated }),
    );
    expect(evaluated).toBe(report.evaluations);
  });
});
