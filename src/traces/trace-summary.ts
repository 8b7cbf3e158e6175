import { type EpochUs, type Microseconds, us } from '../lib/units.ts';
import { correctedExtent } from './clock-skew.ts';
import { type CriticalPath, criticalPathOf } from './critical-path.ts';
import { type HopEdge, hopEdgesOf } from './hops.ts';
import { measuredBy } from './measured-by.ts';
import { type PathEntry, pathBreakdown, type SelfTime, selfTimesOf } from './path-breakdown.ts';
import { type Repeat, type Retry, repeatsOf, retriesOf } from './repeated-calls.ts';
import { type ErrorOrigin, errorOriginsOf } from './span-errors.ts';
import { INVALID_SPAN, type Span, type Trace } from './trace.ts';
import { buildTree, type SpanNode, type SpanTree } from './tree.ts';

/** Defects of a trace that limit what can be said of it. */
export interface TraceWarnings {
  /** Every span has a parent: the start of the request is missing. */
  readonly hasNoRoot: boolean;
  readonly rootCount: number;
  readonly orphanCount: number;
  readonly ringCount: number;
  /** Spans with invalid times or without ids were left out, or their duration counts as 0. */
  readonly hasInvalidSpans?: boolean;
  /** The backend warned that it dropped spans. */
  readonly isTruncated: boolean;
  /** The largest clock skew that the backend reported without correcting it. */
  readonly skew: Microseconds | undefined;
  /** How long work continued after the root had ended; 0 when it did not. */
  readonly workAfterRoot: Microseconds;
}

/** The tree of a trace and what its root waited for. */
export interface TraceOutline {
  readonly traceId: string;
  /** The longest real root that is a gateway or else a server, else the longest real root, else the longest span whose parent is missing. */
  readonly root: Span;
  readonly tree: SpanTree;
  readonly start: EpochUs;
  /** From the first span's start to the last span's end, with server spans moved into their callers. */
  readonly duration: Microseconds;
  readonly spanCount: number;
  /** The critical path of `root`. */
  readonly path: CriticalPath;
  /** The same by what the time was spent on, the largest first. */
  readonly breakdown: readonly PathEntry[];
  readonly warnings: TraceWarnings;
}

/** Everything that is shown of a trace, from its spans alone. */
export interface TraceSummary extends TraceOutline {
  /** Most spans first. */
  readonly services: readonly { readonly name: string; readonly spans: number }[];
  /** Number of failed spans. */
  readonly errorCount: number;
  readonly errors: readonly ErrorOrigin[];
  readonly hops: readonly HopEdge[];
  readonly retries: readonly Retry[];
  readonly repeats: readonly Repeat[];
  /** Self times off the critical path, the largest first. */
  readonly offPath: readonly SelfTime[];
}

/** Tree, critical path and defects of a trace. Undefined for a trace without spans. */
export function outlineOf(trace: Trace): TraceOutline | undefined {
  const tree = buildTree(trace);
  const top = mainRoot(tree);
  if (top === undefined) return undefined;
  const { start, duration } = correctedExtent(tree);
  const path = criticalPathOf(top);
  return {
    traceId: trace.traceId,
    root: top.span,
    tree,
    start,
    duration,
    spanCount: tree.nodes.length,
    path,
    breakdown: pathBreakdown(path),
    warnings: warningsOf(tree, { top, end: start + duration }),
  };
}

/** Undefined for a trace without spans. */
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

/**
 * Of several real roots the entry of the request: a gateway, else a server. A page load or a timer that shares the trace id
 * is not. Without a real root, the longest fragment.
 */
export function mainRoot({ roots }: SpanTree): SpanNode | undefined {
  const real = roots.filter(({ rootKind }) => rootKind === 'root');
  const servers = real.filter(({ span }) => span.kind === 'server');
  const gateways = servers.length > 1 ? servers.filter(({ span }) => measuredBy(span) === 'gateway') : [];
  const candidates = [gateways, servers, real, roots].find(({ length }) => length > 0) ?? [];
  return candidates.reduce<SpanNode | undefined>(
    (longest, root) => (longest === undefined || root.span.duration > longest.span.duration ? root : longest),
    undefined,
  );
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
    hasInvalidSpans: warnings.some((warning) => warning.startsWith(INVALID_SPAN)) || undefined,
    isTruncated: warnings.some((warning) => /truncat|max[_ ]trace[_ ]size|too many spans/i.test(warning)),
    skew: largestSkew(warnings),
    workAfterRoot: us(rootCount === 1 && roots.length === 1 ? Math.max(0, late) : 0),
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

/** Microseconds of a Go duration such as `-1m2.5s`, without its sign. */
function goMicros(text: string): number {
  let sum = 0;
  for (const [, value = '0', unit = ''] of text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|h|m|s)/g)) {
    sum += Number(value) * (GO_UNITS[unit] ?? 0);
  }
  return sum;
}

/** Jaeger calculates the clock skew but by default does not correct it: its warning contains it. */
function largestSkew(warnings: readonly string[]): Microseconds | undefined {
  const skews = warnings.flatMap((warning) => {
    const delta = /clock skew.*delta of (-?[\dhmsuµn.]+)/.exec(warning)?.[1];
    return delta === undefined ? [] : [goMicros(delta)];
  });
  return skews.length === 0 ? undefined : us(skews.reduce((largest, skew) => Math.max(largest, skew)));
}
