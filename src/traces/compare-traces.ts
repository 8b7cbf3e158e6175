import type { Truncated } from '../lib/format.ts';
import { named } from '../lib/format.ts';
import type { Links } from '../lib/links.ts';
import { type EpochMs, type EpochUs, type Microseconds, toEpochUs } from '../lib/units.ts';
import { comparePaths, type PartDifference } from './compare-paths.ts';
import {
  compareStructure,
  type PairedSpans,
  type StructureDifference,
  type UnpairedSpans,
} from './compare-structure.ts';
import { ARRIVING_US } from './inspect-trace.ts';
import { requestLine } from './request-line.ts';
import { statusOf } from './span-errors.ts';
import { outlineOf, type TraceOutline } from './summary.ts';
import type { Trace } from './trace.ts';

/** The largest of each that are handed on. */
const SHOWN = { parts: 10, paired: 10, unpaired: 5 } as const;
/** Beside a large difference small ones say nothing: below this share of the largest, only so many are shown. */
const SMALL = { share: 0.01, most: 3 } as const;
/** Spans of which no duration differs by this much are the same, as far as anybody cares: 100 µs, or 2% of the longer. */
const SAME = { micros: 100, share: 0.02 } as const;

/** A trace and how it was asked for. */
export interface ToCompare {
  readonly trace: Trace;
  readonly requestId?: string;
  /** Set when it was picked as the usual one: among how many it is the median. */
  readonly usualAmong?: number;
}

/** Two traces side by side. Pure. Undefined when one of them has no spans. */
export function comparisonView(
  pair: { readonly a: ToCompare; readonly b: ToCompare },
  { now, links }: { readonly now: EpochMs; readonly links: Pick<Links, 'trace' | 'compareTraces'> },
): ComparisonView | undefined {
  const [a, b] = [outlineOf(pair.a.trace), outlineOf(pair.b.trace)];
  if (a === undefined || b === undefined) return undefined;
  const structure = compareStructure(a.path.root, b.path.root);
  const parts = comparePaths(a.parts, b.parts);
  const shownParts = notification(parts.filter(isDifferent)).slice(0, SHOWN.parts);
  const difference = b.root.duration - a.root.duration;
  const url = links.compareTraces(a.traceId, b.traceId);
  return {
    a: headOf(a, pair.a, links),
    b: headOf(b, pair.b, links),
    difference,
    path: {
      rows: shownParts,
      hidden: parts.length - shownParts.length,
      hiddenDifference: difference - shownParts.reduce((sum, part) => sum + part.difference, 0),
    },
    paired: pairedOf(structure),
    onlyInA: firstOf(structure.onlyInA, SHOWN.unpaired),
    onlyInB: firstOf(structure.onlyInB, SHOWN.unpaired),
    notices: noticesOf({ a, b, structure }, now),
    url,
  };
}

const isDifferent = ({ a, b }: Pick<PartDifference, 'a' | 'b'>): boolean =>
  Math.abs(b - a) >= Math.max(SAME.micros, Math.max(a, b) * SAME.share);

/** Of rows with the largest difference first, those that say something beside it. */
function notification<T extends { readonly a: number; readonly b: number }>(
  rows: readonly T[],
): readonly T[] {
  const [first] = rows;
  const least = first === undefined ? 0 : Math.abs(first.b - first.a) * SMALL.share;
  return rows.filter(({ a, b }, index) => index < SMALL.most || Math.abs(b - a) >= least);
}

function headOf(
  { traceId, root, spanCount }: TraceOutline,
  { requestId, usualAmong }: ToCompare,
  links: Pick<Links, 'trace'>,
): ComparedTrace {
  const url = links.trace(traceId);
  return {
    traceId,
    requestId,
    usualAmong,
    rootService: named(root.serviceName),
    rootOperation: root.spanName,
    asked: requestLine(root),
    start: root.start,
    duration: root.duration,
    spanCount,
    isError: root.isError,
    status: statusOf(root),
    url,
  };
}

const firstOf = <T>(all: readonly T[], most: number): Truncated<T> => ({
  rows: all.slice(0, most),
  hidden: Math.max(0, all.length - most),
});

/** Those that differ most, put back into the order of the tree: which of them lies in which is half of the answer. */
function pairedOf({ paired, pairCount }: StructureDifference): ComparisonView['paired'] {
  const differing = paired.filter(isDifferent);
  const largest = [...differing].sort((x, y) => Math.abs(y.b - y.a) - Math.abs(x.b - x.a));
  const most = new Set(notification(largest).slice(0, SHOWN.paired));
  const rows: PairedSpans[] = [];
  // What is not shown must not leave a gap in the indentation.
  const above: number[] = [];
  for (const row of differing) {
    if (!most.has(row)) continue;
    while ((above.at(-1) ?? -1) >= row.depth) above.pop();
    rows.push({ ...row, depth: above.length });
    above.push(row.depth);
  }
  return { rows, hidden: differing.length - rows.length, pairCount };
}

interface Compared {
  readonly a: TraceOutline;
  readonly b: TraceOutline;
  readonly structure: StructureDifference;
}

function noticesOf(compared: Compared, now: EpochMs): readonly string[] {
  const { a, b } = compared;
  return [...beginningNotices(compared), ...warningNotices('A', a, now), ...warningNotices('B', b, now)];
}

/** Two requests of different kinds differ for many reasons, of which slowness is one. */
function beginningNotices({ a, b, structure: { roots } }: Compared): readonly string[] {
  const begin = `A begins at ${named(a.root.serviceName)}, B at ${named(b.root.serviceName)}`;
  if (roots === 'different') {
    return [
      a.root.serviceName === b.root.serviceName
        ? `They begin with different operations of ${named(a.root.serviceName)} (${a.root.spanName} and ${b.root.spanName}): their spans cannot be paired.`
        : `${begin}: they are different requests, and their spans cannot be paired.`,
    ];
  }
  if (roots === 'inner')
    return [`${begin}: only what both of them do is paired, and the totals are of unequal wholes.`];
  const [askedA, askedB] = [requestLine(a.root), requestLine(b.root)];
  return askedA === askedB || askedA === '' || askedB === ''
    ? []
    : [
        `A asked for ${askedA}, B for ${askedB}: they are different kinds of request, which may be all there is to it.`,
      ];
}

function warningNotices(
  name: string,
  { warnings, start, duration }: TraceOutline,
  now: EpochMs,
): readonly string[] {
  const { hasNoRoot, rootCount, orphanCount, isTruncated, skewText } = warnings;
  const age = toEpochUs(now) - (start + duration);
  return [
    ...(age >= 0 && age < ARRIVING_US
      ? [`${name} has only just ended: more of its spans may still arrive.`]
      : []),
    ...(isTruncated ? [`${name} was too large for Jaeger: spans are missing.`] : []),
    ...(hasNoRoot ? [`The beginning of ${name} is missing.`] : []),
    ...(rootCount > 1 ? [`${name} has ${rootCount} beginnings: only the first is compared.`] : []),
    ...(orphanCount > 0 && !hasNoRoot
      ? [`${name} has spans whose parents are missing: they are not compared.`]
      : []),
    ...(skewText === undefined ? [] : [`The clocks of the hosts of ${name} differ by up to ${skewText}.`]),
  ];
}

/** One of the two requests that are compared. */
export interface ComparedTrace {
  readonly traceId: string;
  /** Set when it was asked for by its request id. */
  readonly requestId?: string;
  /** Set when it was picked as a usual request of its kind: among how many it is the one of median duration. */
  readonly usualAmong?: number;
  readonly rootService: string;
  readonly rootOperation: string;
  /** What it was asked for, without what differs from request to request: `GET /product/{id}`; empty when unknown. */
  readonly asked: string;
  readonly start: EpochUs;
  /** Of its root span: the whole that its critical path divides. */
  readonly duration: Microseconds;
  readonly spanCount: number;
  readonly isError: boolean;
  readonly status: string;
  readonly url?: string;
}

/** Two requests side by side. Differences are the second's minus the first's. */
export interface ComparisonView {
  readonly a: ComparedTrace;
  readonly b: ComparedTrace;
  /** In microseconds: of the durations of the two roots, and so of all rows of `path` with what is left out. */
  readonly difference: number;
  readonly path: Truncated<PartDifference> & { readonly hiddenDifference: number };
  /** Spans that both have, in the order of the tree: those whose durations differ most. */
  readonly paired: Truncated<PairedSpans> & { readonly pairCount: number };
  readonly onlyInA: Truncated<UnpairedSpans>;
  readonly onlyInB: Truncated<UnpairedSpans>;
  /** What a reader must know before trusting it. */
  readonly notices: readonly string[];
  /** Jaeger's own comparison of the two. */
  readonly url?: string;
}
