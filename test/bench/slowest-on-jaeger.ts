import { createRandom } from '../../demo/mesh/random.ts';
import { createHttpClient } from '../../src/http/http-client.ts';
import { createJaegerTraceSource } from '../../src/jaeger/jaeger-trace-source.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { epochMs, HOUR } from '../../src/lib/units.ts';
import { createFindSlowest } from '../../src/traces/find-slowest.ts';
import { startRealJaeger } from '../support/real-jaeger.ts';

/** How long the search for the slowest took each time, and the same requests alone, in ms. */
export interface SlowestOnJaeger {
  readonly searches: number;
  readonly ours: readonly number[];
  readonly alone: readonly number[];
}

/** The traces in Jaeger, and how many of the slowest are wanted, how often. */
export interface SlowestSize {
  readonly traces: number;
  readonly count: number;
  readonly rounds: number;
}

const SERVICES = ['frontend', 'checkout', 'payments', 'cart', 'currency'];
const BATCH = 500;
const WARM_UP = 3;

const ATTRIBUTES = Object.entries({
  component: 'proxy',
  'http.method': 'GET',
  'http.status_code': '200',
  'http.url': 'http://checkout.shop.svc.cluster.local:8080/api/checkout?session=42',
  'istio.canonical_service': 'checkout',
  'istio.mesh_id': 'cluster.local',
  'istio.namespace': 'shop',
  node_id: 'sidecar~10.0.0.7~checkout-6d5f7c8b9d-x2x7p.shop~shop.svc.cluster.local',
  'peer.address': '10.0.0.9',
  response_flags: '-',
  upstream_cluster: 'outbound|8080||payments.shop.svc.cluster.local',
  user_agent: 'Mozilla/5.0 (X11; Linux x86_64)',
}).map(([key, stringValue]) => ({ key, value: { stringValue } }));

const hex = (n: number, digits: number): string => n.toString(16).padStart(digits, '0');

/** A chain of calls: each service calls the next one, and takes most of the time of its caller. */
function spansOf(trace: number, { start, duration }: { start: number; duration: number }) {
  return SERVICES.map((service, n) => ({
    service,
    span: {
      traceId: hex(trace + 1, 32),
      spanId: hex(trace * SERVICES.length + n + 1, 16),
      parentSpanId: n === 0 ? '' : hex(trace * SERVICES.length + n, 16),
      name: `${service}.shop.svc.cluster.local:8080/*`,
      kind: 2,
      startTimeUnixNano: `${start + n}000`,
      endTimeUnixNano: `${start + Math.max(1, Math.floor(duration * 0.95 ** n))}000`,
      attributes: ATTRIBUTES,
    },
  }));
}

async function fill(otlpUrl: string, { traces }: SlowestSize): Promise<void> {
  const random = createRandom(7);
  const now = Date.now() * 1_000;
  for (let first = 0; first < traces; first += BATCH) {
    const spans = Array.from({ length: Math.min(BATCH, traces - first) }, (_, n) =>
      spansOf(first + n, {
        start: now - Math.floor(random.next() * (HOUR / 2) * 1_000),
        duration: Math.round(random.logNormal(20_000, 0.8)),
      }),
    ).flat();
    const resourceSpans = SERVICES.map((name) => ({
      resource: { attributes: [{ key: 'service.name', value: { stringValue: name } }] },
      scopeSpans: [{ spans: spans.flatMap(({ service, span }) => (service === name ? [span] : [])) }],
    }));
    const response = await fetch(`${otlpUrl}/v1/traces`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ resourceSpans }),
    });
    if (!response.ok) throw new Error(await response.text());
  }
}

async function measure(size: SlowestSize): Promise<SlowestOnJaeger> {
  const jaeger = await startRealJaeger();
  const http = createHttpClient({ system: 'jaeger', baseUrl: jaeger.url });
  try {
    await fill(jaeger.otlpUrl, size);
    let paths: (readonly [path: string, query: object | undefined])[] = [];
    const observed: typeof http = {
      ...http,
      json: (request) => {
        paths.push([request.path, request.query]);
        return http.json(request);
      },
    };
    const traces = createJaegerTraceSource({ http: observed });
    const findSlowest = createFindSlowest({ traces, clock: systemClock });
    const [ours, alone]: [number[], number[]] = [[], []];
    let searches = 0;
    for (let round = -WARM_UP; round < size.rounds; round++) {
      const now = Date.now();
      const window = { start: epochMs(now - HOUR), end: epochMs(now) };
      paths = [];
      const startedAt = performance.now();
      const found = await findSlowest({ service: 'checkout', window, count: size.count });
      const took = performance.now() - startedAt;
      if (!found.isComplete) throw new Error(found.completeness);
      searches = found.searches;
      const aloneAt = performance.now();
      for (const [path, query = {}] of paths) {
        const given = Object.entries(query).filter(([, value]) => value !== undefined);
        const search = new URLSearchParams(
          given.map(([key, value]): [string, string] => [key, String(value)]),
        );
        await (await fetch(`${jaeger.url}${path}?${search.toString()}`)).arrayBuffer();
      }
      if (round < 0) continue;
      ours.push(took);
      alone.push(performance.now() - aloneAt);
    }
    return { searches, ours, alone };
  } finally {
    http.close();
    await jaeger.close();
  }
}

const [size] = process.argv.slice(2);
if (size !== undefined) process.stdout.write(JSON.stringify(await measure(JSON.parse(size) as SlowestSize)));
