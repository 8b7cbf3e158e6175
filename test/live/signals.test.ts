import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Fault } from '../../demo/mesh/faults.ts';
import { createMesh, type Mesh } from '../../demo/mesh/mesh.ts';
import type { MeshSample } from '../../demo/mesh/metrics.ts';
import type { Candidate } from '../../src/culprit/result.ts';
import { createExplainWithMetrics } from '../../src/culprit/with-metrics.ts';
import { createHttpClient, type HttpClient } from '../../src/http/http-client.ts';
import { after, before, type EpochMs, MINUTE, ms, type TimeWindow } from '../../src/lib/units.ts';
import { createLinks } from '../../src/links/link.ts';
import { createPrometheusMetrics } from '../../src/prometheus/prometheus-metrics.ts';
import { aCandidate, aCulpritResult } from '../support/culprit-result.ts';
import { createFakeTraceSource } from '../support/fake-trace-source.ts';
import { requireOrSkip } from '../support/live.ts';
import { openMetrics, type RealPrometheus, startRealPrometheus } from '../support/real-prometheus.ts';
import { createSpyLogger } from '../support/spies.ts';
import { createVirtualClock, START } from '../support/virtual-clock.ts';

/*
 * The queries of the supporting metrics, on a real Prometheus that holds what the demo mesh exported: five quiet minutes, then
 * three faults at once.
 */

const CHANGE: EpochMs = before(START, ms(5 * MINUTE));
const FAULTS: readonly Fault[] = [
  { kind: 'bad-replica', service: 'shipping', factor: 60, pod: 1 },
  { kind: 'retries', service: 'inventory', share: 0.4 },
  { kind: 'slow-code', service: 'recommendations', factor: 45, version: 'v2' },
];

function exported(): { readonly mesh: Mesh; readonly samples: readonly MeshSample[] } {
  const samples: MeshSample[] = [];
  const mesh = createMesh({
    seed: 1,
    start: before(CHANGE, ms(10 * MINUTE)),
    requestsPerSecond: 10,
    onSample: (sample) => void samples.push(sample),
    onTrace: () => undefined,
  });
  mesh.advanceTo(CHANGE);
  for (const fault of FAULTS) mesh.inject(fault);
  mesh.advanceTo(START);
  return { mesh, samples };
}

requireOrSkip('prometheus')('metrics that support a culprit, from a real Prometheus', () => {
  let prometheus: RealPrometheus;
  let http: HttpClient;
  let mesh: Mesh;
  beforeAll(async () => {
    const made = exported();
    mesh = made.mesh;
    prometheus = await startRealPrometheus({ openMetrics: openMetrics(made.samples) });
    http = createHttpClient({ system: 'prometheus', baseUrl: prometheus.url });
  });
  afterAll(async () => {
    http.close();
    await prometheus.close();
  });

  async function signalsOf(
    candidate: Pick<Candidate, 'service' | 'kind' | 'detail'>,
  ): Promise<readonly string[]> {
    const windows: readonly TimeWindow[] = [
      { start: CHANGE, end: START },
      { start: before(CHANGE, ms(5 * MINUTE)), end: CHANGE },
    ];
    const [slow, normal] = windows as [TimeWindow, TimeWindow];
    const result = aCulpritResult({ candidates: [aCandidate({ operation: '', ...candidate })] });
    const explain = createExplainWithMetrics(
      async () => ({
        endpoint: {},
        result,
        slow: { window: slow },
        normal: { window: normal },
        searches: 0,
        isIncomplete: false,
      }),
      {
        metrics: createPrometheusMetrics({ http, deadline: ms(10_000), logger: createSpyLogger() }),
        traces: createFakeTraceSource(),
        links: createLinks({ prometheus: prometheus.url }),
        clock: createVirtualClock(START),
      },
    );
    const { signals = [] } = await explain({ service: candidate.service, window: slow });
    return signals.map((signal) =>
      signal
        .map((part) =>
          typeof part === 'string' ? part : 'text' in part ? part.text : 'at' in part ? `${part.at}` : '',
        )
        .join(''),
    );
  }

  it('the throttled CPU of the one replica', async () => {
    const pod = mesh.services().find(({ name }) => name === 'shipping')?.pods[1] ?? '';
    expect(await signalsOf({ service: 'shipping.shop', kind: 'bad-replica', detail: pod })).toEqual([
      `CPU of ${pod} throttled in 90% of periods, before 2%`,
    ]);
  });

  it('retries, and the flag of those that were used up', async () => {
    expect(await signalsOf({ service: 'inventory.shop', kind: 'retries', detail: '' })).toEqual([
      expect.stringMatching(/^Retries to inventory: \d\d per 100 requests, before 0$/),
      expect.stringMatching(
        /^\w+ to inventory: every retry was used up \(URX\) in \d[\d.]*% of requests, before 0%$/,
      ),
    ]);
  });

  it('the release, with the time of its first requests', async () => {
    const [signal = ''] = await signalsOf({
      service: 'recommendations.shop',
      kind: 'new-version',
      detail: 'v2',
    });
    expect(signal).toMatch(/^Version v2 of recommendations began \d+$/);
    const began = Number(signal.split(' ').at(-1)) as EpochMs;
    expect(began).toBeGreaterThan(CHANGE);
    expect(began).toBeLessThanOrEqual(after(CHANGE, ms(MINUTE / 2)));
  });

  it('nothing for a service that nothing happened to', async () => {
    for (const kind of ['own-code', 'network', 'queueing'] as const)
      expect(await signalsOf({ service: 'currency.shop', kind, detail: '' })).toEqual([]);
  });
});
