import { describe, expect, it } from 'vitest';
import { PROMETHEUS_2 } from '../../../../demo/prometheus/promql/version-behavior.ts';
import { ask, load } from './promql-case.ts';

const SHOP = load({
  'errors{service="cart",code="500"}': '24',
  'errors{service="cart",code="501"}': '30',
  'errors{service="auth",code="500"}': '6',
  'requests{service="cart"}': '600',
  'requests{service="auth"}': '120',
  'requests{service="mail"}': '1',
  'info{service="cart",version="v2"}': '1',
  'ratio{service="cart"}': 'NaN',
});

const at = { at: 0 };

const CASES: Readonly<Record<string, readonly [query: string, expected: Readonly<Record<string, string>>]>> =
  {
    'equal label sets match': [
      'requests / requests',
      { '{service="auth"}': '1', '{service="cart"}': '1', '{service="mail"}': '1' },
    ],
    'ignoring leaves a label out of the match and the result': [
      'errors{code="500"} / ignoring(code) requests',
      { '{service="auth"}': '0.05', '{service="cart"}': '0.04' },
    ],
    'on compares these labels only': [
      'errors{code="500"} / on(service) requests',
      { '{service="auth"}': '0.05', '{service="cart"}': '0.04' },
    ],
    'group_left allows many on the left': [
      'errors / ignoring(code) group_left requests',
      {
        '{code="500", service="auth"}': '0.05',
        '{code="500", service="cart"}': '0.04',
        '{code="501", service="cart"}': '0.05',
      },
    ],
    'group_right allows many on the right, operands keep their sides': [
      'requests - on(service) group_right errors{service="cart"}',
      { '{code="500", service="cart"}': '576', '{code="501", service="cart"}': '570' },
    ],
    'group_left brings labels along': [
      'requests * on(service) group_left(version) info',
      { '{service="cart", version="v2"}': '600' },
    ],
    'a comparison filters and keeps name and left value': [
      'requests > 100',
      { 'requests{service="auth"}': '120', 'requests{service="cart"}': '600' },
    ],
    'a scalar on the left filters by the same rule and keeps the vector': [
      '100 < requests',
      { 'requests{service="auth"}': '120', 'requests{service="cart"}': '600' },
    ],
    'bool answers 0 or 1 and drops the name': [
      'requests > bool 100',
      { '{service="auth"}': '1', '{service="cart"}': '1', '{service="mail"}': '0' },
    ],
    'NaN is greater than nothing': ['ratio > 0', {}],
    'NaN is not equal to itself': ['ratio != ratio', { 'ratio{service="cart"}': 'NaN' }],
    'a vector comparison keeps the left name': [
      'requests >= requests{service="cart"}',
      { 'requests{service="cart"}': '600' },
    ],
    'bool between vectors drops what has no partner': [
      'requests == bool on(service) info',
      { '{service="cart"}': '0' },
    ],
    'and keeps what has a partner': [
      'requests and on(service) errors',
      { 'requests{service="auth"}': '120', 'requests{service="cart"}': '600' },
    ],
    'unless keeps what has none': ['requests unless on(service) errors', { 'requests{service="mail"}': '1' }],
    'or adds what the left lacks': [
      'requests{service="cart"} or requests{service=~"cart|mail"}',
      { 'requests{service="cart"}': '600', 'requests{service="mail"}': '1' },
    ],
    'or with an empty left is the right': ['nothing or info', { 'info{service="cart", version="v2"}': '1' }],
    'an operator with an empty side is empty': ['nothing + requests', {}],
    'arithmetic drops the name': ['requests{service="mail"} + 1', { '{service="mail"}': '2' }],
    'modulo keeps the sign of the left': ['requests{service="mail"} * -7 % 4', { '{service="mail"}': '-3' }],
    'division by zero is infinite': ['requests{service="mail"} / 0', { '{service="mail"}': '+Inf' }],
    'unary minus drops the name': ['-requests{service="mail"}', { '{service="mail"}': '-1' }],
    'unary plus changes nothing': ['+requests{service="mail"}', { 'requests{service="mail"}': '1' }],
    'powers bind to the right and above the sign': ['-2 ^ 3 ^ 2', { '': '-512' }],
    'a sign within an exponent': ['2 ^ -1 ^ 2', { '': '0.5' }],
    'products before sums, from the left': ['2 + 3 * 4 - 10 / 5 / 2', { '': '13' }],
    'comparison below sum, above and': ['requests > 100 + 500 and requests', {}],
    'scalars compare with bool': ['1 > bool 2', { '': '0' }],
    'one to any power is one': ['1 ^ NaN', { '': '1' }],
  };

describe('operators:', () => {
  it.each(Object.entries(CASES))('%s', (_name, [query, expected]) => {
    expect(ask(SHOP, query, at)).toEqual(expected);
  });
});

const MANY_TO_MANY = ';many-to-many matching not allowed: matching labels must be unique on one side';

const REFUSED: Readonly<Record<string, readonly [query: string, error: string]>> = {
  'two on the right for one on the left': [
    'requests / on(service) errors',
    'found duplicate series for the match group {service="cart"} on the right hand-side of the operation: ' +
      '[{__name__="errors", code="500", service="cart"}, {__name__="errors", code="501", service="cart"}]' +
      MANY_TO_MANY,
  ],
  'two on the one side of group_right': [
    'errors * on(service) group_right requests',
    'found duplicate series for the match group {service="cart"} on the left hand-side of the operation: ' +
      '[{__name__="errors", code="500", service="cart"}, {__name__="errors", code="501", service="cart"}]' +
      MANY_TO_MANY,
  ],
  'two on the left for one on the right without group_left': [
    'errors / on(service) requests',
    'multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)',
  ],
  'a label from the one side that makes two elements the same': [
    'errors * on(service) group_left(code) requests',
    'multiple matches for labels: grouping labels must ensure unique matches',
  ],
  'a dropped name that makes two series the same': [
    'abs({__name__=~"requests|ratio",service="cart"})',
    'vector cannot contain metrics with the same labelset',
  ],
};

describe('an operation is refused:', () => {
  it.each(Object.entries(REFUSED))('%s', (_name, [query, message]) => {
    expect(() => ask(SHOP, query, at)).toThrow(expect.objectContaining({ type: 'execution', message }));
  });
});

it('an ambiguous match whose elements are filtered out is refused by Prometheus 3 and let pass by Prometheus 2', () => {
  const query = 'errors == on(service) requests';
  expect(() => ask(SHOP, query, at)).toThrow(/many-to-one matching must be explicit/);
  expect(ask(SHOP, query, { ...at, versionBehavior: PROMETHEUS_2 })).toEqual({});
});
