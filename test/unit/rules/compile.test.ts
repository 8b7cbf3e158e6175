import { expect, it } from 'vitest';
import { parseExpression } from '../../../demo/prometheus/promql/parse.ts';
import { queryInstant } from '../../../demo/prometheus/promql/query.ts';
import { PROMETHEUS_3 } from '../../../demo/prometheus/promql/version-behavior.ts';
import { createSampleStore } from '../../../demo/prometheus/sample-store.ts';
import { evaluateRecovery } from '../../../src/alerts/recovery.ts';
import { fingerprint } from '../../../src/lib/labels.ts';
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

const SLO = {
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
} as const;
const [rule] = compileSlo(SLO);

/** The value of an expression for the service after so many scrapes; undefined when it is not returned. */
function createQuery(scrapes: number, traffic: (scrape: number) => Traffic | undefined) {
  const store = createSampleStore();
  const service = { name: 'checkout', le: (bound: number) => (bound === Infinity ? '+Inf' : String(bound)) };
  for (const { labels, values } of latencySeries(service, scrapes, traffic))
    for (const [scrape, value] of values.entries())
      if (value !== undefined) store.append({ labels, t: epochMs(START + scrape * SCRAPE), value });
  const of = { source: store, versionBehavior: PROMETHEUS_3, lookback: 5 * MINUTE };
  return (expr: string, scrape: number): number | undefined => {
    const result = queryInstant(of, parseExpression(expr, PROMETHEUS_3), START + scrape * SCRAPE);
    return result.type === 'vector' ? result.samples[0]?.value : undefined;
  };
}

/** Whether the rule returns the service after ten minutes, the last two of which differ. */
function breaches(first: Traffic, last: Traffic | undefined): boolean {
  const query = createQuery(SCRAPES, (scrape) => (scrape < SCRAPES - 8 ? first : last));
  return query(rule?.expr ?? '', SCRAPES - 1) !== undefined;
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

it.each([
  ['1h', undefined],
  ['6h', undefined],
  ['1h', 20],
])(
  'a burn rate over %s (min_requests %s) does not recover while the series of the service are missing',
  (long, minRequests) => {
    const burning = compileSlo({ ...SLO, noData: ms(24 * 60 * MINUTE), burn: 'only', minRequests }).find(
      ({ name }) => name === `Slow-burn-${long}`,
    );
    const hours = long === '1h' ? 1 : 6;
    const gone = (hours * 60 * MINUTE) / SCRAPE;
    const back = gone + (1.2 * hours * 60 * MINUTE) / SCRAPE;
    const query = createQuery(back + 400, (scrape) =>
      scrape < gone ? SLOW : scrape < back ? undefined : FAST,
    );
    const series = { destination_service_name: 'checkout' };
    const stateAt = (scrape: number): string => {
      if (query(burning?.expr ?? '', scrape) !== undefined) return 'breaching';
      const value = query(burning?.recovery?.expr ?? '', scrape);
      return evaluateRecovery(
        { series },
        {
          condition: burning?.recovery,
          noData: burning?.noData ?? 'resolve',
          values: new Map(value === undefined ? [] : [[fingerprint(series), value]]),
          isPartial: false,
          breachingSeries: () => new Set(),
        },
      ).kind;
    };
    const step = Math.floor((back - gone) / 24);
    const states = Array.from({ length: 24 }, (_, index) => stateAt(gone - 1 + index * step));
    expect(states[0]).toBe('breaching');
    expect(states.at(-1)).toBe('no-data');
    expect(new Set(states)).toEqual(new Set(['breaching', 'no-data']));
    expect(stateAt(back + 150)).toBe('recovered');
  },
);
