import { describe, expect, it } from 'vitest';
import type { BudgetView } from '../../../../src/latency/error-budget.ts';
import { after, before, DAY, HOUR, MINUTE, ms } from '../../../../src/lib/units.ts';
import type { MessageView } from '../../../../src/messages/notifier.ts';
import { alertMessage, headline } from '../../../../src/slack/blocks/alert.ts';
import { facts, stateLine } from '../../../../src/slack/blocks/alert-facts.ts';
import { budgetText } from '../../../../src/slack/blocks/format.ts';
import { noteMessage } from '../../../../src/slack/blocks/note.ts';
import { START } from '../../../support/virtual-clock.ts';
import { anEnrichedView, aView, PLAIN, type ViewFields } from '../views.ts';

const factOf = (view: MessageView, name: string): string | undefined =>
  facts(view).find(([fact]) => fact === name)?.[1];

const budget = (left: number, over = 30): BudgetView => ({
  left,
  period: ms(30 * DAY),
  over: ms(over * DAY),
  at: START,
});

describe('what is left of an error budget', () => {
  const cases: Record<string, [BudgetView, number | undefined]> = {
    '62% left (over 30 days)': [budget(0.62), undefined],
    '62% left (over 30 days), exhausted in 2 d 14 h at the current burn rate': [budget(0.62), 7.2],
    // At a burn rate of 1 the budget lasts for the whole period.
    '100% left (over 30 days)': [budget(1), 1],
    '62% left (based on 12 days of data)': [budget(0.62, 12), 7.2],
    'exhausted: 250% used (based on 12 days of data)': [budget(-1.5, 12), undefined],
    '62% left (based on less than a day of data)': [budget(0.62, 0), undefined],
    'exhausted: 250% used (over 30 days)': [budget(-1.5), 3],
    'exhausted (over 30 days)': [budget(0), undefined],
    'at most 62% left (over 30 days), exhausted in 2 d 14 h at the current burn rate': [
      { ...budget(0.62), isAtMost: true },
      7.2,
    ],
    'exhausted: at least 250% used (over 30 days)': [{ ...budget(-1.5), isAtMost: true }, undefined],
    'at most 62% left (based on 12 days of data)': [{ ...budget(0.62, 12), isAtMost: true }, undefined],
  };
  it.each(Object.entries(cases))('%s', (text, [view, rate]) => {
    expect(budgetText(view, rate)).toBe(text);
  });

  it('is in the message, with its exhaustion while the burn rate is high', () => {
    const burning = anEnrichedView({ budget: budget(0.62) });
    expect(factOf(burning, 'Error budget')).toBe(
      '62% left (over 30 days), exhausted in 2 d 14 h at the current burn rate',
    );
    const over = { state: 'resolved', resolvedAt: after(START, HOUR) } as const;
    expect(factOf(anEnrichedView({ budget: budget(0.62), ...over }), 'Error budget')).toMatch(
      /^62% left \(over 30 days\), as of /,
    );
  });
});

describe('a burn-rate alert', () => {
  const view = aView({
    value: 0.2,
    burn: { long: HOUR, short: ms(5 * MINUTE), factor: 14.4 },
  });
  it('names its pair of windows, and how fast both burn', () => {
    expect(headline(view)).toBe('🔴 checkout: burn rate 20x over 1 h and 5 min (alert threshold 14.4x)');
    expect(factOf(view, 'Burn-rate windows')).toBe('1 h and 5 min, both above 14.4x');
  });
});

describe('a latency that a hand-written rule reads out of a histogram', () => {
  const rest: ViewFields = {
    slowShare: undefined,
    burnRate: undefined,
    valueKind: 'latency',
    annotations: { slo_unit: 'ms' },
    value: 812.4,
    peak: 950.2,
    threshold: ms(750),
  };
  const beside: ViewFields = {
    ...rest,
    slowBetween: { low: ms(500), high: ms(1_000), atLeast: 0.03, atMost: 0.12 },
  };
  const open = anEnrichedView(beside);

  it('is shown once, with its bucket, and never as if it were measured', () => {
    expect(factOf(open, 'Value')).toBeUndefined();
    expect(factOf(open, 'p99')).toBe('500 ms to 1 s');
    expect(factOf(open, 'Peak')).toBe('≈ 950 ms (interpolated)');
    const first = anEnrichedView({ ...beside, latency: undefined });
    expect(factOf(first, 'Value')).toBe('≈ 812 ms');
    expect(headline(first)).toContain('≈ 812 ms');
  });

  it('has a share and a burn as far as the bounds beside its threshold tell', () => {
    expect(stateLine(open)).toContain(
      '3% to 12% slower than 750 ms (between the bucket bounds 500 ms and 1 s), 1% allowed · burn rate 3x to 12x',
    );
  });

  it('has neither when nothing was measured', () => {
    expect(stateLine(anEnrichedView(rest))).toMatch(/^Since [^·]+$/);
  });
});

describe('the error budget of an alert', () => {
  const seen = (minutes: number) =>
    factOf(
      anEnrichedView({ budget: budget(0.62), seenAt: after(START, ms(minutes * MINUTE)) }),
      'Error budget',
    );
  it('is of now, or says of when it is', () => {
    expect(seen(1)).not.toContain('as of');
    expect(seen(2)).toMatch(/, as of <!date\^1795183200\^/);
  });
});

describe('missing data', () => {
  it('says in the message what is missing', () => {
    const view = aView({ noDataSince: START, noDataReason: { kind: 'series', metric: '<m>' } });
    expect(JSON.stringify(alertMessage(view).blocks)).toContain('The series of &lt;m&gt; are missing.');
  });
  it('says in the thread how long it was missing', () => {
    const { alert, rule } = aView({ gap: { start: START, end: after(START, ms(7 * MINUTE)) } });
    expect(noteMessage({ kind: 'data-back', alert, rule, at: START }).text).toMatch(
      /^🔵 Data is back and still breaching\. Data was missing for 7 min\. · /u,
    );
  });
});

describe('the value of an alert that is over', () => {
  const plain = {
    valueKind: 'number',
    value: 40,
    state: 'resolved',
    resolvedAt: after(START, HOUR),
  } as const;
  it.each([
    ['recovered', 'Value at the end'],
    ['no-longer-breaching', 'Last breaching value'],
    ['no-longer-returned', 'Last breaching value'],
    ['rule-removed', 'Last breaching value'],
  ] as const)('%s: %s', (resolveReason, name) => {
    expect(factOf(aView({ ...plain, resolveReason }), name)).toBe('40');
  });
});

describe('an end', () => {
  const ended = (over: ViewFields): string => {
    const { alert, rule } = aView({
      state: 'resolved',
      resolvedAt: START,
      resolveReason: 'recovered',
      ...over,
    });
    return noteMessage({ kind: 'resolved', alert, rule, at: START }).text;
  };
  it.each<[string, ViewFields]>([
    ['✅ Resolved: 0.2% of requests slower than 500 ms (alert threshold 1%). · ', { value: 0.002 }],
    [
      '✅ Resolved: 40 orders (alert threshold 50 orders). · ',
      { ...PLAIN, value: 40, valueKind: 'number', annotations: { slo_unit: 'orders' }, bound: 50 },
    ],
    [
      '✅ Resolved: 60 (alerts below 50). · ',
      { ...PLAIN, value: 60, valueKind: 'number', bound: 50, comparison: '<' },
    ],
    [
      '✅ Resolved: just under 1% of requests slower than 500 ms (alert threshold 1%). · ',
      { value: 0.00961 },
    ],
    [
      '✅ Resolved: 0.2% of requests slower than 500 ms (alert threshold 0.5%). · ',
      { value: 0.002, recovery: { expr: 'slow', comparison: '>', bound: 0.005 } },
    ],
    [
      '☑️ Ended: the expression no longer returns this alert. It may have recovered, or its data may be missing. · ',
      { resolveReason: 'no-longer-returned' },
    ],
    ['✅ Resolved: no longer breaching. · ', { resolveReason: 'no-longer-breaching' }],
    [
      '☑️ Closed: the rule was removed. The state of the service is unknown. · ',
      { resolveReason: 'rule-removed' },
    ],
    [
      '☑️ Closed: the rule exceeded its alert limit. The state of the service is unknown. · ',
      { resolveReason: 'limit-exceeded' },
    ],
    [
      '☑️ Closed: no data for 15 min. The state of the service is unknown. · ',
      { resolveReason: 'no-data', seenAt: before(START, ms(15 * MINUTE)) },
    ],
    ['☑️ Closed manually without data. The state of the service is unknown. · ', { resolveReason: 'closed' }],
  ])('%s', (text, over) => {
    expect(ended(over).slice(0, text.length)).toBe(text);
  });
});

describe('the line on missing data', () => {
  const line = (over: ViewFields, kind: 'no-data' | 'data-back' = 'no-data'): string => {
    const { alert, rule } = aView(over);
    return noteMessage({ kind, alert, rule, at: START }).text;
  };
  it('says since when, what is missing, and that the alert stays open', () => {
    expect(line({ noDataSince: START, noDataReason: { kind: 'traffic' } })).toMatch(
      /^⚪ No data since <!date\^[^>]+>\. The series exist but count no requests\. The alert stays open until data shows recovery, or closes after 1 d without data\. · /u,
    );
  });
  it('does not say that it breaches when only keep_firing_for keeps it open', () => {
    expect(line({ keepFiringSince: START }, 'data-back')).toContain('no longer breaching');
  });
});

describe('the message that Prometheus does not answer', () => {
  const outage = (over: ViewFields = {}): MessageView =>
    aView({
      about: 'source',
      annotations: { since: String(START), rules: '12', reason: 'connection <refused>' },
      value: 12,
      ...over,
    });
  const text = (view: MessageView): string => JSON.stringify(alertMessage(view));

  it('says since when, for how many rules, why, and the effect', () => {
    const shown = text(outage());
    expect(shown).toContain('🛠 Prometheus does not respond"');
    expect(shown).toContain('Prometheus has not responded since <!date');
    expect(shown).toContain('(12 rules affected): connection &lt;refused&gt;');
    expect(shown).toContain('No breach or recovery is detected');
    expect(shown).not.toContain('"actions"');
  });
  it('says when it is only some of the rules', () => {
    expect(text(outage({ value: 1 }))).toContain('does not respond to 1 of 12 rules');
  });
  it('does not say that it responds when nothing queries it', () => {
    const end = { state: 'resolved', resolvedAt: START, resolveReason: 'rule-removed' } as const;
    expect(text(outage(end))).toContain('☑️ Prometheus is no longer monitored');
  });
  it('ends with how long it was', () => {
    const view = outage({ state: 'resolved', resolvedAt: after(START, ms(12 * MINUTE)) });
    expect(text(view)).toContain('✅ Prometheus responds again after 12 min');
  });
});
