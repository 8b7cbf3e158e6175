import { describe, expect, it } from 'vitest';
import type { SloFigures, SloRow } from '../../../src/commands/slo-views.ts';
import { DAY, epochMs, HOUR, MINUTE, ms } from '../../../src/lib/units.ts';
import { sloLine } from '../../../src/slack/blocks/slo-status.ts';

/** The threshold is a bucket bound. */
const exactly = { low: ms(500), high: ms(500) };
const figures: SloFigures = {
  latency: { quantile: 0.99, value: ms(812), low: ms(500), high: ms(1_000) },
  slow: { ...exactly, atLeast: 0.072, atMost: 0.072 },
  threshold: ms(500),
  allowed: 0.01,
  budget: { left: 0.62, period: ms(30 * DAY), over: ms(30 * DAY) },
};
const row: SloRow = {
  rule: 'CheckoutSlow',
  group: 'checkout',
  state: 'firing',
  subject: 'checkout',
  valueKind: 'slow-share',
  value: 0.072,
  bound: 0.01,
  comparison: '>',
  figures,
};
const { latency: _latency, ...unmeasured } = figures;
const { budget: _budget, ...unbudgeted } = figures;
const { slow: _slow, ...shareless } = figures;
const { value: _value, ...valueless } = row;

const high: SloFigures = { ...unbudgeted, slow: { ...exactly, atLeast: 0.13, atMost: 0.13 } };
const pair: SloFigures = { ...high, burn: { long: ms(HOUR), short: ms(5 * MINUTE), factor: 14.4 } };
const met: SloRow = {
  ...row,
  state: 'ok',
  value: 0.13,
  evaluatedAt: epochMs(1_700_000_000_000),
  figures: high,
};
const burning: SloRow = { ...met, bound: 0.144, value: 0.3, valueWindow: ms(5 * MINUTE), figures: pair };
/** A threshold between two bounds, judged by the one above it. */
const approximate: SloRow = {
  ...row,
  isApproximate: true,
  figures: {
    ...figures,
    threshold: ms(750),
    slow: { low: ms(500), high: ms(1_000), atLeast: 0.03, atMost: 0.12 },
    budget: { left: 0.62, period: ms(30 * DAY), over: ms(30 * DAY), isAtMost: true },
  },
};
const { figures: _figures, ...figureless } = approximate;
const NUMBERS = 'p99 ≈ 812 ms (between 500 ms and 1 s) · 13% slower than 500 ms, 1% allowed · burns 13x';

describe('a line of /slo', () => {
  const cases: Record<string, SloRow> = {
    '🔴 `CheckoutSlow` · `checkout` · firing · p99 ≈ 812 ms (between 500 ms and 1 s) · 7.2% slower than 500 ms, 1% allowed · burns 7.2x · budget: 62% left (over 30 days), exhausted in 2 d 14 h at the current burn rate':
      row,
    '🔴 `CheckoutSlow` · `checkout` · firing · p99 over 3600 s · 3% to 12% slower than 500 ms, which lies between 250 ms and 1 s, 1% allowed · burns 3x to 12x · budget not known: Prometheus did not answer in time':
      {
        ...row,
        valueKind: 'latency',
        figures: {
          ...unbudgeted,
          latency: { quantile: 0.99, value: ms(3_600_000), low: ms(3_600_000) },
          slow: { low: ms(250), high: ms(1_000), atLeast: 0.03, atMost: 0.12 },
          noBudget: 'Prometheus did not answer in time',
        },
      },
    '🔴 `CheckoutSlow` · `checkout` · firing · quantile not known · 7.2% slower than 500 ms, 1% allowed · burns 7.2x · budget: 62% left (over 30 days), exhausted in 2 d 14 h at the current burn rate':
      { ...row, figures: unmeasured },
    '🔴 `CheckoutSlow` · `checkout` · firing · p99 ≈ 812 ms (between 500 ms and 1 s) · share slower than 500 ms not known · budget: 62% left (over 30 days)':
      { ...valueless, figures: shareless },
    '➖ `CheckoutSlow` · no verdict · alerts above 1% · 3 requests in 5m, 50 are asked for': {
      rule: 'CheckoutSlow',
      group: 'checkout',
      state: 'no-verdict',
      valueKind: 'slow-share',
      bound: 0.01,
      comparison: '>',
      detail: '3 requests in 5m, 50 are asked for',
    },
    [`🟡 \`CheckoutSlow\` · \`checkout\` · pending, alerts after 1 min · ${NUMBERS}`]: {
      ...met,
      state: 'pending',
      alertsAfter: ms(MINUTE),
    },
    [`🟢 \`CheckoutSlow\` · \`checkout\` · ok · ${NUMBERS} · ok when last evaluated, at <!date^1700000000^{time_secs}|2023-11-14 22:13:20 UTC>`]:
      met,
    [`🟢 \`CheckoutSlow\` · \`checkout\` · ok · ${NUMBERS} · ok because only 0.2% were slow in the last 30 s`]:
      {
        ...met,
        value: 0.002,
        valueWindow: ms(30_000),
      },
    [`🟢 \`CheckoutSlow\` · \`checkout\` · ok · ${NUMBERS}, below 14.4x, which alerts over 1 h and 5 min`]:
      burning,
    '🟢 `CheckoutSlow` · `checkout` · ok · p99 ≈ 812 ms (between 500 ms and 1 s) · 20% slower than 500 ms, 1% allowed · burns 20x over 1 h and 0.5x over 5 min, alerts above 14.4x over both':
      { ...burning, value: 0.005, figures: { ...pair, slow: { ...exactly, atLeast: 0.2, atMost: 0.2 } } },
    [`🔴 \`CheckoutSlow\` · \`checkout\` · firing · ${NUMBERS}, alerts above 14.4x over 1 h and 5 min`]: {
      ...burning,
      state: 'firing',
    },
    '🔴 `CheckoutSlow` · `checkout` · firing · p99 ≈ 812 ms (between 500 ms and 1 s) · 3% to 12% slower than 750 ms, which lies between 500 ms and 1 s: judged at 1 s, 1% allowed · burns 3x to 12x · budget: at most 62% left (over 30 days), exhausted in 6 d 4 h at the current burn rate':
      approximate,
    '🔴 `CheckoutSlow` · `checkout` · firing · quantile not known · at least 7.2% slower than 750 ms, judged by the bucket bound above it, 1% allowed · burns at least 7.2x':
      { ...approximate, figures: { threshold: ms(750), allowed: 0.01 } },
    '🔴 `CheckoutSlow` · `checkout` · firing · at least 7.2% · alerts above 1%': figureless,
    '🟢 `CheckoutSlow` · `checkout` · ok · quantile not known · 3% to 12% slower than 750 ms, which lies between 500 ms and 1 s: judged at 1 s, 1% allowed · burns 3x to 12x · ok because only 0.2% were certainly slow in the last 30 s':
      {
        ...approximate,
        state: 'ok',
        value: 0.002,
        valueWindow: ms(30_000),
        figures: {
          threshold: ms(750),
          allowed: 0.01,
          slow: { low: ms(500), high: ms(1_000), atLeast: 0.03, atMost: 0.12 },
        },
      },
  };
  it.each(Object.entries(cases))('%s', (text, of) => {
    expect(sloLine(of)).toBe(text);
  });
});
