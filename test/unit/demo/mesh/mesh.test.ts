import { describe, expect, test } from 'vitest';
import type { MeshSpan } from '../../../../demo/mesh/spans.ts';
import { epochMs, ms, ratio } from '../../../../src/lib/units.ts';
import {
  at,
  hopsOf,
  lastScrape,
  meshWith,
  requestsOf,
  START,
  serviceOf,
  total,
  watchedMesh,
} from './watched-mesh.ts';

describe('determinism', () => {
  test('one seed gives the same samples and the same spans', () => {
    const [a, b] = [watchedMesh({ seed: 3 }), watchedMesh({ seed: 3 })];
    a.mesh.advanceTo(at(40));
    b.mesh.advanceTo(at(40));
    expect(b.samples).toEqual(a.samples);
    expect(b.traces).toEqual(a.traces);
    expect(a.traces.length).toBeGreaterThan(500);
  });

  test('another seed gives other traces', () => {
    const [a, b] = [watchedMesh({ seed: 3 }), watchedMesh({ seed: 4 })];
    a.mesh.advanceTo(at(10));
    b.mesh.advanceTo(at(10));
    expect(b.traces).not.toEqual(a.traces);
  });

  test('many small steps give the same as one large step', () => {
    const [large, small] = [watchedMesh(), watchedMesh()];
    large.mesh.advanceTo(at(30));
    for (let t: number = START; t <= at(30); t += 137) small.mesh.advanceTo(epochMs(t));
    small.mesh.advanceTo(at(30));
    expect(small.samples).toEqual(large.samples);
    expect(small.traces).toEqual(large.traces);
  });
});

describe('virtual time', () => {
  test('advancing to the past or the present does nothing', () => {
    const { mesh, samples, traces } = watchedMesh();
    mesh.advanceTo(at(20));
    const before = [samples.length, traces.length];
    mesh.advanceTo(at(20));
    mesh.advanceTo(at(5));
    expect([samples.length, traces.length]).toEqual(before);
    expect(mesh.now()).toBe(at(20));
  });

  test('requests come at the asked rate', () => {
    const watched = watchedMesh({ requestsPerSecond: 10 });
    watched.mesh.advanceTo(at(600));
    // Poisson: 6000 with a standard deviation of 77.
    expect(Math.abs(requestsOf(watched).length - 6_000)).toBeLessThan(300);
  });

  test('scrapes fall on the multiples of the interval, whatever the start', () => {
    const { mesh, samples } = watchedMesh({ start: epochMs(START + 1_234), scrapeInterval: ms(15_000) });
    mesh.advanceTo(at(61));
    expect([...new Set(samples.map(({ t }) => t))]).toEqual([at(15), at(30), at(45), at(60)]);
  });

  test('a trace arrives the ingest delay after its request ended, and not before', () => {
    const { mesh, traces } = watchedMesh({ ingestDelay: ms(10_000) });
    mesh.advanceTo(at(10));
    expect(traces).toHaveLength(0);
    mesh.advanceTo(at(60));
    const ends = traces.map(([root]) => ((root?.startUs ?? 0) + (root?.durationUs ?? 0)) / 1_000);
    expect(Math.max(...ends)).toBeLessThanOrEqual(at(50) + 0.001);
    expect(Math.max(...ends)).toBeGreaterThan(at(49));
    expect(ends).toEqual(ends.toSorted((a, b) => a - b));
  });

  test('a skip makes no samples and no requests, hands over what was under way, and keeps the counters', () => {
    const watched = watchedMesh();
    const { mesh, samples, traces } = watched;
    mesh.advanceTo(at(31));
    const before = total(lastScrape(samples), { __name__: 'istio_requests_total' });
    const requests = requestsOf(watched).length;
    mesh.skipTo(at(10_000));
    expect(traces).toHaveLength(requests);
    expect(requestsOf(watched)).toHaveLength(requests);
    mesh.advanceTo(at(10_005));
    expect(samples.filter(({ t }) => t > at(31)).map(({ t }) => t)).not.toContain(at(35));
    expect(total(lastScrape(samples), { __name__: 'istio_requests_total' })).toBeGreaterThan(before);
  });
});

describe('spans', () => {
  const watched = meshWith(undefined);
  const { traces } = watched;

  test('each traced request gives one trace with one root at the gateway, parents before children', () => {
    expect(traces.length).toBeGreaterThan(1_000);
    for (const spans of traces) {
      const known = new Set<string>();
      for (const span of spans) {
        if (span.parentSpanId !== undefined) expect(known).toContain(span.parentSpanId);
        known.add(span.spanId);
      }
      expect(known.size).toBe(spans.length);
      const roots = spans.filter((span) => span.parentSpanId === undefined);
      expect(roots.map(serviceOf)).toEqual(['istio-ingressgateway.istio-system']);
    }
  });

  test('a child lies inside its parent', () => {
    for (const spans of traces) {
      const byId = new Map(spans.map((span) => [span.spanId, span]));
      for (const span of spans) {
        const parent = span.parentSpanId === undefined ? undefined : byId.get(span.parentSpanId);
        if (parent === undefined) continue;
        expect(span.startUs).toBeGreaterThanOrEqual(parent.startUs);
        expect(span.startUs + span.durationUs).toBeLessThanOrEqual(parent.startUs + parent.durationUs);
      }
    }
  });

  test('the hop overhead is that of a real mesh: about half a millisecond for the way there and back', () => {
    const overheads = hopsOf(traces)
      .filter(({ servers }) => servers.length === 1)
      .map(({ requestGapUs, responseGapUs }) => requestGapUs + responseGapUs);
    const mean = overheads.reduce((sum, overhead) => sum + overhead, 0) / overheads.length;
    expect(mean).toBeGreaterThan(400);
    expect(mean).toBeLessThan(550);
  });

  const find = (name: string, kind: MeshSpan['kind'], service: string): MeshSpan | undefined =>
    traces
      .flat()
      .find((span) => span.name.includes(name) && span.kind === kind && serviceOf(span) === service);

  test("a server span carries Envoy's tags", () => {
    const span = find('checkout.shop.svc.cluster.local:8080/*', 'server', 'checkout.shop');
    expect(span?.attributes).toMatchObject({
      'http.url': 'http://checkout.shop.svc.cluster.local:8080/checkout',
      'http.method': 'POST',
      'http.status_code': '200',
      upstream_cluster: 'inbound|8080||',
      response_flags: '-',
      component: 'proxy',
      'istio.canonical_service': 'checkout',
      'istio.namespace': 'shop',
    });
    expect(span?.attributes['guid:x-request-id']?.[14]).toMatch(/[9ab]/);
    expect(span?.attributes.node_id).toMatch(
      /^sidecar~10\.[\d.]+~checkout-\w+-\w{5}\.shop~shop\.svc\.cluster\.local$/,
    );
  });

  test("a client span names the cluster behind the callee and its caller's pod", () => {
    const span = find('payments.shop.svc.cluster.local:8080/*', 'client', 'checkout.shop');
    expect(span?.attributes.upstream_cluster).toBe('outbound|8080||payments.shop.svc.cluster.local');
    expect(span?.attributes.node_id).toContain('~checkout-');
  });

  test('both ends of a call know the address of the other', () => {
    for (const { client, servers, caller } of hopsOf(traces.slice(0, 50))) {
      const [server] = servers;
      if (server === undefined || caller.startsWith('istio-')) continue;
      expect(client.attributes['peer.address']).toBe(server.attributes.node_id?.split('~')[1]);
      expect(server.attributes['peer.address']).toBe(client.attributes.node_id?.split('~')[1]);
    }
  });

  test("the gateway's own client span has neither request id nor URL", () => {
    const name = 'router outbound|8080||frontend.shop.svc.cluster.local; egress';
    const span = find(name, 'client', 'istio-ingressgateway.istio-system');
    expect(Object.keys(span?.attributes ?? {})).toContain('upstream_address');
    expect(Object.keys(span?.attributes ?? {})).not.toContain('guid:x-request-id');
    expect(Object.keys(span?.attributes ?? {})).not.toContain('http.url');
  });

  test('a database is seen only as client spans of those who call it', () => {
    const statements = hopsOf(traces).filter(({ client }) => client.attributes['db.system'] !== undefined);
    expect(new Set(statements.map(({ client }) => client.attributes['peer.service']))).toEqual(
      new Set(['payments-db', 'catalog-db']),
    );
    expect(statements.every(({ servers }) => servers.length === 0)).toBe(true);
    expect(new Set(traces.flat().map(serviceOf))).not.toContain('payments-db.shop');
  });
});

describe('sampling', () => {
  test('requests that are not traced count in the metrics, and their id says so', () => {
    const watched = watchedMesh({ sampling: ratio(0.25), ingestDelay: ms(0) });
    watched.mesh.advanceTo(at(200));
    const requests = requestsOf(watched);
    const traced = requests.filter((request) => request.traced);
    expect(traced.length / requests.length).toBeCloseTo(0.25, 1);
    for (const request of requests) {
      expect(request.requestId[14] === '4').toBe(!request.traced);
      expect(request.traceIds).toHaveLength(request.traced ? 1 : 0);
    }
    const ids = new Set(watched.traces.map(([root]) => root?.attributes['guid:x-request-id']));
    for (const id of ids) expect(id?.[14]).toMatch(/[9ab]/);
  });
});

describe('record', () => {
  test('ranks traces by the longest server span of the service, as the spans show it', () => {
    const watched = meshWith(undefined, 120);
    const window = { start: at(20), end: at(100) };
    const ranked = watched.mesh.record.slowest('inventory.shop', window, 10);
    const longest = watched.traces.map((spans) =>
      Math.max(
        -1,
        ...spans
          .filter((span) => span.kind === 'server' && serviceOf(span) === 'inventory.shop')
          .filter(({ startUs }) => startUs >= window.start * 1_000 && startUs <= window.end * 1_000)
          .map(({ durationUs }) => durationUs),
      ),
    );
    const expected = longest.toSorted((a, b) => b - a).slice(0, 10);
    expect(ranked.map(({ durationUs }) => durationUs)).toEqual(expected);
    for (const { traceId, spanId, durationUs } of ranked) {
      const span = watched.traces.flat().find((each) => each.traceId === traceId && each.spanId === spanId);
      expect(span?.durationUs).toBe(durationUs);
    }
  });

  test('finds a request by its id, with every pod it visited', () => {
    const watched = meshWith(undefined);
    const some = watched.traces[100]?.[0];
    const request = watched.mesh.record.byRequestId(some?.attributes['guid:x-request-id'] ?? '');
    expect(request?.traceIds).toEqual([some?.traceId]);
    expect(request?.durationUs).toBe(some?.durationUs);
    expect(request?.visits[1]?.service).toBe('frontend.shop');
    expect(watched.mesh.record.byRequestId('unknown')).toBeUndefined();
  });

  test('forgets what is older than it is told to remember', () => {
    const watched = watchedMesh({ recordFor: ms(30_000) });
    watched.mesh.advanceTo(at(10));
    const [early] = requestsOf(watched);
    watched.mesh.advanceTo(at(100));
    expect(watched.mesh.record.byRequestId(early?.requestId ?? '')).toBeUndefined();
    const starts = requestsOf(watched).map(({ startUs }) => startUs);
    expect(Math.min(...starts)).toBeGreaterThanOrEqual(at(70) * 1_000);
  });
});
