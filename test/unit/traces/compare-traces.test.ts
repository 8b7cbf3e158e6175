import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { comparePaths } from '../../../src/traces/compare-traces.ts';
import type { Span, Trace } from '../../../src/traces/trace.ts';
import { summarize } from '../../../src/traces/trace-summary.ts';
import { drawn } from '../../support/drawn-trace.ts';
import { runsOf } from '../../support/runs.ts';
import { anyTrace } from './any-trace.ts';

const partsOf = (trace: Trace) => summarize(trace)?.breakdown ?? [];

const differences = (a: string, b: string): readonly string[] =>
  comparePaths(partsOf(drawn(a)), partsOf(drawn(b))).map(
    ({ kind, service, peer, difference, spans }) =>
      `${service} ${kind}${peer === '' ? '' : ` ${peer}`} ${difference / 1_000} (${spans.a}, ${spans.b})`,
  );

const FAST = `
  front:s             |==================|
  call:c<front          |==============|
  pay:s<call             |=============|
`;

describe('the difference of two critical paths', () => {
  const cases: Readonly<Record<string, { a: string; b: string; rows: readonly string[] }>> = {
    'nothing differs between a request and itself': {
      a: FAST,
      b: FAST,
      rows: ['call network pay 0 (1, 1)', 'front own 0 (1, 1)', 'pay own 0 (1, 1)'],
    },
    'the called service took longer: the caller is not blamed for having waited': {
      a: FAST,
      b: `
  front:s             |============================|
  call:c<front          |========================|
  pay:s<call             |=======================|
`,
      rows: ['pay own 10 (1, 1)', 'call network pay 0 (1, 1)', 'front own 0 (1, 1)'],
    },
    'the way took longer, not the work': {
      a: FAST,
      b: `
  front:s             |============================|
  call:c<front          |========================|
  pay:s<call                  |=============|
`,
      rows: ['call network pay 10 (1, 1)', 'front own 0 (1, 1)', 'pay own 0 (1, 1)'],
    },
    'what only one of them did counts in full, what was saved elsewhere is below zero': {
      a: FAST,
      b: `
  front:s             |==================|
  call:c<front          |=======|
  stock:s<call           |=======|
`,
      rows: [
        'pay own -14 (1, 0)',
        'front own 7 (1, 1)',
        'stock own 7 (0, 1)',
        'call network pay -1 (1, 0)',
        'call network stock 1 (0, 1)',
      ],
    },
  };
  it.each(Object.entries(cases))('%s', (_, { a, b, rows }) => {
    expect(differences(a, b)).toEqual(rows);
  });

  it('has the request line only where both have the same', () => {
    const requesting = (path: string): Trace => {
      const trace = drawn('shop:s |====|');
      const spans = trace.spans.map((span) => ({
        ...span,
        spanName: 'shop.svc:80/*',
        attributes: { 'http.url': `http://shop${path}` },
      }));
      return { ...trace, spans };
    };
    const said = (a: readonly Trace[], b: readonly Trace[]) =>
      comparePaths(a.flatMap(partsOf), b.flatMap(partsOf)).map((row) => row.requestLine);
    expect(said([requesting('/cart')], [requesting('/cart')])).toEqual(['/cart']);
    expect(said([], [requesting('/cart')])).toEqual(['/cart']);
    expect(said([requesting('/cart')], [requesting('/stock')])).toEqual([undefined]);
  });

  it('sums to the difference of the durations, the other way round with the sign turned', () => {
    fc.assert(
      fc.property(anyTrace, anyTrace, (a, b) => {
        const [one, other] = [summarize(a), summarize(b)];
        if (one === undefined || other === undefined) throw new Error('a trace without spans');
        const rows = comparePaths(one.breakdown, other.breakdown);
        const sum = rows.reduce((total, { difference }) => total + difference, 0);
        expect(sum).toBe(other.root.duration - one.root.duration);
        const turned = comparePaths(other.breakdown, one.breakdown);
        expect(turned.map(({ difference }) => -difference + 0)).toEqual(
          rows.map(({ difference }) => difference + 0),
        );
      }),
      { numRuns: runsOf(300) },
    );
  });

  it('does not depend on the order of the spans', () => {
    fc.assert(
      fc.property(anyTrace, anyTrace, fc.integer({ min: 1, max: 40 }), (a, b, by) => {
        const turned = (spans: readonly Span[]): Span[] => [
          ...spans.slice(by % spans.length),
          ...spans.slice(0, by % spans.length),
        ];
        expect(comparePaths(partsOf({ ...a, spans: turned(a.spans) }), partsOf(b))).toEqual(
          comparePaths(partsOf(a), partsOf(b)),
        );
      }),
      { numRuns: 100 },
    );
  });
});
