import { parseExpression } from '../../demo/prometheus/promql/parse.ts';
import { type QueryResult, queryInstant, queryRange } from '../../demo/prometheus/promql/query.ts';
import { PROMETHEUS_3 } from '../../demo/prometheus/promql/version-behavior.ts';
import { createSampleStore } from '../../demo/prometheus/sample-store.ts';
import type { MetricsSource } from '../../src/lib/metrics-source.ts';
import { type EpochMs, epochMs, MINUTE, SECOND } from '../../src/lib/units.ts';
import { START } from './virtual-clock.ts';

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

/**
 * What a Prometheus that scraped these series every 15 s for 35 minutes until START returns; they change at `changeAt`. The
 * evaluator of the demo, without its server.
 */
export function scrapedPrometheus(series: readonly Exposed[], changeAt: EpochMs): MetricsSource {
  const samples = createSampleStore();
  for (const { name, labels = {}, normal, slow, isGauge, since = HISTORY } of series) {
    const appender = samples.appender({ __name__: name, ...labels });
    let count = 0;
    for (let t = START - since; t <= START; t += 15 * SECOND) {
      const rate = t > changeAt ? slow : normal;
      count += 15 * rate;
      appender.append(epochMs(t), isGauge ? rate : Math.floor(count));
    }
  }
  const settings = { source: samples, versionBehavior: PROMETHEUS_3, lookback: 5 * MINUTE };
  const parsed = (expr: string) => parseExpression(expr, PROMETHEUS_3);
  return {
    instant: async ({ expr, at }) =>
      vectorOf(queryInstant(settings, parsed(expr), at)).map(({ labels, value }) => ({
        labels: Object.fromEntries(labels.pairs),
        value,
      })),
    range: async ({ expr, window: { start, end }, step }) =>
      matrixOf(await queryRange(settings, parsed(expr), { start, end, step })).map(({ labels, points }) => ({
        labels: Object.fromEntries(labels.pairs),
        points: points.map(({ t, value }) => ({ at: epochMs(t), value })),
      })),
    labelValues: async () => [],
  };
}

const vectorOf = (result: QueryResult) => (result.type === 'vector' ? result.samples : []);
const matrixOf = (result: QueryResult) => (result.type === 'matrix' ? result.series : []);
