import { expect, it } from 'vitest';
import { ms } from '../../src/lib/units.ts';
import { parseRuleText } from '../../src/rules/file/rule-file.ts';
import { objectiveLabels, requestRateExpr, slowShareExpr } from '../../src/rules/queries.ts';
import type { SloRule } from '../../src/rules/rule.ts';
import { GENERATIONS } from '../support/generations.ts';
import { requireOrSkip } from '../support/live.ts';
import { type ExpectedSample, judgeByPromtool } from '../support/promtool.ts';

/*
 * What the short form compiles to, judged by Prometheus's own engine on series that are written by hand: four requests
 * per scrape, some of them slow. Shares are powers of two, so that no rounding stands between the two.
 */

const SCRAPE = 15;
const AT = 600;
const every = (perScrape: number): string => `0+${perScrape}x${AT / SCRAPE}`;

interface Case {
  /** Fields of the SLO; its objective is p90 below 500 ms over 5 m unless given. */
  readonly slo: string;
  readonly objective?: string;
  readonly series: Readonly<Record<string, string>>;
  /** The service's labels, as PromQL writes them. */
  readonly of: string;
  /** The share of slow requests that the rule finds: it breaches above 0.1. */
  readonly share: number;
  /** Understood by the newer Prometheus alone. */
  readonly isNew?: true;
}

/** A histogram of four requests per scrape, by how many are at or below each bound. */
function classic(
  metric: string,
  labels: string,
  fast: Readonly<Record<string, number>>,
): Record<string, string> {
  const buckets = Object.entries({ ...fast, '+Inf': 4 }).map(([le, count]) => [
    `${metric}_bucket{${labels},le="${le}"}`,
    every(count),
  ]);
  return Object.fromEntries([...buckets, [`${metric}_count{${labels}}`, every(4)]]) as Record<string, string>;
}

const ISTIO = 'istio_request_duration_milliseconds';
const SHOP = 'destination_service_name="cart",destination_service_namespace="shop"';
const pod = (name: string, reporter = 'destination'): string =>
  `${SHOP},pod="${name}",reporter="${reporter}"`;

/** Two requests between 0.25 and 0.5, two between 0.5 and 1. */
const NATIVE = '{{schema:0 count:4 sum:2 buckets:[2 2] offset:-1}}';
const native = `${NATIVE}+${NATIVE}x${AT / SCRAPE}`;

const CASES: Readonly<Record<string, Case>> = {
  "Istio's sidecars, the server's side alone": {
    slo: 'preset: istio',
    series: {
      ...classic(ISTIO, pod('a'), { 250: 1, 500: 2, 1000: 4 }),
      ...classic(ISTIO, pod('a', 'source'), { 250: 4, 500: 4, 1000: 4 }),
    },
    of: `{${SHOP}}`,
    share: 0.5,
  },
  'bounds as Prometheus 3 writes them': {
    slo: 'preset: istio',
    series: classic(ISTIO, pod('a'), { '250.0': 1, '500.0': 2, '1000.0': 4 }),
    of: `{${SHOP}}`,
    share: 0.5,
  },
  'a mesh whose servers write bounds in both ways': {
    slo: 'preset: istio',
    series: {
      ...classic(ISTIO, pod('a'), { '500.0': 4 }),
      ...classic(ISTIO, pod('b'), { 500: 2 }),
    },
    of: `{${SHOP}}`,
    share: 0.25,
  },
  "Istio's waypoints": {
    slo: 'preset: istio-ambient',
    series: {
      ...classic(ISTIO, pod('a', 'waypoint'), { 500: 1 }),
      ...classic(ISTIO, pod('a', 'source'), { 500: 4 }),
    },
    of: `{${SHOP}}`,
    share: 0.75,
  },
  'sidecars and waypoints in one mesh': {
    slo: `preset: istio, selector: 'reporter=~"destination|waypoint"'`,
    series: {
      ...classic(ISTIO, pod('a', 'waypoint'), { 500: 4 }),
      ...classic(ISTIO, pod('b'), { 500: 2 }),
      ...classic(ISTIO, pod('b', 'source'), { 500: 0 }),
    },
    of: `{${SHOP}}`,
    share: 0.25,
  },
  "OpenTelemetry's servers, in seconds": {
    slo: 'preset: otel-http',
    series: classic('http_server_request_duration_seconds', 'service_name="cart"', { 0.25: 1, 0.5: 2, 1: 4 }),
    of: '{service_name="cart"}',
    share: 0.5,
  },
  'OpenTelemetry by its job, a threshold in whole seconds': {
    slo: 'preset: otel-http, by: [job], service_label: job',
    objective: '{ quantile: 0.9, below: 1s, window: 5m }',
    series: classic('http_server_request_duration_seconds', 'job="shop/cart"', { 0.5: 1, '1.0': 2, 2.5: 4 }),
    of: '{job="shop/cart"}',
    share: 0.5,
  },
  'span metrics, the servers alone': {
    slo: 'preset: spanmetrics',
    objective: '{ quantile: 0.9, below: 400ms, window: 5m }',
    series: {
      ...classic(
        'traces_span_metrics_duration_milliseconds',
        'service_name="cart",span_kind="SPAN_KIND_SERVER"',
        {
          200: 1,
          400: 2,
        },
      ),
      ...classic(
        'traces_span_metrics_duration_milliseconds',
        'service_name="cart",span_kind="SPAN_KIND_CLIENT"',
        {
          200: 4,
          400: 4,
        },
      ),
    },
    of: '{service_name="cart"}',
    share: 0.5,
  },
  'span metrics in seconds': {
    slo: 'preset: spanmetrics, metric: traces_span_metrics_duration_seconds',
    objective: '{ quantile: 0.9, below: 400ms, window: 5m }',
    series: classic(
      'traces_span_metrics_duration_seconds',
      'service_name="cart",span_kind="SPAN_KIND_SERVER"',
      { 0.2: 1, 0.4: 2 },
    ),
    of: '{service_name="cart"}',
    share: 0.5,
  },
  'a threshold between two bounds, by the bound above it': {
    slo: 'preset: istio, approximate: true',
    objective: '{ quantile: 0.9, below: 750ms, window: 5m }',
    series: classic(ISTIO, pod('a'), { 250: 1, 500: 1, 1000: 2, 2500: 4 }),
    of: `{${SHOP}}`,
    share: 0.5,
  },
  'a threshold between two bounds as Prometheus 3 writes them': {
    slo: 'preset: istio, approximate: true',
    objective: '{ quantile: 0.9, below: 750ms, window: 5m }',
    series: classic(ISTIO, pod('a'), { '250.0': 1, '500.0': 1, '1000.0': 2, '1e+06': 4 }),
    of: `{${SHOP}}`,
    share: 0.5,
  },
  'a threshold between two bounds that is one after all': {
    slo: 'preset: istio, approximate: true',
    series: classic(ISTIO, pod('a'), { 250: 1, '500.0': 2, 1000: 4 }),
    of: `{${SHOP}}`,
    share: 0.5,
  },
  'a threshold between bounds that differ from pod to pod': {
    slo: 'preset: istio, approximate: true',
    objective: '{ quantile: 0.9, below: 750ms, window: 5m }',
    series: {
      ...classic(ISTIO, pod('a'), { 500: 1, 1000: 4 }),
      ...classic(ISTIO, pod('b'), { 800: 2, 1600: 4 }),
    },
    of: `{${SHOP}}`,
    share: 0.25,
  },
  'a threshold between two bounds in seconds': {
    slo: 'preset: otel-http, approximate: true',
    objective: '{ quantile: 0.9, below: 300ms, window: 5m }',
    series: classic('http_server_request_duration_seconds', 'service_name="cart"', { 0.25: 1, 0.5: 2, 1: 4 }),
    of: '{service_name="cart"}',
    share: 0.5,
  },
  'a native histogram': {
    slo: 'preset: otel-http, histogram: native, min_requests: 10',
    series: { 'http_server_request_duration_seconds{service_name="cart"}': native },
    of: '{service_name="cart"}',
    share: 0.5,
    isNew: true,
  },
};

function ruleOf({ slo, objective = '{ quantile: 0.9, below: 500ms, window: 5m }' }: Case): SloRule {
  const read = parseRuleText('rules.yaml', `slos: [{ name: Slow, objective: ${objective}, ${slo} }]`);
  const [rule] = read.groups[0]?.rules ?? [];
  if (!read.ok || rule === undefined) throw new Error(JSON.stringify(read));
  return rule;
}

const labelsIn = (text: string): Record<string, string> =>
  Object.fromEntries(
    [...text.matchAll(/(\w+)="([^"]*)"/g)].map(([, name = '', value = '']) => [name, value]),
  );

async function judge(given: Case, promtool: string, wrong = 0): Promise<string> {
  const rule = ruleOf(given);
  const { objective, recovery } = rule;
  if (objective === undefined || recovery === undefined) throw new Error('the short form gives both');
  const labels = objectiveLabels(objective, labelsIn(given.of));
  const { window, threshold } = objective;
  const sample = (value: number, of = given.of): readonly ExpectedSample[] => [{ labels: of, value }];
  return await judgeByPromtool(
    {
      rules: { groups: [] },
      interval: SCRAPE,
      tests: [
        {
          series: given.series,
          expressions: [
            { expr: rule.expr, at: AT, expected: sample(given.share + wrong) },
            { expr: recovery.expr, at: AT, expected: sample(given.share) },
            // What messages ask for, of the alert's own service.
            {
              expr: slowShareExpr(objective, labels, { window, threshold }),
              at: AT,
              expected: sample(given.share, '{}'),
            },
            {
              expr: `${requestRateExpr(objective, labels, { window: ms(300_000) })} > bool 0`,
              at: AT,
              expected: sample(1, '{}'),
            },
          ],
        },
      ],
    },
    promtool,
  );
}

for (const { name, judgeNeed, promtool } of GENERATIONS) {
  requireOrSkip(judgeNeed)(`the short form, judged by the promtool of ${name}`, () => {
    const cases = Object.entries(CASES).filter(
      ([, { isNew }]) => isNew !== true || judgeNeed === 'promtool-3',
    );
    it.each(cases)('%s', async (_, given) => {
      expect(await judge(given, promtool)).toBe('');
    });

    it('a wrong share is found out', async () => {
      const [first] = Object.values(CASES);
      if (first === undefined) throw new Error('there are cases');
      expect(await judge(first, promtool, 0.25)).toContain('FAILED');
    });
  });
}
