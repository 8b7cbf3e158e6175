import { describe, expect, test } from 'vitest';
import { adjust, CURRENT_STYLE } from '../../../../demo/jaeger/adjust.ts';
import { fromOtlp, toResourceSpans } from '../../../../demo/jaeger/otlp.ts';
import { inTreeOrder } from '../../../../demo/jaeger/trace-page.ts';
import { aSpan, spanId, TEN } from './a-span.ts';

const child = (id: number, parent: number, startUs: number) =>
  aSpan({ trace: 1, spanId: spanId(id), parentSpanId: spanId(parent), startUs: TEN + startUs });

describe('the order of a trace', () => {
  test('is depth first, children by start, orphans at the top', () => {
    const root = aSpan({ trace: 1, spanId: spanId(1) });
    const spans = [child(4, 1, 20), root, child(3, 2, 15), child(2, 1, 10), child(9, 8, 30)];
    const rows = inTreeOrder(spans).map(({ span, depth }) => [Number.parseInt(span.spanId, 16), depth]);
    expect(rows).toEqual([
      [1, 0],
      [2, 1],
      [3, 2],
      [4, 1],
      [9, 0],
    ]);
  });

  test('holds for a trace deeper than the call stack', () => {
    const spans = [aSpan({ trace: 1, spanId: spanId(1) })];
    for (let id = 2; id <= 50_000; id += 1) spans.push(child(id, id - 1, id));
    expect(inTreeOrder(spans).at(-1)?.depth).toBe(49_999);
  });
});

describe('what a reader gets', () => {
  test('one warning per child that starts before its parent, with the distance to the middle', () => {
    const parent = aSpan({ trace: 1, spanId: spanId(1), durationUs: 5_000 });
    const early = { ...child(2, 1, -50_000), durationUs: 1_000 };
    const [, adjusted] = adjust([parent, early], CURRENT_STYLE);
    expect(adjusted?.warnings).toEqual([
      'clock skew adjustment disabled; not applying calculated delta of 52ms',
    ]);
  });

  test('a span that was sent twice comes once, and one that differs comes twice', () => {
    const span = aSpan({ trace: 1, spanId: spanId(1) });
    const other = { ...span, name: 'other' };
    expect(adjust([span, { ...span }, other], CURRENT_STYLE)).toHaveLength(2);
  });

  test('a shared span id is taken apart, and the children of the server follow it', () => {
    const client = aSpan({ trace: 1, spanId: spanId(7), kind: 'client' });
    const server = aSpan({ trace: 1, spanId: spanId(7), service: 'cart.shop' });
    const below = { ...child(8, 7, 1), durationUs: 1 };
    const [, second, third] = adjust([client, server, below], CURRENT_STYLE);
    expect(second).toMatchObject({ spanId: spanId(1), parentSpanId: spanId(7) });
    expect(third?.parentSpanId).toBe(spanId(1));
  });

  test('reading OTLP and writing it gives the same, nanoseconds included', () => {
    const span = {
      traceId: 'a'.repeat(32),
      spanId: 'b'.repeat(16),
      parentSpanId: 'c'.repeat(16),
      name: 'n',
      kind: 3,
      startTimeUnixNano: '1795168800000000123',
      endTimeUnixNano: '1795168800000456999',
      attributes: [
        { key: 's', value: { stringValue: 'x' } },
        { key: 'big', value: { intValue: '9007199254740993' } },
        { key: 'list', value: { arrayValue: { values: [{ stringValue: 'a' }] } } },
      ],
      events: [{ timeUnixNano: '1795168800000000200', name: 'e' }],
      links: [{ traceId: 'd'.repeat(32), spanId: 'e'.repeat(16) }],
      status: { message: 'm', code: 2 },
    };
    const resourceSpans = [
      {
        resource: { attributes: [{ key: 'service.name', value: { stringValue: 'svc' } }] },
        scopeSpans: [{ scope: { name: 'lib', version: '1' }, spans: [span] }],
      },
    ];
    expect(toResourceSpans(fromOtlp({ resourceSpans }))).toEqual(resourceSpans);
  });
});
