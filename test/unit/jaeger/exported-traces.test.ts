import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readExportedTraces, TraceExportError } from '../../../src/jaeger/exported-traces.ts';

const ID = '3ba55609c3cde49649cd77d1f9dcd936';
const base64 = (hex: string): string => Buffer.from(hex, 'hex').toString('base64');

const span = (spanId: string, over: object = {}) => ({
  traceId: ID,
  spanId,
  name: 'POST /charge',
  kind: 2,
  startTimeUnixNano: '1701779876570888000',
  endTimeUnixNano: '1701779876582820000',
  ...over,
});
const group = (...spans: readonly object[]) => ({
  resource: { attributes: [{ key: 'service.name', value: { stringValue: 'payments' } }] },
  scopeSpans: [{ spans }],
});
const legacy = (...spanIDs: readonly string[]) => ({
  traceID: ID,
  spans: spanIDs.map((spanID) => ({
    traceID: ID,
    spanID,
    operationName: 'POST /charge',
    startTime: 1_701_779_876_570_888,
    duration: 11_932,
    processID: 'p1',
    tags: [{ key: 'span.kind', type: 'string', value: 'server' }],
  })),
  processes: { p1: { serviceName: 'payments', tags: [] } },
});

const A = 'aaaaaaaaaaaaaaaa';
const B = 'bbbbbbbbbbbbbbbb';
const inTempo = (spanId: string) =>
  span(base64(spanId), { traceId: base64(ID), kind: 'SPAN_KIND_SERVER', status: { code: 'STATUS_CODE_OK' } });
const early = {
  resource: group().resource,
  instrumentationLibrarySpans: [{ spans: [inTempo(A)] }],
};
const lines = (...documents: readonly object[]): string =>
  documents.map((document) => `${JSON.stringify(document)}\n`).join('');

describe('a trace is read from', () => {
  it.each([
    ['the Jaeger UI', JSON.stringify({ data: [legacy(A)] }, undefined, 2)],
    ['a Jaeger trace without its envelope', JSON.stringify(legacy(A))],
    ['a list of Jaeger traces', JSON.stringify([legacy(A)])],
    ['Jaeger /api/v3', JSON.stringify({ result: { resourceSpans: [group(span(A))] } })],
    ['Tempo /api/traces', JSON.stringify({ batches: [group(inTempo(A))] })],
    ['Tempo /api/v2/traces', JSON.stringify({ trace: { resourceSpans: [group(inTempo(A))] }, metrics: {} })],
    ['an early Tempo', JSON.stringify({ batches: [early] })],
    ['OTLP', JSON.stringify({ resourceSpans: [group(span(A))] })],
  ])('%s', (_, text) => {
    const [trace] = readExportedTraces(text);
    expect(trace).toMatchObject({
      traceId: ID,
      spans: [{ traceId: ID, spanId: A, serviceName: 'payments', kind: 'server', duration: 11_932 }],
    });
  });
});

it.each([
  ['several lines', lines],
  [
    'several documents, as jq prints them',
    (...all: readonly object[]) => all.map((each) => JSON.stringify(each, undefined, 2)).join('\n'),
  ],
])('spans of one trace in %s are one trace', (_, written) => {
  const text = written({ resourceSpans: [group(span(A))] }, { resourceSpans: [group(span(B))] });
  const [trace, ...others] = readExportedTraces(text);
  expect(trace?.spans.map(({ spanId }) => spanId)).toEqual([A, B]);
  expect(others).toEqual([]);
});

it('a recorded export of 69 traces is read', () => {
  const path = new URL('../../fixtures/jaeger/population.otlp.json', import.meta.url);
  expect(readExportedTraces(readFileSync(path, 'utf8'))).toHaveLength(69);
});

describe('what holds no traces is refused with its place:', () => {
  const good = JSON.stringify({ resourceSpans: [group(span(A))] });
  it.each([
    ['an empty file', ' \n', 'the file is empty', undefined],
    [
      'a download that was cut off',
      good.slice(0, 60),
      'invalid JSON: the document ends early',
      { line: 1, column: 53 },
    ],
    ['a broken line', `${good}\n{"a":}\n`, 'invalid JSON', { line: 2, column: 6 }],
    [
      'a line of something else',
      `${good}\n{"a":1}\n`,
      'not an export of Jaeger, Tempo or OTLP',
      { line: 2, column: 1 },
    ],
    ['another document', '{"name": "tailwatch"}', 'not an export of Jaeger, Tempo or OTLP', undefined],
    ['a number', '17', 'not an export of Jaeger, Tempo or OTLP', undefined],
    [
      'an error of Jaeger',
      '{"data":null,"errors":[{"code":404,"msg":"trace not found"}]}',
      'an error of the tracing backend: trace not found',
      undefined,
    ],
    [
      'search results of Tempo',
      '{"traces":[{"traceID":"1"}]}',
      'a list of search results, which hold no spans',
      undefined,
    ],
    ['an empty export', '{"data":[]}', 'no traces', undefined],
    [
      'spans without ids',
      JSON.stringify({ data: [{ ...legacy(A), traceID: 17 }] }),
      'not a text at data.0.traceID',
      undefined,
    ],
  ])('%s', (_, text, message, place) => {
    expect.assertions(2);
    try {
      readExportedTraces(text);
    } catch (error) {
      expect(error).toBeInstanceOf(TraceExportError);
      expect(error).toMatchObject({ message, place });
    }
  });
});
