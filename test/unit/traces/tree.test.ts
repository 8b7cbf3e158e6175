import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { epochUs, us } from '../../../src/lib/units.ts';
import { selfTimeOf, selfTimesOf } from '../../../src/traces/path-breakdown.ts';
import type { Span } from '../../../src/traces/trace.ts';
import { buildTree, type SpanTree } from '../../../src/traces/tree.ts';
import { aTrace } from '../../support/fake-trace-source.ts';
import { MANY_SPANS, runsOf } from '../../support/runs.ts';

const outline = ({ roots }: SpanTree): readonly string[] => {
  const lines: string[] = [];
  const stack = [...roots].reverse();
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    lines.push(
      `${'-'.repeat(node.depth)}${node.span.spanId}${node.rootKind === undefined ? '' : ` ${node.rootKind}`}`,
    );
    stack.push(...[...node.children].reverse());
  }
  return lines;
};

/** A span of payments below the client `c`. */
const ofPayments = (spanId: string, kind: Span['kind'], start: number): Partial<Span> => ({
  spanId,
  parentSpanId: 'c',
  serviceName: 'payments',
  kind,
  start: epochUs(start),
});

describe('the tree', () => {
  const cases: Readonly<Record<string, { spans: readonly Partial<Span>[]; expected: readonly string[] }>> = {
    'children stand in the order they began': {
      spans: [
        { spanId: 'c', parentSpanId: 'a', start: epochUs(20) },
        { spanId: 'b', parentSpanId: 'a', start: epochUs(10) },
        { spanId: 'a', start: epochUs(0) },
      ],
      expected: ['a root', '-b', '-c'],
    },
    'an orphan is kept, after the real root': {
      spans: [
        { spanId: 'o', parentSpanId: 'lost', start: epochUs(0) },
        { spanId: 'a', start: epochUs(5) },
      ],
      expected: ['a root', 'o orphan'],
    },
    'several roots are kept, by start': {
      spans: [
        { spanId: 'b', start: epochUs(9) },
        { spanId: 'a', start: epochUs(5) },
      ],
      expected: ['a root', 'b root'],
    },
    'a span that is its own parent is an orphan': {
      spans: [{ spanId: 'a', parentSpanId: 'a' }],
      expected: ['a orphan'],
    },
    'a ring is cut at its earliest span': {
      spans: [
        { spanId: 'b', parentSpanId: 'a', start: epochUs(2) },
        { spanId: 'a', parentSpanId: 'c', start: epochUs(1) },
        { spanId: 'c', parentSpanId: 'b', start: epochUs(3) },
        { spanId: 'd', parentSpanId: 'c', start: epochUs(4) },
      ],
      expected: ['a ring', '-b', '--c', '---d'],
    },
    'client and server with one id, as Zipkin shares it': {
      spans: [
        { spanId: 'r', kind: 'server', start: epochUs(0) },
        { spanId: 's', parentSpanId: 'r', kind: 'client', start: epochUs(1) },
        { spanId: 's', parentSpanId: 'r', kind: 'server', serviceName: 'payments', start: epochUs(2) },
        { spanId: 't', parentSpanId: 's', kind: 'client', serviceName: 'payments', start: epochUs(3) },
      ],
      expected: ['r root', '-s', '--s', '---t'],
    },
    "the calls of a server are below it, even if their parent id is the client's": {
      spans: [
        { spanId: 'c', kind: 'client', start: epochUs(0), duration: us(100) },
        { ...ofPayments('s', 'server', 50), duration: us(40) },
        ofPayments('t', 'client', 60),
        ofPayments('u', 'internal', 50),
      ],
      expected: ['c root', '-s', '--u', '--t'],
    },
    'but not what began before or after it, nor what the caller did': {
      spans: [
        { spanId: 'c', kind: 'client', start: epochUs(0), duration: us(100) },
        { ...ofPayments('s', 'server', 50), duration: us(40) },
        ofPayments('t', 'client', 49),
        ofPayments('u', 'client', 90),
        { spanId: 'v', parentSpanId: 'c', kind: 'internal', start: epochUs(60) },
      ],
      expected: ['c root', '-t', '-s', '-v', '-u'],
    },
    'nor where several servers answered': {
      spans: [
        { spanId: 'c', kind: 'client', start: epochUs(0), duration: us(100) },
        { ...ofPayments('s', 'server', 10), duration: us(40) },
        { ...ofPayments('s2', 'server', 60), duration: us(40) },
        ofPayments('t', 'client', 70),
      ],
      expected: ['c root', '-s', '-s2', '-t'],
    },
    'a span that was stored twice is one': {
      spans: [{ spanId: 'a' }, { spanId: 'a' }],
      expected: ['a root'],
    },
    'no span, no tree': { spans: [], expected: [] },
  };
  it.each(Object.entries(cases))('%s', (_, { spans, expected }) => {
    expect(outline(buildTree(aTrace('1', spans)))).toEqual(expected);
  });

  it('loses no span, whatever the parents are', () => {
    const spans = fc.array(
      fc.record({
        parent: fc.option(fc.nat(30), { nil: undefined }),
        start: fc.nat(1_000),
        duration: fc.nat(500),
      }),
      { maxLength: 25 },
    );
    fc.assert(
      fc.property(spans, (items) => {
        const trace = aTrace(
          '1',
          items.map(({ parent, start, duration }, i) => ({
            spanId: `${i}`,
            ...(parent === undefined ? {} : { parentSpanId: `${parent}` }),
            start: epochUs(start),
            duration: us(duration),
          })),
        );
        const tree = buildTree(trace);
        expect(tree.nodes.map(({ span }) => span.spanId).sort()).toEqual(
          trace.spans.map(({ spanId }) => spanId).sort(),
        );
        expect(outline(tree)).toHaveLength(trace.spans.length);
        for (const node of tree.nodes) {
          const self = selfTimeOf(node);
          expect(self).toBeGreaterThanOrEqual(0);
          expect(self).toBeLessThanOrEqual(node.span.duration);
          expect(node.parent === undefined).toBe(node.rootKind !== undefined);
        }
      }),
      { numRuns: runsOf(500) },
    );
  });

  it('takes very many spans of one id', () => {
    const spans = Array.from({ length: MANY_SPANS }, (_, i) => ({
      spanId: 'a',
      parentSpanId: 'b',
      start: epochUs(i),
    }));
    expect(buildTree(aTrace('1', spans)).roots).toHaveLength(MANY_SPANS);
  });

  it.each([
    ['a chain', (i: number) => (i === 0 ? undefined : `${i - 1}`)],
    ['a fan', (i: number) => (i === 0 ? undefined : '0')],
    ['orphans', (i: number) => `lost${i}`],
    ['one ring', (i: number) => `${(i + 1) % MANY_SPANS}`],
  ])('takes %s of very many spans', (_, parentOf) => {
    const trace = aTrace(
      '1',
      Array.from({ length: MANY_SPANS }, (_, i) => {
        const parentSpanId = parentOf(i);
        return {
          spanId: `${i}`,
          ...(parentSpanId === undefined ? {} : { parentSpanId }),
          start: epochUs(i),
          duration: us(200_000 - i),
        };
      }),
    );
    const tree = buildTree(trace);
    expect(tree.nodes).toHaveLength(MANY_SPANS);
    expect(selfTimesOf(tree)[0]?.spans).toBe(MANY_SPANS);
  });
});
