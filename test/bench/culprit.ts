import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { findCulprit } from '../../src/culprit/culprit.ts';
import type { Confidence } from '../../src/culprit/result.ts';
import { readLegacyTraces } from '../../src/jaeger/wire-legacy.ts';
import { type EpochUs, epochUs } from '../../src/lib/units.ts';
import { selfTimeOf } from '../../src/traces/path-breakdown.ts';
import type { Span, Trace } from '../../src/traces/trace.ts';
import { buildTree } from '../../src/traces/tree.ts';

const FOLDER = new URL('../../../shared/data/culprit-dev/', import.meta.url);

interface Case {
  readonly slow: readonly Trace[];
  readonly normal: readonly Trace[];
  readonly truth: string;
}

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

/** A deterministic number from 0 to 1 for a text. */
function chance(text: string): number {
  let hash = 2_166_136_261;
  for (const character of text) hash = Math.imul(hash ^ character.charCodeAt(0), 16_777_619);
  return ((hash ^ (hash >>> 15)) >>> 0) / 2 ** 32;
}

const mapSpans =
  (change: (span: Span) => Span | undefined) =>
  (each: Case): Case => {
    const changed = (traces: readonly Trace[]): readonly Trace[] =>
      traces.map((trace) => ({ ...trace, spans: trace.spans.flatMap((span) => change(span) ?? []) }));
    return { ...each, slow: changed(each.slow), normal: changed(each.normal) };
  };

const first =
  (count: number) =>
  (each: Case): Case => ({ ...each, slow: each.slow.slice(0, count), normal: each.normal.slice(0, count) });

/** Removes client spans and hangs what is below them on their parents. */
function withoutClients(each: Case): Case {
  const strip = (trace: Trace): Trace => {
    const byId = new Map(trace.spans.map((span) => [span.spanId, span]));
    const parentOf = (span: Span): string | undefined => {
      let parent = span.parentSpanId === undefined ? undefined : byId.get(span.parentSpanId);
      while (parent?.kind === 'client')
        parent = parent.parentSpanId === undefined ? undefined : byId.get(parent.parentSpanId);
      return parent?.spanId;
    };
    return {
      ...trace,
      spans: trace.spans
        .filter(({ kind }) => kind !== 'client')
        .map((span) => ({ ...span, parentSpanId: parentOf(span) })),
    };
  };
  return { ...each, slow: each.slow.map(strip), normal: each.normal.map(strip) };
}

const shifted = (span: Span): EpochUs =>
  epochUs(span.start + Math.round((chance(span.serviceName) - 0.5) * 80_000));

const VARIANTS: Readonly<Record<string, (each: Case) => Case>> = {
  'all traces': (each) => each,
  '20 a side': first(20),
  '10 a side': first(10),
  '5 a side': first(5),
  '15% of spans lost': mapSpans((span) =>
    span.parentSpanId !== undefined && chance(span.traceId + span.spanId) < 0.15 ? undefined : span,
  ),
  'clock offsets': mapSpans((span) => ({ ...span, start: shifted(span) })),
  'no client spans': withoutClients,
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
  console.log(`${name.padEnd(24)} ${at1.toFixed(3)}  ${at3.toFixed(3)}  ${mrr.toFixed(3)}  ${more}`);

function runVariant(name: string, all: readonly Case[]): void {
  const tally = () => ({ right: 0, of: 0 });
  const right = { high: tally(), medium: tally(), unclear: tally(), none: tally() } satisfies Record<
    Confidence | 'none',
    object
  >;
  const times: number[] = [];
  const ranked = all.map((each) => {
    const begun = performance.now();
    const result = findCulprit(each.slow, each.normal);
    times.push(performance.now() - begun);
    const ranking = result.kind === 'compared' ? result.candidates.map(({ service }) => service) : [];
    const cell = right[result.kind === 'compared' ? result.confidence : 'none'];
    cell.of += 1;
    if (ranking[0] === each.truth) cell.right += 1;
    return { ranking, truth: each.truth };
  });
  const confidence = Object.entries(right)
    .filter(([, { of }]) => of > 0)
    .map(([key, cell]) => `${key} ${cell.right}/${cell.of}`);
  const median = times.sort((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0;
  row(name, scoreOf(ranked), `${confidence.join(', ')}; median ${median.toFixed(1)} ms`);
}

/** The culprit on labelled faults of public systems, beside four simple rankings. */
export async function benchCulprit(): Promise<void> {
  if (!existsSync(FOLDER)) {
    console.log('culprit: the labelled cases are not here (shared/data/culprit-dev), skipped');
    return;
  }
  const all = cases();
  console.log(`${all.length} cases          AC@1   AC@3   MRR    right at each confidence`);
  for (const [name, change] of Object.entries(VARIANTS)) runVariant(name, all.map(change));
  for (const [name, ranking] of Object.entries(BASELINES))
    row(name, scoreOf(all.map((each) => ({ ranking: ranking(each), truth: each.truth }))));
}
