import type { ServerSpan } from '../latency/percentile-rank.ts';
import { type EpochUs, type Microseconds, us } from '../lib/units.ts';
import { attemptsOf, isAbandoned, isFailed, peerOf, retriedClients } from './calls.ts';
import { correctedExtent } from './clock-skew.ts';
import { type CriticalPath, criticalPathOf } from './critical-path.ts';
import { type HopEdge, hopEdgesOf } from './hops.ts';
import { operationOf, operationsOf } from './operations.ts';
import { type PathEntry, pathBreakdown, type SelfTime, selfTimesOf } from './path-breakdown.ts';
import { type ErrorOrigin, errorOriginsOf } from './span-errors.ts';
import { attributeText, INVALID_SPAN, type Span, type Trace } from './trace.ts';
import { buildTree, type SpanNode, type SpanTree } from './tree.ts';

/** A call with several attempts: under one client span, as a proxy retries it, or each with a client span of its own. */
export interface Retry {
  readonly caller: string;
  readonly callee: string;
  readonly operation: string;
  readonly attempts: number;
  readonly failed: number;
  /** Attempts that the client did not wait for, and that did not fail. */
  readonly abandoned: number;
  /** Of all attempts and the pauses between them. */
  readonly duration: Microseconds;
}

/** Calls with several attempts, the most attempts first. */
export function retriesOf({ nodes }: SpanTree): readonly Retry[] {
  return nodes
    .flatMap((node): readonly Retry[] => {
      const attempts = attemptsOf(node);
      const ofOneClient = attempts.length === 0 ? [] : [retryOf(node, attempts, node.span.duration)];
      return [
        ...ofOneClient,
        ...retriedClients(node).map((clients) => retryOf(clients[0] ?? node, clients, extentOf(clients))),
      ];
    })
    .sort((a, b) => b.attempts - a.attempts || b.duration - a.duration || (nameOf(a) < nameOf(b) ? -1 : 1));
}

const retryOf = (client: SpanNode, attempts: readonly SpanNode[], duration: number): Retry => ({
  caller: client.span.serviceName,
  callee: peerOf(client),
  operation: client.span.spanName,
  attempts: attempts.length,
  failed: attempts.filter(isFailed).length,
  abandoned: attempts.filter((attempt) => isAbandoned(attempt) && !isFailed(attempt)).length,
  duration: us(duration),
});

/** By start, one after the other. */
function extentOf(attempts: readonly SpanNode[]): number {
  const [first, last] = [attempts[0]?.span, attempts.at(-1)?.span];
  return first === undefined || last === undefined ? 0 : last.start + last.duration - first.start;
}

const nameOf = ({ caller, callee }: Retry): string => `${caller} ${callee}`;

/** The same operation many times in sequence under one span (N+1 queries). */
export interface Repeat {
  /** The repeating service and its operation. */
  readonly service: string;
  readonly operation: string;
  /** The repeated operation. */
  readonly child: string;
  readonly count: number;
  /** Of all repetitions. */
  readonly time: Microseconds;
}

/** Up to this many in sequence are normal. */
const MAX_NORMAL = 10;

interface Run {
  /** Shared by the steps of one run: the first `count` belong to this one. */
  readonly spans: Span[];
  readonly count: number;
  readonly time: number;
  readonly end: number;
}

/**
 * Runs of more than ten children with one name, one after the other, the longest time first.
 *
 *     list     |==============================|
 *     get        |==||==| |==||==|  |==||==|        one at a time: a run
 *     get        |==|                               two at a time would end it
 *               |=====|
 *
 * Other children in between do not end a run.
 */
export function repeatsOf({ nodes }: SpanTree): readonly Repeat[] {
  return nodes
    .filter(({ children }) => children.length > MAX_NORMAL)
    .flatMap((parent) =>
      longestRuns(parent).map(({ spans, count, time }) => ({
        service: parent.span.serviceName,
        operation: operationOf(parent.span),
        child: operationsOf(spans.slice(0, count)),
        count,
        time: us(time),
      })),
    )
    .sort((a, b) => b.time - a.time || b.count - a.count || (a.child < b.child ? -1 : 1));
}

function longestRuns({ children }: SpanNode): readonly Run[] {
  const longest = new Map<string, Run>();
  const current = new Map<string, Run>();
  for (const { span } of children) {
    const { serviceName, spanName, kind, start, duration } = span;
    const key = `${serviceName}\0${spanName}\0${kind}`;
    const run = current.get(key);
    const next =
      run !== undefined && start >= run.end
        ? { spans: run.spans, count: run.count + 1, time: run.time + duration, end: start + duration }
        : { spans: [], count: 1, time: duration, end: start + duration };
    next.spans.push(span);
    current.set(key, next);
    if (next.count > (longest.get(key)?.count ?? 0)) longest.set(key, next);
  }
  return [...longest.values()].filter(({ count }) => count > MAX_NORMAL);
}

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

/** Prefixes of Envoy's node ids. */
const ROLES: readonly (readonly [string, ServerSpan['measuredBy']])[] = [
  ['router~', 'gateway'],
  ['waypoint~', 'waypoint'],
  ['sidecar~', 'proxy'],
];

/** What recorded a server span, by Envoy's attributes. Newer versions can omit the node id; then a gateway is recognized by its name. */
export function measuredBy(span: Span): ServerSpan['measuredBy'] {
  const node = attributeText(span, ['node_id']);
  const role = ROLES.find(([prefix]) => node.startsWith(prefix))?.[1];
  if (role !== undefined) return role;
  const isProxy =
    attributeText(span, ['component']) === 'proxy' || attributeText(span, ['istio.canonical_service']) !== '';
  if (!isProxy) return 'application';
  return /(?:^|[-.])(?:ingress|egress)?gateway(?:[-.]|$)/.test(span.serviceName) ? 'gateway' : 'proxy';
}
