import { describe, expect, it } from 'vitest';
import { epochUs, us } from '../../../src/lib/units.ts';
import type { Span } from '../../../src/traces/trace.ts';
import { repeatsOf } from '../../../src/traces/trace-summary.ts';
import { buildTree } from '../../../src/traces/tree.ts';
import { aTrace } from '../../support/fake-trace-source.ts';

const children = (count: number, of: (i: number) => Partial<Span>): readonly Partial<Span>[] => [
  { spanId: 'list', spanName: 'list', start: epochUs(0), duration: us(10_000) },
  ...Array.from({ length: count }, (_, i) => ({
    spanId: `c${i}`,
    parentSpanId: 'list',
    spanName: 'get',
    kind: 'client' as const,
    start: epochUs(i * 100),
    duration: us(100),
    ...of(i),
  })),
];

describe('the same call again and again', () => {
  const cases: Readonly<Record<string, { spans: readonly Partial<Span>[]; counts: readonly number[] }>> = {
    'eleven, back to back': { spans: children(11, () => ({})), counts: [11] },
    'ten are ordinary': { spans: children(10, () => ({})), counts: [] },
    'in parallel they are no sequence': {
      spans: children(40, () => ({ start: epochUs(0) })),
      counts: [],
    },
    'two at a time are no sequence': {
      spans: children(40, (i) => ({ start: epochUs(Math.floor(i / 2) * 100) })),
      counts: [],
    },
    'other work in between changes nothing': {
      spans: children(24, (i) => ({ spanName: i % 2 === 0 ? 'get' : `other ${i}` })),
      counts: [12],
    },
    'two names, each repeated': {
      spans: children(30, (i) => ({ spanName: i < 16 ? 'get' : 'put' })),
      counts: [16, 14],
    },
    'under different parents they do not add up': {
      spans: [
        ...children(8, () => ({})),
        ...Array.from({ length: 8 }, (_, i) => ({ spanId: `d${i}`, parentSpanId: 'c0', spanName: 'get' })),
      ],
      counts: [],
    },
  };
  it.each(Object.entries(cases))('%s', (_, { spans, counts }) => {
    expect(repeatsOf(buildTree(aTrace('1', spans))).map(({ count }) => count)).toEqual(counts);
  });

  it('shows request lines where a mesh names calls after hosts', () => {
    const calls = (pathOf: (i: number) => string) =>
      repeatsOf(
        buildTree(
          aTrace(
            '1',
            children(12, (i) => ({
              spanName: 'stock.shop.svc.cluster.local:80/*',
              attributes: { 'http.method': 'GET', 'http.url': `http://stock${pathOf(i)}` },
            })),
          ),
        ),
      ).map(({ child }) => child);
    expect(calls((i) => `/item/${i}`)).toEqual(['stock.shop GET /item/{id}']);
    expect(calls((i) => (i % 2 === 0 ? '/item' : '/price'))).toEqual([
      'stock.shop GET /item, stock.shop GET /price',
    ]);
    expect(calls((i) => `/item/${'abcdefghijkl'.charAt(i)}`)).toEqual([
      'stock.shop GET /item/a, stock.shop GET /item/b and 10 more',
    ]);
  });

  it('has the repeating service, the repeated operation and the total time', () => {
    expect(
      repeatsOf(
        buildTree(
          aTrace(
            '1',
            children(12, () => ({})),
          ),
        ),
      ),
    ).toEqual([{ service: 'checkout', operation: 'list', child: 'get', count: 12, time: 1_200 }]);
  });
});
