import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readLegacyTraces } from '../../../src/jaeger/wire-legacy.ts';
import { readOtlpTraces } from '../../../src/jaeger/wire-otlp.ts';
import { runsOf } from '../../support/runs.ts';

/** A negative duration, written as an unsigned number. */
const WRAPPED = Number('18446744073709517944');

const legacySpan = (traceID: string, over: object = {}) => ({
  traceID,
  spanID: '1',
  operationName: 'op',
  startTime: 5,
  duration: 7,
  ...over,
});
const legacy = (traces: Readonly<Record<string, readonly unknown[]>>) =>
  readLegacyTraces({ data: Object.entries(traces).map(([traceID, spans]) => ({ traceID, spans })) });

const otlpSpan = (traceId: string, over: object = {}) => ({
  traceId,
  spanId: '1',
  name: 'op',
  startTimeUnixNano: '5000',
  endTimeUnixNano: '12000',
  ...over,
});
const otlp = (spans: readonly unknown[]) =>
  readOtlpTraces({ result: { resourceSpans: [{ scopeSpans: [{ spans }] }] } });

describe('a malformed span', () => {
  it.each([WRAPPED, String(WRAPPED), 1e300, 'NaN', {}])('with the duration %s counts as 0', (duration) => {
    const [odd, good] = legacy({ a: [legacySpan('a', { duration })], b: [legacySpan('b')] });
    expect(odd?.spans[0]).toMatchObject({ duration: 0, warnings: [expect.stringContaining('invalid span')] });
    expect(good?.spans[0]).toMatchObject({ duration: 7, warnings: [] });
  });

  it('without a start time in v3 counts as 0, where it ended', () => {
    const [odd, good] = otlp([otlpSpan('a', { startTimeUnixNano: undefined }), otlpSpan('b')]);
    expect(odd?.spans[0]).toMatchObject({
      start: 12,
      duration: 0,
      warnings: [expect.stringContaining('invalid span')],
    });
    expect(good?.spans[0]).toMatchObject({ duration: 7, warnings: [] });
  });

  it('without any time is left out, with a warning on its trace', () => {
    const times = { startTimeUnixNano: undefined, endTimeUnixNano: undefined };
    for (const [trace] of [
      otlp([otlpSpan('a'), otlpSpan('a', { spanId: '2', ...times })]),
      legacy({ a: [legacySpan('a'), legacySpan('a', { spanID: '2', startTime: WRAPPED })] }),
      legacy({ a: [legacySpan('a'), legacySpan('a', { spanID: '2', startTime: 0 })] }),
      legacy({ a: [legacySpan('a'), legacySpan('a', { spanID: '2', startTime: null })] }),
      legacy({ a: [legacySpan('a'), legacySpan('a', { spanID: '2', startTime: -62_135_596_800_000_000 })] }),
    ]) {
      expect(trace?.spans).toMatchObject([{ duration: 7, warnings: ['invalid span: 1 left out'] }]);
    }
  });

  const odd = fc.oneof(fc.jsonValue(), fc.constantFrom(WRAPPED, String(WRAPPED), -1, 1e308, null, [], {}));
  const pair = <T>(span: (traceId: string, over: object) => T, keys: readonly string[]) =>
    fc.tuple(fc.constantFrom(...keys), odd).map(([key, value]) => span('a', { [key]: value }));

  it('among good ones, whatever is odd about it, costs no other trace', () => {
    const legacyOdd = fc.oneof(
      odd,
      pair(legacySpan, [
        'traceID',
        'spanID',
        'startTime',
        'duration',
        'references',
        'tags',
        'logs',
        'operationName',
        'warnings',
      ]),
    );
    const otlpOdd = fc.oneof(
      odd,
      pair(otlpSpan, [
        'traceId',
        'spanId',
        'startTimeUnixNano',
        'endTimeUnixNano',
        'attributes',
        'events',
        'links',
        'status',
        'kind',
        'name',
        'parentSpanId',
      ]),
    );
    const isGood = { spans: [{ start: 5, duration: 7, spanName: 'op' }] };
    fc.assert(
      fc.property(fc.array(legacyOdd, { maxLength: 5 }), fc.array(otlpOdd, { maxLength: 5 }), (a, b) => {
        const id = 'b'.repeat(32);
        expect(legacy({ a, [id]: [legacySpan(id)] }).find(({ traceId }) => traceId === id)).toMatchObject(
          isGood,
        );
        expect(otlp([...b, otlpSpan(id)]).find(({ traceId }) => traceId === id)).toMatchObject(isGood);
      }),
      { numRuns: runsOf(1_000) },
    );
  });
});
