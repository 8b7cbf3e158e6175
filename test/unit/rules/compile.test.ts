import { expect, it } from 'vitest';
import { parseExpression } from '../../../demo/prometheus/promql/parse.ts';
import { queryInstant } from '../../../demo/prometheus/promql/query.ts';
import { PROMETHEUS_3 } from '../../../demo/prometheus/promql/version-behavior.ts';
import { createSampleStore } from '../../../demo/prometheus/sample-store.ts';
import { epochMs, ms, ratio } from '../../../src/lib/units.ts';
import { compileSlo } from '../../../src/rules/compile.ts';
import { PRESETS } from '../../../src/rules/presets.ts';
import { latencySeries, SCRAPE, type Traffic } from '../../support/mesh-samples.ts';

const MINUTE = 60_000;
const START = 1_700_000_000_000;
const SCRAPES = (10 * MINUTE) / SCRAPE;

const SLOW: Traffic = { requests: 100, slow: 0.5 };
const FAST: Traffic = { requests: 100, slow: 0 };
const IDLE: Traffic = { requests: 0, slow: 0 };

const [rule] = compileSlo({
  name: 'Slow',
  objective: {
    family: PRESETS.istio.family,
    by: ['destination_service_name'],
    quantile: ratio(0.99),
    threshold: ms(500),
    window: ms(5 * MINUTE),
  },
  for: ms(0),
  keepFiringFor: ms(0),
  recover: { threshold: ms(500), window: ms(MINUTE) },
  burn: undefined,
  labels: {},
  annotations: {},
  noData: 'resolve',
});

/** Whether the rule returns the service after ten minutes, the last two of which differ. */
function breaches(first: Traffic, last: Traffic | undefined): boolean {
  const store = createSampleStore();
  const service = { name: 'checkout', le: (bound: number) => (bound === Infinity ? '+Inf' : String(bound)) };
  const traffic = (scrape: number): Traffic | undefined => (scrape < SCRAPES - 8 ? first : last);
  for (const { labels, values } of latencySeries(service, SCRAPES, traffic))
    for (const [scrape, value] of values.entries())
      if (value !== undefined) store.append({ labels, t: epochMs(START + scrape * SCRAPE), value });
  const result = queryInstant(
    { source: store, versionBehavior: PROMETHEUS_3, lookback: 5 * MINUTE },
    parseExpression(rule?.expr ?? '', PROMETHEUS_3),
    START + (SCRAPES - 1) * SCRAPE,
  );
  return result.type === 'vector' && result.samples.length > 0;
}

it.each<[string, Traffic, Traffic | undefined, boolean]>([
  ['slow for ten minutes', SLOW, SLOW, true],
  ['slow, with the samples of the last two minutes late', SLOW, undefined, true],
  ['slow, and fast for two minutes', SLOW, FAST, false],
  ['slow, and without requests for two minutes', SLOW, IDLE, false],
  ['fast, with the samples of the last two minutes late', FAST, undefined, false],
  ['fast, and slow for two minutes', FAST, SLOW, true],
])('a service that is %s, with recovery over one minute', (_, first, last, expected) => {
  expect(breaches(first, last)).toBe(expected);
});
