import { describe, expect, it } from 'vitest';
import {
  PROMETHEUS_2,
  PROMETHEUS_3,
  type VersionBehavior,
} from '../../../../demo/prometheus/promql/version-behavior.ts';
import { ask, load } from './promql-case.ts';

interface Case {
  readonly samples: string;
  readonly query: string;
  /** Seconds after the first sample. */
  readonly at: number;
  readonly versionBehavior?: VersionBehavior;
  /** Undefined: the series is not in the result. */
  readonly expected: number | undefined;
}

// Samples are one minute apart and begin at 0 s.
const CASES: Readonly<Record<string, Case>> = {
  //  0    60   120   180   240   300
  //  |    x-----x-----x-----x-----x|    left open: five samples, 240 s sampled, 60 s at the start extrapolated
  'a steady counter, Prometheus 3: the missing minute is extrapolated': {
    samples: '100+60x5',
    query: 'rate(m[5m])',
    at: 300,
    expected: 1,
  },
  'a steady counter, Prometheus 2: the sample at the start is taken in': {
    samples: '100+60x5',
    query: 'rate(m[5m])',
    at: 300,
    versionBehavior: PROMETHEUS_2,
    expected: 1,
  },
  'increase is the rate over the whole range': {
    samples: '100+60x5',
    query: 'increase(m[5m])',
    at: 300,
    expected: 300,
  },
  // Four rises of 10 and one restart from 30 to 5: 10 + 10 + 5 + 10 = 35 in 240 s; 60 s before would reach below zero
  // (zero is 240 * 10 / 35 = 68.6 s away, so all 60 s count): 35 * 300 / 240.
  'a counter that restarts counts on from zero': {
    samples: '0 10 20 30 5 15',
    query: 'increase(m[5m])',
    at: 300,
    expected: (35 * 300) / 240,
  },
  // 8 -> 3 -> 1 -> 2: from zero to 3, from zero to 1, one more: 5 in 180 s.
  'two restarts in a row': {
    samples: '_ 8 3 1 2',
    query: 'increase(m[4m])',
    at: 240,
    expected: (5 * 240) / 180,
  },
  // First sample 2, rise 30 in 180 s: zero is 12 s before the first sample, so only 12 of the 60 s are extrapolated.
  'a counter is not extrapolated below zero': {
    samples: '_ 2 12 22 32',
    query: 'increase(m[4m])',
    at: 240,
    expected: (30 * (180 + 12)) / 180,
  },
  // Spacing 60 s: a gap of 120 s at the start is over 66 s, so half a spacing (30 s) is added there.
  'a series that begins within the range is extrapolated by half a spacing': {
    samples: '_ _ 1000 1060 1120 1180',
    query: 'increase(m[5m])',
    at: 300,
    expected: (180 * (180 + 30)) / 180,
  },
  'a series that ends within the range likewise': {
    samples: '1000 1060 1120 1180',
    query: 'increase(m[5m])',
    at: 300,
    expected: (120 * (120 + 60 + 30)) / 120,
  },
  'one sample gives no rate': { samples: '_ _ _ _ 5', query: 'rate(m[5m])', at: 300, expected: undefined },
  'no sample gives no rate': { samples: '1', query: 'rate(m[1m])', at: 300, expected: undefined },
  'a range exactly on two samples, Prometheus 2': {
    samples: '0 60',
    query: 'rate(m[1m])',
    at: 60,
    versionBehavior: PROMETHEUS_2,
    expected: 1,
  },
  'the same range holds one sample in Prometheus 3': {
    samples: '0 60',
    query: 'rate(m[1m])',
    at: 60,
    expected: undefined,
  },
  'a flat counter has rate 0': { samples: '7 7 7 7 7 7', query: 'rate(m[5m])', at: 300, expected: 0 },
  'delta lets a gauge fall, and extrapolates below zero': {
    samples: '_ 10 8 6 4 2',
    query: 'delta(m[5m])',
    at: 300,
    expected: (-8 * 300) / 240,
  },
  'irate takes the last two samples': {
    samples: '0 10 20 200 260',
    query: 'irate(m[5m])',
    at: 270,
    expected: 1,
  },
  'irate after a restart counts from zero': {
    samples: '0 100 30',
    query: 'irate(m[5m])',
    at: 150,
    expected: 0.5,
  },
  'idelta is the last step': { samples: '0 100 30', query: 'idelta(m[5m])', at: 150, expected: -70 },
  'offset moves the range': {
    samples: '100+60x20',
    query: 'increase(m[5m] offset 10m)',
    at: 900,
    expected: 300,
  },
  'a negative offset looks ahead': {
    samples: '100+60x20',
    query: 'increase(m[5m] offset -5m)',
    at: 300,
    expected: 300,
  },
  '@ pins the range to an instant': {
    samples: '100+60x20',
    query: 'increase(m[5m] @ 1700000300)',
    at: 900,
    expected: 300,
  },
};

describe('rates of', () => {
  it.each(Object.entries(CASES))('%s', (_name, one) => {
    const { samples, query, at, expected, versionBehavior = PROMETHEUS_3 } = one;
    const result = ask(load({ 'm{a="b"}': samples }), query, { at, versionBehavior });
    if (expected === undefined) expect(result).toEqual({});
    else expect(Number(result['{a="b"}'])).toBeCloseTo(expected, 9);
  });

  it('a counter whose zero point is nearer than the threshold but the range start is not: 2.x extrapolates to zero, 3.x by half a spacing', () => {
    // First sample at 120 s of a range that begins at 0 s: the gap of 120 s is over 66 s. Zero is 60 s before the first sample.
    const store = load({ m: '_ _ 60 120 180 240' });
    const increase = (versionBehavior: VersionBehavior) =>
      Number(ask(store, 'increase(m[5m])', { at: 300, versionBehavior })['{}']);
    expect(increase(PROMETHEUS_2)).toBeCloseTo((180 * (180 + 60)) / 180, 9);
    expect(increase(PROMETHEUS_3)).toBeCloseTo((180 * (180 + 30)) / 180, 9);
  });
});
