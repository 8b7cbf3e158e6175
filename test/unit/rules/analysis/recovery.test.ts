import { describe, expect, it } from 'vitest';
import { analyseExpression } from '../../../../src/rules/analysis/analyse.ts';
import { parseRuleText } from '../../../../src/rules/file/rule-file.ts';
import type { SloRule } from '../../../../src/rules/rule.ts';
import { ask, load } from '../../demo/prometheus/promql-case.ts';

/** The state of a series at an instant. */
type State = 'breach' | 'recovered' | 'unknown' | 'not returned';

const meets: Readonly<Record<string, (value: number, bound: number) => boolean>> = {
  '>': (value, bound) => value > bound,
  '>=': (value, bound) => value >= bound,
  '<': (value, bound) => value < bound,
  '<=': (value, bound) => value <= bound,
  '==': (value, bound) => value === bound,
  '!=': (value, bound) => value !== bound,
};

type RuleConditions = Pick<SloRule, 'expr' | 'recovery'>;

/** The only value of an answer, whatever its labels. */
const valueOf = (answer: Record<string, string>): number | undefined => {
  const [value] = Object.values(answer);
  return value === undefined ? undefined : Number(value);
};

function stateOf(
  { expr, recovery }: RuleConditions,
  series: Readonly<Record<string, string>>,
  at = 0,
): State {
  const store = load(series);
  if (valueOf(ask(store, expr, { at })) !== undefined) return 'breach';
  if (recovery === undefined) return 'not returned';
  const value = valueOf(ask(store, recovery.expr, { at }));
  if (value === undefined || Number.isNaN(value)) return 'unknown';
  const { comparison, bound } = recovery;
  if (comparison === undefined || bound === undefined) return 'recovered';
  return meets[comparison]?.(value, bound) === true ? 'unknown' : 'recovered';
}

const series = (values: Readonly<Record<string, number>>): Record<string, string> =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [`${name}{x="1"}`, String(value)]));

describe('the recovery condition of a hand-written expression', () => {
  const cases: readonly (readonly [string, Readonly<Record<string, number>>, State])[] = [
    ['a > 1', { a: 2 }, 'breach'],
    ['a > 1', { a: 1 }, 'recovered'],
    ['a > 1', {}, 'unknown'],
    ['a > 1', { a: Number.NaN }, 'unknown'],
    ['1 < a', { a: 0 }, 'recovered'],
    ['a >= 1 and b > 2', { a: 1, b: 3 }, 'breach'],
    ['a >= 1 and b > 2', { a: 0, b: 3 }, 'recovered'],
    ['a >= 1 and b > 2', { a: 1, b: 2 }, 'recovered'],
    ['a >= 1 and b > 2', { a: 0, b: 0 }, 'recovered'],
    ['a >= 1 and b > 2', { a: 1 }, 'unknown'],
    ['a >= 1 and b > 2', { b: 3 }, 'unknown'],
    ['a <= 1 and on (x) b < 2', { a: 1, b: 2 }, 'recovered'],
    ['a == 0 and b == 0', { a: 0, b: 1 }, 'recovered'],
    ['a == 0 and b == 0', { a: 0, b: 0 }, 'breach'],
    ['a != 5 and b > 1', { a: 4, b: 1 }, 'recovered'],
    ['a > 1 and b > 2 and c > 3', { a: 2, b: 3, c: 3 }, 'recovered'],
    ['a > 1 and b > 2 and c > 3', { a: 2, b: 2, c: 4 }, 'recovered'],
    ['a > 1 and b > 2 and c > 3', { a: 2, b: 3, c: 4 }, 'breach'],
    ['a > 1 and b > 2 and c > 3', { a: 2, b: 3 }, 'unknown'],
    ['a > 1 and (b > 2 or c > 3)', { a: 2, b: 2, c: 3 }, 'recovered'],
    ['a > 1 and (b > 2 or c > 3)', { a: 2, b: 2, c: 4 }, 'breach'],
    ['a > 1 and b', { a: 2 }, 'unknown'],
    ['a > 1 and b', { a: 1, b: 0 }, 'recovered'],
    ['a > 1 unless b', { a: 2 }, 'breach'],
    ['a > 1 unless b', { a: 2, b: 0 }, 'recovered'],
    ['a > 1 unless b > 5', { a: 2, b: 5 }, 'breach'],
    ['a > 1 unless b > 5', { a: 2, b: 6 }, 'recovered'],
    ['a > 1 unless b > 5', { a: 1 }, 'recovered'],
    ['a > 1 unless b > 5', { b: 5 }, 'unknown'],
    ['a > 1 or b > 1', { a: 1, b: 1 }, 'recovered'],
    ['a > 1 or b > 1', { a: 1, b: 2 }, 'breach'],
    ['a > 1 or b > 1', {}, 'unknown'],
    ['a > 1 and b > 2', { a: 2, b: Number.NaN }, 'unknown'],
    ['a > 1 and b > c', { a: 2, b: 2, c: 1 }, 'breach'],
    ['a > 1 and b > c', { a: 2, b: 1, c: 1 }, 'not returned'],
    ['a > 1 and b > c', { a: 2, b: 1 }, 'not returned'],
    ['a > 1 and on () absent(b)', { a: 2 }, 'breach'],
    ['a > 1 and on () absent(b)', { a: 2, b: 0 }, 'not returned'],
    ['a > 1 and on () absent(b)', { b: 0 }, 'not returned'],
    ['a > 1 or b > 2', { a: 2, b: 0 }, 'breach'],
    ['a > 1 or b > 2', { a: 1, b: 2 }, 'recovered'],
    ['a > 1 or b > 2', { b: 2 }, 'recovered'],
    ['a > 1 or b > 2', { a: Number.NaN, b: 2 }, 'unknown'],
    ['a > 1 or b > 2', {}, 'unknown'],
    ['a > b', { a: 2, b: 1 }, 'breach'],
    ['a > b', { a: 1, b: 1 }, 'not returned'],
    ['a > b', { a: 1 }, 'not returned'],
    ['a > b', { b: 1 }, 'not returned'],
    ['a > b', { a: 1, b: Number.NaN }, 'not returned'],
    ['a == on (x) group_left b', { a: 1, b: 2 }, 'not returned'],
    ['(a != b) and (c == 0)', { a: 1, b: 2, c: 1 }, 'not returned'],
    ['(a != b) and (c == 0)', { a: 1, b: 2 }, 'not returned'],
    ['a > b unless c', { a: 2, b: 1, c: 1 }, 'not returned'],
    ['count by (x) (a == 0) > 0', { a: 0 }, 'breach'],
    ['count by (x) (a == 0) > 0', { a: 1 }, 'not returned'],
    ['count by (x) (a == 0) > 0', {}, 'not returned'],
    ['100 * (count by (x) (a == 0) / count by (x) (a)) > 10', { a: 1 }, 'not returned'],
    ['count by (x) (a unless b) > 0', { a: 1, b: 1 }, 'not returned'],
    ['count by (x) (a unless b) > 0', { b: 1 }, 'not returned'],
    ['5 - max by (x) (a and b > 0) > 3', { a: 1, b: 0 }, 'not returned'],
    ['5 - max by (x) (a and b > 0) > 3', { b: 0 }, 'not returned'],
    ['sum by (x) (a > 5)', { a: 5 }, 'not returned'],
    ['a > 1 and count by (x) (b > 2) > 0', { a: 2, b: 3 }, 'breach'],
    ['a > 1 and count by (x) (b > 2) > 0', { a: 2, b: 2 }, 'not returned'],
    ['a > 1 and count by (x) (b > 2) > 0', { a: 2 }, 'not returned'],
    ['(a > 1) < 10', { a: 1 }, 'not returned'],
    ['(a > 1) < 10', {}, 'not returned'],
    ['a == 0 or absent(a)', { a: 1 }, 'not returned'],
    ['a * on (x) group_left () (b == 1) > 1', { a: 0.5, b: 1 }, 'not returned'],
    ['scalar(b > 1) * a > 1', { a: 0.5, b: 2 }, 'not returned'],
    ['(a or b) > 1', { b: 1 }, 'recovered'],
    ['a / on (x) b > 1', { a: 1, b: 1 }, 'recovered'],
    ['(a >bool 1) == 1', { a: 1 }, 'recovered'],
    ['(a >bool 1) == 1', {}, 'unknown'],
  ];
  it.each(cases)('%s with %o: %s', (expr, values, expected) => {
    expect(stateOf({ expr, ...analyseExpression(expr) }, series(values))).toBe(expected);
  });
});

describe('the recovery condition of burn rates over several windows, as generators write them', () => {
  const pair = (short: string, long: string, bound: number): string =>
    `((r:rate${short}{slo="s"} > (${bound} * 0.001)) and ignoring (window) (r:rate${long}{slo="s"} > (${bound} * 0.001)))`;
  const expr = `${pair('5m', '1h', 14.4)} or ignoring (window) ${pair('30m', '6h', 6)}`;
  const { recovery } = analyseExpression(expr);
  const shares = { '5m': 0.001, '1h': 0.02, '30m': 0.001, '6h': 0.001 };

  /** The windows whose alert has recovered. */
  function over(given: Readonly<Record<string, number>>): readonly string[] {
    const series = Object.entries(given).map(([window, share]): [string, string] => [
      `r:rate${window}{slo="s",window="${window}"}`,
      String(share),
    ]);
    const answer = ask(load(Object.fromEntries(series)), recovery?.expr ?? '', { at: 0 });
    return Object.entries(answer)
      .filter(([, value]) => value !== 'NaN')
      .map(([metric]) => /window="(\w+)"/.exec(metric)?.[1] ?? '')
      .sort();
  }

  it('it is met when all windows have data, whichever of them breached', () => {
    expect(over(shares)).toEqual(['30m', '5m']);
  });

  it.each([
    ['traffic that stopped', { ...shares, '5m': Number.NaN, '30m': Number.NaN }],
    ['a short window without data', { '1h': 0.02, '30m': 0.001, '6h': 0.001 }],
    ['no data at all', {}],
  ])('is not met by %s', (_, given) => {
    expect(over(given)).toEqual([]);
  });

  it('four pairs of windows need the data of all of them', () => {
    const windows = ['5m', '30m', '2h', '6h'];
    const rule = windows.map((window) => `r${window} > 0.01`).join(' or ');
    const four = analyseExpression(rule).recovery?.expr ?? '';
    const all = Object.fromEntries(windows.map((window) => [`r${window}{slo="s"}`, '0']));
    expect(Object.keys(ask(load(all), four, { at: 0 }))).toHaveLength(1);
    for (const lost of Object.keys(all)) {
      const { [lost]: _lost, ...rest } = all;
      expect(ask(load(rest), four, { at: 0 }), lost).toEqual({});
    }
  });

  it('different series on both sides of an `or` recover separately', () => {
    const store = load({ 'disk{mount="/"}': '50', 'disk{mount="/data"}': '60' });
    const disks = analyseExpression('disk{mount="/"} > 90 or disk{mount="/data"} > 95').recovery;
    expect(Object.keys(ask(store, disks?.expr ?? '', { at: 0 }))).toHaveLength(2);
  });
});

describe('a breach by missing data, or of elements that the values select', () => {
  it.each([
    'absent(a)',
    'absent(a) == 1',
    'absent_over_time(a[5m]) > 0',
    'a > 1 or absent(a)',
    'vector(1)',
    'topk(1, q) > 1',
    'TOPK(1, q) > 1',
    'bottomk by (x) (1, a) < 1',
    'limitk(3, a) > 1',
    'count_values("version", a) > 1',
    'a > 1 and topk(1, b) > 2',
    'm * on (pod) group_left (phase) (kube_pod_status_phase == 1) > 1',
  ])('%s has no recovery condition', (expr) => {
    expect(analyseExpression(expr).recovery).toBeUndefined();
  });
});

/** Cumulative counts, one sample a minute: requests a minute, and how many of them are faster than each bound. */
function histogram(
  minutes: readonly { readonly total: number; readonly under250: number; readonly under500: number }[],
) {
  const sums = (of: (minute: (typeof minutes)[number]) => number): string => {
    let sum = 0;
    return ['0', ...minutes.map((minute) => String((sum += of(minute))))].join(' ');
  };
  return {
    'm_milliseconds_bucket{service="checkout",le="250.0"}': sums((minute) => minute.under250),
    'm_milliseconds_bucket{service="checkout",le="500.0"}': sums((minute) => minute.under500),
    'm_milliseconds_bucket{service="checkout",le="+Inf"}': sums((minute) => minute.total),
    'm_milliseconds_count{service="checkout"}': sums((minute) => minute.total),
  };
}

const fast = { total: 1_000, under250: 1_000, under500: 1_000 };
const slow = { total: 1_000, under250: 500, under500: 900 };
const middling = { total: 1_000, under250: 500, under500: 1_000 };
const quiet = { total: 0, under250: 0, under500: 0 };
const times = <T>(count: number, item: T): readonly T[] => Array.from({ length: count }, () => item);

function ruleOf(alert: string, more = ''): RuleConditions {
  const text = `slos: [{ name: s, metric: m_milliseconds, by: [service], objective: { quantile: 0.99, below: 500ms, window: 5m }, alert: { ${alert} } ${more} }]`;
  const result = parseRuleText('rules.yaml', text);
  const rule = result.groups[0]?.rules[0];
  if (rule === undefined) throw new Error(JSON.stringify(result));
  return rule;
}

describe('the recovery condition of a short-form objective', () => {
  const plainRule = ruleOf('');
  const lower = ruleOf('recover: { below: 250ms }');
  const sooner = ruleOf('recover: { window: 2m }');
  const guarded = ruleOf('', ', min_requests: 100');

  const cases: readonly (readonly [string, RuleConditions, Parameters<typeof histogram>[0], State])[] = [
    ['slow requests are a breach', plainRule, times(6, slow), 'breach'],
    ['fast requests are a recovery', plainRule, [...times(6, slow), ...times(6, fast)], 'recovered'],
    ['no requests are not a recovery', plainRule, [...times(6, slow), ...times(6, quiet)], 'unknown'],
    ['between the two bounds it is neither', lower, [...times(6, slow), ...times(6, middling)], 'unknown'],
    ['under the lower bound it is over', lower, [...times(6, slow), ...times(6, fast)], 'recovered'],
    ['with the long window alone it lasts', plainRule, [...times(6, slow), ...times(3, fast)], 'breach'],
    ['with a shorter window it is over sooner', sooner, [...times(6, slow), ...times(3, fast)], 'recovered'],
    ['a shorter window does not delay the breach', sooner, [...times(6, fast), ...times(1, slow)], 'breach'],
    [
      'a shorter window without requests is not a recovery',
      sooner,
      [...times(6, slow), ...times(3, quiet)],
      'unknown',
    ],
    ['enough requests are evaluated', guarded, times(6, slow), 'breach'],
    [
      'too few requests are not evaluated',
      guarded,
      times(6, { total: 10, under250: 0, under500: 0 }),
      'unknown',
    ],
    [
      'too few requests are no recovery',
      guarded,
      [...times(6, slow), ...times(6, { total: 10, under250: 10, under500: 10 })],
      'unknown',
    ],
  ];
  it.each(cases)('%s', (_, rule, minutes, expected) => {
    expect(stateOf(rule, histogram(minutes), minutes.length * 60)).toBe(expected);
  });
});
