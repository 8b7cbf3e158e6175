import { afterEach, describe, expect, test } from 'vitest';
import {
  createJaegerServer,
  type JaegerServer,
  type JaegerServerOptions,
} from '../../../../demo/jaeger/server.ts';
import type { ServerVersion } from '../../../../demo/jaeger/server-version.ts';
import { createJaegerStore, type JaegerStore } from '../../../../demo/jaeger/store.ts';
import { createMesh, type Mesh } from '../../../../demo/mesh/mesh.ts';
import { epochMs, HOUR } from '../../../../src/lib/units.ts';
import { aSpan, TEN, traceId } from './a-span.ts';

const START = epochMs(TEN / 1_000);
const NOW = epochMs(START + 60_000);

let running: JaegerServer | undefined;
afterEach(async () => {
  await running?.close();
  running = undefined;
});

async function serve(
  store: JaegerStore,
  more: Partial<JaegerServerOptions> = {},
): Promise<{ url: string; server: JaegerServer }> {
  const server = createJaegerServer({ store, clock: { now: () => NOW }, ...more });
  running = server;
  return { ...(await server.listen()), server };
}

function aMeshInto(store: JaegerStore): Mesh {
  const mesh = createMesh({
    seed: 11,
    start: START,
    requestsPerSecond: 20,
    onSample: () => undefined,
    onTrace: (spans) => store.add(spans),
  });
  mesh.advanceTo(NOW);
  return mesh;
}

async function getJson(url: string): Promise<unknown> {
  return (await fetch(url)).json();
}

interface OlderAnswer {
  readonly data: {
    readonly traceID: string;
    readonly spans: {
      readonly duration: number;
      readonly processID: string;
      readonly tags: { key: string }[];
    }[];
    readonly processes: Record<string, { serviceName: string }>;
  }[];
}

interface V3Answer {
  readonly result: {
    readonly resourceSpans: {
      scopeSpans: { spans: { traceId: string; spanId: string; kind: number }[] }[];
    }[];
  };
}

const WINDOW = `start=${TEN}&end=${TEN + 40_000_000}`;
const V3_WINDOW =
  'query.startTimeMin=2026-11-20T10:00:00Z&query.startTimeMax=2026-11-20T10:00:40Z&query.searchDepth=1000';

describe('with the mesh behind it', () => {
  test("the older versionBehavior gives the traces that the mesh's own record ranks slowest", async () => {
    const store = createJaegerStore();
    const mesh = aMeshInto(store);
    const { url } = await serve(store, { serverVersion: '2.20' });
    const window = { start: START, end: epochMs(START + 40_000) };
    const truth = mesh.record.slowest('checkout.shop', window, 5);
    const bound = truth.at(-1)?.durationUs ?? 0;
    const answer = (await getJson(
      `${url}/api/traces?service=checkout.shop&operation=checkout.shop.svc.cluster.local:8080/*&${WINDOW}&minDuration=${bound}us`,
    )) as OlderAnswer;
    expect(answer.data.map(({ traceID }) => traceID).toSorted()).toEqual(
      truth.map((trace) => trace.traceId).toSorted(),
    );
  });

  test('both dialects give the same spans', async () => {
    const store = createJaegerStore();
    aMeshInto(store);
    const { url } = await serve(store, { serverVersion: '2.20' });
    const older = (await getJson(
      `${url}/api/traces?service=payments.shop&${WINDOW}&limit=1000`,
    )) as OlderAnswer;
    const v3 = (await getJson(
      `${url}/api/v3/traces?query.serviceName=payments.shop&${V3_WINDOW}`,
    )) as V3Answer;
    const spans = v3.result.resourceSpans
      .flatMap(({ scopeSpans }) => scopeSpans)
      .flatMap((scope) => scope.spans);
    expect(older.data.length).toBeGreaterThan(100);
    expect(new Set(spans.map((span) => span.traceId))).toEqual(
      new Set(older.data.map(({ traceID }) => traceID)),
    );
    expect(spans).toHaveLength(older.data.reduce((sum, trace) => sum + trace.spans.length, 0));
  });

  test.each<ServerVersion>(['2.20', 'after-2.20'])('a request id is found in %s', async (serverVersion) => {
    const store = createJaegerStore();
    const mesh = aMeshInto(store);
    const { url } = await serve(store, { serverVersion });
    const [request] = mesh.record.requests({ start: START, end: NOW });
    const tags = encodeURIComponent(JSON.stringify({ 'guid:x-request-id': request?.requestId }));
    const answer = (await getJson(
      `${url}/api/v3/traces?query.serviceName=istio-ingressgateway.istio-system&${V3_WINDOW}&query.attributes=${tags}`,
    )) as V3Answer;
    const ids = answer.result.resourceSpans.map(({ scopeSpans }) => scopeSpans[0]?.spans[0]?.traceId);
    expect([...new Set(ids)]).toEqual(request?.traceIds);
  });

  test('a failed span carries the tags of its status', async () => {
    const store = createJaegerStore();
    store.add([aSpan({ trace: 1, failed: true, attributes: { 'http.status_code': '503' } })]);
    const { url } = await serve(store, { serverVersion: '2.20' });
    const answer = (await getJson(`${url}/api/traces/${traceId(1)}`)) as OlderAnswer;
    expect(answer.data[0]?.spans[0]?.tags.map(({ key }) => key)).toEqual([
      'http.status_code',
      'span.kind',
      'otel.status_code',
      'error',
    ]);
  });
});

describe('storages behind the API', () => {
  test('a search that the storage refuses is a 500 with its text', async () => {
    const store = createJaegerStore();
    const { url } = await serve(store, { serverVersion: '2.20', behaviour: 'cassandra' });
    const tags = encodeURIComponent('{"a":"b"}');
    const older = await fetch(`${url}/api/traces?service=s&minDuration=1ms&tags=${tags}`);
    const message = 'cannot query for duration and tags simultaneously';
    expect([older.status, await older.json()]).toEqual([
      500,
      expect.objectContaining({ errors: [{ code: 500, msg: message }] }),
    ]);
    const v3 = await fetch(
      `${url}/api/v3/traces?query.serviceName=s&${V3_WINDOW}&query.durationMin=1ms&query.attributes=${tags}`,
    );
    expect([v3.status, await v3.json()]).toEqual([500, { error: { httpCode: 500, message } }]);
  });

  test.each(['/api/constructor', '/api/traces/x/y', '/api/services/a/b', '/api/v3/constructor', '/api/%ff'])(
    'a path that no Jaeger knows is a plain 404: %s',
    async (path) => {
      const { url } = await serve(createJaegerStore());
      const answer = await fetch(url + path);
      expect([answer.status, await answer.text()]).toEqual([404, '404 page not found\n']);
    },
  );
});

test('nothing can be posted', async () => {
  const { url } = await serve(createJaegerStore());
  expect((await fetch(`${url}/api/v3/traces`, { method: 'POST', body: '{}' })).status).toBe(405);
});

describe('faults on command', () => {
  test('a status is answered on the API until it is cleared', async () => {
    const { url, server } = await serve(createJaegerStore());
    server.faults.set({ status: 503 });
    expect((await fetch(`${url}/api/v3/services`)).status).toBe(503);
    expect((await fetch(`${url}/search`)).status).toBe(200);
    server.faults.clear();
    expect((await fetch(`${url}/api/v3/services`)).status).toBe(200);
  });

  test('a login form comes with status 200 and as HTML', async () => {
    const { url, server } = await serve(createJaegerStore());
    server.faults.set({ html: true });
    const answer = await fetch(`${url}/api/v3/services`);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    expect(await answer.text()).toContain('Sign in');
  });

  test('a proxy sends everything elsewhere', async () => {
    const { url, server } = await serve(createJaegerStore());
    server.faults.set({ redirect: 'https://login.example.com/' });
    const answer = await fetch(`${url}/api/v3/services`, { redirect: 'manual' });
    expect([answer.status, answer.headers.get('location')]).toEqual([302, 'https://login.example.com/']);
  });

  test.each([
    ['hanging', { hang: true } as const],
    ['slow', { slowMs: HOUR } as const],
  ])(
    'a %s request is not answered while others are, and ends when the server closes',
    async (_what, fault) => {
      let arrive: (path: string) => void = () => undefined;
      const arrival = new Promise<string>((resolve) => {
        arrive = resolve;
      });
      const { url, server } = await serve(createJaegerStore(), { onRequest: (path) => arrive(path) });
      server.faults.set(fault, { times: 1 });
      const outcome = fetch(`${url}/api/v3/services`).then(
        () => 'answered',
        () => 'cut off',
      );
      expect(await arrival).toBe('/api/v3/services');
      expect((await fetch(`${url}/api/v3/services`)).status).toBe(200);
      await server.close();
      expect(await outcome).toBe('cut off');
    },
  );

  test.each([
    ['stalls', { stall: true } as const],
    ['is cut off', { cut: true } as const],
  ])('a body that %s comes with its head and without its end', async (_what, fault) => {
    const { url, server } = await serve(createJaegerStore());
    server.faults.set(fault);
    const answer = await fetch(`${url}/api/v3/services`);
    expect(answer.status).toBe(200);
    const outcome = answer.text().then(
      () => 'whole',
      () => 'broken',
    );
    if ('stall' in fault) await server.close();
    expect(await outcome).toBe('broken');
  });

  test('a fault can strike some requests only, and so many of them', async () => {
    const { url, server } = await serve(createJaegerStore());
    server.faults.set({ status: 503 }, { path: 'operations', times: 2 });
    const statuses: number[] = [];
    for (const path of ['services', 'operations', 'operations', 'services', 'operations']) {
      statuses.push((await fetch(`${url}/api/v3/${path}`)).status);
    }
    expect(statuses).toEqual([200, 503, 503, 200, 200]);
  });

  test('a slow answer is the right one', async () => {
    const store = createJaegerStore();
    store.add([aSpan({ trace: 1 })]);
    const { url, server } = await serve(store);
    server.faults.set({ slowMs: 1 });
    expect(await getJson(`${url}/api/v3/services`)).toEqual({ services: ['checkout.shop'] });
  });
});
