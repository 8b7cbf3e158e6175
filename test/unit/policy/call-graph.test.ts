import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CallGraph, causesOf } from '../../../src/policy/inhibition.ts';
import { runsOf } from '../../support/runs.ts';

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
  'the cause of callers is the end of the chain': [
    SHOP,
    ['frontend', 'checkout', 'payments'],
    { frontend: 'payments', checkout: 'payments' },
  ],
  'a chain is broken by a service without a breach': [SHOP, ['frontend', 'payments'], {}],
  'services that do not call each other': [SHOP, ['cart', 'payments'], {}],
  'of two ends the first by name': [
    SHOP,
    ['frontend', 'checkout', 'payments', 'cart'],
    { frontend: 'cart', checkout: 'cart' },
  ],
  'services in a loop are not the cause of each other': [['a>b', 'b>a'], ['a', 'b'], {}],
  'a loop is the cause of its callers': [['a>b', 'b>c', 'c>b'], ['a', 'b', 'c'], { a: 'b' }],
  'the cause of a loop is what it calls': [['a>b', 'b>a', 'b>c'], ['a', 'b', 'c'], { a: 'c', b: 'c' }],
  'a service that calls itself': [['a>a', 'b>a'], ['a', 'b'], { b: 'a' }],
  'services without calls': [[], ['a', 'b'], {}],
};

describe('causes in the call graph', () => {
  it.each(Object.entries(rows))('%s', (_, [edges, breaching, expected]) => {
    expect(Object.fromEntries(causesOf(breaching, graph(...edges)))).toEqual(expected);
    expect(Object.fromEntries(causesOf([...breaching].reverse(), graph(...edges.toReversed())))).toEqual(
      expected,
    );
  });

  it('are the last that can be one', () => {
    const breaching = ['frontend', 'checkout', 'payments', 'db'];
    const causesWithout = (...others: readonly string[]) =>
      Object.fromEntries(causesOf(breaching, graph(...SHOP), (service) => !others.includes(service)));
    expect(causesWithout('db')).toEqual({ frontend: 'payments', checkout: 'payments' });
    expect(causesWithout('payments', 'db')).toEqual({ frontend: 'checkout' });
    expect(causesWithout('checkout')).toEqual({ frontend: 'db', checkout: 'db', payments: 'db' });
    expect(causesWithout(...breaching)).toEqual({});
  });

  it('are at the end of every path, in any graph', () => {
    const anyName = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f');
    const anyEdges = fc.array(fc.tuple(anyName, anyName), { maxLength: 14 });
    fc.assert(
      fc.property(anyEdges, fc.uniqueArray(anyName), (edges, breaching) => {
        const calls = graph(...edges.map(([from, to]) => `${from}>${to}`));
        expect(Object.fromEntries(causesOf(breaching, calls))).toEqual(plainCauses(breaching, calls));
      }),
      { numRuns: runsOf(1_000) },
    );
  });

  it('are found by visiting each call once, also in a chain of thousands', () => {
    const names = Array.from({ length: 5_000 }, (_, index) => `s${index}`);
    const calls = new Map(names.map((name, index) => [name, new Set([`s${index + 1}`])]));
    let looks = 0;
    const counted = {
      get: (name: string) => {
        looks += 1;
        return calls.get(name);
      },
    } as CallGraph;
    const causes = causesOf(names, counted);
    expect(causes.get('s0')).toBe('s4999');
    expect(causes.size).toBe(4_999);
    expect(looks).toBeLessThanOrEqual(2 * names.length);
  });
});

/** The same from its definition: of those below it that reach nothing but what calls them back, the first by name. */
function plainCauses(breaching: readonly string[], calls: CallGraph): Record<string, string> {
  const below = (from: string, seen = new Set<string>()): ReadonlySet<string> => {
    for (const callee of calls.get(from) ?? []) {
      if (!breaching.includes(callee) || seen.has(callee)) continue;
      seen.add(callee);
      below(callee, seen);
    }
    return seen;
  };
  const isEnd = (service: string): boolean => [...below(service)].every((each) => below(each).has(service));
  return Object.fromEntries(
    breaching.flatMap((service) => {
      const ends = [...below(service)].filter((each) => isEnd(each) && !below(each).has(service)).sort();
      return ends[0] === undefined ? [] : [[service, ends[0]]];
    }),
  );
}
