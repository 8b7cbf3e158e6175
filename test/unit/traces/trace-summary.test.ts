import { describe, expect, it } from 'vitest';
import { epochUs, us } from '../../../src/lib/units.ts';
import { absenceReason, isUuid, readRequestId } from '../../../src/traces/request-id.ts';
import type { Span } from '../../../src/traces/trace.ts';
import { summarize } from '../../../src/traces/trace-summary.ts';
import { aTrace } from '../../support/fake-trace-source.ts';

const summaryOf = (spans: readonly Partial<Span>[]) => summarize(aTrace('1', spans))!;

describe('the summary of a trace', () => {
  const whole = summaryOf([
    {
      spanId: 'r',
      serviceName: 'gateway',
      spanName: 'GET /',
      start: epochUs(1_000),
      duration: us(900),
      isError: true,
      attributes: { 'http.status_code': '503', response_flags: 'UF' },
    },
    {
      spanId: 'c',
      parentSpanId: 'r',
      serviceName: 'checkout',
      spanName: 'cart',
      start: epochUs(1_100),
      duration: us(700),
    },
    {
      spanId: 'p',
      parentSpanId: 'c',
      serviceName: 'payments',
      spanName: 'charge',
      start: epochUs(1_200),
      duration: us(500),
      isError: true,
      attributes: { 'otel.status_description': 'card refused' },
    },
    {
      spanId: 'q',
      parentSpanId: 'c',
      serviceName: 'payments',
      spanName: 'refund',
      start: epochUs(1_750),
      duration: us(400),
    },
  ]);

  it('has its root, extent, services, and the self times that were not waited for', () => {
    expect(whole.root.spanName).toBe('GET /');
    expect(whole).toMatchObject({ start: 1_000, duration: 1_150, spanCount: 4 });
    expect(whole.services).toEqual([
      { name: 'payments', spans: 2 },
      { name: 'checkout', spans: 1 },
      { name: 'gateway', spans: 1 },
    ]);
    expect(whole.offPath).toEqual([{ service: 'payments', operation: 'refund', selfTime: 400, spans: 1 }]);
  });

  it('has where each error began, the one that the root failed of first', () => {
    expect(whole.errorCount).toBe(2);
    expect(whole.errors).toMatchObject([
      {
        service: 'gateway',
        operation: 'GET /',
        detail: '503, no connection to the called side (UF)',
        reachesRoot: true,
      },
      { service: 'payments', operation: 'charge', detail: 'card refused', reachesRoot: false },
    ]);
  });

  it('has the critical path of its root', () => {
    expect(whole.path.root.span.spanName).toBe('GET /');
    expect(whole.breakdown).toMatchObject([
      { service: 'payments', operation: 'charge', kind: 'own', time: 500 },
      { service: 'checkout', time: 200 },
      { service: 'gateway', time: 200 },
    ]);
  });

  it('is as long as its request, however wrong the clock of a server is', () => {
    const aheadBy = (skew: number) =>
      summaryOf([
        { spanId: 'r', start: epochUs(1_000), duration: us(900) },
        { spanId: 'c', parentSpanId: 'r', kind: 'client', start: epochUs(1_100), duration: us(700) },
        { spanId: 's', parentSpanId: 'c', kind: 'server', start: epochUs(1_200 + skew), duration: us(500) },
        { spanId: 't', parentSpanId: 's', start: epochUs(1_300 + skew), duration: us(100) },
      ]);
    for (const skew of [0, 60_000_000, -1_000]) {
      const { start, duration, warnings, offPath } = aheadBy(skew);
      expect({ start, duration }).toEqual({ start: 1_000, duration: 900 });
      expect(warnings.workAfterRoot).toBe(0);
      expect(offPath).toEqual([]);
    }
  });

  it('takes the longest piece where the root is missing', () => {
    const pieces = summaryOf([
      { spanId: 'a', parentSpanId: 'lost', start: epochUs(0), duration: us(5) },
      { spanId: 'b', parentSpanId: 'lost', start: epochUs(10), duration: us(50) },
    ]);
    expect(pieces.root.spanId).toBe('b');
  });

  it('notes work that outlives the root', () => {
    expect(whole.warnings).toEqual({
      hasNoRoot: false,
      rootCount: 1,
      orphanCount: 0,
      ringCount: 0,
      isTruncated: false,
      skewText: undefined,
      workAfterRoot: 250,
    });
  });

  const warnings: Readonly<Record<string, { spans: readonly Partial<Span>[]; expected: object }>> = {
    'the root is missing': {
      spans: [{ parentSpanId: 'lost' }],
      expected: { hasNoRoot: true, rootCount: 0, orphanCount: 1, workAfterRoot: 0 },
    },
    'clocks differ: the largest delta is named, without its sign': {
      spans: [
        { warnings: ['clock skew adjustment disabled; not applying calculated delta of 52ms'] },
        { warnings: ['clock skew adjustment disabled; not applying calculated delta of -1m0.5s'] },
        { warnings: ['clock skew adjustment disabled; not applying calculated delta of -611.1615ms'] },
      ],
      expected: { skew: 60_500_000, rootCount: 3 },
    },
    'it was cut off': {
      spans: [{ warnings: ['trace was truncated: max_trace_size exceeded'] }],
      expected: { isTruncated: true },
    },
  };
  it.each(Object.entries(warnings))('%s', (_, { spans, expected }) => {
    expect(summaryOf(spans).warnings).toMatchObject(expected);
  });

  it('is nothing for nothing', () => {
    expect(summarize(aTrace('1', []))).toBeUndefined();
  });
});

describe('a request id', () => {
  const readings: readonly (readonly [string, string, ReturnType<typeof readRequestId>, RegExp])[] = [
    [
      'Envoy did not sample it',
      'e4e8c177-3962-4359-8b6f-1c3a4d5e6f70',
      'not-sampled',
      /did not sample this request/,
    ],
    ['Envoy sampled it', 'e4e8c177-3962-9359-8b6f-1c3a4d5e6f70', 'sampled', /15th character of its id is 9/],
    ['a server forced it', 'e4e8c177-3962-a359-8b6f-1c3a4d5e6f70', 'forced-by-server', /forced/],
    ['a client forced it', 'E4E8C177-3962-B359-8B6F-1C3A4D5E6F70', 'forced-by-client', /forced/],
    [
      'another program made it',
      '0190c177-3962-7359-8b6f-1c3a4d5e6f70',
      'undecided',
      /without a sampling decision/,
    ],
    ['it is no UUID', 'req-12345', 'not-a-uuid', /not a UUID/],
    [
      'a UUID without dashes is none to Envoy',
      'e4e8c177396293598b6f1c3a4d5e6f70',
      'not-a-uuid',
      /not a UUID/,
    ],
    ['it is empty', '', 'not-a-uuid', /not a UUID/],
  ];
  it.each(readings)('%s', (_, id, reading, reason) => {
    expect(readRequestId(id)).toBe(reading);
    expect(absenceReason(id)).toMatch(reason);
    expect(isUuid(id)).toBe(reading !== 'not-a-uuid');
  });
});
