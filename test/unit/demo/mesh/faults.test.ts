import { describe, expect, test } from 'vitest';
import type { MeshSpan } from '../../../../demo/mesh/spans.ts';
import {
  at,
  hopsOf,
  median,
  meshWith,
  nameOf,
  requestsOf,
  serverSpansOf,
  serviceOf,
  type WatchedMesh,
  watchedMesh,
} from './watched-mesh.ts';

const normal = meshWith(undefined);

const medianOwn = (watched: WatchedMesh, service: string): number =>
  median(serverSpansOf(watched.traces, service).map(({ ownUs }) => ownUs));

const medianGaps = (
  watched: WatchedMesh,
  caller: string,
  callee: string,
): { request: number; response: number } => {
  const hops = hopsOf(watched.traces).filter((hop) => hop.caller === caller && hop.callee === callee);
  return {
    request: median(hops.map(({ requestGapUs }) => requestGapUs)),
    response: median(hops.map(({ responseGapUs }) => responseGapUs)),
  };
};

describe('slow own code', () => {
  const slow = meshWith({ kind: 'slow-code', service: 'shipping', factor: 20 });

  test("lengthens the service's own work by the factor", () => {
    expect(medianOwn(slow, 'shipping.shop') / medianOwn(normal, 'shipping.shop')).toBeCloseTo(20, -1);
  });

  test('is no fault of the network, nor of another service', () => {
    expect(medianGaps(slow, 'checkout.shop', 'shipping.shop').request).toBeLessThan(500);
    expect(medianOwn(slow, 'payments.shop') / medianOwn(normal, 'payments.shop')).toBeCloseTo(1, 0);
    expect(medianOwn(slow, 'checkout.shop') / medianOwn(normal, 'checkout.shop')).toBeCloseTo(1, 0);
  });
});

describe('slow database', () => {
  const slow = meshWith({ kind: 'slow-database', service: 'payments-db', factor: 30 });
  const statements = (watched: WatchedMesh, peer: string): number =>
    median(
      hopsOf(watched.traces)
        .filter(({ client }) => client.attributes['peer.service'] === peer)
        .map(({ client }) => client.durationUs),
    );

  test('lengthens the statements of that database and no other', () => {
    expect(statements(slow, 'payments-db') / statements(normal, 'payments-db')).toBeGreaterThan(20);
    expect(statements(slow, 'catalog-db') / statements(normal, 'catalog-db')).toBeCloseTo(1, 0);
  });

  test("leaves the caller's own work as it was", () => {
    expect(medianOwn(slow, 'payments.shop') / medianOwn(normal, 'payments.shop')).toBeCloseTo(1, 0);
  });
});

describe('network delay', () => {
  const delayed = meshWith({ kind: 'network-delay', service: 'payments', delayMs: 40 });

  test.each([
    ['of its incoming calls', 'checkout.shop', 'payments.shop'],
    ['of its outgoing calls', 'payments.shop', 'auth.shop'],
  ])('is a gap on both ways %s', (_what, caller, callee) => {
    const gaps = medianGaps(delayed, caller, callee);
    expect(gaps.request / 1_000).toBeCloseTo(40, 0);
    expect(gaps.response / 1_000).toBeCloseTo(40, 0);
  });

  test('is no gap between others, and nobody works longer', () => {
    expect(medianGaps(delayed, 'frontend.shop', 'auth.shop').request).toBeLessThan(500);
    expect(medianOwn(delayed, 'payments.shop') / medianOwn(normal, 'payments.shop')).toBeCloseTo(1, 0);
  });

  test('can be put on one pod', () => {
    const one = meshWith({ kind: 'network-delay', service: 'payments', delayMs: 40, pod: 2 });
    const [, , third = ''] = one.mesh.services().find(({ name }) => name === 'payments')?.pods ?? [];
    const gaps = hopsOf(one.traces).filter((hop) => hop.callee === 'payments.shop');
    for (const hop of gaps) {
      const isThird = hop.servers[0]?.attributes.node_id?.includes(`~${third}.`) === true;
      expect(hop.requestGapUs > 30_000).toBe(isThird);
    }
  });
});

describe('retries', () => {
  const failing = meshWith({ kind: 'retries', service: 'inventory', share: 0.6 });
  const hops = hopsOf(failing.traces).filter(({ callee }) => callee === 'inventory.shop');

  test('give several server spans below one client span, all but the last failed', () => {
    const tried = hops.filter(({ servers }) => servers.length > 1);
    expect(tried.length).toBeGreaterThan(100);
    for (const { servers } of tried) {
      expect(servers.length).toBeLessThanOrEqual(3);
      expect(servers.slice(0, -1).every((server) => server.attributes['http.status_code'] === '503')).toBe(
        true,
      );
    }
  });

  test('end with the flag URX when the third attempt failed too, and with none when one was answered', () => {
    const exhausted = hops.filter(({ client }) => client.failed);
    expect(exhausted.length).toBeGreaterThan(50);
    for (const { client, servers } of hops) {
      const isExhausted = servers.length === 3 && servers.at(-1)?.failed === true;
      expect(client.attributes.response_flags).toBe(isExhausted ? 'URX' : '-');
      expect(client.attributes.error).toBe(isExhausted ? 'true' : undefined);
    }
  });

  test('count once at the source and once per attempt at the destination', () => {
    const last = failing.samples.filter(({ t }) => t === failing.samples.at(-1)?.t);
    const total = (reporter: string): number =>
      last
        .filter(({ labels }) => nameOf(labels) === 'istio_requests_total')
        .filter(({ labels }) => labels.destination_service_name === 'inventory')
        .filter(({ labels }) => labels.reporter === reporter)
        .reduce((sum, { value }) => sum + value, 0);
    // On average 1 + 0.6 + 0.36 attempts.
    expect(total('destination') / total('source')).toBeCloseTo(1.96, 1);
  });
});

describe('queueing', () => {
  const queued = meshWith({ kind: 'queueing', service: 'checkout', slotMs: 600 });

  test('makes requests wait before the server span and before its work, not on the way back', () => {
    const hops = hopsOf(queued.traces).filter(({ callee }) => callee === 'checkout.shop');
    const waited = hops.filter(({ requestGapUs }) => requestGapUs > 100_000);
    expect(waited.length).toBeGreaterThan(hops.length / 4);
    for (const { responseGapUs } of hops) expect(responseGapUs).toBeLessThan(5_000);
    const inside = serverSpansOf(queued.traces, 'checkout.shop').filter(
      ({ beforeFirstCallUs }) => beforeFirstCallUs > 100_000,
    );
    expect(inside.length).toBeGreaterThan(hops.length / 4);
  });

  test('follows the load', () => {
    const quiet = watchedMesh({ requestsPerSecond: 2 });
    quiet.mesh.inject({ kind: 'queueing', service: 'checkout', slotMs: 600 });
    quiet.mesh.advanceTo(at(300));
    const meanGap = (watched: WatchedMesh): number => {
      const gaps = hopsOf(watched.traces)
        .filter(({ callee }) => callee === 'checkout.shop')
        .map(({ requestGapUs }) => requestGapUs);
      return gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
    };
    expect(meanGap(queued)).toBeGreaterThan(4 * meanGap(quiet));
  });

  test('overflows when the wait would be too long: flag UO and no server span', () => {
    const flooded = meshWith({ kind: 'queueing', service: 'checkout', slotMs: 5_000 });
    const refused = hopsOf(flooded.traces).filter(({ client }) => client.attributes.response_flags === 'UO');
    expect(refused.length).toBeGreaterThan(20);
    for (const { servers, client } of refused) {
      expect(servers).toHaveLength(0);
      expect(client.attributes['http.status_code']).toBe('503');
    }
  });
});

describe('one bad replica', () => {
  const bad = meshWith({ kind: 'bad-replica', service: 'payments', factor: 30, pod: 1 });

  test('is slow in its own work, and its neighbours are not', () => {
    const pods = bad.mesh.services().find(({ name }) => name === 'payments')?.pods ?? [];
    const own = pods.map((pod) =>
      median(
        serverSpansOf(bad.traces, 'payments.shop')
          .filter((visit) => visit.pod === `${pod}.shop`)
          .map(({ ownUs }) => ownUs),
      ),
    );
    expect(own).toHaveLength(3);
    const usual = medianOwn(normal, 'payments.shop');
    expect((own[1] ?? 0) / usual).toBeGreaterThan(20);
    expect((own[0] ?? 0) / usual).toBeCloseTo(1, 0);
    expect((own[2] ?? 0) / usual).toBeCloseTo(1, 0);
  });
});

describe('dropped trace headers', () => {
  const rootService = (root: MeshSpan | undefined): string => (root === undefined ? '' : serviceOf(root));
  const broken = meshWith({ kind: 'dropped-headers', service: 'checkout', share: 1 });

  test('start a new trace at each call of the service, under the same request id', () => {
    const request = requestsOf(broken).find(({ route }) => route === 'checkout');
    const traces = broken.traces.filter((spans) => request?.traceIds.includes(spans[0]?.traceId ?? ''));
    expect(traces).toHaveLength(7);
    for (const spans of traces) {
      expect(spans.some((span) => span.attributes['guid:x-request-id'] === request?.requestId)).toBe(true);
    }
    const roots = traces.map(([root]) => `${root?.kind ?? ''} ${rootService(root)}`);
    expect(roots.filter((root) => root === 'client checkout.shop')).toHaveLength(6);
    expect(roots[0]).toBe('server istio-ingressgateway.istio-system');
  });

  test('end the trace of the gateway at the service', () => {
    const ofGateway = broken.traces.filter(([root]) => rootService(root).startsWith('istio-'));
    const services = new Set(ofGateway.flat().map(serviceOf));
    expect(services).toContain('checkout.shop');
    expect(services).not.toContain('payments.shop');
  });

  test('leave the requests of other services whole', () => {
    const others = requestsOf(broken).filter(({ route }) => route !== 'checkout');
    expect(others.every(({ traceIds }) => traceIds.length === 1)).toBe(true);
  });
});
