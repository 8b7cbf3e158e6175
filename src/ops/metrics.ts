import { createRequire } from 'node:module';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { METRICS, type Metric, type Recorder } from '../lib/recorder.ts';

/** The version in package.json, which is two folders above this file in the sources and in the package. */
export const { version: VERSION } = createRequire(import.meta.url)('../../package.json') as {
  version: string;
};

/** Bucket bounds in seconds: from a warm local query, over Slack's limit of 3 s, to beyond a deadline. */
const BUCKETS = [0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 20, 30];

/** Registers a metric with its series at zero. */
function register<Event>(registry: Registry, metric: Metric<Event>): (event: Event) => void {
  const { name, help, series } = metric;
  const options = { name, help, labelNames: Object.keys(series[0] ?? {}), registers: [registry] };
  switch (metric.kind) {
    case 'counter': {
      const counter = new Counter(options);
      for (const labels of series) counter.inc(labels, 0);
      return (event) => {
        const labels = metric.increment(event);
        if (labels !== undefined) counter.inc(labels);
      };
    }
    case 'histogram': {
      const histogram = new Histogram({ ...options, buckets: BUCKETS });
      for (const labels of series) histogram.zero(labels);
      return (event) => {
        const observed = metric.observe(event);
        if (observed !== undefined) histogram.observe(...observed);
      };
    }
    case 'gauge': {
      const gauge = new Gauge(options);
      for (const labels of series) gauge.set(labels, 0);
      return (event) => {
        for (const [labels, value] of metric.set(event)) gauge.set(labels, value);
      };
    }
  }
}

/** The version that runs: always 1, as in the exporters of Prometheus. */
function registerBuildInfo(registry: Registry): void {
  const labels = { version: VERSION, nodeversion: process.version };
  new Gauge({
    name: 'tailwatch_build_info',
    help: 'The version of Tailwatch and of Node.js; always 1.',
    labelNames: Object.keys(labels),
    registers: [registry],
  }).set(labels, 1);
}

function createRecorder(registry: Registry): Recorder {
  const events = Object.entries(METRICS).map(([name, metrics]) => {
    const updates = (metrics as readonly Metric<unknown>[]).map((metric) => register(registry, metric));
    const record = (event: unknown): void => {
      for (const update of updates) update(event);
    };
    return [name, record] as const;
  });
  return Object.fromEntries(events) as unknown as Recorder;
}

/** A recorder and the text in which it is scraped. */
export interface Telemetry {
  readonly recorder: Recorder;
  /** Adds an update to run before each scrape. */
  readonly onScrape: (collect: () => Promise<void>) => void;
  readonly metrics: () => Promise<{ readonly contentType: string; readonly body: string }>;
}

/**
 * Metrics of this process, in a registry of its own. Known series start at zero: `increase(...)` misses the first event of
 * a series that starts with it.
 */
export function createTelemetry(): Telemetry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  registerBuildInfo(registry);
  const collectors: (() => Promise<void>)[] = [];
  return {
    recorder: createRecorder(registry),
    onScrape: (collect) => void collectors.push(collect),
    metrics: async () => {
      await Promise.all(collectors.map(async (collect) => await collect()));
      return { contentType: registry.contentType, body: await registry.metrics() };
    },
  };
}
