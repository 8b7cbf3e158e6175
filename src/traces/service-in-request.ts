import type { PercentileRanks, ServerSpan } from '../latency/percentile-rank.ts';
import type { Links } from '../lib/links.ts';
import { type EpochMs, type EpochUs, type Microseconds, type Ratio, us } from '../lib/units.ts';
import { createStartTimes } from './clock-skew.ts';
import { type CriticalPath, criticalPathOf } from './critical-path.ts';
import { requestLineOf, serviceName } from './operations.ts';
import { type PathRows, pathBreakdown, pathRows, shareOf } from './path-breakdown.ts';
import { rankingSpan } from './slowest.ts';
import { statusOf } from './span-errors.ts';
import { attributeText, type Span, type Trace } from './trace.ts';
import { traceNotices } from './trace-notices.ts';
import { measuredBy, outlineOf } from './trace-summary.ts';
import { type SpanNode, type SpanTree, subtreeOf } from './tree.ts';

/** One span of a service in a request. */
export interface ServiceSpan {
  readonly operation: string;
  /** `GET /cart/{id}`; empty when the span does not say. */
  readonly requestLine: string;
  readonly duration: Microseconds;
  /** Start after the start of the request's root, on the root's clock; negative when clocks still disagree. */
  readonly offset: number;
  readonly isError: boolean;
  /** How it ended; empty when unknown. */
  readonly status: string;
}

/** What one service did in one request. */
export interface ServiceInRequest {
  readonly service: string;
  readonly traceId: string;
  /** Set when the request was found by its request id. */
  readonly requestId?: string;
  readonly rootService: string;
  readonly start: EpochUs;
  /** Of the root: the whole that the shares are of. */
  readonly rootDuration: Microseconds;
  /** The service's spans, the longest first; those of its proxy where it has one. */
  readonly spans: readonly ServiceSpan[];
  readonly hiddenSpans: number;
  /** The longest span's share of the root's duration: above 1 when it did not run within it. */
  readonly share: Ratio;
  /** Time of the root's critical path in that span and below it; absent when the span is not below that root. */
  readonly onPath?: Microseconds;
  /** What that span's duration was spent on: its own code, and what it waited for. */
  readonly spentOn: PathRows;
  /** Percentile rank of the longest span in its service; set after the metrics were queried. */
  readonly percentiles?: PercentileRanks;
  readonly notices: readonly string[];
  readonly url?: string;
}

const MAX_SPANS = 5;

/**
 * What one service did in a trace, and the server span to rank among the service's other requests. Pure. Undefined when
 * the service has no span in it.
 */
export function serviceInRequest(
  {
    trace,
    service,
    requestId,
  }: { readonly trace: Trace; readonly service: string; readonly requestId?: string },
  { now, links }: { readonly now: EpochMs; readonly links: Pick<Links, 'trace'> },
): { readonly view: ServiceInRequest; readonly serverSpan: ServerSpan | undefined } | undefined {
  const outline = outlineOf(trace);
  const span = rankingSpan(trace, { service });
  if (outline === undefined || span === undefined) return undefined;
  const { tree, root } = outline;
  const nodes = spansLike(span, tree);
  const startOf = createStartTimes();
  const path = criticalPathOf(nodeOf(tree, span));
  const view: ServiceInRequest = {
    service,
    traceId: trace.traceId,
    requestId,
    rootService: serviceName(root.serviceName),
    start: root.start,
    rootDuration: root.duration,
    spans: nodes.slice(0, MAX_SPANS).map((node) => ({
      operation: node.span.spanName,
      requestLine: requestLineOf(node.span),
      duration: node.span.duration,
      offset: startOf(node) - root.start,
      isError: node.span.isError,
      status: statusOf(node.span),
    })),
    hiddenSpans: Math.max(0, nodes.length - MAX_SPANS),
    share: shareOf(span.duration, root.duration),
    onPath: timeBelow(span, outline.path),
    spentOn: pathRows(pathBreakdown(path), span.duration),
    notices: traceNotices(outline, now),
    url: links.trace(trace.traceId, [
      ...new Set([span.spanId, ...path.sections.map(({ node }) => node.span.spanId)]),
    ]),
  };
  return { view, serverSpan: span.kind === 'server' ? serverSpanOf(span, nodes.length) : undefined };
}

/** The spans of the same service and kind, the longest first. */
const spansLike = ({ serviceName, kind }: Span, { nodes }: SpanTree): readonly SpanNode[] =>
  nodes
    .filter(({ span }) => span.serviceName === serviceName && span.kind === kind)
    .sort((a, b) => b.span.duration - a.span.duration || a.span.start - b.span.start);

function nodeOf({ nodes }: SpanTree, span: Span): SpanNode {
  const found =
    nodes.find((node) => node.span === span) ?? nodes.find(({ span: { spanId } }) => spanId === span.spanId);
  // The tree keeps the first of exact copies, which has the same id.
  if (found === undefined) throw new Error(`The span ${span.spanId} is not in its own trace.`);
  return found;
}

function timeBelow(span: Span, { root, sections }: CriticalPath): Microseconds | undefined {
  const top = subtreeOf(root).find(
    (node) => node.span.spanId === span.spanId && node.span.kind === span.kind,
  );
  if (top === undefined) return undefined;
  const inside = new Set(subtreeOf(top));
  return us(sections.reduce((sum, { node, start, end }) => sum + (inside.has(node) ? end - start : 0), 0));
}

/** A server span and what it says about who measured it. `spans`: how many spans of the service it stands for. */
export const serverSpanOf = (span: Span, spans = 1): ServerSpan => ({
  service: span.serviceName,
  duration: span.duration,
  spans,
  measuredBy: measuredBy(span),
  canonicalService: attributeText(span, ['istio.canonical_service']) || undefined,
  namespace: attributeText(span, ['istio.namespace']) || undefined,
});

/**
 * One server span per service on the critical path, from the outermost service inwards: the longest one that is on the
 * path or an ancestor of a span on it. A proxy's span counts before the application's own span inside it.
 *
 *     gateway   |=======================|      an ancestor of the path
 *     checkout    |=================|          on the path
 *     auth          |==|                       on the path, where checkout waited for it
 *     mail             |====|                  not: in parallel to payments
 *     payments         |===========|           on the path
 */
export function serverSpansOnPath({ root, sections }: CriticalPath): readonly ServerSpan[] {
  const onPath = new Set<SpanNode>([root]);
  for (const { node } of sections) {
    for (let up: SpanNode | undefined = node; up !== undefined && !onPath.has(up); up = up.parent) {
      onPath.add(up);
    }
  }
  const byService = new Map<string, Span[]>();
  for (const { span } of [...onPath].sort(outermostFirst)) {
    if (span.kind !== 'server') continue;
    const spans = byService.get(span.serviceName);
    if (spans === undefined) byService.set(span.serviceName, [span]);
    else spans.push(span);
  }
  return [...byService.values()].map((spans) => {
    const proxied = spans.filter((span) => measuredBy(span) !== 'application');
    const candidates = proxied.length > 0 ? proxied : spans;
    const longest = candidates.reduce((most, span) => (span.duration > most.duration ? span : most));
    return serverSpanOf(longest, candidates.length);
  });
}

const outermostFirst = (a: SpanNode, b: SpanNode): number => a.depth - b.depth || a.span.start - b.span.start;
