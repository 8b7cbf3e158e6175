import { describe, expect, it } from 'vitest';
import { readLegacyTraces } from '../../../src/jaeger/wire-legacy.ts';
import { readOtlpTraces } from '../../../src/jaeger/wire-otlp.ts';

const ID = '00000000000000000000000000000abc';

/** One span of the older API version, in a body. */
const legacy = (span: object = {}, trace: object = {}): unknown => ({
  data: [
    {
      traceID: 'abc',
      spans: [
        {
          traceID: 'abc',
          spanID: '1',
          operationName: 'op',
          startTime: 5,
          duration: 7,
          processID: 'p1',
          ...span,
        },
      ],
      processes: { p1: { serviceName: 'checkout', tags: [] } },
      ...trace,
    },
  ],
});

/** One span of v3, in a body. */
const otlp = (span: object = {}): unknown => ({
  result: {
    resourceSpans: [
      {
        resource: { attributes: [{ key: 'service.name', value: { stringValue: 'checkout' } }] },
        scopeSpans: [
          {
            spans: [
              {
                traceId: 'abc',
                spanId: '1',
                name: 'op',
                startTimeUnixNano: '5000',
                endTimeUnixNano: '12000',
                ...span,
              },
            ],
          },
        ],
      },
    ],
  },
});

const plain = {
  traceId: ID,
  spanId: '0000000000000001',
  serviceName: 'checkout',
  spanName: 'op',
  start: 5,
  duration: 7,
  isError: false,
};
const legacyTag = (key: string, value: unknown, type = 'string') => ({ tags: [{ key, type, value }] });
const otlpTag = (key: string, value: object) => ({ attributes: [{ key, value }] });

describe('the legacy API, in all its shapes', () => {
  const cases: Readonly<Record<string, { body: unknown; expected: object }>> = {
    'a span with the least there is': {
      body: legacy(),
      expected: { ...plain, kind: 'unspecified', attributes: {}, resource: {}, events: [], warnings: [] },
    },
    'null in place of every list': {
      body: legacy({ references: null, tags: null, logs: null, warnings: null }, { warnings: null }),
      expected: plain,
    },
    'times as text': { body: legacy({ startTime: '5', duration: '7' }), expected: plain },
    'fractions of a microsecond are rounded away': {
      body: legacy({ startTime: 5.4, duration: '109.553' }),
      expected: { start: 5, duration: 110 },
    },
    'a clock that was never set, as Go writes it': {
      body: legacy({ startTime: -62_135_596_800_000_000 }),
      expected: { start: -62_135_596_800_000_000 },
    },
    'a negative duration is none': {
      body: legacy({ duration: -3 }),
      expected: { duration: 0 },
    },
    'no process': { body: legacy({ processID: 'gone' }), expected: { serviceName: '' } },
    'no processes at all': { body: legacy({}, { processes: null }), expected: { serviceName: '' } },
    'a process inside the span': {
      body: legacy({ process: { serviceName: 'inside', tags: [{ key: 'pod', value: 'x-1' }] } }),
      expected: { serviceName: 'inside', resource: { pod: 'x-1' } },
    },
    'the parent nested whole under its reference, as the page downloads it': {
      body: legacy({
        references: [{ refType: 'CHILD_OF', traceID: 'abc', spanID: '2', span: { spanID: '2', logs: [{}] } }],
      }),
      expected: { parentSpanId: '0000000000000002' },
    },
    'a parent as its own field': {
      body: legacy({ parentSpanID: '2' }),
      expected: { parentSpanId: '0000000000000002' },
    },
    'CHILD_OF before FOLLOWS_FROM, whichever comes first': {
      body: legacy({
        references: [
          { refType: 'FOLLOWS_FROM', traceID: 'abc', spanID: '3' },
          { refType: 'CHILD_OF', traceID: 'ABC', spanID: '2' },
        ],
      }),
      expected: { parentSpanId: '0000000000000002' },
    },
    'FOLLOWS_FROM alone': {
      body: legacy({ references: [{ refType: 'FOLLOWS_FROM', traceID: 'abc', spanID: '3' }] }),
      expected: { parentSpanId: '0000000000000003', followsFrom: true },
    },
    'ids in capitals': { body: legacy({ spanID: 'AB' }), expected: { spanId: '00000000000000ab' } },
    'an int64 that a number can represent': {
      body: legacy(legacyTag('n', '42', 'int64')),
      expected: { attributes: { n: 42 } },
    },
    'an int64 that no number can represent': {
      body: legacy(legacyTag('n', '9007199254740993', 'int64')),
      expected: { attributes: { n: '9007199254740993' } },
    },
    'an error as text': {
      body: legacy(legacyTag('error', 'true')),
      expected: { isError: true, attributes: {} },
    },
    'an error with a text': {
      body: legacy(legacyTag('error', 'connection lost')),
      expected: { isError: true, attributes: { error: 'connection lost' } },
    },
    'an error as a flag and as a text, as Jaeger 1.53 converts those of Zipkin': {
      body: legacy(legacyTag('error', 'connection lost'), legacyTag('error', true, 'bool')),
      expected: { isError: true, attributes: { error: 'connection lost' } },
    },
    'a text that says that there was no error': {
      body: legacy(legacyTag('error', 'none')),
      expected: { isError: false, attributes: { error: 'none' } },
    },
    'an error by status alone': {
      body: legacy(legacyTag('otel.status_code', 'ERROR')),
      expected: { isError: true, attributes: {} },
    },
    'not an error': {
      body: legacy(legacyTag('error', false, 'bool')),
      expected: { isError: false, attributes: {} },
    },
    'a kind in capitals': { body: legacy(legacyTag('span.kind', 'SERVER')), expected: { kind: 'server' } },
    'a kind that is none': {
      body: legacy(legacyTag('span.kind', 'broker')),
      expected: { kind: 'unspecified' },
    },
    'tags that are none are left out': {
      body: legacy({ tags: [null, 5, { value: 1 }, { key: 'ok', value: 'yes' }] }),
      expected: { attributes: { ok: 'yes' } },
    },
    'logs out of order': {
      body: legacy({
        logs: [
          { timestamp: 9, fields: [{ key: 'event', value: 'b' }] },
          { timestamp: 2, fields: null },
        ],
      }),
      expected: {
        events: [
          { at: 2, attributes: {} },
          { at: 9, attributes: { event: 'b' } },
        ],
      },
    },
    'a warning of the collector is not an attribute': {
      body: legacy({
        warnings: ['a'],
        tags: [{ key: '@jaeger@warnings', type: 'string', value: '["Negative duration detected","a"]' }],
      }),
      expected: { warnings: ['a', 'Negative duration detected'], attributes: {} },
    },
    'a warning of the collector that is no list': {
      body: legacy({ tags: [{ key: '@jaeger@warnings', type: 'string', value: 'odd' }] }),
      expected: { warnings: ['odd'], attributes: {} },
    },
    'a warning of the trace goes to its first span': {
      body: legacy({ warnings: ['a', 'a'] }, { warnings: ['truncated'] }),
      expected: { warnings: ['a', 'truncated'] },
    },
  };
  it.each(Object.entries(cases))('%s', (_, { body, expected }) => {
    expect(readLegacyTraces(body)[0]?.spans[0]).toMatchObject(expected);
  });

  it('a reference into another trace, or to the span itself, makes no parent', () => {
    for (const reference of [
      { refType: 'CHILD_OF', traceID: 'def', spanID: '2' },
      { refType: 'CHILD_OF', traceID: 'abc', spanID: '1' },
    ]) {
      const span = readLegacyTraces(legacy({ references: [reference] }))[0]?.spans[0];
      expect(span).not.toMatchObject({ parentSpanId: expect.anything() });
      expect(span).not.toMatchObject({ followsFrom: expect.anything() });
    }
  });

  it('a tag called __proto__ is only a tag', () => {
    const span = readLegacyTraces(legacy(legacyTag('__proto__', 'x')))[0]?.spans[0];
    expect(Object.entries(span?.attributes ?? {})).toEqual([['__proto__', 'x']]);
  });
});

describe('v3, in all its shapes', () => {
  const nested = {
    kvlistValue: {
      values: [{ key: 'k', value: { arrayValue: { values: [{ intValue: '1' }, { boolValue: false }] } } }],
    },
  };
  const cases: Readonly<Record<string, { body: unknown; expected: object }>> = {
    'a span with the least there is': {
      body: otlp(),
      expected: { ...plain, kind: 'unspecified', attributes: {}, resource: {}, events: [], warnings: [] },
    },
    'enumerations by name': {
      body: otlp({ kind: 'SPAN_KIND_CLIENT', status: { code: 'STATUS_CODE_ERROR' } }),
      expected: { kind: 'client', isError: true },
    },
    'unknown enumerations': {
      body: otlp({ kind: 77, status: {} }),
      expected: { kind: 'unspecified', isError: false },
    },
    'a parent of zeros is a root': { body: otlp({ parentSpanId: '0000000000000000' }), expected: plain },
    'ids in base64': {
      body: otlp({ spanId: 'AAAAAAAAAP8=' }),
      expected: { spanId: '00000000000000ff' },
    },
    'a list in a map is JSON text': {
      body: otlp(otlpTag('m', nested)),
      expected: { attributes: { m: '{"k":[1,false]}' } },
    },
    'a value of no kind is left out': { body: otlp(otlpTag('m', {})), expected: { attributes: {} } },
    'a fraction of a microsecond is cut after the subtraction': {
      body: otlp({ startTimeUnixNano: '1795168800000000900', endTimeUnixNano: '1795168800000002800' }),
      expected: { start: 1_795_168_800_000_000, duration: 1 },
    },
    'an end before its start is no duration': {
      body: otlp({ startTimeUnixNano: '9000', endTimeUnixNano: '2000' }),
      expected: { start: 9, duration: 0 },
    },
    'a link to a span of the same trace, without a parent': {
      body: otlp({ links: [{ traceId: 'abc', spanId: '2' }] }),
      expected: { parentSpanId: '0000000000000002', followsFrom: true },
    },
    'a single warning that is no list': {
      body: otlp(otlpTag('@jaeger@warnings', { stringValue: 'one' })),
      expected: { warnings: ['one'], attributes: {} },
    },
  };
  it.each(Object.entries(cases))('%s', (_, { body, expected }) => {
    expect(readOtlpTraces(body)[0]?.spans[0]).toMatchObject(expected);
  });

  it('spans of one trace in several groups are one trace', () => {
    const [a, b] = [otlp(), otlp({ spanId: '2' })] as { result: { resourceSpans: unknown[] } }[];
    const body = {
      result: { resourceSpans: [...(a?.result.resourceSpans ?? []), ...(b?.result.resourceSpans ?? [])] },
    };
    expect(readOtlpTraces(body).map(({ spans }) => spans.length)).toEqual([2]);
  });
});
