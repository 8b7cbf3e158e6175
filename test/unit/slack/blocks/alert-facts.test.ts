import { describe, expect, it } from 'vitest';
import type { BudgetView } from '../../../../src/latency/figures.ts';
import { after, DAY, HOUR, MINUTE, ms } from '../../../../src/lib/units.ts';
import type { AlertView } from '../../../../src/messages/alert-view.ts';
import { alertMessage, headline } from '../../../../src/slack/blocks/alert.ts';
import { facts } from '../../../../src/slack/blocks/alert-facts.ts';
import { budgetText } from '../../../../src/slack/blocks/format.ts';
import { noteMessage } from '../../../../src/slack/blocks/note.ts';
import { START } from '../../../support/virtual-clock.ts';
import { anEnrichedView, aView } from '../stand.ts';

const factOf = (view: AlertView, name: string): string | undefined =>
  facts(view).find(([fact]) => fact === name)?.[1];

const budget = (left: number, over = 30): BudgetView => ({
  left,
  period: ms(30 * DAY),
  over: ms(over * DAY),
});

describe('what is left of an error budget', () => {
  const cases: Record<string, [BudgetView, number | undefined]> = {
    '62% of 30 d left': [budget(0.62), undefined],
    '62% of 30 d left, used up in 2 d 14 h at this rate': [budget(0.62), 7.2],
    // At a burn rate of 1 the budget lasts for the whole period.
    '100% of 30 d left': [budget(1), 1],
    '62% left, judged by the 12 d of data there is': [budget(0.62, 12), 7.2],
    'overspent, judged by the 12 d of data there is: 2.5 times what that allows': [
      budget(-1.5, 12),
      undefined,
    ],
    '62% left, judged by the few hours of data there is': [budget(0.62, 0), undefined],
    'overspent: 2.5 times what 30 d allow': [budget(-1.5), 3],
    '30 d used up': [budget(0), undefined],
    'at most 62% of 30 d left, used up in 2 d 14 h at this rate': [{ ...budget(0.62), isAtMost: true }, 7.2],
    'overspent: at least 2.5 times what 30 d allow': [{ ...budget(-1.5), isAtMost: true }, undefined],
    'at most 62% left, judged by the 12 d of data there is': [
      { ...budget(0.62, 12), isAtMost: true },
      undefined,
    ],
  };
  it.each(Object.entries(cases))('%s', (text, [view, rate]) => {
    expect(budgetText(view, rate)).toBe(text);
  });

  it('stands in the message, with its end as long as it burns', () => {
    const burning = anEnrichedView({ budget: budget(0.62) });
    expect(factOf(burning, 'Error budget')).toBe('62% of 30 d left, used up in 2 d 14 h at this rate');
    const over = { state: 'resolved', resolvedAt: after(START, HOUR) } as const;
    expect(factOf({ ...burning, ...over }, 'Error budget')).toBe('62% of 30 d left');
  });
});

describe('a burn-rate alert', () => {
  const view = aView({
    value: 0.2,
    burn: { long: HOUR, short: ms(5 * MINUTE), factor: 14.4 },
  });
  it('names its pair of windows, and how fast both burn', () => {
    expect(headline(view)).toBe('🔴 checkout: error budget burns 20x over 1 h and 5 min, alerts above 14.4x');
    expect(factOf(view, 'Burn-rate pair')).toBe('1 h and 5 min, both above 14.4x');
  });
});

describe('a latency that a hand-written rule reads out of a histogram', () => {
  const {
    slowShare: _share,
    burnRate: _rate,
    ...rest
  } = anEnrichedView({
    valueKind: 'latency',
    unit: 'ms',
    value: 812.4,
    peak: 950.2,
    threshold: ms(750),
  });
  const open: AlertView = {
    ...rest,
    slowBetween: { low: ms(500), high: ms(1_000), atLeast: 0.03, atMost: 0.12 },
  };

  it('stands once, with its bucket, and never as if it were measured', () => {
    expect(factOf(open, 'Value')).toBeUndefined();
    expect(factOf(open, 'p99')).toBe('≈ 812 ms (between 500 ms and 1 s)');
    expect(factOf(open, 'Value at the peak')).toBe('≈ 950 ms');
    const { latency: _latency, ...first } = open;
    expect(factOf(first, 'Value')).toBe('≈ 812 ms');
    expect(headline(first)).toContain('≈ 812 ms');
  });

  it('has a share and a burn as far as the bounds beside its threshold tell', () => {
    expect(factOf(open, 'Slow requests')).toBe(
      '3% to 12% slower than 750 ms, which is no bucket bound but between 500 ms and 1 s (1% allowed)',
    );
    expect(factOf(open, 'Budget burn')).toBe('3x to 12x of what the objective allows');
  });

  it('has neither when nothing was measured', () => {
    expect(factOf(rest, 'Slow requests')).toBeUndefined();
    expect(factOf(rest, 'Budget burn')).toBeUndefined();
  });
});

describe('missing data', () => {
  it('says in the message what noDataReason', () => {
    const view = aView({
      state: 'no-data',
      noDataSince: START,
      noDataReason: 'Its series are gone from <m>.',
    });
    expect(JSON.stringify(alertMessage(view).blocks)).toContain('Its series are gone from &lt;m&gt;.');
  });
  it('says in the thread how long it was gone', () => {
    const note = {
      kind: 'data-back',
      text: 'The data is back.',
      at: START,
      goneFor: ms(7 * MINUTE),
    } as const;
    expect(noteMessage(note).text).toMatch(/^🔵 The data is back\. It was gone for 7 min\. · /u);
  });
});

describe('the value of an alert that is over', () => {
  const plain = aView({ valueKind: 'number', value: 40, state: 'resolved', resolvedAt: after(START, HOUR) });
  it.each([
    ['recovered', 'Value at the end'],
    ['no-longer-breaching', 'Last value that breached'],
    ['rule-removed', 'Last value that breached'],
  ])('%s: %s', (resolveReason, name) => {
    expect(factOf({ ...plain, resolveReason }, name)).toBe('40');
  });
});

describe('an end', () => {
  const end = { kind: 'resolved', text: 'Resolved.', at: START } as const;
  it.each([
    [
      { value: 0.002, valueKind: 'slow-share', bound: 0.01, comparison: '>' },
      '✅ Resolved. Slow requests: 0.2%; the rule alerts above 1%. · ',
    ],
    [
      { value: 40, valueKind: 'number', unit: 'orders', bound: 50, comparison: '>' },
      '✅ Resolved. It is 40 orders; the rule alerts above 50 orders. · ',
    ],
    [
      { value: 0.00961, valueKind: 'slow-share', bound: 0.01, comparison: '>' },
      '✅ Resolved. Slow requests: just under 1%; the rule alerts above 1%. · ',
    ],
  ] as const)('shows the value that proved it: %o', (proof, text) => {
    expect(noteMessage({ ...end, proof }).text.startsWith(text)).toBe(true);
  });
  it('has another sign when it says nothing about the service', () => {
    expect(noteMessage({ ...end, isOutcomeUnknown: true }).text).toMatch(/^☑️/u);
  });
});

describe('the message that Prometheus does not answer', () => {
  const source = { since: START, unanswered: 12, asked: 12, reason: 'connection <refused>' };
  const text = (view: AlertView): string => JSON.stringify(alertMessage(view));

  it('says since when, for how many rules, why, and what that means', () => {
    const shown = text(aView({ source }));
    expect(shown).toContain('🛠 Prometheus does not answer"');
    expect(shown).toContain('all 12 rules got no answer: connection &lt;refused&gt;');
    expect(shown).toContain('No breach and no recovery can be seen');
    expect(shown).not.toContain('"actions"');
  });
  it('says when it is only some of the rules', () => {
    expect(text(aView({ source: { ...source, unanswered: 1 } }))).toContain('does not answer 1 of 12 rules');
  });
  it('does not say that it answers when nobody asks any more', () => {
    const end = { state: 'resolved', resolvedAt: START, resolveReason: 'rule-removed' } as const;
    expect(text(aView({ source, ...end }))).toContain('☑️ Prometheus is not watched any more');
  });
  it('ends with how long it was', () => {
    const view = aView({ source, state: 'resolved', resolvedAt: after(START, ms(12 * MINUTE)) });
    expect(text(view)).toContain('✅ Prometheus answers again after 12 min');
  });
});
