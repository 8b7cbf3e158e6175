import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readLegacyTraces } from '../../../src/jaeger/wire-legacy.ts';
import { us } from '../../../src/lib/units.ts';
import { hopEdgesOf, hopOf } from '../../../src/traces/hops.ts';
import type { Trace } from '../../../src/traces/trace.ts';
import { retriesOf } from '../../../src/traces/trace-summary.ts';
import { buildTree } from '../../../src/traces/tree.ts';
import { drawn } from '../../support/drawn-trace.ts';
import { timed } from '../../support/timed-trace.ts';

const hop = (trace: Trace) => hopOf(buildTree(trace).nodes.find(({ span }) => span.kind === 'client')!);

describe('the overhead of a call', () => {
  interface Case {
    drawing: string;
    expected: { overhead: number; split?: readonly [number, number] } | undefined;
  }
  const cases: Readonly<Record<string, Case>> = {
    'before the server began and after it ended': {
      drawing: `
        a:c    |==========|
        b:s<a    |====|
      `,
      expected: { overhead: 6, split: [2, 4] },
    },
    'whole, but not split, when the server seems to begin before its client': {
      drawing: `
        a:c      |==========|
        b:s<a  |====|
      `,
      expected: { overhead: 6 },
    },
    'nor when it seems to end after it': {
      drawing: `
        a:c    |==========|
        b:s<a         |====|
      `,
      expected: { overhead: 6 },
    },
    'none when the server ran longer than its client waited': {
      drawing: `
        a:c    |====|
        b:s<a   |======|
      `,
      expected: undefined,
    },
    'none when it was tried twice': {
      drawing: `
        a:c    |==========|
        b:s<a   |==|
        c:s<a       |==|
      `,
      expected: undefined,
    },
    'none without a span of the server': { drawing: 'a:c |====|', expected: undefined },
  };
  it.each(Object.entries(cases))('%s', (_, { drawing, expected }) => {
    const found = hop(drawn(drawing));
    expect(found?.overhead).toBe(expected === undefined ? undefined : expected.overhead * 1_000);
    const [request, response] = expected?.split ?? [];
    expect(found?.split).toEqual(
      request === undefined ? undefined : { request: request * 1_000, response: (response ?? 0) * 1_000 },
    );
  });

  it('is not split where Jaeger noted that the clocks differ', () => {
    const { traceId, spans } = drawn(`
      a:c    |==========|
      b:s<a    |====|
    `);
    const warnings = ['clock skew adjustment disabled; not applying calculated delta of 3ms'];
    const noted = { traceId, spans: spans.map((span) => ({ ...span, warnings })) };
    expect(hop(noted)).toMatchObject({ overhead: 6_000 });
    expect(hop(noted)).not.toMatchObject({ split: expect.anything() });
  });

  it('adds up between two services', () => {
    const { traceId, spans } = drawn(`
      a:s       |====================|
      x:c<a      |=====|
      b1:s<x       |=|
      y:c<a               |=====|
      b2:s<y                |===|
    `);
    const named = spans.map((span) => ({
      ...span,
      serviceName: span.spanId.startsWith('b') ? 'pay' : 'shop',
    }));
    expect(hopEdgesOf(buildTree({ traceId, spans: named }))).toEqual([
      {
        caller: 'shop',
        callee: 'pay',
        calls: 2,
        overhead: 6_000,
        worst: 4_000,
        split: { request: 4_000, response: 2_000 },
      },
    ]);
  });

  const bookinfo = new URL('../../../../shared/data/traces/kiali-istio-bookinfo.json', import.meta.url);
  it.skipIf(!existsSync(bookinfo))('is that of a real mesh (skipped where its trace is absent)', () => {
    const [trace] = readLegacyTraces(JSON.parse(readFileSync(bookinfo, 'utf8')));
    const overheads = buildTree(trace!).nodes.flatMap((node) => hopOf(node)?.overhead ?? []);
    expect(overheads.sort((a, b) => a - b)).toEqual([416, 429, 482, 493]);
  });
});

describe('retries', () => {
  it('are several servers under one client', () => {
    const trace = timed(`
      a client 0-15
        b server 1-4 error=true
        b server 6-9
          b client 6-9
            c server 6-8
    `);
    expect(retriesOf(buildTree(trace))).toEqual([
      {
        caller: 'a',
        callee: 'b',
        operation: 'a client',
        attempts: 2,
        failed: 1,
        abandoned: 0,
        duration: 15_000,
      },
    ]);
  });

  it('are none where the client took no time: a redirect, which the browser follows later', () => {
    const { traceId, spans } = drawn(`
      a:c     ||
      b:s<a      |==|
      c:s<a           |==|
    `);
    const mark = spans.map((span) => (span.kind === 'client' ? { ...span, duration: us(0) } : span));
    expect(retriesOf(buildTree({ traceId, spans: mark }))).toEqual([]);
  });
});
