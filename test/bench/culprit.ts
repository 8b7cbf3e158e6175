import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { findCulprit } from '../../src/culprit/culprit.ts';
import type { Confidence } from '../../src/culprit/result.ts';
import { culpritText } from '../../src/culprit/text.ts';
import { readLegacyTraces } from '../../src/jaeger/wire-legacy.ts';
import { selfTimeOf } from '../../src/traces/path-breakdown.ts';
import type { Trace } from '../../src/traces/trace.ts';
import { buildTree } from '../../src/traces/tree.ts';
import { compiled } from './compiled.ts';
import { injectedCases } from './culprit-injected.ts';
import type { CulpritTimes } from './culprit-size.ts';
import { type Case, VARIANTS } from './culprit-variants.ts';
import { spread } from './measure.ts';

const FOLDER = new URL('../../../shared/data/culprit-dev/', import.meta.url);

const json = (path: string): unknown => {
  const bytes = readFileSync(new URL(path, FOLDER));
  return JSON.parse((path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString());
};

const rootDuration = ({ spans }: Trace): number =>
  spans.find(({ parentSpanId }) => parentSpanId === undefined)?.duration ?? 0;

function readCase(path: string): Case {
  const { thresholdUs } = json(`${path}/meta.json`) as { thresholdUs: number };
  const { service } = json(`${path}/truth.json`) as { service: string };
  const abnormal = readLegacyTraces(json(`${path}/abnormal.json.gz`));
  const over = abnormal.filter((trace) => rootDuration(trace) > thresholdUs);
  return {
    slow: over.length < 5 ? abnormal : over,
    normal: readLegacyTraces(json(`${path}/normal.json.gz`)),
    truth: service,
    name: decodeURIComponent(path),
  };
}

const cases = (): readonly Case[] =>
  readdirSync(FOLDER).flatMap((set) =>
    readdirSync(new URL(`${set}/`, FOLDER)).map((name) => readCase(`${set}/${encodeURIComponent(name)}`)),
  );

/** Services from the most to the least suspicious. */
type Ranking = (of: Case) => readonly string[];

const byValue = (values: ReadonlyMap<string, number>): readonly string[] =>
  [...values].sort((a, b) => b[1] - a[1]).map(([service]) => service);

/** Mean of a figure of every span, by service. */
function meansOf(traces: readonly Trace[], figures: (trace: Trace) => Iterable<readonly [string, number]>) {
  const sums = new Map<string, number>();
  for (const trace of traces)
    for (const [service, value] of figures(trace))
      sums.set(service, (sums.get(service) ?? 0) + value / traces.length);
  return sums;
}

const durations = ({ spans }: Trace): Iterable<readonly [string, number]> =>
  spans.map(({ serviceName, duration }) => [serviceName, duration] as const);

function selfTimes(trace: Trace): Iterable<readonly [string, number]> {
  const tree = buildTree(trace);
  return tree.nodes.map((node) => [node.span.serviceName, selfTimeOf(node)] as const);
}

const compared =
  (
    figures: (trace: Trace) => Iterable<readonly [string, number]>,
    by: (slow: number, normal: number) => number,
  ): Ranking =>
  ({ slow, normal }) => {
    const [s, n] = [meansOf(slow, figures), meansOf(normal, figures)];
    return byValue(new Map([...s].map(([service, value]) => [service, by(value, n.get(service) ?? 0)])));
  };

/** A spectrum formula (Ochiai): services that occur in slow traces and not in normal ones. */
const spectrum: Ranking = ({ slow, normal }) => {
  const seen = (traces: readonly Trace[]) =>
    meansOf(traces, ({ spans }) =>
      [...new Set(spans.map(({ serviceName }) => serviceName))].map((each) => [each, 1] as const),
    );
  const [s, n] = [seen(slow), seen(normal)];
  return byValue(
    new Map([...s].map(([service, share]) => [service, share / Math.sqrt(share + (n.get(service) ?? 0))])),
  );
};

const difference = (slow: number, normal: number): number => slow - normal;
const quotient = (slow: number, normal: number): number => slow / Math.max(normal, 1);

const BASELINES: Readonly<Record<string, Ranking>> = {
  'mean span duration': compared(durations, difference),
  'self time, difference': compared(selfTimes, difference),
  'self time, ratio': compared(selfTimes, quotient),
  'spectrum (Ochiai)': spectrum,
};

interface Score {
  readonly at1: number;
  readonly at3: number;
  readonly mrr: number;
}

function scoreOf(ranked: readonly { readonly ranking: readonly string[]; readonly truth: string }[]): Score {
  const ranks = ranked.map(({ ranking, truth }) => ranking.indexOf(truth) + 1);
  const share = (of: (rank: number) => number): number =>
    ranks.reduce((sum, rank) => sum + of(rank), 0) / ranks.length;
  return {
    at1: share((rank) => (rank === 1 ? 1 : 0)),
    at3: share((rank) => (rank >= 1 && rank <= 3 ? 1 : 0)),
    mrr: share((rank) => (rank === 0 ? 0 : 1 / rank)),
  };
}

const row = (name: string, { at1, at3, mrr }: Score, more = ''): void =>
  console.log(`${name.padEnd(26)} ${at1.toFixed(3)}  ${at3.toFixed(3)}  ${mrr.toFixed(3)}  ${more}`);

interface Tally {
  right: number;
  of: number;
}

/** How many are right at each confidence. */
type Calibration = Record<Confidence | 'none', Tally>;

const noCalibration = (): Calibration => {
  const tally = (): Tally => ({ right: 0, of: 0 });
  return { high: tally(), medium: tally(), unclear: tally(), none: tally() };
};

const calibrationText = (calibration: Calibration): string =>
  Object.entries(calibration)
    .filter(([, { of }]) => of > 0)
    .map(([key, { right, of }]) => `${key} ${right}/${of}`)
    .join(', ');

/** Prints one row for the cases; each result counts in the calibration over all rows. */
function runRow(name: string, all: readonly Case[], overall: Calibration): void {
  const calibration = noCalibration();
  const times: number[] = [];
  let seconds = 0;
  const ranked = all.map((each) => {
    const begun = performance.now();
    const result = findCulprit(each.slow, each.normal);
    times.push(performance.now() - begun);
    const ranking = result.kind === 'compared' ? result.candidates.map(({ service }) => service) : [];
    const confidence = result.kind === 'compared' ? result.confidence : 'none';
    const isRight = ranking[0] === each.truth;
    for (const { [confidence]: tally } of [calibration, overall]) {
      tally.of += 1;
      if (isRight) tally.right += 1;
    }
    const hasSecond = result.kind === 'compared' && result.second !== undefined;
    if (hasSecond) seconds += 1;
    if ((!isRight || hasSecond) && process.argv.includes('--misses'))
      console.log(`  ${each.name}: ${each.truth}; ${culpritText(result).join(' | ')}`);
    return { ranking, truth: each.truth };
  });
  const median = times.sort((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0;
  row(
    name,
    scoreOf(ranked),
    `${calibrationText(calibration)}; ${seconds} with a second; median ${median.toFixed(1)} ms`,
  );
}

/** How long comparisons take by their size, and the longest time without a turn for other work. */
async function benchSizes(): Promise<void> {
  const measure = await compiled<CulpritTimes>('culprit-size');
  for (const [count, spans, rounds] of [
    [40, 100, 20],
    [200, 1_000, 8],
  ]) {
    const { walls, cpu, stalls } = await measure({ count, spans, rounds });
    console.log(
      `${count} + ${count} traces of ${spans} spans: ${spread(walls)} ms, CPU ${spread(cpu)} ms, longest stall ${spread(stalls)} ms`,
    );
  }
}

const INJECTED_VARIANTS = [
  'all traces',
  'any 10 a side (1)',
  '15% of spans lost (1)',
  'clock offsets of 40 ms',
  'no internal spans',
  'no client spans',
];

const HEADER = 'AC@1   AC@3   MRR    right at each confidence';

/**
 * The culprit on labelled faults of public systems, also with less of the traces, beside four simple rankings. `--misses` prints
 * each wrong answer, `BENCH_ONLY=<start of a row's name>` measures those rows alone.
 */
export async function benchCulprit(): Promise<void> {
  if (process.env['BENCH_ONLY'] === undefined) await benchSizes();
  if (!existsSync(FOLDER)) {
    console.log('culprit: the labelled cases are not here (shared/data/culprit-dev), skipped');
    return;
  }
  const all = cases();
  const overall = noCalibration();
  console.log(`${`${all.length} cases`.padEnd(26)} ${HEADER}`);
  const only = process.env['BENCH_ONLY'];
  for (const [name, change] of Object.entries(VARIANTS))
    if (only === undefined || name.startsWith(only)) runRow(name, all.map(change), overall);
  if (only !== undefined) return;
  for (const [name, change] of Object.entries({
    '': (each: Case) => each,
    ', no client spans': VARIANTS['no client spans'],
  }))
    for (const [baseline, ranking] of Object.entries(BASELINES))
      row(
        `${baseline}${name}`,
        scoreOf(all.map((each) => ({ ranking: ranking(change?.(each) ?? each), truth: each.truth }))),
      );
  const injected = injectedCases(all);
  console.log(`\n${`${injected.length} injected delays`.padEnd(26)} ${HEADER}`);
  for (const name of INJECTED_VARIANTS) {
    const change = VARIANTS[name];
    if (change !== undefined) runRow(name, injected.map(change), overall);
  }
  console.log(`\nAll of the above: ${calibrationText(overall)}`);
}
