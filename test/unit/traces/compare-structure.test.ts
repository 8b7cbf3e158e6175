import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { epochUs, us } from '../../../src/lib/units.ts';
import type { Span, Trace } from '../../../src/traces/trace.ts';
import { aTrace } from '../../support/fake-trace-source.ts';
import { MANY_SPANS, runsOf } from '../../support/runs.ts';
import { anyTrace } from './any-trace.ts';
import { compared, written } from './compared.ts';

describe('the structure of two requests', () => {
  const cases: Readonly<Record<string, { a: string; b: string; expected: ReturnType<typeof written> }>> = {
    'the same calls are paired down the tree, and a call is listed as what it called': {
      a: `
  front:s             |==================|
  call:c<front          |==============|
  pay:s<call             |=============|
  db<pay                   |=====|
`,
      b: `
  front:s             |=====================|
  call:c<front          |=================|
  pay:s<call             |================|
  db<pay                   |=========|
`,
      expected: {
        roots: 'same',
        paired: ['front 1: 19 22', '.pay 1: 14 17', '..db 1: 6 10'],
        a: [],
        b: [],
      },
    },
    'spans of only one request are listed with their caller and everything below them': {
      a: `
  front:s             |==================|
  auth:s<front          |===|
`,
      b: `
  front:s             |==================|
  cart:s<front          |======|
  db<cart                |====|
  log<db                  |==|
`,
      expected: {
        roots: 'same',
        paired: ['front 1: 19 19'],
        a: ['front>auth 1/1 4'],
        b: ['front>cart 1/3 7'],
      },
    },
    'a request that begins further in is paired from there': {
      a: `
  front:s             |==================|
  auth:s<front          |===|
`,
      b: `
  gate:s              |=====================|
  front:s<gate          |==================|
  auth:s<front             |=====|
`,
      expected: {
        roots: 'inner',
        paired: ['front 1: 19 19', '.auth 1: 4 6'],
        a: [],
        b: [],
      },
    },
    'two requests without a common beginning have nothing paired': {
      a: `
  front:s             |==================|
  auth:s<front          |===|
`,
      b: `
  other:s             |==================|
`,
      expected: { roots: 'different', paired: [], a: ['>front 1/2 19'], b: ['>other 1/1 19'] },
    },
  };
  it.each(Object.entries(cases))('%s', (_, { a, b, expected }) => {
    expect(written(a, b)).toEqual(expected);
  });

  it('pairs siblings of one sort by their position, and leaves those over that one did more often', () => {
    const many = (durations: readonly number[]): Trace =>
      aTrace('1', [
        { spanName: 'list', duration: us(1_000) },
        ...durations.map(
          (duration, i): Partial<Span> => ({
            parentSpanId: '1'.padStart(16, '0'),
            spanName: 'SELECT item',
            kind: 'client',
            attributes: { 'db.system': 'mysql' },
            start: epochUs(1_000 + i * 20),
            duration: us(duration),
          }),
        ),
      ]);
    const { paired, onlyInA, onlyInB } = compared(many([5, 6]), many([7, 8, 9, 10]));
    expect(paired[1]).toMatchObject({ operation: 'SELECT item', pairs: 2, a: 11, b: 15 });
    expect(onlyInA).toEqual([]);
    expect(onlyInB).toEqual([
      {
        service: 'checkout',
        operation: 'SELECT item',
        requestLine: '',
        peer: 'mysql',
        under: 'checkout',
        times: 2,
        spans: 2,
        time: 19,
      },
    ]);
  });

  const versioned = (...versions: readonly string[]): Trace =>
    aTrace('1', [
      {},
      ...versions.map(
        (version): Partial<Span> => ({
          parentSpanId: '1'.padStart(16, '0'),
          spanName: 'charge',
          ...(version === '' ? {} : { attributes: { 'istio.canonical_revision': version } }),
        }),
      ),
    ]);
  const served: Readonly<Record<string, { a: Trace; b: Trace; versions: object | undefined }>> = {
    'other versions are named': {
      a: versioned('v1'),
      b: versioned('v2'),
      versions: { a: 'v1', b: 'v2' },
    },
    'one and the same is not': { a: versioned('v1'), b: versioned('v1'), versions: undefined },
    'one that is not known is no other': { a: versioned('v1'), b: versioned(''), versions: undefined },
    'of several pairs there is no saying': {
      a: versioned('v1', 'v1'),
      b: versioned('v2', 'v1'),
      versions: undefined,
    },
  };
  it.each(Object.entries(served))('which version served both: %s', (_, { a, b, versions }) => {
    expect(compared(a, b).paired[1]?.versions).toEqual(versions);
  });

  it('every span is in a pair or in exactly one of the lists', () => {
    fc.assert(
      fc.property(anyTrace, anyTrace, (a, b) => {
        const { roots, pairCount, onlyInA, onlyInB } = compared(a, b);
        const sum = (rows: typeof onlyInA): number => rows.reduce((total, { spans }) => total + spans, 0);
        // What lies around the part that both have belongs to neither.
        if (roots === 'inner') {
          expect(pairCount + sum(onlyInA)).toBeLessThanOrEqual(a.spans.length);
          expect(pairCount + sum(onlyInB)).toBeLessThanOrEqual(b.spans.length);
          return;
        }
        expect(pairCount + sum(onlyInA)).toBe(a.spans.length);
        expect(pairCount + sum(onlyInB)).toBe(b.spans.length);
      }),
      { numRuns: runsOf(300) },
    );
  });

  it('a request and itself: all paired, nothing left over', () => {
    fc.assert(
      fc.property(anyTrace, (trace) => {
        const { pairCount, paired, onlyInA, onlyInB } = compared(trace, trace);
        expect([pairCount, onlyInA, onlyInB]).toEqual([trace.spans.length, [], []]);
        expect(paired.every(({ a, b }) => a === b)).toBe(true);
      }),
      { numRuns: 100 },
    );
  });

  const shapes: Readonly<Record<string, (i: number) => number>> = {
    'a chain': (i) => i - 1,
    siblings: () => 0,
    'a wide tree': (i) => Math.floor((i - 1) / 300),
  };
  it.each(Object.entries(shapes))('very many spans as %s are compared, too', (_, parentOf) => {
    const spans = Array.from(
      { length: MANY_SPANS },
      (_, i): Partial<Span> => ({
        spanId: `s${i}`,
        spanName: `op ${i % 7}`,
        start: epochUs(1_000 + i),
        duration: us(200_000 - i),
        ...(i === 0 ? {} : { parentSpanId: `s${parentOf(i)}` }),
      }),
    );
    const [whole, half] = [aTrace('1', spans), aTrace('2', spans.slice(0, MANY_SPANS / 2))];
    const { pairCount, onlyInA } = compared(whole, half);
    expect(pairCount).toBe(MANY_SPANS / 2);
    expect(onlyInA.reduce((sum, { spans }) => sum + spans, 0)).toBe(MANY_SPANS / 2);
  });
});
