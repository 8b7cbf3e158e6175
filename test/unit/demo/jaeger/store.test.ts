import { describe, expect, test } from 'vitest';
import { createJaegerStore } from '../../../../demo/jaeger/store.ts';
import { aSpan, MINUTE, spanId, TEN, traceId } from './a-span.ts';

const parentAndChild = (trace: number, startUs = TEN) => [
  aSpan({ trace, spanId: spanId(1), startUs }),
  aSpan({ trace, spanId: spanId(2), parentSpanId: spanId(1), service: 'cart.shop', startUs }),
];

describe('the store', () => {
  test('forgets the trace that was seen first when it is full, but no service or operation', () => {
    const store = createJaegerStore({ maxTraces: 2 });
    store.add([aSpan({ trace: 1, service: 'old.shop', name: 'gone' })]);
    store.add([aSpan({ trace: 2 })]);
    store.add([aSpan({ trace: 3 })]);
    expect(store.get(traceId(1))).toBeUndefined();
    expect(store.traces('old.shop')).toEqual([]);
    expect(store.traces().map((trace) => trace.traceId)).toEqual([traceId(2), traceId(3)]);
    expect(store.services()).toContain('old.shop');
    expect(store.operations('old.shop')).toEqual([{ name: 'gone', kind: 'server' }]);
  });

  test('joins spans that come later to their trace', () => {
    const store = createJaegerStore();
    const [parent, child] = parentAndChild(1);
    store.add(parent === undefined ? [] : [parent]);
    store.add(child === undefined ? [] : [child]);
    expect(store.get(traceId(1))?.spans).toHaveLength(2);
    expect(store.traces('cart.shop')).toHaveLength(1);
  });

  test('counts calls between services, in traces that lie wholly within the window', () => {
    const store = createJaegerStore();
    store.add([...parentAndChild(1), ...parentAndChild(2), ...parentAndChild(3, TEN + 10 * MINUTE)]);
    const window = { startUs: TEN, endUs: TEN + MINUTE };
    expect(store.dependencies(window)).toEqual([
      { parent: 'checkout.shop', child: 'cart.shop', callCount: 2 },
    ]);
  });

  test('names a service that did not tell its name as Jaeger does', () => {
    const store = createJaegerStore();
    store.add([aSpan({ trace: 1, resource: {} })]);
    expect(store.services()).toEqual(['missing-service-name']);
  });
});
