import { describe, expect, it } from 'vitest';
import { causesOf } from '../../../../src/domain/alert/call-graph.ts';

const graph = (...edges: readonly string[]) => {
  const calls = new Map<string, Set<string>>();
  for (const edge of edges) {
    const [from = '', to = ''] = edge.split('>');
    calls.set(from, (calls.get(from) ?? new Set()).add(to));
  }
  return calls;
};
const SHOP = ['frontend>checkout', 'checkout>payments', 'checkout>cart', 'frontend>cart', 'payments>db'];

const rows: Readonly<Record<string, readonly [readonly string[], readonly string[], object]>> = {
  'callers are explained by the end of the chain': [
    SHOP,
    ['frontend', 'checkout', 'payments'],
    { frontend: 'payments', checkout: 'payments' },
  ],
  'a chain with a service that is well explains nothing': [SHOP, ['frontend', 'payments'], {}],
  'services that do not call each other': [SHOP, ['cart', 'payments'], {}],
  'of two ends the first by name': [
    SHOP,
    ['frontend', 'checkout', 'payments', 'cart'],
    { frontend: 'cart', checkout: 'cart' },
  ],
  'a loop explains nothing of itself': [['a>b', 'b>a'], ['a', 'b'], {}],
  'a loop explains its callers': [['a>b', 'b>c', 'c>b'], ['a', 'b', 'c'], { a: 'b' }],
  'a loop is explained by what it calls': [['a>b', 'b>a', 'b>c'], ['a', 'b', 'c'], { a: 'c', b: 'c' }],
  'a service that calls itself': [['a>a', 'b>a'], ['a', 'b'], { b: 'a' }],
  'nobody calls anybody': [[], ['a', 'b'], {}],
};

describe('causes in the call graph', () => {
  it.each(Object.entries(rows))('%s', (_, [edges, breaching, expected]) => {
    expect(Object.fromEntries(causesOf(breaching, graph(...edges)))).toEqual(expected);
    expect(Object.fromEntries(causesOf([...breaching].reverse(), graph(...edges.toReversed())))).toEqual(
      expected,
    );
  });
});
