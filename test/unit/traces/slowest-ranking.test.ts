import { describe, expect, it } from 'vitest';
import { epochMs, epochUs, us } from '../../../src/lib/units.ts';
import { rankingSpan } from '../../../src/traces/slowest.ts';
import type { Span } from '../../../src/traces/trace.ts';
import { aTrace } from '../../support/fake-trace-source.ts';

describe('the span a trace is ranked by', () => {
  const match = { service: 'checkout', window: { start: epochMs(0), end: epochMs(1_000) } };
  const cases: Readonly<Record<string, { spans: readonly Partial<Span>[]; expected: string | undefined }>> = {
    'the longest server span, though a client span is longer': {
      spans: [
        { spanName: 'short', kind: 'server', start: epochUs(0), duration: us(5) },
        { spanName: 'long', kind: 'server', start: epochUs(9), duration: us(8) },
        { spanName: 'call', kind: 'client', start: epochUs(1), duration: us(80) },
      ],
      expected: 'long',
    },
    'a consumer does work as a server does': {
      spans: [
        { spanName: 'consume', kind: 'consumer', start: epochUs(0), duration: us(5) },
        { spanName: 'work', kind: 'internal', start: epochUs(0), duration: us(50) },
      ],
      expected: 'consume',
    },
    'own work before calls': {
      spans: [
        { spanName: 'call', kind: 'client', start: epochUs(0), duration: us(50) },
        { spanName: 'work', kind: 'unspecified', start: epochUs(0), duration: us(5) },
      ],
      expected: 'work',
    },
    'calls when there is nothing else': {
      spans: [
        { spanName: 'one', kind: 'client', start: epochUs(0), duration: us(5) },
        { spanName: 'two', kind: 'producer', start: epochUs(0), duration: us(6) },
      ],
      expected: 'two',
    },
    'the earlier of two that are equal': {
      spans: [
        { spanName: 'late', start: epochUs(7), duration: us(5) },
        { spanName: 'early', start: epochUs(3), duration: us(5) },
      ],
      expected: 'early',
    },
    'both ends of the window belong to it': {
      spans: [{ spanName: 'end', start: epochUs(1_000_000), duration: us(1) }],
      expected: 'end',
    },
    'nothing outside the window': {
      spans: [{ start: epochUs(1_000_001), duration: us(9) }],
      expected: undefined,
    },
    'nothing of other services': { spans: [{ serviceName: 'payments' }], expected: undefined },
  };
  it.each(Object.entries(cases))('%s', (_, { spans, expected }) => {
    expect(rankingSpan(aTrace('1', spans), match)?.spanName).toBe(expected);
  });

  it('only counts spans of the operation', () => {
    const trace = aTrace('1', [
      { spanName: 'a', start: epochUs(0), duration: us(50) },
      { spanName: 'b', start: epochUs(0), duration: us(5) },
    ]);
    expect(rankingSpan(trace, { ...match, operation: 'b' })?.duration).toBe(5);
  });
});
