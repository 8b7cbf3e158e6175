import { describe, expect, it } from 'vitest';
import { epochUs, us } from '../../../src/lib/units.ts';
import type { Span, Trace } from '../../../src/traces/trace.ts';
import { aTrace } from '../../support/fake-trace-source.ts';
import { MANY_SPANS } from '../../support/runs.ts';
import { family, laidOut } from './laid-out.ts';

describe('names', () => {
  it.each([
    ['payments.shop', 'payments.shop.svc.cluster.local:8080/charge', '/charge'],
    ['payments.shop', 'payments.shop:8080/*', '/*'],
    ['payments.shop', 'payments:8080/charge', '/charge'],
    ['payments.shop', 'mail.shop.svc.cluster.local:8080/send', 'mail.shop/send'],
    ['cart', 'oteldemo.CartService/GetCart', 'oteldemo.CartService/GetCart'],
    ['checkout', 'POST /checkout', 'POST /checkout'],
    ['checkout', '/api', '/api'],
    ['checkout', '', ''],
  ])('of %s: %s is %s beside its service', (serviceName, spanName, shown) => {
    expect(laidOut(aTrace('1', [{ serviceName, spanName }])).rows[0]?.operation).toBe(shown);
  });

  it('are request lines where a mesh names only hosts', () => {
    const spans = [
      { spanName: 'payments.shop.svc.cluster.local:8080/*', serviceName: 'payments.shop' },
      { spanName: 'payments.shop.svc.cluster.local:8080/*', serviceName: 'checkout.shop' },
    ].map((span) => ({
      ...span,
      attributes: { 'http.method': 'POST', 'http.url': 'http://payments/charge/17?x=1' },
    }));
    expect(laidOut(aTrace('1', spans)).rows.map(({ operation }) => operation)).toEqual([
      'POST /charge/{id}',
      'payments.shop POST /charge/{id}',
    ]);
  });

  it('are cut when they are absurd, and stand in for a missing one', () => {
    const spans = [{ serviceName: '', spanName: 'x'.repeat(10_000) }];
    expect(laidOut(aTrace('1', spans)).rows[0]).toMatchObject({
      service: '(no service name)',
      operation: 'x'.repeat(200),
    });
  });
});

describe('large traces', () => {
  const chain = (n: number): Trace =>
    aTrace(
      '1',
      Array.from(
        { length: n },
        (_, i): Partial<Span> => ({
          spanId: `s${i}`,
          ...(i === 0 ? {} : { parentSpanId: `s${i - 1}` }),
          kind: 'internal',
          start: epochUs(i),
          duration: us(2 * (n - i)),
        }),
      ),
    );

  it('a chain of very many spans is laid out', () => {
    const { rows, hiddenSpans } = laidOut(chain(MANY_SPANS));
    expect([rows.length, hiddenSpans]).toEqual([10, MANY_SPANS - 10]);
  });

  it('very many siblings are laid out', () => {
    const { rows, hiddenSpans } = laidOut(
      family(Array.from({ length: MANY_SPANS }, (_, i) => (i % 900) + 1)),
    );
    expect([rows.length, hiddenSpans]).toEqual([10, MANY_SPANS - 9]);
  });
});
