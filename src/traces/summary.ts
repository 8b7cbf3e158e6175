import type { EpochUs, Microseconds } from '../lib/units.ts';
import { type CriticalPath, criticalPathOf } from './critical-path.ts';
import { type HopEdge, hopEdgesOf, type Retry, retriesOf } from './hops.ts';
import { type PathPart, pathParts } from './path-parts.ts';
import { extentOnPath } from './places.ts';
import { type Repeat, repeatsOf } from './repeats.ts';
import { type SelfTime, selfTimesOf } from './self-time.ts';
import { type ErrorOrigin, errorOriginsOf } from './span-errors.ts';
import type { Span, Trace } from './trace.ts';
import { buildTree, type SpanNode, type SpanTree } from './tree.ts';

/** What is unusual about a trace, for the reader to know before trusting the figures. */
export interface TraceWarnings {
  /** No span without a parent: the beginning is missing. */
  readonly hasNoRoot: boolean;
  readonly rootCount: number;
  readonly orphanCount: number;
  readonly ringCount: number;
  /** Set when the backend noted that it cut spans off. */
  readonly isTruncated: boolean;
  /** Largest correction of clocks that the backend noted without applying it. */
  readonly skewText: string | undefined;
  /** How long work went on after the root had ended; 0 when it did not. */
  readonly workAfterRoot: Microseconds;
}

/** The least that is known of a trace: its tree, and what its root waited for. */
export interface TraceOutline {
  readonly traceId: string;
  /** The earliest real root; without one, the longest span that has no parent here. */
  readonly root: Span;
  readonly tree: SpanTree;
  readonly start: EpochUs;
  /** From the first span's start to the last span's end, servers whose clocks are wrong in their callers. */
  readonly duration: Microseconds;
  readonly spanCount: number;
  /** What set the duration of `root`. */
  readonly path: CriticalPath;
  /** The same by what the time was spent on, the largest first. */
  readonly parts: readonly PathPart[];
  readonly warnings: TraceWarnings;
}

/** Everything that is notified of a trace, from its spans alone. */
export interface TraceSummary extends TraceOutline {
  /** Most spans first. */
  readonly services: readonly { readonly name: string; readonly spans: number }[];
  /** How many spans failed. */
  readonly errorCount: number;
  readonly errors: readonly ErrorOrigin[];
  readonly hops: readonly HopEdge[];
  readonly retries: readonly Retry[];
  readonly repeats: readonly Repeat[];
  /** Self times off the critical path, the largest first. */
  readonly offPath: readonly SelfTime[];
}

/** A trace's tree and critical path, and what is to be doubted about them. Undefined for a trace without spans. */
export function outlineOf(trace: Trace): TraceOutline | undefined {
  const tree = buildTree(trace);
  const top = mainRoot(tree);
  if (top === undefined) return undefined;
  const { start, duration } = extentOnPath(tree);
  const path = criticalPathOf(top);
  return {
    traceId: trace.traceId,
    root: top.span,
    tree,
    start,
    duration,
    spanCount: tree.nodes.length,
    path,
    parts: pathParts(path),
    warnings: warningsOf(tree, { top, end: start + duration }),
  };
}

/** What a trace says at a glance. Undefined for a trace without spans. */
export function summarize(trace: Trace): TraceSummary | undefined {
  const outline = outlineOf(trace);
  if (outline === undefined) return undefined;
  const { tree, path } = outline;
  return {
    ...outline,
    services: servicesOf(tree.nodes),
    errorCount: tree.nodes.filter(({ span }) => span.isError).length,
    errors: errorOriginsOf(tree),
    hops: hopEdgesOf(tree),
    retries: retriesOf(tree),
    repeats: repeatsOf(tree),
    offPath: selfTimesOf(tree, path),
  };
}

/** Without the real root, the longest piece says most. */
function mainRoot({ roots }: SpanTree): SpanNode | undefined {
  const [first] = roots;
  if (first === undefined || first.rootKind === 'root') return first;
  return roots.reduce((longest, root) => (root.span.duration > longest.span.duration ? root : longest));
}

function servicesOf(nodes: readonly SpanNode[]): TraceSummary['services'] {
  const counts = new Map<string, number>();
  for (const { span } of nodes) counts.set(span.serviceName, (counts.get(span.serviceName) ?? 0) + 1);
  return [...counts]
    .map(([name, spans]) => ({ name, spans }))
    .sort((a, b) => b.spans - a.spans || (a.name < b.name ? -1 : 1));
}

function warningsOf(
  { roots, nodes }: SpanTree,
  { top, end }: { readonly top: SpanNode; readonly end: number },
): TraceWarnings {
  const count = (kind: SpanNode['rootKind']): number =>
    roots.filter(({ rootKind }) => rootKind === kind).length;
  const warnings = nodes.flatMap(({ span }) => span.warnings);
  const rootCount = count('root');
  const late = end - (top.span.start + top.span.duration);
  return {
    hasNoRoot: rootCount === 0,
    rootCount,
    orphanCount: count('orphan'),
    ringCount: count('ring'),
    isTruncated: warnings.some((warning) => /truncat|max[_ ]trace[_ ]size|too many spans/i.test(warning)),
    skewText: largestSkew(warnings),
    workAfterRoot: (rootCount === 1 && roots.length === 1 ? Math.max(0, late) : 0) as Microseconds,
  };
}

const GO_UNITS: Readonly<Record<string, number>> = {
  h: 3.6e9,
  m: 6e7,
  s: 1e6,
  ms: 1e3,
  us: 1,
  µs: 1,
  ns: 1e-3,
};

/** Microseconds of a Go duration such as `-1m2.5s`; the sign is left off. */
function goMicros(text: string): number {
  let sum = 0;
  for (const [, value = '0', unit = ''] of text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|h|m|s)/g)) {
    sum += Number(value) * (GO_UNITS[unit] ?? 0);
  }
  return sum;
}

/** Jaeger calculates a correction but, unless notified to, does not apply it: the text of its warning holds it. */
function largestSkew(warnings: readonly string[]): string | undefined {
  const deltas = warnings.flatMap((warning) => {
    const delta = /clock skew.*delta of (-?[\dhmsuµn.]+)/.exec(warning)?.[1];
    return delta === undefined ? [] : [delta.replace(/\.$/, '')];
  });
  return deltas.sort((a, b) => goMicros(b) - goMicros(a))[0]?.replace(/^-/, '');
}
