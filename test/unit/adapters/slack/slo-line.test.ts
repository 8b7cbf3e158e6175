import { describe, expect, it } from 'vitest';
import { sloLine } from '../../../../src/adapters/slack/blocks/slo-status.ts';
import type { SloFigures } from '../../../../src/app/views/slo-views.ts';
import type { SloRow } from '../../../../src/app/views.ts';
import { DAY, epochMs, HOUR, MINUTE, ms } from '../../../../src/domain/units.ts';

const figures: SloFigures = {
  latency: { quantile: 0.99, value: ms(812), low: ms(500), high: ms(1_000) },
  slow: { atLeast: 0.072, atMost: 0.072 },
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

const high: SloFigures = { ...unbudgeted, slow: { atLeast: 0.13, atMost: 0.13 } };
const pair: SloFigures = { ...high, burn: { long: ms(HOUR), short: ms(5 * MINUTE), factor: 14.4 } };
const met: SloRow = {
  ...row,
  state: 'ok',
  value: 0.13,
  evaluatedAt: epochMs(1_700_000_000_000),
  figures: high,
};
const burning: SloRow = { ...met, bound: 0.144, value: 0.3, valueWindow: ms(5 * MINUTE), figures: pair };
const NUMBERS = 'p99 ≈ 812 ms (between 500 ms and 1 s) · 13 % slower than 500 ms, 1 % allowed · burns 13x';

describe('a line of /slo', () => {
  const cases: Record<string, SloRow> = {
    '🔴 `CheckoutSlow` · `checkout` · firing · p99 ≈ 812 ms (between 500 ms and 1 s) · 7.2 % slower than 500 ms, 1 % allowed · burns 7.2x · budget: 62 % of 30 d left, used up in 2 d 14 h at this rate':
      row,
    '🔴 `CheckoutSlow` · `checkout` · firing · p99 over 3600 s · 3 % to 12 % slower than 500 ms, 1 % allowed · burns 3x to 12x · budget not known: Prometheus did not answer in time':
      {
        ...row,
        valueKind: 'latency',
        figures: {
          ...unbudgeted,
          latency: { quantile: 0.99, value: ms(3_600_000), low: ms(3_600_000) },
          slow: { atLeast: 0.03, atMost: 0.12 },
          noBudget: 'Prometheus did not answer in time',
        },
      },
    '🔴 `CheckoutSlow` · `checkout` · firing · quantile not known · 7.2 % slower than 500 ms, 1 % allowed · burns 7.2x · budget: 62 % of 30 d left, used up in 2 d 14 h at this rate':
      { ...row, figures: unmeasured },
    '🔴 `CheckoutSlow` · `checkout` · firing · p99 ≈ 812 ms (between 500 ms and 1 s) · share slower than 500 ms not known · budget: 62 % of 30 d left':
      { ...valueless, figures: shareless },
    '➖ `CheckoutSlow` · no verdict · alerts above 1 % · 3 requests in 5m, 50 are asked for': {
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
    [`🟢 \`CheckoutSlow\` · \`checkout\` · ok · ${NUMBERS} · ok because only 0.2 % were slow in the last 30 s`]:
      {
        ...met,
        value: 0.002,
        valueWindow: ms(30_000),
      },
    [`🟢 \`CheckoutSlow\` · \`checkout\` · ok · ${NUMBERS}, below 14.4x, which alerts over 1 h and 5 min`]:
      burning,
    '🟢 `CheckoutSlow` · `checkout` · ok · p99 ≈ 812 ms (between 500 ms and 1 s) · 20 % slower than 500 ms, 1 % allowed · burns 20x over 1 h and 0.5x over 5 min, alerts above 14.4x over both':
      { ...burning, value: 0.005, figures: { ...pair, slow: { atLeast: 0.2, atMost: 0.2 } } },
    [`🔴 \`CheckoutSlow\` · \`checkout\` · firing · ${NUMBERS}, alerts above 14.4x over 1 h and 5 min`]: {
      ...burning,
      state: 'firing',
    },
  };
  it.each(Object.entries(cases))('%s', (text, of) => {
    expect(sloLine(of)).toBe(text);
  });
});
