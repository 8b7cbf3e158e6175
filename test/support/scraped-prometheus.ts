import { onTestFinished } from 'vitest';
import { createSampleStore } from '../../demo/prometheus/sample-store.ts';
import { createPrometheusServer } from '../../demo/prometheus/server.ts';
import { createHttpClient } from '../../src/http/http-client.ts';
import type { MetricsSource } from '../../src/lib/metrics-source.ts';
import { type EpochMs, epochMs, MINUTE, ms, SECOND } from '../../src/lib/units.ts';
import { createLogger } from '../../src/ops/logger.ts';
import { createPrometheusMetrics } from '../../src/prometheus/prometheus-metrics.ts';
import { createVirtualClock, START } from './virtual-clock.ts';

/** A series: events per second before a change and after it. A gauge keeps its value. */
export interface Exposed {
  readonly name: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly normal: number;
  readonly slow: number;
  readonly isGauge?: true;
  /** First exposed this long before START. */
  readonly since?: number;
}

const HISTORY = 35 * MINUTE;

/** A Prometheus that scraped these series every 15 s for 35 minutes until START; they change at `changeAt`. */
export async function scrapedPrometheus(
  series: readonly Exposed[],
  changeAt: EpochMs,
): Promise<MetricsSource> {
  const samples = createSampleStore();
  for (const { name, labels = {}, normal, slow, isGauge, since = HISTORY } of series) {
    let count = 0;
    for (let t = START - since; t <= START; t += 15 * SECOND) {
      const rate = t > changeAt ? slow : normal;
      count += 15 * rate;
      const value = isGauge ? rate : Math.floor(count);
      samples.append({ labels: { __name__: name, ...labels }, t: epochMs(t), value });
    }
  }
  const server = createPrometheusServer({ samples, clock: createVirtualClock(START) });
  const { url } = await server.listen();
  const http = createHttpClient({ system: 'prometheus', baseUrl: url });
  onTestFinished(async () => {
    http.close();
    await server.close();
  });
  const logger = createLogger({ level: 'error', secrets: [], write: () => undefined });
  return createPrometheusMetrics({ http, deadline: ms(30_000), logger });
}
