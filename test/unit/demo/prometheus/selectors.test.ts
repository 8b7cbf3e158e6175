import { describe, expect, it } from 'vitest';
import { PROMETHEUS_2, PROMETHEUS_3 } from '../../../../demo/prometheus/promql/version-behavior.ts';
import { ask, load } from './promql-case.ts';

const SHOP = load({
  'up{service="cart",pod="a"}': '1',
  'up{service="cart",pod="b"}': '2',
  'up{service="checkout"}': '3',
});

const MATCHERS: Readonly<Record<string, readonly [query: string, values: readonly string[]]>> = {
  '= is the whole value': ['up{service="cart"}', ['1', '2']],
  '!= also takes series without the label': ['up{pod!="a"}', ['2', '3']],
  '=~ matches the whole value': ['up{service=~"c"}', []],
  '=~ with alternatives': ['up{service=~"cart|check.*"}', ['1', '2', '3']],
  '!~ excludes': ['up{service!~"check.+"}', ['1', '2']],
  'an absent label counts as empty': ['up{pod=""}', ['3']],
  '=~ that matches the empty value takes series without the label': ['up{pod=~"a|"}', ['1', '3']],
  'several matchers must all hold': ['up{service="cart",pod=~"[b-z]"}', ['2']],
  'the name is a label like any other': ['{__name__=~"u.",pod="a"}', ['1']],
  'a quoted name': ['{"up",pod="a"}', ['1']],
  'case can be ignored': ['up{service=~"(?i)CART",pod="a"}', ['1']],
};

describe('a matcher:', () => {
  it.each(Object.entries(MATCHERS))('%s', (_name, [query, values]) => {
    expect(Object.values(ask(SHOP, query, { at: 0 }))).toEqual(values);
  });
});

describe('the lookback', () => {
  const store = load({ m: '4' });

  it.each([
    ['finds a sample of 299 s ago', 299, PROMETHEUS_3, { m: '4' }],
    ['leaves out a sample of exactly five minutes in Prometheus 3', 300, PROMETHEUS_3, {}],
    ['takes it in in Prometheus 2', 300, PROMETHEUS_2, { m: '4' }],
    ['ends after that', 300.001, PROMETHEUS_2, {}],
    ['never looks ahead', -0.001, PROMETHEUS_3, {}],
  ] as const)('%s', (_name, at, versionBehavior, expected) => {
    expect(ask(store, 'm', { at, versionBehavior })).toEqual(expected);
  });

  it('can be another', () => {
    expect(ask(store, 'm', { at: 61, lookback: 60_000 })).toEqual({});
  });
});

describe('a stale series', () => {
  const store = load({ m: '1 2 stale 7' });

  it.each([
    ['is there before its end', 'm', 119, { m: '2' }],
    ['is gone at its end', 'm', 120, {}],
    ['comes back with the next sample', 'm', 180, { m: '7' }],
    ['has no marker among the samples of a range', 'count_over_time(m[10m])', 200, { '{}': '3' }],
    ['whose range holds the marker alone has no samples', 'count_over_time(m[30s])', 130, {}],
    ['is absent', 'absent(m)', 150, { '{}': '1' }],
  ] as const)('%s', (_name, query, at, expected) => {
    expect(ask(store, query, { at })).toEqual(expected);
  });
});

describe('offset and @', () => {
  const store = load({ m: '0+1x10' });

  it.each([
    ['offset looks back', 'm offset 2m', { m: '3' }],
    ['a negative offset looks ahead', 'm offset -2m', { m: '7' }],
    ['offset belongs to the selector before it, not to the sum', 'm + m offset 2m', { '{}': '8' }],
    ['offset belongs to the selector in a product', 'm * 2 + m offset 1m * 3', { '{}': '22' }],
    ['@ is an instant in seconds', 'm @ 1700000120', { m: '2' }],
    ['@ and offset in either order', 'm offset 1m @ 1700000120', { m: '1' }],
    ['@ start() of an instant query is its time', 'm @ start()', { m: '5' }],
    ['a range as it is', 'm[2m] offset 1m', { m: '3@180 4@240' }],
  ] as const)('%s', (_name, query, expected) => {
    expect(ask(store, query)).toEqual(expected);
  });
});
