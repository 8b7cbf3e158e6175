import { describe, expect, it } from 'vitest';
import type { SloFigures } from '../../../../src/commands/slo-figures.ts';
import type { SloRow } from '../../../../src/commands/slo-status.ts';
import type { Budget } from '../../../../src/latency/error-budget.ts';
import { DAY, epochMs, HOUR, MINUTE, ms, ratio } from '../../../../src/lib/units.ts';
import type { LatencyObjective, SloRule } from '../../../../src/rules/rule.ts';
import { sloLine, sloStatusMessage } from '../../../../src/slack/blocks/slo-status.ts';
import { aRule } from '../../../support/builders.ts';

const objective: LatencyObjective = {
  family: { metric: 'm_milliseconds', unit: 'ms', selector: '', serviceLabel: 'service' },
  by: ['service'],
  quantile: ratio(0.99),
  threshold: ms(500),
  window: ms(5 * MINUTE),
};
const ruleWith = (over: Partial<SloRule> = {}): SloRule => aRule({ objective, ...over });

/** The threshold is a bucket bound. */
const exactly = { low: ms(500), high: ms(500) };
const budget: Budget = {
  kind: 'known',
  left: 0.62,
  period: ms(30 * DAY),
  over: ms(30 * DAY),
  at: epochMs(0),
};
const figures: SloFigures = {
  latency: { quantile: 0.99, value: ms(812), low: ms(500), high: ms(1_000) },
  slow: { ...exactly, atLeast: 0.072, atMost: 0.072 },
  budget,
};
const row: SloRow = { rule: ruleWith(), state: 'firing', subject: 'checkout', value: 0.072, figures };

const high: SloFigures = {
  ...figures,
  slow: { ...exactly, atLeast: 0.13, atMost: 0.13 },
  budget: { kind: 'pending' },
};
const met: SloRow = {
  ...row,
  state: 'ok',
  value: 0.13,
  evaluatedAt: epochMs(1_700_000_000_000),
  figures: high,
};
/** The condition of recovery looks back over a shorter window than the objective. */
const recovery = { expr: 'slow_share', comparison: '>', bound: 0.01, window: ms(30_000) } as const;
const burning: SloRow = {
  ...met,
  rule: ruleWith({
    bound: 0.144,
    burn: { long: ms(HOUR), short: ms(5 * MINUTE), factor: 14.4 },
    recovery: { ...recovery, window: ms(5 * MINUTE) },
  }),
  value: 0.3,
};
/** A threshold between two bounds, evaluated at the one above it. */
const between = { ...objective, threshold: ms(750), isApproximate: true } as const;
const approximate: SloRow = {
  ...row,
  rule: ruleWith({ objective: between }),
  figures: {
    ...figures,
    slow: { low: ms(500), high: ms(1_000), atLeast: 0.03, atMost: 0.12 },
    budget: { ...budget, isAtMost: true },
  },
};
const PENDING = 'budget unknown: query still running';
const NUMBERS = 'p99 ≈ 812 ms (between 500 ms and 1 s) · 13% slower than 500 ms, 1% allowed · burn rate 13x';

it('lists the alerts of Alertmanager below the rules, under a heading of their own', () => {
  const rows: readonly SloRow[] = [
    { ...row, isReceived: true },
    { ...row, rule: ruleWith(), state: 'ok' },
  ];
  const { text, blocks } = sloStatusMessage({ at: epochMs(0), rows });
  expect(text).toContain('1 rule: 1 ok · 1 alert: 1 firing');
  const shown = JSON.stringify(blocks);
  expect(shown.indexOf('From Alertmanager')).toBeGreaterThan(shown.indexOf('🟢'));
  expect(shown.indexOf('🔴')).toBeGreaterThan(shown.indexOf('From Alertmanager'));
});

describe('a line of /slo', () => {
  const cases: Record<string, SloRow> = {
    '🔴 `CheckoutSlow` · `checkout` · firing · p99 ≈ 812 ms (between 500 ms and 1 s) · 7.2% slower than 500 ms, 1% allowed · burn rate 7.2x · budget: 62% left (over 30 days), exhausted in 2 d 14 h at the current burn rate':
      row,
    '🔴 `CheckoutSlow` · `checkout` · firing · p99 over 3600 s · 3% to 12% slower than 500 ms (between the bucket bounds 250 ms and 1 s), 1% allowed · burn rate 3x to 12x · budget unknown: Prometheus did not answer in time':
      {
        ...row,
        rule: ruleWith({ valueKind: 'latency' }),
        figures: {
          latency: { quantile: 0.99, value: ms(3_600_000), low: ms(3_600_000) },
          slow: { low: ms(250), high: ms(1_000), atLeast: 0.03, atMost: 0.12 },
          budget: { kind: 'unknown', reason: 'Prometheus did not answer in time' },
        },
      },
    '🔴 `CheckoutSlow` · `checkout` · firing · quantile unknown · 7.2% slower than 500 ms, 1% allowed · burn rate 7.2x · budget: 62% left (over 30 days), exhausted in 2 d 14 h at the current burn rate':
      { ...row, figures: { ...figures, latency: undefined } },
    '🔴 `CheckoutSlow` · `checkout` · firing · p99 ≈ 812 ms (between 500 ms and 1 s) · share of requests over 500 ms unknown · budget: 62% left (over 30 days)':
      { ...row, value: undefined, figures: { ...figures, slow: undefined } },
    '🔴 `CheckoutSlow` · firing · alerts above 1% · Alertmanager resolved it at <!date^1700000000^{time}|2023-11-14 22:13:20 UTC>. It stays open until Prometheus shows recovery.':
      { rule: aRule(), state: 'firing', unconfirmed: { at: epochMs(1_700_000_000_000) } },
    '➖ `CheckoutSlow` · not evaluated · alerts above 1% · 3 requests in 5m, at least 50 required': {
      rule: aRule(),
      state: 'not-evaluated',
      detail: '3 requests in 5m, at least 50 required',
    },
    [`🟡 \`CheckoutSlow\` · \`checkout\` · pending, fires after 1 min · ${NUMBERS} · ${PENDING}`]: {
      ...met,
      rule: ruleWith({ for: ms(MINUTE) }),
      state: 'pending',
    },
    [`🟢 \`CheckoutSlow\` · \`checkout\` · ok · ${NUMBERS} · ${PENDING} · ok at the last evaluation, <!date^1700000000^{time_secs}|2023-11-14 22:13:20 UTC>`]:
      met,
    [`🟢 \`CheckoutSlow\` · \`checkout\` · ok · ${NUMBERS} · ${PENDING} · ok because only 0.2% were slow in the last 30 s`]:
      { ...met, rule: ruleWith({ recovery }), value: 0.002 },
    [`🟢 \`CheckoutSlow\` · \`checkout\` · ok · ${NUMBERS}, alerts above 14.4x over 1 h and 5 min · ${PENDING}`]:
      burning,
    [`🟢 \`CheckoutSlow\` · \`checkout\` · ok · p99 ≈ 812 ms (between 500 ms and 1 s) · 20% slower than 500 ms, 1% allowed · burn rate 20x over 1 h and 0.5x over 5 min, alerts above 14.4x over both · ${PENDING}`]:
      { ...burning, value: 0.005, figures: { ...high, slow: { ...exactly, atLeast: 0.2, atMost: 0.2 } } },
    [`🔴 \`CheckoutSlow\` · \`checkout\` · firing · ${NUMBERS}, alerts above 14.4x over 1 h and 5 min · ${PENDING}`]:
      { ...burning, state: 'firing' },
    '🔴 `CheckoutSlow` · `checkout` · firing · p99 ≈ 812 ms (between 500 ms and 1 s) · 3% to 12% slower than 750 ms (between the bucket bounds 500 ms and 1 s, evaluated at 1 s), 1% allowed · burn rate 3x to 12x · budget: at most 62% left (over 30 days), exhausted in 6 d 4 h at the current burn rate':
      approximate,
    [`🔴 \`CheckoutSlow\` · \`checkout\` · firing · quantile unknown · at least 7.2% slower than 750 ms (evaluated at the next higher bucket bound), 1% allowed · burn rate at least 7.2x · ${PENDING}`]:
      { ...approximate, figures: { budget: { kind: 'pending' } } },
    '🔴 `CheckoutSlow` · `checkout` · firing · at least 7.2% · alerts above 1%': {
      ...approximate,
      figures: undefined,
    },
    [`🟢 \`CheckoutSlow\` · \`checkout\` · ok · quantile unknown · 3% to 12% slower than 750 ms (between the bucket bounds 500 ms and 1 s, evaluated at 1 s), 1% allowed · burn rate 3x to 12x · ${PENDING} · ok because only 0.2% were known to be slow in the last 30 s`]:
      {
        ...approximate,
        rule: ruleWith({ objective: between, recovery }),
        state: 'ok',
        value: 0.002,
        figures: {
          slow: { low: ms(500), high: ms(1_000), atLeast: 0.03, atMost: 0.12 },
          budget: { kind: 'pending' },
        },
      },
  };
  it.each(Object.entries(cases))('%s', (text, of) => {
    expect(sloLine(of)).toBe(text);
  });
});

describe('the first line of /slo', () => {
  it('counts rules and alerts apart: a rule may have many alerts', () => {
    const rule = ruleWith();
    const rows = ['checkout', 'cart', 'auth'].map((subject): SloRow => ({ rule, subject, state: 'firing' }));
    const { text } = sloStatusMessage({
      at: epochMs(1_700_000_000_000),
      rows: [
        ...rows,
        { rule, subject: 'mail', state: 'pending' },
        { rule: ruleWith({ name: 'Other' }), state: 'ok' },
      ],
    });
    expect(text).toMatch(/: 2 rules: 1 firing, 1 ok · 4 alerts: 3 firing, 1 pending$/);
  });
});
