import { describe, expect, it } from 'vitest';
import { UpstreamError } from '../../../src/lib/errors.ts';
import type { QueryCost } from '../../../src/lib/metrics-source.ts';
import { epochMs, MINUTE, ms } from '../../../src/lib/units.ts';
import { createRuleCheck } from '../../../src/rules/check-rules.ts';
import type { LatencyFamily } from '../../../src/rules/rule.ts';
import type { RuleUse } from '../../../src/rules/rule-use.ts';
import { aSourceError } from '../../support/fake-metrics-source.ts';

const NOW = epochMs(1_700_000_000_000);

const family: LatencyFamily = {
  metric: 'latency_milliseconds',
  unit: 'ms',
  selector: 'reporter="destination"',
  serviceLabel: 'service',
};

const aUse = (changes: Partial<RuleUse> = {}): RuleUse => ({
  name: 'A',
  kind: 'alerting',
  expr: 'a > 1',
  metrics: [],
  rates: [],
  services: [],
  interval: MINUTE,
  thresholds: [],
  ...changes,
});

const latencyUse = (threshold: number, changes: Partial<LatencyFamily> = {}): RuleUse =>
  aUse({
    family: { ...family, ...changes },
    thresholds: [{ threshold: ms(threshold), key: 'objective.below' }],
  });

/** What the source knows, by `label match`. */
type Known = Readonly<Record<string, readonly string[]>>;

const exists = (metric: string): Known => ({ [`__name__ {__name__="${metric}"}`]: [metric] });

const buckets = (
  les: readonly string[],
  metric = 'latency_milliseconds',
  selector = '{reporter="destination"}',
): Known => ({
  [`le ${metric}_bucket${selector}`]: les,
  [`service ${metric}_bucket${selector}`]: ['checkout'],
});

interface Answers {
  readonly refusal?: Error;
  /** What counting the samples of a window gives. */
  readonly samples?: number;
  /** The series began within the window. */
  readonly isYoung?: true;
  readonly cost?: QueryCost;
}

async function check(
  uses: readonly RuleUse[],
  known: Known,
  { refusal, samples, isYoung, cost }: Answers = {},
) {
  const queries: string[] = [];
  const run = createRuleCheck({
    clock: { now: () => NOW },
    metrics: {
      instant: async ({ expr, at }) => {
        queries.push(`${expr} at ${at}`);
        if (refusal !== undefined) throw refusal;
        return samples === undefined || (isYoung === true && expr.includes('offset'))
          ? []
          : [{ labels: {}, value: samples }];
      },
      ...(cost === undefined ? {} : { cost: async () => cost }),
      labelValues: async ({ label, match = '' }) => {
        queries.push(`${label} ${match}`.trim());
        return known[`${label} ${match}`.trim()] ?? [];
      },
    },
  });
  return { findings: await run(uses), queries };
}

describe('rules checked against a Prometheus', () => {
  it('have no problems when it has their metrics', async () => {
    const { findings } = await check([aUse({ metrics: ['a'] })], exists('a'));
    expect(findings).toEqual([[]]);
  });

  it('ignore missing series of alerts: Prometheus writes them only while an alert is active', async () => {
    const { findings } = await check([aUse({ metrics: ['ALERTS', 'ALERTS_FOR_STATE'] })], {});
    expect(findings).toEqual([[]]);
  });

  it('report a missing metric, and the nearest that exists', async () => {
    const { findings } = await check([aUse({ metrics: ['requests_totl'] })], {
      __name__: ['requests_total', 'up'],
    });
    expect(findings).toEqual([
      [
        {
          code: 'no-metric',
          message: 'metric `requests_totl` not found; did you mean `requests_total`?',
        },
      ],
    ]);
  });

  it('only note a recorded series that is missing', async () => {
    const { findings } = await check([aUse({ kind: 'recording', name: 'a:b', metrics: ['a:b'] })], {});
    expect(findings).toEqual([
      [{ code: 'not-recorded', message: expect.stringContaining('no series `a:b` found') }],
    ]);
  });

  it('report what the server says about an expression', async () => {
    const refusal = aSourceError('bad-request', 'parse error: unexpected end of input');
    const { findings } = await check([aUse()], {}, { refusal });
    expect(findings).toEqual([
      [
        {
          code: 'expression-refused',
          message: 'Prometheus rejects the expression: parse error: unexpected end of input',
        },
      ],
    ]);
  });

  it('name a recovery query that the server rejects, and what that means', async () => {
    const run = createRuleCheck({
      clock: { now: () => NOW },
      metrics: {
        instant: async ({ expr }) => {
          if (expr === 'a') throw aSourceError('bad-request', 'many-to-many matching not allowed');
          return [];
        },
        labelValues: async () => [],
      },
    });
    expect(await run([aUse({ recovery: 'a' }), aUse({ recovery: 'b' })])).toEqual([
      [
        {
          code: 'recovery-refused',
          message:
            'Prometheus rejects the recovery query, so alerts end when the expression no longer returns them: many-to-many matching not allowed',
        },
      ],
      [],
    ]);
  });

  it('fail when it does not answer', async () => {
    await expect(check([aUse()], {}, { refusal: aSourceError('timeout', 'no answer') })).rejects.toThrow(
      UpstreamError,
    );
  });

  it('send the same query once', async () => {
    const { queries } = await check([latencyUse(500), latencyUse(250)], buckets(['250', '500']));
    expect(queries.filter((query) => query.startsWith('le '))).toHaveLength(1);
  });
});

describe('a threshold checked against the bounds of its histogram', () => {
  const cases: Readonly<Record<string, readonly [RuleUse, Known, string?]>> = {
    'is fine as Prometheus 2 writes it': [latencyUse(500), buckets(['250', '500', '+Inf'])],
    'is fine as Prometheus 3 writes it': [latencyUse(500), buckets(['250.0', '500.0', '+Inf'])],
    'is fine in an exponent': [latencyUse(1_800_000), buckets(['600000.0', '1.8e+06', '+Inf'])],
    'is fine in seconds': [latencyUse(500, { unit: 's' }), buckets(['0.25', '0.5', '+Inf'])],
    'between two bounds names them': [
      latencyUse(750),
      buckets(['500.0', '1000.0', '+Inf', '250.0']),
      '750ms in `objective.below` is not a bucket bound of `latency_milliseconds`; the nearest bounds are 500ms and 1s.',
    ],
    'between two bounds in seconds names them': [
      latencyUse(300, { unit: 's' }),
      buckets(['0.25', '0.5', '+Inf']),
      '300ms in `objective.below` is not a bucket bound of `latency_milliseconds`; the nearest bounds are 250ms and 500ms.',
    ],
    'above all bounds names the highest': [
      latencyUse(2_000),
      buckets(['500', '1000', '+Inf']),
      '2s in `objective.below` is not a bucket bound of `latency_milliseconds`; the nearest bound is 1s.',
    ],
    'of a metric whose series its matchers miss': [
      latencyUse(500),
      exists('latency_milliseconds_bucket'),
      'no series of `latency_milliseconds_bucket` matches {reporter="destination"}.',
    ],
    'of a native histogram': [
      latencyUse(500),
      exists('latency_milliseconds'),
      '`latency_milliseconds` is a native histogram: add `histogram: native` beside its `preset` or `metric`.',
    ],
    'of series without the service': [
      latencyUse(500),
      { 'le latency_milliseconds_bucket{reporter="destination"}': ['500'] },
      'no series of latency_milliseconds_bucket{reporter="destination"} has the label `service`.',
    ],
    'of a metric with buckets that is read as a native one': [
      latencyUse(500, { histogram: 'native' }),
      exists('latency_milliseconds_bucket'),
      '`latency_milliseconds` is not a native histogram: remove `histogram: native`.',
    ],
    'of a native histogram that is read as one': [
      latencyUse(750, { histogram: 'native' }),
      {
        '__name__ latency_milliseconds{reporter="destination"}': ['latency_milliseconds'],
        'service latency_milliseconds{reporter="destination"}': ['checkout'],
      },
    ],
    'of a native histogram whose series its matchers miss': [
      latencyUse(500, { histogram: 'native' }),
      exists('latency_milliseconds'),
      'no series of `latency_milliseconds` matches {reporter="destination"}.',
    ],
    'that is approximate names the bound that is used': [
      { ...latencyUse(750), isApproximate: true },
      buckets(['250', '500.0', '1000.0', '2500', '+Inf']),
      '750ms is between the bucket bounds 500ms and 1s of `latency_milliseconds`: requests slower than 1s are counted.',
    ],
    'that is approximate and a bound is fine': [
      { ...latencyUse(500), isApproximate: true },
      buckets(['250', '500.0', '+Inf']),
    ],
    'that is approximate and above all bounds is refused': [
      { ...latencyUse(2_000), isApproximate: true },
      buckets(['500', '1000', '+Inf']),
      '2s is above all bucket bounds of `latency_milliseconds`, so the rule can never fire; the highest is 1s.',
    ],
    'without matchers': [latencyUse(500, { selector: '' }), buckets(['500'], 'latency_milliseconds', '')],
  };
  it.each(Object.entries(cases))('%s', async (_, [use, known, message]) => {
    const { findings } = await check([use], known);
    expect(findings.map((found) => found.map((one) => one.message))).toEqual([
      message === undefined ? [] : [message],
    ]);
  });
});

describe('what a rule reads from a Prometheus', () => {
  const rate = { selector: 'a{b="c"}', window: ms(30_000) };
  const service = { metric: 'requests_total', label: 'service', value: 'chekout' };
  const known: Known = { 'service {__name__="requests_total"}': ['checkout', 'cart'] };
  const cheap: QueryCost = { seconds: 0.01, peakSamples: 100 };
  const cases: Readonly<Record<string, readonly [Partial<RuleUse>, Answers, readonly unknown[]]>> = {
    'a window with too few samples': [
      { rates: [rate] },
      { samples: 2 },
      [
        {
          code: 'rate-window',
          message: expect.stringMatching(/range \[30s\] of `a\{b="c"\}` has at most 2 samples/),
        },
      ],
    ],
    'a window that is longer than its series are old': [{ rates: [rate] }, { samples: 2, isYoung: true }, []],
    'a window with samples enough': [{ rates: [rate] }, { samples: 4 }, []],
    'a window of a metric that is not there': [{ rates: [rate] }, {}, []],
    'a service that is not there': [
      { services: [service] },
      {},
      [
        {
          code: 'unknown-service',
          message: '`requests_total` has no series with service="chekout"; did you mean `checkout`?',
        },
      ],
    ],
    'a service that is there': [{ services: [{ ...service, value: 'cart' }] }, {}, []],
    'a service of a metric that is not there': [{ services: [{ ...service, metric: 'other' }] }, {}, []],
    'a cheap expression': [{}, { cost: cheap }, []],
    'an expression that takes more than a tenth of its interval': [
      { interval: ms(30_000) },
      { cost: { ...cheap, seconds: 3.21 } },
      [{ code: 'expensive-expression', message: expect.stringMatching(/takes 3\.2 s every 30s/) }],
    ],
    'an expression with very many samples': [
      {},
      { cost: { ...cheap, peakSamples: 5_000_001 } },
      [{ code: 'expensive-expression', message: expect.stringMatching(/holds 5,000,001 samples/) }],
    ],
  };
  it.each(Object.entries(cases))('%s', async (_, [use, answers, expected]) => {
    const { findings } = await check([aUse(use)], known, answers);
    expect(findings).toEqual([expected]);
  });
});
