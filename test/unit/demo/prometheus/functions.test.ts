import { describe, expect, it } from 'vitest';
import { ask, load } from './promql-case.ts';

const STORE = load({
  'm{a="x",b="1"}': '1 2 3 4 5 6',
  'm{a="x",b="2"}': '-2.5 -2.5 -2.5 -2.5 -2.5 -2.5',
  'm{a="y",b="1"}': 'NaN NaN NaN NaN NaN NaN',
  saw: '3 1 NaN 1 5 5',
  'big{n="1"}': '1e308',
  'big{n="2"}': '1.5e308',
  'open{n="1"}': 'Inf',
  'open{n="2"}': '1',
});

const CASES: Readonly<Record<string, readonly [query: string, expected: Readonly<Record<string, string>>]>> =
  {
    'sum without grouping has no labels': ['sum(m{a="x"})', { '{}': '3.5' }],
    'NaN makes a sum NaN': ['sum(m)', { '{}': 'NaN' }],
    'by keeps these labels': ['sum by (a) (m)', { '{a="x"}': '3.5', '{a="y"}': 'NaN' }],
    'by a label that no series has': ['count by (zone) (m)', { '{}': '3' }],
    'without drops these and the name': ['count without (a) (m)', { '{b="1"}': '2', '{b="2"}': '1' }],
    'the modifier may follow': ['count(m) by (b)', { '{b="1"}': '2', '{b="2"}': '1' }],
    'min and max pass over NaN': ['max(m) - min(m)', { '{}': '8.5' }],
    'max of NaN alone is NaN': ['max(m{a="y"})', { '{}': 'NaN' }],
    avg: ['avg(m{a="x"})', { '{}': '1.75' }],
    'avg does not overflow': ['avg(big)', { '{}': '1.25e+308' }],
    'avg with an infinite value is infinite': ['avg(open)', { '{}': '+Inf' }],
    'group is 1': ['group by (b) (m)', { '{b="1"}': '1', '{b="2"}': '1' }],
    'an aggregation of nothing is nothing': ['sum(nothing)', {}],
    'absent of nothing says the labels that are pinned': [
      'absent(nothing{a="b",c=~"d",e!="f"})',
      { '{a="b"}': '1' },
    ],
    'absent forgets a label pinned twice': ['absent(nothing{a="b",a="c"})', { '{}': '1' }],
    'absent of something is nothing': ['absent(m)', {}],
    'absent of an expression has no labels': ['absent(sum(nothing{a="b"}))', { '{}': '1' }],
    absent_over_time: ['absent_over_time(nothing{a="b"}[5m])', { '{a="b"}': '1' }],
    'absent_over_time of something is nothing': ['absent_over_time(m[5m])', {}],
    'vector and scalar': ['vector(scalar(saw) + 1)', { '{}': '6' }],
    'scalar of several is NaN': ['scalar(m)', { '': 'NaN' }],
    'scalar of none is NaN': ['scalar(nothing)', { '': 'NaN' }],
    time: ['time()', { '': '1700000300' }],
    'timestamp of a selector is that of the sample': ['timestamp(saw offset 30s)', { '{}': '1700000240' }],
    'timestamp of anything else is now': ['timestamp(abs(saw offset 30s))', { '{}': '1700000300' }],
    'abs, ceil, floor, sgn': [
      'abs(m{b="2"}) + ceil(m{b="2"}) + floor(m{b="2"}) + sgn(m{b="2"})',
      { '{a="x", b="2"}': '-3.5' },
    ],
    'round takes ties up': ['round(m{b="2"})', { '{a="x", b="2"}': '-2' }],
    'round to a multiple': ['round(m{b="2"}, 2)', { '{a="x", b="2"}': '-2' }],
    clamp: ['clamp(m{a="x"}, 0, 4)', { '{a="x", b="1"}': '4', '{a="x", b="2"}': '0' }],
    'clamp with crossed bounds is empty': ['clamp(m, 4, 0)', {}],
    'clamp_min lets NaN through': ['clamp_min(m{a="y"}, 0)', { '{a="y", b="1"}': 'NaN' }],
    clamp_max: ['clamp_max(m{a="x"}, 4)', { '{a="x", b="1"}': '4', '{a="x", b="2"}': '-2.5' }],
    'logarithms and roots': [
      'sqrt(vector(9)) + ln(vector(1)) + log2(vector(8)) + log10(vector(1000)) + exp(vector(0))',
      { '{}': '10' },
    ],
    'last_over_time keeps the name': ['last_over_time(saw[2m])', { saw: '5' }],
    'max_over_time passes over NaN': ['max_over_time(saw[10m])', { '{}': '5' }],
    'min_over_time passes over NaN': ['min_over_time(saw[10m])', { '{}': '1' }],
    sum_over_time: ['sum_over_time(m{b="1",a="x"}[10m])', { '{a="x", b="1"}': '21' }],
    avg_over_time: ['avg_over_time(m{b="1",a="x"}[10m])', { '{a="x", b="1"}': '3.5' }],
    'count_over_time counts NaN': ['count_over_time(saw[10m])', { '{}': '6' }],
    present_over_time: ['present_over_time(saw[10m])', { '{}': '1' }],
    'changes counts to and from NaN': ['changes(saw[10m])', { '{}': '4' }],
    'resets counts the falls': ['resets(saw[10m])', { '{}': '1' }],
  };

describe('functions and aggregations:', () => {
  it.each(Object.entries(CASES))('%s', (_name, [query, expected]) => {
    const at = /\b(?:big|open)\b/.test(query) ? 0 : 300;
    expect(ask(STORE, query, { at })).toEqual(expected);
  });

  it('sort puts NaN last in both directions', () => {
    expect(Object.values(ask(STORE, 'sort(m)'))).toEqual(['-2.5', '6', 'NaN']);
    expect(Object.values(ask(STORE, 'sort_desc(m)'))).toEqual(['6', '-2.5', 'NaN']);
  });
});
