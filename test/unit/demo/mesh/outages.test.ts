import { describe, expect, test } from 'vitest';
import { combine } from '../../../../demo/mesh/faults.ts';
import {
  at,
  hopsOf,
  median,
  meshWith,
  nameOf,
  requestsOf,
  serverSpansOf,
  type WatchedMesh,
  watchedMesh,
} from './watched-mesh.ts';

const normal = meshWith(undefined);

const medianOwn = (watched: WatchedMesh, service: string): number =>
  median(serverSpansOf(watched.traces, service).map(({ ownUs }) => ownUs));

describe('error burst', () => {
  const failing = meshWith({ kind: 'error-burst', service: 'payments', share: 0.5 });

  test('answers that share with 500 before any call, and the error climbs to the gateway', () => {
    const visits = serverSpansOf(failing.traces, 'payments.shop');
    const failed = visits.filter(({ span }) => span.failed);
    expect(failed.length / visits.length).toBeCloseTo(0.5, 1);
    for (const { span, ownUs } of failed) expect(ownUs).toBe(span.durationUs);
    const requests = requestsOf(failing);
    const atPayments = requests
      .flatMap(({ visits }) => visits)
      .filter(({ service }) => service === 'payments.shop');
    const broken = requests.filter(({ status }) => status === 500);
    expect(broken).toHaveLength(atPayments.filter(({ status }) => status === 500).length);
    expect(broken.every(({ route }) => route === 'checkout')).toBe(true);
  });
});

describe('service gone', () => {
  const fault = { kind: 'service-gone', service: 'payments' } as const;

  test('callers get 503 with the flag UH and no server span', () => {
    const hops = hopsOf(meshWith(fault).traces).filter(({ client }) =>
      client.attributes.upstream_cluster?.includes('||payments.'),
    );
    expect(hops.length).toBeGreaterThan(100);
    for (const { client, servers } of hops) {
      expect(client.attributes).toMatchObject({
        response_flags: 'UH',
        'http.status_code': '503',
        error: 'true',
      });
      expect(servers).toHaveLength(0);
    }
  });

  test('its own series stop, and start from zero with new pods when it is back', () => {
    const { mesh, samples } = watchedMesh();
    const reported = (t: number): number[] =>
      samples
        .filter((sample) => sample.t === t && nameOf(sample.labels) === 'istio_requests_total')
        .filter(({ labels }) => labels.reporter === 'destination')
        .filter(({ labels }) => labels.destination_service_name === 'payments')
        .map(({ value }) => value);
    const podsNow = (): readonly string[] =>
      mesh.services().find(({ name }) => name === 'payments')?.pods ?? [];
    const podsBefore = podsNow();
    mesh.advanceTo(at(61));
    const id = mesh.inject(fault);
    mesh.advanceTo(at(91));
    expect(podsNow()).toEqual([]);
    mesh.clear(id);
    mesh.advanceTo(at(101));
    const before = reported(at(60)).reduce((sum, value) => sum + value, 0);
    expect(before).toBeGreaterThan(100);
    expect(reported(at(65))).toEqual([]);
    expect(reported(at(90))).toEqual([]);
    const after = reported(at(100)).reduce((sum, value) => sum + value, 0);
    expect(after).toBeGreaterThan(0);
    expect(after).toBeLessThan(before);
    expect(podsNow()).toHaveLength(3);
    expect(podsNow()).not.toEqual(podsBefore);
  });
});

describe('faults in general', () => {
  test('end when they are cleared, and clearing twice does nothing', () => {
    const watched = watchedMesh();
    const id = watched.mesh.inject({ kind: 'slow-code', service: 'cart', factor: 100 });
    watched.mesh.advanceTo(at(30));
    watched.mesh.clear(id);
    watched.mesh.clear(id);
    expect(watched.mesh.faults()).toEqual([]);
    expect(medianOwn(watched, 'cart.shop') / medianOwn(normal, 'cart.shop')).toBeGreaterThan(50);
    // Requests that entered before the end of the fault are let go first.
    watched.mesh.advanceTo(at(35));
    watched.traces.length = 0;
    watched.mesh.advanceTo(at(90));
    expect(medianOwn(watched, 'cart.shop') / medianOwn(normal, 'cart.shop')).toBeCloseTo(1, 0);
  });

  test('add up when they strike the same service', () => {
    const effect = combine(
      [
        { kind: 'slow-code', service: 'cart', factor: 2 },
        { kind: 'slow-code', service: 'cart', factor: 3 },
        { kind: 'network-delay', service: 'cart', delayMs: 10 },
        { kind: 'network-delay', service: 'cart', delayMs: 5, pod: 1 },
        { kind: 'error-burst', service: 'cart', share: 0.5 },
        { kind: 'error-burst', service: 'cart', share: 0.5 },
        { kind: 'slow-code', service: 'auth', factor: 7 },
      ],
      'cart',
      2,
    );
    expect(effect).toMatchObject({ ownFactor: 6, podDelayMs: [10, 15], errorShare: 0.75, gone: false });
  });

  test.each([
    ['an unknown service', { kind: 'slow-code', service: 'nope', factor: 2 } as const, /"nope".*checkout/],
    [
      'a service that is no database',
      { kind: 'slow-database', service: 'cart', factor: 2 } as const,
      /payments-db/,
    ],
    [
      'a database that runs no code here',
      { kind: 'slow-code', service: 'payments-db', factor: 2 } as const,
      /frontend/,
    ],
  ])('are refused on %s, with the names that would do', (_what, fault, message) => {
    expect(() => watchedMesh().mesh.inject(fault)).toThrow(message);
  });
});
