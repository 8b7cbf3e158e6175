import { expect, it } from 'vitest';
import { createRuleCheck } from '../../../src/rules/check-rules.ts';
import { parseRuleText } from '../../../src/rules/file/rule-file.ts';
import { START } from '../../support/virtual-clock.ts';

/** What is found about a quantile that is held against a bound by hand, where buckets end at 500 ms, 1 s and 10 s. */
async function found(comparison: string): Promise<readonly string[]> {
  const expr = `histogram_quantile(0.99, sum by (le, service) (rate(latency_seconds_bucket[5m]))) ${comparison}`;
  const text = `groups: [{ name: g, rules: [{ alert: Slow, expr: '${expr}', for: 1m }] }]`;
  const check = createRuleCheck({
    clock: { now: () => START },
    metrics: {
      instant: async () => [],
      labelValues: async ({ label }) =>
        label === 'le' ? ['0.5', '1.0', '10.0', '+Inf'] : ['latency_seconds'],
    },
  });
  const findings = await check(parseRuleText('rules.yaml', text).uses.map(({ use }) => use));
  return findings.flat().map(({ code, message }) => `${code}: ${message}`);
}

it.each([
  ['> 1', []],
  ['>= 10', []],
  [
    '> 0.75',
    [
      'guessed-quantile: 750ms is between the bucket bounds 500ms and 1s of `latency_seconds`: the quantile is interpolated between them.',
    ],
  ],
  [
    '> 10',
    [
      'threshold-off-bounds: 10s is the highest bucket bound of `latency_seconds`; quantiles never exceed it, so the rule can never fire.',
    ],
  ],
  [
    '>= 20',
    [
      'threshold-off-bounds: 20s is above all bucket bounds of `latency_seconds`, so the rule can never fire; the highest is 10s.',
    ],
  ],
])('a quantile %s', async (comparison, expected) => {
  expect(await found(comparison)).toEqual(expected);
});
