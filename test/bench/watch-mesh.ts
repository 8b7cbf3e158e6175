import { request } from 'node:http';
import { createEvaluateGroup } from '../../src/evaluation/evaluate-group.ts';
import { createHttpClient } from '../../src/http/http-client.ts';
import { after, ms, SECOND } from '../../src/lib/units.ts';
import { createPrometheusMetrics } from '../../src/prometheus/prometheus-metrics.ts';
import { parseRuleText } from '../../src/rules/file/rule-file.ts';
import type { RuleGroup } from '../../src/rules/rule.ts';
import { expandTemplate } from '../../src/rules/template/template.ts';
import type { ServerVersion } from '../support/generations.ts';
import {
  openMetrics,
  type RealPrometheus,
  startRealPrometheus,
  type WrittenSample,
} from '../support/real-prometheus.ts';
import { createSpyLogger, createSpyRecorder } from '../support/spies.ts';
import { openTempStore } from '../support/temp-store.ts';
import { createVirtualClock, START } from '../support/virtual-clock.ts';
import { cpuOf, sideBySide } from './measure.ts';

const SIZES = [50, 1_000, 5_000] as const;
const SCRAPE = 30_000;
/** Five minutes, and the sample before them. */
const SCRAPES = 12;
/** One service in so many is slow. */
const SLOW_EVERY = 50;
const ROUNDS = 7;

/** Envoy's default bounds in ms: what a sidecar exports, 20 buckets and the count for each service. */
const BOUNDS = [
  0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000, 600_000,
  1_800_000, 3_600_000,
];

/** A mesh of each size side by side, notified apart by a label. */
function* meshes(le: ServerVersion['le']): Generator<WrittenSample> {
  const metric = 'istio_request_duration_milliseconds';
  for (const size of SIZES) {
    for (let n = 0; n < size; n++) {
      const labels = {
        mesh: String(size),
        reporter: 'destination',
        destination_service_name: `service-${n}`,
      };
      const typical = n % SLOW_EVERY === 0 ? 2_000 : 40;
      for (const bound of [...BOUNDS, Infinity])
        for (let i = 0; i < SCRAPES; i++)
          yield {
            labels: { __name__: `${metric}_bucket`, ...labels, le: le(bound) },
            t: START - (SCRAPES - 1 - i) * SCRAPE,
            value: i * Math.round(3_000 / (1 + (typical / bound) ** 3)),
          };
      for (let i = 0; i < SCRAPES; i++)
        yield {
          labels: { __name__: `${metric}_count`, ...labels },
          t: START - (SCRAPES - 1 - i) * SCRAPE,
          value: i * 3_000,
        };
    }
  }
}

/** The same objective as a share of slow requests, and as a quantile. */
function groupsFor(size: number): Readonly<Record<'ratio' | 'quantile', RuleGroup>> {
  const selector = `reporter="destination",mesh="${size}"`;
  const text = `
slos:
- { name: Ratio, preset: istio, by: [destination_service_name], selector: '${selector}', objective: { quantile: 0.99, below: 500ms, window: 5m } }
---
groups:
- name: quantile
  rules:
  - alert: Quantile
    expr: 'histogram_quantile(0.99, sum by (le, destination_service_name) (rate(istio_request_duration_milliseconds_bucket{${selector}}[5m]))) > 500'
`;
  const parsed = parseRuleText(`${size}.yaml`, text);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.errors));
  const [ratio, quantile] = parsed.groups;
  if (ratio === undefined || quantile === undefined) throw new Error('two groups are expected');
  return { ratio, quantile };
}

/** How many bytes an answer has on the wire, compressed as the program asks for it. */
async function bytesOf(url: string, expr: string): Promise<number> {
  return await new Promise((resolve, reject) => {
    const asked = request(
      `${url}/api/v1/query?query=${encodeURIComponent(expr)}&time=${START / 1_000}`,
      { headers: { 'accept-encoding': 'gzip' } },
      (answer) => {
        let bytes = 0;
        answer.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
        });
        answer.on('end', () => resolve(bytes));
      },
    );
    asked.on('error', reject).end();
  });
}

interface Row {
  readonly services: number;
  readonly by: string;
  readonly 'ms per tick': number;
  readonly 'bytes per tick': number;
  readonly 'CPU ms here': number;
  readonly 'CPU ms in Prometheus': number;
  readonly breaching: number;
}

type Tick = (group: RuleGroup) => Promise<number>;

async function rowsOf(real: RealPrometheus, size: number, tick: Tick): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const [by, group] of Object.entries(groupsFor(size))) {
    let breaching = 0;
    const work = async (): Promise<void> => {
      breaching = await tick(group);
    };
    await work();
    const cpu = cpuOf(real.pid);
    const [measured] = await sideBySide({ [by]: work }, { rounds: ROUNDS, warmUp: 0 });
    const spent = cpu();
    rows.push({
      services: size,
      by,
      'ms per tick': Number((measured?.medianMs ?? 0).toPrecision(3)),
      'bytes per tick': await bytesOf(real.url, group.rules[0]?.expr ?? ''),
      'CPU ms here': Math.round(spent.here / ROUNDS),
      'CPU ms in Prometheus': Math.round(spent.there / ROUNDS),
      breaching,
    });
  }
  return rows;
}

/** Ticks of growing meshes on a real Prometheus: the whole of them, from the question to the synced write of the outcome. */
export async function benchMesh({ name, binary, le }: ServerVersion): Promise<void> {
  const real = await startRealPrometheus({ binary, openMetrics: openMetrics(meshes(le)) });
  const { store, dispose } = await openTempStore();
  const http = createHttpClient({ system: 'prometheus', baseUrl: real.url });
  const logger = createSpyLogger();
  const clock = createVirtualClock(START);
  const metrics = createPrometheusMetrics({ http, deadline: ms(30 * SECOND), logger });
  let ticks = 0;
  const tick: Tick = async (group) => {
    ticks += 1;
    const evaluate = createEvaluateGroup({
      // Each tick is a new one to the store, and asks for the same instant.
      metrics: { ...metrics, instant: ({ expr }, signal) => metrics.instant({ expr, at: START }, signal) },
      store,
      clock,
      recorder: createSpyRecorder(),
      logger,
      expand: expandTemplate,
    });
    const outcome = await evaluate(group, after(START, ms(ticks)));
    if (outcome.kind !== 'applied') throw new Error(outcome.kind);
    return Object.values(outcome.state.rules).flatMap(({ alerts }) => alerts).length;
  };
  try {
    const rows: Row[] = [];
    for (const size of SIZES) rows.push(...(await rowsOf(real, size, tick)));
    console.log(`\none tick on ${name}: ${BOUNDS.length + 2} series a service, over 5 m`);
    console.table(rows);
  } finally {
    http.close();
    await dispose();
    await real.close();
  }
}
