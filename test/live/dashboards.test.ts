import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parse } from 'yaml';
import { createMesh } from '../../demo/mesh/mesh.ts';
import { after, before, type EpochMs, epochMs, HOUR, MINUTE, ms, SECOND } from '../../src/lib/units.ts';
import { createTelemetry } from '../../src/ops/metrics.ts';
import { nodesOf, parseExpression, textOf } from '../../src/rules/analysis/syntax.ts';
import { requireOrSkip } from '../support/live.ts';
import {
  openMetrics,
  type RealPrometheus,
  startRealPrometheus,
  type WrittenSample,
} from '../support/real-prometheus.ts';

const MANIFESTS = join(import.meta.dirname, '../../manifests');
const read = (path: string): string => readFileSync(join(MANIFESTS, path), 'utf8');

interface Expression {
  readonly where: string;
  readonly expr: string;
}

/** What Grafana puts in place of its variables. */
const filledIn = (expr: string): string =>
  expr
    .replaceAll('$__rate_interval', '5m')
    .replaceAll('$__range', '1h')
    .replaceAll(/\$(?:service|job)\b/g, '.*');

const DASHBOARDS: readonly Expression[] = readdirSync(join(MANIFESTS, 'grafana')).flatMap((file) => {
  const { title, panels } = JSON.parse(read(`grafana/${file}`)) as {
    title: string;
    panels: readonly { title: string; targets: readonly { expr: string }[] }[];
  };
  return panels.flatMap((panel) =>
    panel.targets.map(({ expr }) => ({ where: `${title}: ${panel.title}`, expr: filledIn(expr) })),
  );
});

const ALERTS: readonly Expression[] = (
  parse(read('kubernetes/components/monitoring/prometheusrule.yaml')) as {
    spec: { groups: readonly { rules: readonly { alert: string; expr: string }[] }[] };
  }
).spec.groups.flatMap(({ rules }) => rules.map(({ alert, expr }) => ({ where: alert, expr })));

const NOW: EpochMs = epochMs(Math.floor(Date.now() / MINUTE) * MINUTE - 10 * MINUTE);
const HISTORY = ms(2 * HOUR);

/** The demo mesh of two hours as a Prometheus has scraped it, every 15 s. */
function meshSamples(): readonly WrittenSample[] {
  const samples: WrittenSample[] = [];
  const mesh = createMesh({
    seed: 7,
    start: before(NOW, HISTORY),
    requestsPerSecond: 5,
    scrapeInterval: ms(15 * SECOND),
    onSample: ({ labels, t, value }) => void samples.push({ labels, t, value }),
    onTrace: () => undefined,
  });
  mesh.inject({ kind: 'error-burst', service: 'payments', share: 0.1 });
  mesh.advanceTo(NOW);
  return samples;
}

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/;

/** A bot that evaluates, asks and posts once a scrape, in the words of its own metrics. */
async function botSamples(): Promise<readonly WrittenSample[]> {
  const { recorder, metrics } = createTelemetry();
  const samples: WrittenSample[] = [];
  for (let t = before(NOW, ms(15 * MINUTE)); t <= NOW; t = after(t, ms(15 * SECOND))) {
    recorder.evaluated({ outcome: 'ok', seconds: 0.1 });
    recorder.queried({ system: 'prometheus', operation: 'instant', outcome: 'ok', seconds: 0.1 });
    recorder.notified({ kind: 'edit', outcome: 'sent' });
    recorder.answered({ command: '/trace', outcome: 'ok', seconds: 1 });
    recorder.reloaded({ ok: true });
    for (const line of (await metrics()).body.split('\n')) {
      const [, name = '', labels = '', value] = LINE.exec(line) ?? [];
      if (!/^(?:tailwatch_|process_resident)/.test(name)) continue;
      const pairs = [...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, key = '', text = '']) => [key, text]);
      const all = { __name__: name, job: 'tailwatch', namespace: 'monitoring', ...Object.fromEntries(pairs) };
      samples.push({ labels: all, t, value: Number(value) });
    }
  }
  return samples;
}

/** The series that an expression reads, without ranges. */
const selectorsIn = (expr: string): readonly string[] =>
  [...nodesOf(parseExpression(expr))]
    .filter(({ name }) => name === 'VectorSelector')
    .map((node) => textOf(expr, node));

/** In time order within each series, as promtool reads them. */
const inOrder = (samples: readonly WrittenSample[]): readonly WrittenSample[] => {
  const series = new Map<string, WrittenSample[]>();
  for (const sample of samples) {
    const key = JSON.stringify(sample.labels);
    series.set(key, [...(series.get(key) ?? []), sample]);
  }
  return [...series.values()].flat();
};

requireOrSkip('prometheus', 'promtool')('over the demo mesh and the bot, on a real Prometheus', () => {
  let prometheus: RealPrometheus;
  beforeAll(async () => {
    const samples = [...meshSamples(), ...(await botSamples())];
    prometheus = await startRealPrometheus({ openMetrics: openMetrics(inOrder(samples)) });
  });
  afterAll(() => prometheus.close());

  /** The values of an instant query at the end of the data. */
  async function valuesOf(expr: string): Promise<readonly number[]> {
    const query = new URLSearchParams({ query: expr, time: String(NOW / SECOND) });
    const body = (await (await fetch(`${prometheus.url}/api/v1/query?${query.toString()}`)).json()) as {
      status: string;
      error?: string;
      data?: { result: readonly { value: readonly [number, string] }[] };
    };
    if (body.status !== 'success') throw new Error(`${expr}: ${body.error}`);
    return (body.data?.result ?? []).map(({ value }) => Number(value[1]));
  }

  it.each(DASHBOARDS)('$where has data', async ({ expr }) => {
    const values = await valuesOf(expr);
    expect(values).not.toEqual([]);
    expect(values.filter(Number.isFinite)).not.toEqual([]);
  });

  it.each(ALERTS)('$where does not fire, and reads series that are there', async ({ expr }) => {
    expect(await valuesOf(expr)).toEqual([]);
    for (const selector of selectorsIn(expr)) expect(await valuesOf(selector), selector).not.toEqual([]);
  });
});
