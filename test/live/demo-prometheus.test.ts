import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { formatLabels, labelsOf } from '../../demo/prometheus/labels.ts';
import {
  PROMETHEUS_2,
  PROMETHEUS_3,
  type VersionBehavior,
} from '../../demo/prometheus/promql/version-behavior.ts';
import { createSampleStore, type SampleStore } from '../../demo/prometheus/sample-store.ts';
import { createPrometheusServer, type PrometheusServerOptions } from '../../demo/prometheus/server.ts';
import { epochMs, ms } from '../../src/lib/units.ts';
import { GENERATIONS, type ServerVersion } from '../support/generations.ts';
import { requireOrSkip } from '../support/live.ts';
import { type GeneratedQuery, generateQuery } from '../support/promql-queries.ts';
import { createChance, generateSamples, LAST } from '../support/promql-samples.ts';
import { openMetrics, type RealPrometheus, startRealPrometheus } from '../support/real-prometheus.ts';

/** Set TAILWATCH_SEED to repeat a run, or to try samples and queries that no run has seen. */
const SEED = Number(process.env['TAILWATCH_SEED'] ?? 20_261_121);
const QUERIES = 500;
const TOLERANCE = 1e-9;

const DIALECTS: Readonly<Record<ServerVersion['name'], VersionBehavior>> = {
  'Prometheus 2.42': PROMETHEUS_2,
  'Prometheus 3': PROMETHEUS_3,
};

/** Another answer to the same question: what a wrong evaluator would be like. */
const otherEnd = (versionBehavior: VersionBehavior): VersionBehavior => ({
  ...versionBehavior,
  rangeIsLeftOpen: !versionBehavior.rangeIsLeftOpen,
});

interface Answer {
  readonly status: number;
  readonly errorType?: string;
  readonly error?: string;
  /** Points as `[seconds, text]` by the canonical text of their labels. */
  readonly series: ReadonlyMap<string, readonly (readonly [number, string])[]>;
  readonly text: string;
}

interface Wire {
  readonly errorType?: string;
  readonly error?: string;
  readonly data?: {
    readonly resultType: string;
    readonly result: readonly unknown[];
  };
}

interface WireSeries {
  readonly metric: Readonly<Record<string, string>>;
  readonly value?: [number, string];
  readonly values?: [number, string][];
}

function seriesOf({ data }: Wire): Answer['series'] {
  if (data === undefined) return new Map();
  if (data.resultType === 'scalar' || data.resultType === 'string')
    return new Map([['', [data.result as unknown as [number, string]]]]);
  return new Map(
    (data.result as readonly WireSeries[]).map(({ metric, value, values }) => [
      formatLabels(labelsOf(metric)),
      value === undefined ? (values ?? []) : [value],
    ]),
  );
}

async function ask(url: string, { query, start, end, step }: GeneratedQuery): Promise<Answer> {
  const seconds = (t: number): string => String(t / 1_000);
  const form: Record<string, string> =
    step === 0
      ? { query, time: seconds(start) }
      : { query, start: seconds(start), end: seconds(end), step: seconds(step) };
  const response = await fetch(`${url}/api/v1/${step === 0 ? 'query' : 'query_range'}`, {
    method: 'POST',
    body: new URLSearchParams(form),
  });
  const text = await response.text();
  const wire = JSON.parse(text) as Wire;
  return { ...wire, status: response.status, series: seriesOf(wire), text };
}

const numeric = (text: string): number => Number(text.replace('Inf', 'Infinity'));

function close(a: string, b: string): boolean {
  if (a === b) return true;
  const [x, y] = [numeric(a), numeric(b)];
  return Math.abs(x - y) <= TOLERANCE * Math.max(Math.abs(x), Math.abs(y));
}

/** What differs between two answers, or undefined when nothing does. */
function difference(real: Answer, own: Answer): string | undefined {
  if (real.status !== own.status || real.errorType !== own.errorType) {
    return `answers ${own.status} ${own.error ?? ''} for ${real.status} ${real.error ?? ''}`;
  }
  const labels = new Set([...real.series.keys(), ...own.series.keys()]);
  for (const key of labels) {
    const [a, b] = [real.series.get(key), own.series.get(key)];
    if (a === undefined || b === undefined) return `${a === undefined ? 'has too much' : 'lacks'} ${key}`;
    if (a.length !== b.length) return `${key}: ${b.length} points for ${a.length}`;
    const wrong = a.findIndex(([t, value], i) => t !== b[i]?.[0] || !close(value, b[i]?.[1] ?? ''));
    if (wrong >= 0) return `${key}: ${JSON.stringify(b[wrong])} for ${JSON.stringify(a[wrong])}`;
  }
  return undefined;
}

/**
 * Questions whose answers must agree to the letter: how numbers are written, and how mistakes are worded and placed. One on each line of
 * the file; here those that a line cannot hold.
 */
const EXACT = [
  '',
  '# comment',
  'x @ ',
  'x + ',
  'x\n  + rate(y)',
  ...readFileSync(new URL('../fixtures/promql/exact.txt', import.meta.url), 'utf8')
    .trim()
    .split('\n'),
];

interface Tally {
  compared: number;
  nonEmpty: number;
  refused: number;
  readonly differences: string[];
}

/** Asks both the same generated queries. */
async function compareAll(realUrl: string, ownUrl: string): Promise<Tally> {
  const chance = createChance(SEED + 1);
  const tally: Tally = { compared: 0, nonEmpty: 0, refused: 0, differences: [] };
  for (let i = 0; i < QUERIES; i++) {
    const query = generateQuery(chance);
    const [real, own] = await Promise.all([ask(realUrl, query), ask(ownUrl, query)]);
    const found = difference(real, own);
    tally.compared++;
    if (real.status !== 200) tally.refused++;
    else if (real.series.size > 0) tally.nonEmpty++;
    if (found !== undefined) tally.differences.push(`${JSON.stringify(query)}: ${found}`);
  }
  return tally;
}

/** The suite against one real Prometheus. */
function compareWith({ name, binary }: ServerVersion): void {
  const versionBehavior = DIALECTS[name];
  let real: RealPrometheus;
  let samples: SampleStore;
  const closing: (() => Promise<void>)[] = [];

  async function serve(
    options: Partial<PrometheusServerOptions> = {},
    create: typeof createPrometheusServer = createPrometheusServer,
  ): Promise<string> {
    const clock = { now: () => epochMs(LAST) };
    const server = create({ samples, clock, versionBehavior, ...options });
    closing.push(() => server.close());
    return (await server.listen()).url;
  }

  beforeAll(async () => {
    const generated = [...generateSamples(createChance(SEED))];
    samples = createSampleStore();
    for (const { labels, t, value } of generated) samples.append({ labels, t: epochMs(t), value });
    real = await startRealPrometheus({ binary, openMetrics: openMetrics(generated) });
    console.log(`seed ${SEED}: ${generated.length} samples in ${samples.size().series} series`);
  });

  afterAll(async () => {
    await Promise.all(closing.map((one) => one()));
    await real?.close();
  });

  it('gives the same answers to generated queries', async () => {
    const tally = await compareAll(real.url, await serve());
    console.log(
      `${name}, seed ${SEED}: ${tally.compared} queries compared, ${tally.nonEmpty} with a result, ${tally.refused} refused by both`,
    );
    expect(tally.differences).toEqual([]);
    expect(tally.nonEmpty).toBeGreaterThanOrEqual(QUERIES / 2);
  });

  // The wording is that of 2.42; 3.x words some mistakes anew.
  const exact = versionBehavior === PROMETHEUS_2 ? describe : undefined;
  exact?.('gives the very same answer to', () => {
    let own: string;
    beforeAll(async () => {
      own = await serve();
    });

    it.each(EXACT)('%s', async (query) => {
      const at = { query, start: LAST - 600_000, end: 0, step: 0 };
      const [a, b] = await Promise.all([ask(real.url, at), ask(own, at)]);
      expect({ status: b.status, answer: JSON.parse(b.text) }).toEqual({
        status: a.status,
        answer: JSON.parse(a.text),
      });
    });
  });

  describe('finds a wrong evaluator out:', () => {
    it('ranges that end differently on the left', async () => {
      const tally = await compareAll(real.url, await serve({ versionBehavior: otherEnd(versionBehavior) }));
      expect(tally.differences.length).toBeGreaterThan(10);
    });

    it('a lookback of four minutes', async () => {
      const tally = await compareAll(real.url, await serve({ lookback: ms(240_000) }));
      expect(tally.differences.length).toBeGreaterThan(0);
    });

    it('a rate without extrapolation', async () => {
      vi.resetModules();
      vi.doMock('../../demo/prometheus/promql/rate.ts', async (original) => ({
        ...(await original<object>()),
        extrapolatedRate: ({
          values,
          from,
          to,
          start,
          end,
        }: {
          values: Float64Array;
          from: number;
          to: number;
          start: number;
          end: number;
        }) =>
          to - from < 2
            ? undefined
            : ((values[to - 1] as number) - (values[from] as number)) / ((end - start) / 1_000),
      }));
      const { createPrometheusServer: create } = await import('../../demo/prometheus/server.ts');
      const tally = await compareAll(real.url, await serve({}, create));
      vi.doUnmock('../../demo/prometheus/promql/rate.ts');
      expect(tally.differences.length).toBeGreaterThan(10);
    });
  });
}

for (const versionBehavior of GENERATIONS) {
  requireOrSkip('promtool', versionBehavior.need)(
    `the embedded Prometheus beside ${versionBehavior.name}`,
    () => compareWith(versionBehavior),
  );
}
