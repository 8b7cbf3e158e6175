import { expect, it } from 'vitest';
import { findCulprit } from '../../../src/culprit/culprit.ts';
import { epochUs, us } from '../../../src/lib/units.ts';
import type { Span, Trace } from '../../../src/traces/trace.ts';

/** A call of the gateway, and how long the gateway waits or works before it; in milliseconds. */
type Step = readonly [service: string, before: number, duration: number];

/** A trace without client spans: the gateway calls others in sequence, and ends `rest` ms after the last one. */
function traceOf(index: number, steps: readonly Step[], rest: number): Trace {
  const traceId = index.toString(16).padStart(32, '0');
  const span = (spanId: string, serviceName: string, [start, end]: readonly [number, number]): Span => ({
    traceId,
    spanId: spanId.padStart(16, '0'),
    parentSpanId: spanId === '1' ? undefined : '1'.padStart(16, '0'),
    serviceName,
    spanName: `GET /${serviceName}`,
    kind: 'server',
    start: epochUs(start * 1_000),
    duration: us((end - start) * 1_000),
    attributes: {},
    resource: {},
    events: [],
    isError: false,
    warnings: [],
  });
  // A little apart, as requests are.
  let at = index / 10;
  const called = steps.map(([service, before, duration], i) => {
    const start = at + before;
    at = start + duration;
    return span(String(i + 2), service, [start, at]);
  });
  return { traceId, spans: [span('1', 'gateway', [index / 10, at + rest]), ...called] };
}

const traces = (from: number, steps: readonly Step[], rest = 5): readonly Trace[] =>
  Array.from({ length: 30 }, (_, i) => traceOf(from + i, steps, rest));

const NORMAL: readonly Step[] = [
  ['stock', 5, 10],
  ['pay', 5, 10],
  ['cart', 5, 10],
  ['cart', 5, 10],
  ['cart', 5, 10],
];
const slower = (by: (service: string, i: number) => number): readonly Step[] =>
  NORMAL.map(([service, before, duration], i) => [service, before + by(service, i), duration]);

it('without client spans, a service around whose calls alone time is lost is the first one', () => {
  // Its replies are late: the next call, and the end, come later.
  const late = slower((_, i) => (NORMAL[i - 1]?.[0] === 'cart' ? 100 : 0));
  const result = findCulprit(traces(1, late, 105), traces(101, NORMAL));
  expect(result).toHaveProperty(['candidates', 0, 'service'], 'cart');
  expect(result).not.toMatchObject({ confidence: 'high' });
});

it('a caller that is slow before each of its calls is the first one', () => {
  const result = findCulprit(
    traces(
      1,
      slower(() => 100),
    ),
    traces(101, NORMAL),
  );
  expect(result).toHaveProperty(['candidates', 0, 'service'], 'gateway');
});

it('with a single call, its caller and the network look the same', () => {
  const [one, slow]: readonly (readonly Step[])[] = [[['pay', 5, 10]], [['pay', 105, 10]]];
  const result = findCulprit(traces(1, slow ?? []), traces(101, one ?? []));
  expect(result).toMatchObject({ kind: 'compared', confidence: 'unclear' });
});
