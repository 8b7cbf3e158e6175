import { describe, expect, it } from 'vitest';
import type { NoDataReason } from '../../../src/alerts/alert.ts';
import {
  type AlertSeries,
  createFindNoDataReason,
  lastSampleQuery,
  requestsQuery,
  seriesCountQuery,
  targetCountQuery,
  upTargetQuery,
} from '../../../src/evaluation/no-data.ts';
import type { Sample } from '../../../src/lib/metrics-source.ts';
import { after, MINUTE, ms, ratio, SECOND } from '../../../src/lib/units.ts';
import type { MetricReading } from '../../../src/rules/rule.ts';
import { anAlert, aPlainRule, aRule } from '../../support/builders.ts';
import { aSourceError, createFakeMetricsSource } from '../../support/fake-metrics-source.ts';
import { createVirtualClock, START } from '../../support/virtual-clock.ts';

const WINDOW = ms(5 * MINUTE);
const BACK = ms(20 * MINUTE);
const AT = after(START, ms(10 * MINUTE));
const COUNT: MetricReading = { metric: 'm_count', matchers: 'reporter="destination"' };
const FAILED: MetricReading = { metric: 'm_count', matchers: 'code=~"5.."' };
const GAUGE: MetricReading = { metric: 'queue_length', matchers: '' };

/** What Prometheus returns for one selector; absent: no sample. */
interface Known {
  /** Seconds since the last sample. */
  readonly age?: number;
  readonly earlier?: number;
  readonly requests?: number;
  readonly targets?: number;
  readonly up?: number;
}

const THERE: Known = { age: 10, earlier: 4, targets: 2, up: 2 };
const GONE: Known = { earlier: 4, targets: 2, up: 2 };

function setUp(known: readonly (readonly [MetricReading, Known])[], minRequests?: number) {
  const metrics = createFakeMetricsSource();
  const alert = anAlert({ series: { service: 'checkout' } });
  const labels = { service: 'checkout' };
  for (const [reading, { age, earlier, requests, targets, up }] of known) {
    const series: AlertSeries = { ...reading, alerts: [alert.series] };
    const sample = (value: number | undefined): readonly Sample[] =>
      value === undefined ? [] : [{ labels, value }];
    metrics.answer(lastSampleQuery(series), sample(age === undefined ? undefined : AT / SECOND - age));
    metrics.answer(seriesCountQuery(series, BACK), sample(earlier));
    metrics.answer(requestsQuery(series, WINDOW), sample(requests));
    metrics.answer(targetCountQuery(series, BACK), sample(targets));
    metrics.answer(upTargetQuery(series, BACK), sample(up));
  }
  const clock = createVirtualClock(AT);
  const rule = aRule({
    reads: known.map(([reading]) => reading),
    ...(minRequests === undefined ? {} : { minRequests }),
  });
  const find = createFindNoDataReason({ metrics, clock });
  const missing = { rule, alerts: [alert], at: AT, deadline: after(AT, ms(10 * SECOND)) };
  return { find, missing, metrics, clock, alert };
}

const cases: Record<string, [readonly (readonly [MetricReading, Known])[], NoDataReason, number?]> = {
  'series that ended while their target is up': [[[COUNT, GONE]], { kind: 'series', metric: 'm_count' }],
  'series whose last sample is older than half the window': [
    [[COUNT, { ...THERE, age: 151 }]],
    { kind: 'series', metric: 'm_count' },
  ],
  'series whose target is down or missing': [[[COUNT, { earlier: 4, targets: 2 }]], { kind: 'target' }],
  'pushed series, which have no target': [[[COUNT, { earlier: 4 }]], { kind: 'series', metric: 'm_count' }],
  'series that do not increase': [[[COUNT, { ...THERE, requests: 0 }]], { kind: 'traffic' }],
  'fewer requests than the minimum': [
    [[COUNT, { ...THERE, requests: 3.2 }]],
    { kind: 'few-requests', requests: 3, minimum: 50 },
    50,
  ],
  'enough requests, but no value': [[[COUNT, { ...THERE, requests: 900 }]], { kind: 'value' }, 50],
  'a gauge with data but no value': [[[GAUGE, THERE]], { kind: 'value' }],
  'one side of a ratio': [
    [
      [FAILED, GONE],
      [COUNT, { ...THERE, requests: 900 }],
    ],
    { kind: 'series', metric: 'm_count' },
  ],
  'a selector that never matched is ignored': [
    [
      [FAILED, {}],
      [COUNT, { ...THERE, requests: 0 }],
    ],
    { kind: 'traffic' },
  ],
  'labels without a series': [
    [[COUNT, {}]],
    { kind: 'unknown', reason: 'no series with the labels of the alert was found' },
  ],
};

describe('the reason for missing data', () => {
  it('is the traffic as soon as the shorter window of the recovery query has none', async () => {
    const { missing, find, metrics, alert } = setUp([[COUNT, { ...THERE, requests: 900 }]], 50);
    const window = ms(MINUTE);
    const of = { ...COUNT, alerts: [alert.series] };
    metrics.answer(requestsQuery(of, window), [{ labels: { service: 'checkout' }, value: 0 }]);
    const recovery = { expr: 'slow_share', comparison: '>', bound: 0.01, window } as const;
    const objective = {
      family: { metric: 'm', unit: 'ms', selector: '', serviceLabel: 'service' },
      by: ['service'],
      quantile: ratio(0.99),
      threshold: ms(500),
      window: WINDOW,
    } as const;
    const found = await find({ ...missing, rule: { ...missing.rule, recovery, objective } });
    expect(found.get(alert.fingerprint)).toEqual({ kind: 'traffic' });
  });

  it.each(Object.entries(cases))('%s', async (_name, [known, expected, minimum]) => {
    const { find, missing, alert } = setUp(known, minimum);
    expect((await find(missing)).get(alert.fingerprint)).toEqual(expected);
  });

  it('is unknown for a rule whose metric could not be read', async () => {
    const { find, missing, metrics, alert } = setUp([]);
    const { reads: _reads, ...rule } = aPlainRule();
    expect((await find({ ...missing, rule })).get(alert.fingerprint)).toMatchObject({ kind: 'unknown' });
    expect(metrics.queries).toEqual([]);
  });

  it('is the source when its response is partial', async () => {
    const { find, missing, metrics, alert } = setUp([[COUNT, GONE]]);
    metrics.fail(aSourceError('partial', 'a part'));
    expect((await find(missing)).get(alert.fingerprint)).toEqual({ kind: 'source' });
  });

  it('is unknown when Prometheus does not respond', async () => {
    const { find, missing, metrics, alert } = setUp([[COUNT, GONE]]);
    metrics.fail(aSourceError('unavailable', 'connection refused.'));
    expect((await find(missing)).get(alert.fingerprint)).toEqual({
      kind: 'unknown',
      reason: 'connection refused',
    });
  });

  it.each([
    ['three seconds', 10, 3_000],
    ['what is left of the evaluation’s time', 1, 1_000],
  ])('is waited for no longer than %s', async (_, left, expected) => {
    const { find, missing, metrics, clock, alert } = setUp([[COUNT, GONE]]);
    metrics.answer(
      seriesCountQuery({ ...COUNT, alerts: [alert.series] }, BACK),
      () => new Promise(() => undefined),
    );
    const found = find({ ...missing, deadline: after(AT, ms(left * SECOND)) });
    await clock.whenAsleep();
    await clock.advance(expected);
    expect((await found).get(alert.fingerprint)).toEqual({
      kind: 'unknown',
      reason: `Prometheus did not respond within ${expected / SECOND} s`,
    });
  });

  it('needs one set of queries for all alerts of a rule, with their values as matchers while they are few', async () => {
    const { find, missing, metrics } = setUp([[COUNT, GONE]]);
    const named = (count: number) =>
      Array.from({ length: count }, (_, i) => anAlert({ series: { service: `s.${i}`, job: 'mesh' } }));
    await find({ ...missing, alerts: named(2) });
    expect(metrics.queries).toHaveLength(5);
    expect(metrics.queries[0]?.expr).toBe(
      'max by (job, service) (timestamp(m_count{reporter="destination",job="mesh",service=~"s\\\\.0|s\\\\.1"}))',
    );
    await find({ ...missing, alerts: named(21) });
    expect(metrics.queries[5]?.expr).toBe(
      'max by (job, service) (timestamp(m_count{reporter="destination",job="mesh"}))',
    );
    expect(metrics.queries[8]?.expr).toBe(
      'count by (job, service) (group by (job, service, instance) (last_over_time(m_count{reporter="destination",job="mesh"}[20m])) and on (job, instance) last_over_time(up[20m]))',
    );
  });
});
