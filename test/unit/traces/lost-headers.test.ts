import { describe, expect, it } from 'vitest';
import { epochUs, us } from '../../../src/lib/units.ts';
import { lostHeadersOf, suspectOf } from '../../../src/traces/request-search.ts';
import type { Span, Trace } from '../../../src/traces/trace.ts';
import { aTrace } from '../../support/fake-trace-source.ts';

type Drawn = readonly [service: string, kind: Span['kind'], start: number, duration: number, parent?: number];

/** Spans in the order of their numbers, from 1; the parent by its number. */
const drawn = (id: string, ...spans: readonly Drawn[]): Trace =>
  aTrace(
    id,
    spans.map(([serviceName, kind, start, duration, parent]) => ({
      serviceName,
      kind,
      start: epochUs(start),
      duration: us(duration),
      ...(parent === undefined ? {} : { parentSpanId: String(parent).padStart(16, '0') }),
    })),
  );

const request = drawn(
  '1',
  ['gateway', 'server', 0, 100],
  ['checkout', 'server', 10, 80, 1],
  ['cart', 'server', 20, 10, 2],
);

const cases: Readonly<Record<string, readonly [readonly Trace[], ReturnType<typeof lostHeadersOf>]>> = {
  'a request that is whole': [[request], []],
  'nothing at all': [[], []],
  // |= checkout, client =|
  //    |= payments =|
  'a trace that starts with the call': [
    [request, drawn('2', ['checkout', 'client', 30, 40], ['payments', 'server', 32, 30, 1])],
    [{ caller: 'checkout', callee: 'payments' }],
  ],
  'a trace whose call got no response': [
    [request, drawn('2', ['checkout', 'client', 30, 40])],
    [{ caller: 'checkout' }],
  ],
  // gateway |==========|
  // checkout  |======|      <- the innermost around it
  // payments    |==|
  'a trace that starts at the called service': [
    [request, drawn('2', ['payments', 'server', 35, 30])],
    [{ caller: 'checkout', callee: 'payments' }],
  ],
  'a trace without a span around it, because of clock skew': [
    [request, drawn('2', ['payments', 'server', 5_000, 30])],
    [],
  ],
  'a trace that lost its headers again': [
    [
      request,
      drawn('2', ['checkout', 'client', 30, 40], ['payments', 'server', 32, 30, 1]),
      drawn('3', ['payments', 'client', 34, 10], ['fraud', 'server', 35, 8, 1]),
    ],
    [
      { caller: 'checkout', callee: 'payments' },
      { caller: 'payments', callee: 'fraud' },
    ],
  ],
  'the same place twice is one place': [
    [
      drawn('2', ['checkout', 'client', 30, 10], ['payments', 'server', 31, 8, 1]),
      drawn('3', ['checkout', 'client', 50, 10], ['payments', 'server', 51, 8, 1]),
      request,
    ],
    [{ caller: 'checkout', callee: 'payments' }],
  ],
  'a trace whose root is missing': [
    [request, drawn('2', ['payments', 'server', 35, 30, 9], ['fraud', 'server', 36, 10, 1])],
    [{ caller: 'checkout', callee: 'payments' }],
  ],
};

describe('where a request lost its trace headers', () => {
  it.each(Object.entries(cases))('%s', (_, [traces, lost]) => {
    expect(lostHeadersOf(traces)).toEqual(lost);
  });
});

const suspects: Readonly<Record<string, readonly [Trace, string | undefined]>> = {
  // gateway    |==========|
  // checkout    |========|       <- called nobody, as it seems, and took long
  // cart         |=|
  'the service without calls that took longest': [
    drawn(
      '1',
      ['gateway', 'server', 0, 100],
      ['checkout', 'server', 10, 80, 1],
      ['cart', 'server', 11, 9, 1],
    ),
    'checkout',
  ],
  'the caller, when the trace starts with its call': [
    drawn('1', ['checkout', 'client', 0, 100], ['payments', 'server', 10, 80, 1]),
    'checkout',
  ],
  'the only one there is': [drawn('1', ['payments', 'server', 0, 10]), 'payments'],
  'the first, where no server had nothing to call': [
    drawn('1', ['checkout', 'server', 0, 100], ['checkout', 'internal', 10, 80, 1]),
    'checkout',
  ],
  'none, for a trace without spans': [drawn('1'), undefined],
};

describe('the service that may have lost the headers, from one trace', () => {
  it.each(Object.entries(suspects))('%s', (_, [trace, service]) => {
    expect(suspectOf(trace)).toBe(service);
  });
});
