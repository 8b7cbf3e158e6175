import { forEachLimited } from '../lib/concurrency.ts';
import type { Truncated } from '../lib/format.ts';
import type { Links } from '../lib/links.ts';
import {
  after,
  before,
  type EpochMs,
  type EpochUs,
  epochMs,
  MINUTE,
  type Microseconds,
  ms,
  slicesOf,
  type TimeWindow,
  toEpochMs,
  us,
} from '../lib/units.ts';
import {
  compareStructure,
  type PairedSpans,
  type StructureDifference,
  type UnpairedSpans,
} from './compare-structure.ts';
import { requestLineOf, serviceName } from './operations.ts';
import { type PathEntry, type PathSubject, subjectKey } from './path-breakdown.ts';
import { statusOf } from './span-errors.ts';
import type { Span, Trace } from './trace.ts';
import { comparisonNotices } from './trace-notices.ts';
import type { TraceSource } from './trace-source.ts';
import { mainRoot, outlineOf, type TraceOutline } from './trace-summary.ts';
import { buildTree } from './tree.ts';

/** The number of rows, by the size of the difference. */
const MAX_ROWS = { path: 10, paired: 10, unpaired: 5 } as const;
/** Differences below this share of the largest one are only shown when there are few. */
const SMALL = { share: 0.01, most: 3 } as const;
/** Durations that differ by less are shown as equal: 100 µs, or 2% of the longer one. */
const EQUAL = { micros: 100, share: 0.02 } as const;

/** A trace to compare, and how it was chosen. */
export interface TraceToCompare {
  readonly trace: Trace;
  /** Set when it was found by its request id. */
  readonly requestId?: string;
  /** Set when it was chosen as a typical request: the median duration of this many similar requests. */
  readonly medianOf?: number;
  /** Set with `medianOf`: those requests are from before the breach. */
  readonly isBeforeBreach?: boolean;
}

/** Compares two traces. Pure. Undefined when one of them has no spans. */
export function comparisonView(
  pair: { readonly a: TraceToCompare; readonly b: TraceToCompare },
  { now, links }: { readonly now: EpochMs; readonly links: Pick<Links, 'trace' | 'compareTraces'> },
): ComparisonView | undefined {
  const [a, b] = [outlineOf(pair.a.trace), outlineOf(pair.b.trace)];
  if (a === undefined || b === undefined) return undefined;
  const structure = compareStructure(a.path.root, b.path.root);
  const differences = comparePaths(a.breakdown, b.breakdown);
  const rows = worthShowing(differences.filter(isDifferent)).slice(0, MAX_ROWS.path);
  const difference = b.root.duration - a.root.duration;
  return {
    a: headOf(a, pair.a, links),
    b: headOf(b, pair.b, links),
    difference,
    path: {
      rows,
      hidden: differences.length - rows.length,
      hiddenDifference: difference - rows.reduce((sum, row) => sum + row.difference, 0),
    },
    paired: pairedOf(structure),
    onlyInA: firstOf(structure.onlyInA),
    onlyInB: firstOf(structure.onlyInB),
    notices: comparisonNotices({ a, b, roots: structure.roots }, now),
    url: links.compareTraces(a.traceId, b.traceId),
  };
}

const isDifferent = ({ a, b }: Pick<PathDifference, 'a' | 'b'>): boolean =>
  Math.abs(b - a) >= Math.max(EQUAL.micros, Math.max(a, b) * EQUAL.share);

/** Drops small differences from rows with the largest difference first. */
function worthShowing<T extends { readonly a: number; readonly b: number }>(
  rows: readonly T[],
): readonly T[] {
  const [first] = rows;
  const least = first === undefined ? 0 : Math.abs(first.b - first.a) * SMALL.share;
  return rows.filter(({ a, b }, index) => index < SMALL.most || Math.abs(b - a) >= least);
}

const headOf = (
  { traceId, root, spanCount }: TraceOutline,
  { requestId, medianOf, isBeforeBreach }: TraceToCompare,
  links: Pick<Links, 'trace'>,
): ComparedTrace => ({
  traceId,
  requestId,
  medianOf,
  isBeforeBreach,
  rootService: serviceName(root.serviceName),
  rootOperation: root.spanName,
  requestLine: requestLineOf(root),
  start: root.start,
  duration: root.duration,
  spanCount,
  isError: root.isError,
  status: statusOf(root),
  url: links.trace(traceId),
});

const firstOf = (all: readonly UnpairedSpans[]): Truncated<UnpairedSpans> => ({
  rows: all.slice(0, MAX_ROWS.unpaired),
  hidden: Math.max(0, all.length - MAX_ROWS.unpaired),
});

/** The pairs with the largest differences, in the order of the tree, which shows which of them contains which. */
function pairedOf({ paired, pairCount }: StructureDifference): ComparisonView['paired'] {
  const differing = paired.filter(isDifferent);
  const largest = [...differing].sort((x, y) => Math.abs(y.b - y.a) - Math.abs(x.b - x.a));
  const shown = new Set(worthShowing(largest).slice(0, MAX_ROWS.paired));
  const rows: PairedSpans[] = [];
  // Rows that are not shown leave no gap in the indentation.
  const above: number[] = [];
  for (const row of differing) {
    if (!shown.has(row)) continue;
    while ((above.at(-1) ?? -1) >= row.depth) above.pop();
    rows.push({ ...row, depth: above.length });
    above.push(row.depth);
  }
  return { rows, hidden: differing.length - rows.length, pairCount };
}

/** One of two compared requests. */
export interface ComparedTrace extends Omit<TraceToCompare, 'trace'> {
  readonly traceId: string;
  readonly rootService: string;
  readonly rootOperation: string;
  /** `GET /product/{id}`; empty when unknown. */
  readonly requestLine: string;
  readonly start: EpochUs;
  /** Of the root span: the whole that the critical path divides. */
  readonly duration: Microseconds;
  readonly spanCount: number;
  readonly isError: boolean;
  readonly status: string;
  readonly url?: string;
}

/** Two requests side by side. Differences are those of the second minus those of the first. */
export interface ComparisonView {
  readonly a: ComparedTrace;
  readonly b: ComparedTrace;
  /** In microseconds: of the durations of the two roots, and the sum of all rows of `path` with what is hidden. */
  readonly difference: number;
  readonly path: Truncated<PathDifference> & { readonly hiddenDifference: number };
  /** Spans in both, in the order of the tree: those whose durations differ most. */
  readonly paired: Truncated<PairedSpans> & { readonly pairCount: number };
  readonly onlyInA: Truncated<UnpairedSpans>;
  readonly onlyInB: Truncated<UnpairedSpans>;
  /** Limitations of the comparison. */
  readonly notices: readonly string[];
  /** Jaeger's own comparison of the two. */
  readonly url?: string;
}

/** The time two requests spent on the same subject of their critical paths. */
export interface PathDifference extends PathSubject {
  readonly a: Microseconds;
  readonly b: Microseconds;
  /** Of the second request minus the first, in microseconds. */
  readonly difference: number;
  /** Number of spans in each; 0 where the subject does not occur. */
  readonly spans: { readonly a: number; readonly b: number };
}

/**
 * The critical paths of two requests by subject, the largest difference first. The entries of a path sum to the duration
 * of its root, so the differences sum to the difference of the two durations.
 */
export function comparePaths(a: readonly PathEntry[], b: readonly PathEntry[]): readonly PathDifference[] {
  const inA = new Map(a.map((entry) => [subjectKey(entry), entry]));
  const inB = new Map(b.map((entry) => [subjectKey(entry), entry]));
  return [...new Set([...inA.keys(), ...inB.keys()])]
    .flatMap((key) => differenceOf(inA.get(key), inB.get(key)) ?? [])
    .sort(
      (x, y) => Math.abs(y.difference) - Math.abs(x.difference) || (subjectKey(x) < subjectKey(y) ? -1 : 1),
    );
}

function differenceOf(inA: PathEntry | undefined, inB: PathEntry | undefined): PathDifference | undefined {
  const subject = inA ?? inB;
  if (subject === undefined) return undefined;
  const none = { ...subject, time: us(0), spans: 0 };
  const [a, b] = [inA ?? none, inB ?? none];
  const { kind, service, operation, peer, requestLine } = subject;
  return {
    kind,
    service,
    operation,
    requestLine: a.requestLine === b.requestLine ? requestLine : undefined,
    peer,
    a: a.time,
    b: b.time,
    difference: b.time - a.time,
    spans: { a: a.spans, b: b.spans },
  };
}

/** Similar requests are searched this far before and after a request, or twice as far before a breach. */
export const TYPICAL_WITHIN = ms(10 * MINUTE);

/** A backend returns any traces of a window, often the newest: the sample is spread over slices of it. */
const SLICES = 4;
const PER_SLICE = 10;
/** A slice with more traces is halved, until there were this many searches. */
const MAX_SEARCHES = 12;
const CONCURRENCY = 4;

/** The request to find a typical one for. */
export interface TypicalQuery {
  readonly trace: Trace;
  readonly now: EpochMs;
  /** Since when a breach lasts that the request is part of. */
  readonly breachStart?: EpochMs;
}

/**
 * A typical request to compare with: the median duration of requests with the same root operation and request line and
 * without an error, ten minutes before and after, or the twenty minutes before the breach that the request is part of:
 * during a breach the typical request is slow. Undefined when there is none. Throws `UpstreamError`.
 */
export async function findTypical(
  traces: Pick<TraceSource, 'search'>,
  { trace, now, breachStart }: TypicalQuery,
  signal?: AbortSignal,
): Promise<TraceToCompare | undefined> {
  const root = mainRoot(buildTree(trace))?.span;
  if (root === undefined) return undefined;
  const medianIn = async (window: TimeWindow): Promise<TraceToCompare | undefined> =>
    medianOf(await sample(traces, { root, window }, signal), { trace, root });
  if (breachStart !== undefined) {
    const end = before(breachStart, ms(1));
    const found = await medianIn({ start: before(end, ms(2 * TYPICAL_WITHIN)), end });
    if (found !== undefined) return { ...found, isBeforeBreach: true };
  }
  const at = toEpochMs(root.start);
  return await medianIn({
    start: before(at, TYPICAL_WITHIN),
    end: epochMs(Math.min(after(at, TYPICAL_WITHIN), Math.max(now, at))),
  });
}

/** Traces of the root's operation, as many from each part of the window. */
async function sample(
  traces: Pick<TraceSource, 'search'>,
  { root, window }: { readonly root: Span; readonly window: TimeWindow },
  signal: AbortSignal | undefined,
): Promise<readonly Trace[]> {
  const found: Trace[] = [];
  let searches = 0;
  let slices = slicesOf(window, SLICES);
  while (slices.length > 0) {
    const halves: TimeWindow[] = [];
    searches += slices.length;
    await forEachLimited(slices, CONCURRENCY, async (slice) => {
      const answer = await traces.search(
        { service: root.serviceName, operation: root.spanName, window: slice, limit: PER_SLICE },
        signal,
      );
      const next = slicesOf(slice, 2);
      const mayHalve = next.length === 2 && searches + halves.length + next.length <= MAX_SEARCHES;
      if (answer.isComplete || !mayHalve) found.push(...answer.traces);
      else halves.push(...next);
    });
    slices = halves;
  }
  return found;
}

function medianOf(
  found: readonly Trace[],
  { trace, root }: { readonly trace: Trace; readonly root: Span },
): TraceToCompare | undefined {
  const byId = new Map(found.map((other) => [other.traceId, other]));
  byId.delete(trace.traceId);
  const similar = [...byId.values()]
    .flatMap((other) => {
      const span = mainRoot(buildTree(other))?.span;
      return span !== undefined && isSimilar(span, root) ? [{ trace: other, duration: span.duration }] : [];
    })
    .sort((a, b) => a.duration - b.duration || (a.trace.traceId < b.trace.traceId ? -1 : 1));
  const median = similar[Math.floor((similar.length - 1) / 2)];
  return median && { trace: median.trace, medianOf: similar.length };
}

/** A mesh names all spans of a host alike: the request line distinguishes them. */
const isSimilar = (other: Span, root: Span): boolean =>
  other.serviceName === root.serviceName &&
  other.spanName === root.spanName &&
  !other.isError &&
  requestLineOf(other) === requestLineOf(root);
