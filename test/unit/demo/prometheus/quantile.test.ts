import { describe, expect, it } from 'vitest';
import { bucketQuantile } from '../../../../demo/prometheus/promql/quantile.ts';
import { PROMETHEUS_2 } from '../../../../demo/prometheus/promql/version-behavior.ts';
import { ask, load } from './promql-case.ts';

type Buckets = readonly (readonly [bound: number, count: number])[];

const CASES: Readonly<
  Record<string, readonly [q: number, buckets: Buckets, expected: number, tolerance?: number]>
> = {
  'lies within a bucket, in proportion to the rank': [
    0.5,
    [
      [10, 0],
      [20, 100],
      [Infinity, 100],
    ],
    15,
  ],
  'counts the first bucket from zero': [
    0.25,
    [
      [10, 100],
      [20, 100],
      [Infinity, 100],
    ],
    2.5,
  ],
  'is the bound itself when the first bound is not positive': [
    0.25,
    [
      [-1, 100],
      [20, 100],
      [Infinity, 100],
    ],
    -1,
  ],
  'is the highest finite bound when it lies in the +Inf bucket': [
    0.99,
    [
      [10, 50],
      [20, 90],
      [Infinity, 100],
    ],
    20,
  ],
  'is exact at a bound': [
    0.5,
    [
      [10, 50],
      [20, 100],
      [Infinity, 100],
    ],
    10,
  ],
  'is the end of the last filled bucket for q = 1': [
    1,
    [
      [10, 50],
      [20, 100],
      [Infinity, 100],
    ],
    20,
  ],
  'is 0 for q = 0 when the first bucket is filled': [
    0,
    [
      [10, 50],
      [20, 100],
      [Infinity, 100],
    ],
    0,
  ],
  'is NaN for q = 0 when the first bucket is empty': [
    0,
    [
      [10, 0],
      [20, 100],
      [Infinity, 100],
    ],
    Number.NaN,
  ],
  'is -Inf for q below 0': [
    -0.1,
    [
      [10, 50],
      [Infinity, 100],
    ],
    -Infinity,
  ],
  'is +Inf for q above 1': [
    1.1,
    [
      [10, 50],
      [Infinity, 100],
    ],
    Infinity,
  ],
  'is NaN for q NaN': [
    Number.NaN,
    [
      [10, 50],
      [Infinity, 100],
    ],
    Number.NaN,
  ],
  'is NaN without the +Inf bucket': [
    0.5,
    [
      [10, 50],
      [20, 100],
    ],
    Number.NaN,
  ],
  'is NaN with the +Inf bucket alone': [0.5, [[Infinity, 100]], Number.NaN],
  'is NaN without observations': [
    0.5,
    [
      [10, 0],
      [20, 0],
      [Infinity, 0],
    ],
    Number.NaN,
  ],
  'does not care for the order of the buckets': [
    0.5,
    [
      [Infinity, 100],
      [20, 100],
      [10, 0],
    ],
    15,
  ],
  'adds up buckets with the same bound': [
    0.5,
    [
      [10, 0],
      [20, 40],
      [20, 60],
      [Infinity, 100],
    ],
    15,
  ],
  'takes a fall in the counts for none': [
    0.5,
    [
      [10, 60],
      [20, 40],
      [30, 100],
      [Infinity, 100],
    ],
    10 * (50 / 60),
  ],
  'sees rounding between buckets without tolerance (2.x)': [
    1,
    [
      [10, 1],
      [20, 1 + 1e-14],
      [Infinity, 1 + 1e-14],
    ],
    20,
  ],
  'forgives rounding between buckets with tolerance (3.x)': [
    1,
    [
      [10, 1],
      [20, 1 + 1e-14],
      [Infinity, 1 + 1e-14],
    ],
    10,
    1e-12,
  ],
};

describe('the quantile of a classic histogram', () => {
  it.each(Object.entries(CASES))('%s', (_name, [q, buckets, expected, tolerance = 0]) => {
    const result = bucketQuantile(
      q,
      buckets.map(([bound, count]) => ({ bound, count })),
      tolerance,
    );
    if (Number.isNaN(expected)) expect(result).toBeNaN();
    else expect(result).toBeCloseTo(expected, 9);
  });
});

describe('histogram_quantile', () => {
  const store = load({
    'd_bucket{s="cart",le="100"}': '0+50x5',
    'd_bucket{s="cart",le="500"}': '0+90x5',
    'd_bucket{s="cart",le="+Inf"}': '0+100x5',
    'd_bucket{s="auth",le="100"}': '7 7 7 7 7 7',
    'd_bucket{s="auth",le="500"}': '7 7 7 7 7 7',
    'd_bucket{s="auth",le="+Inf"}': '7 7 7 7 7 7',
    'd_bucket{s="auth",le="broken"}': '1 2 3 4 5 6',
    'd_bucket{s="auth"}': '1 2 3 4 5 6',
  });

  it('works out every group, without le and the metric name; no requests is NaN', () => {
    const query = 'histogram_quantile(0.8, sum by (le, s) (rate(d_bucket[5m])))';
    // 80 of 100 are in (100, 500], which holds 40 after the first 50: 100 + 400 * 30 / 40.
    const { '{s="cart"}': cart, ...rest } = ask(store, query);
    expect(Number(cart)).toBeCloseTo(400, 9);
    expect(rest).toEqual({ '{s="auth"}': 'NaN' });
  });

  it('keeps no NaN in a comparison, so silence is no breach', () => {
    const query = 'histogram_quantile(0.8, sum by (le, s) (rate(d_bucket[5m]))) > 300';
    expect(Object.keys(ask(store, query))).toEqual(['{s="cart"}']);
  });

  it('reads le="500.0" and le="500" as one bucket', () => {
    const both = load({
      'd_bucket{le="5e2"}': '0',
      'd_bucket{le="500.0"}': '1',
      'd_bucket{le="500"}': '3',
      'd_bucket{le="+Inf"}': '4',
    });
    expect(ask(both, 'histogram_quantile(0.5, d_bucket)', { at: 0, versionBehavior: PROMETHEUS_2 })).toEqual({
      '{}': '250',
    });
  });
});
