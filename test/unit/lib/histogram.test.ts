import { describe, expect, test } from 'vitest';
import {
  type Bucket,
  cumulative,
  histogramQuantile,
  histogramRank,
  shareAbove,
} from '../../../src/lib/histogram.ts';

const INF = Number.POSITIVE_INFINITY;
const buckets = (...pairs: readonly (readonly [number, number])[]): readonly Bucket[] =>
  pairs.map(([le, count]) => ({ le, count }));

describe('a quantile of a histogram', () => {
  test.each([
    // le: 100 250 500 +Inf, cumulative counts
    [
      'lies on the line inside its bucket',
      0.5,
      buckets([100, 0], [250, 10], [INF, 10]),
      { value: 175, low: 100, high: 250 },
    ],
    [
      'starts the lowest bucket at zero',
      0.5,
      buckets([100, 10], [INF, 10]),
      { value: 50, low: 0, high: 100 },
    ],
    [
      'is the bound itself when the rank meets a corner',
      0.9,
      buckets([100, 9], [250, 10], [INF, 10]),
      { value: 100, low: 0, high: 100 },
    ],
    [
      'is the highest finite bound, with no upper one, above it',
      0.99,
      buckets([100, 5], [250, 6], [INF, 10]),
      { value: 250, low: 250 },
    ],
    [
      'takes bounds in any order',
      0.5,
      buckets([INF, 10], [250, 10], [100, 0]),
      { value: 175, low: 100, high: 250 },
    ],
    [
      'adds the same bound written twice',
      0.5,
      buckets([100, 0], [250, 4], [250, 6], [INF, 10]),
      { value: 175, low: 100, high: 250 },
    ],
    [
      'lifts a bucket that fell below the one before it',
      0.5,
      buckets([100, 6], [250, 5], [INF, 10]),
      { value: 100 * (5 / 6), low: 0, high: 100 },
    ],
    [
      'gives a bound that is not above zero as it is',
      0.1,
      buckets([-5, 10], [INF, 10]),
      { value: -5, low: -5, high: -5 },
    ],
  ])('%s', (_, quantile, given, expected) => {
    expect(histogramQuantile(quantile, given)).toEqual(expected);
  });

  test.each([
    ['there were no requests', buckets([100, 0], [INF, 0])],
    ['the +Inf bucket is missing', buckets([100, 5], [250, 10])],
    ['there is only the +Inf bucket', buckets([INF, 10])],
    ['there are no buckets', buckets()],
    ['every count is NaN', buckets([100, Number.NaN], [INF, Number.NaN])],
  ])('is not known when %s', (_, given) => {
    expect(histogramQuantile(0.99, given)).toBeUndefined();
  });
});

describe('the share above a threshold', () => {
  const four = buckets([250, 1], [500, 2], [1_000, 3], [INF, 4]);
  const cases: Readonly<Record<string, readonly [number, readonly Bucket[], object | undefined]>> = {
    'is exact at a bound': [500, four, { low: 500, high: 500, atLeast: 0.5, atMost: 0.5 }],
    'lies between two bounds': [750, four, { low: 500, high: 1_000, atLeast: 0.25, atMost: 0.5 }],
    'below the lowest bound may be all': [100, four, { low: 0, high: 250, atLeast: 0.75, atMost: 1 }],
    'above the highest bound may be none': [2_000, four, { low: 1_000, atLeast: 0, atMost: 0.25 }],
    'is not known without requests': [500, buckets([500, 0], [INF, 0]), undefined],
    'is not known without the last bucket': [500, buckets([500, 1]), undefined],
  };
  test.each(Object.entries(cases))('%s', (_, [threshold, of, expected]) => {
    expect(shareAbove(threshold, of)).toEqual(expected);
  });
});

describe('the buckets of a native histogram', () => {
  const native = [
    { low: 2, high: 4, count: 1 },
    { low: 0.25, high: 0.5, count: 2 },
    { low: 0.5, high: 1, count: 3 },
  ];

  test('become cumulative, with a bound on either side of a gap', () => {
    expect(cumulative(native)).toEqual(buckets([0.25, 0], [0.5, 2], [1, 5], [2, 5], [4, 6], [INF, 6]));
  });

  test('give a quantile its own narrow bucket', () => {
    expect(histogramQuantile(0.99, cumulative(native))).toMatchObject({ low: 2, high: 4 });
  });

  test('around zero count from it', () => {
    expect(cumulative([{ low: -0.001, high: 0.001, count: 2 }])).toEqual(buckets([0.001, 2], [INF, 2]));
  });

  test('without any, nothing was observed', () => {
    expect(histogramQuantile(0.5, cumulative([]))).toBeUndefined();
  });
});

describe('where a value stands among the observed', () => {
  const of = buckets([100, 90], [500, 99], [INF, 100]);
  const cases: Readonly<Record<string, readonly [number, readonly Bucket[], object | undefined]>> = {
    'between the shares at its bucket’s bounds': [
      300,
      of,
      { atLeast: 0.9, atMost: 0.99, low: 100, high: 500, total: 100 },
    ],
    'in the lowest bucket nothing is certainly smaller': [
      1,
      of,
      { atLeast: 0, atMost: 0.9, low: 0, high: 100, total: 100 },
    ],
    'a bound belongs to the bucket below it': [
      500,
      of,
      { atLeast: 0.9, atMost: 0.99, low: 100, high: 500, total: 100 },
    ],
    'above the highest bound there is no upper one': [
      501,
      of,
      { atLeast: 0.99, atMost: 1, low: 500, total: 100 },
    ],
    'nowhere when nothing was observed': [1, buckets([100, 0], [INF, 0]), undefined],
    'nowhere without the last bucket': [1, buckets([100, 5]), undefined],
  };
  test.each(Object.entries(cases))('%s', (_, [value, among, expected]) => {
    expect(histogramRank(value, among)).toEqual(expected);
  });
});
