import { describe, expect, it } from 'vitest';
import { criticalPathOf } from '../../../src/traces/critical-path.ts';
import { serverSpanOf, serverSpansOnPath } from '../../../src/traces/service-in-request.ts';
import type { Attributes, Span } from '../../../src/traces/trace.ts';
import { buildTree, type SpanNode } from '../../../src/traces/tree.ts';
import { drawn } from '../../support/drawn-trace.ts';
import { aTrace } from '../../support/fake-trace-source.ts';

const serverSpans = (trace: ReturnType<typeof drawn>) =>
  serverSpansOnPath(criticalPathOf(buildTree(trace).roots[0] as SpanNode));

describe('the services on the critical path', () => {
  it('are those that the path goes through, from the outside in; what ran beside it is not one', () => {
    const trace = drawn(`
  gateway:s           |==========================|
  checkout:s<gateway    |====================|
  auth:s<checkout         |==|
  mail:s<checkout              |====|
  call:c<checkout              |=========|
  payments:s<call               |========|
`);
    expect(serverSpans(trace).map(({ service, duration }) => [service, duration / 1_000])).toEqual([
      ['gateway', 27],
      ['checkout', 21],
      ['auth', 3],
      ['payments', 9],
    ]);
  });

  it('count once each, by their longest span there; a proxy’s counts before the application’s own', () => {
    const root: Partial<Span> = { serviceName: 'front', duration: 100 as never, start: 0 as never };
    const cart = (start: number, duration: number, attributes: Attributes): Partial<Span> => ({
      parentSpanId: '1'.padStart(16, '0'),
      serviceName: 'cart',
      start: start as never,
      duration: duration as never,
      attributes,
    });
    const proxy = { component: 'proxy' };
    const trace = aTrace('1', [root, cart(5, 10, proxy), cart(20, 30, proxy), cart(50, 40, {})]);
    expect(serverSpans(trace)[1]).toMatchObject({
      service: 'cart',
      duration: 30,
      spans: 2,
      measuredBy: 'proxy',
    });
  });

  const measured: Readonly<Record<string, { attributes: Attributes; service?: string; expected: object }>> = {
    'a sidecar': {
      attributes: {
        node_id: 'sidecar~10.1.2.3~pod.shop~shop.svc.cluster.local',
        'istio.canonical_service': 'checkout',
        'istio.namespace': 'shop',
      },
      expected: { measuredBy: 'proxy', canonicalService: 'checkout', namespace: 'shop' },
    },
    'a gateway': { attributes: { node_id: 'router~10.1.2.3~pod' }, expected: { measuredBy: 'gateway' } },
    'a gateway that tells no node id': {
      attributes: { component: 'proxy' },
      service: 'istio-ingressgateway.istio-system',
      expected: { measuredBy: 'gateway' },
    },
    'a waypoint': { attributes: { node_id: 'waypoint~10.1.2.3~pod' }, expected: { measuredBy: 'waypoint' } },
    'an application, whatever it is called': {
      attributes: { component: 'net/http' },
      service: 'payment-gateway.shop',
      expected: { measuredBy: 'application' },
    },
  };
  it.each(Object.entries(measured))('are measured by %s', (_, { attributes, service, expected }) => {
    const [span] = aTrace('1', [{ attributes, serviceName: service ?? 'checkout.shop' }]).spans;
    expect(serverSpanOf(span as Span)).toMatchObject(expected);
  });
});
