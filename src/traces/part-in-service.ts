import { named } from '../lib/format.ts';
import type { Links } from '../lib/links.ts';
import {
  type EpochMs,
  type EpochUs,
  epochMs,
  type Microseconds,
  type Ratio,
  type TimeWindow,
  us,
} from '../lib/units.ts';
import { type CriticalPath, criticalPathOf } from './critical-path.ts';
import { shareOf, traceNotices, worthRows } from './inspect-trace.ts';
import { type PathPart, pathParts } from './path-parts.ts';
import { createPlaces } from './places.ts';
import type { PercentileRanks } from './rank-request.ts';
import { rankingSpan } from './ranking.ts';
import { requestLine } from './request-line.ts';
import { type ServerSpan, serverSpanOf } from './server-spans.ts';
import { statusOf } from './span-errors.ts';
import { outlineOf } from './summary.ts';
import type { Span, Trace } from './trace.ts';
import type { SpanNode, SpanTree } from './tree.ts';

/** The largest of each that are handed on. */
const SHOWN = { spans: 5 } as const;
const ALWAYS: TimeWindow = { start: epochMs(0), end: epochMs(8.64e15) };

/**
 * What one service did in a trace, and what is needed to place it among the service's other requests. Pure. Undefined
 * when the service has no span in it.
 */
export function partInService(
  {
    trace,
    service,
    requestId,
  }: { readonly trace: Trace; readonly service: string; readonly requestId?: string },
  { now, links }: { readonly now: EpochMs; readonly links: Pick<Links, 'trace'> },
): { readonly view: PartView; readonly serverSpans: ServerSpan | undefined } | undefined {
  const summary = outlineOf(trace);
  const span = rankingSpan(trace, { service, window: ALWAYS });
  if (summary === undefined || span === undefined) return undefined;
  const { tree, root } = summary;
  const nodes = sameSort(tree, span);
  const placeOf = createPlaces();
  const onPath = timeUnder(span, summary.path);
  const path = criticalPathOf(nodeOf(tree, span));
  const url = links.trace(trace.traceId, waitedSpans(span, path));
  const view: PartView = {
    service,
    traceId: trace.traceId,
    requestId,
    rootService: named(root.serviceName),
    start: root.start,
    rootDuration: root.duration,
    spans: nodes
      .slice(0, SHOWN.spans)
      .map((node) => ({ ...partSpan(node.span), offset: placeOf(node) - root.start })),
    hiddenSpans: Math.max(0, nodes.length - SHOWN.spans),
    share: shareOf(span.duration, root.duration),
    ...(onPath === undefined ? {} : { onPath }),
    spentOn: spentOn(path),
    notices: traceNotices(summary, now),
    ...(url === undefined ? {} : { url }),
  };
  return { view, serverSpans: span.kind === 'server' ? serverSpanOf(span, nodes.length) : undefined };
}

/** The service's spans that are of the same sort as the one it is judged by, the longest first. */
const sameSort = ({ nodes }: SpanTree, { serviceName, kind }: Span): readonly SpanNode[] =>
  nodes
    .filter(({ span }) => span.serviceName === serviceName && span.kind === kind)
    .sort((a, b) => b.span.duration - a.span.duration || a.span.start - b.span.start);

const partSpan = (span: Span): Omit<PartSpan, 'offset'> => ({
  operation: span.spanName,
  asked: requestLine(span),
  duration: span.duration,
  isError: span.isError,
  status: statusOf(span),
});

function nodeOf({ nodes }: SpanTree, span: Span): SpanNode {
  const found =
    nodes.find((node) => node.span === span) ?? nodes.find(({ span: { spanId } }) => spanId === span.spanId);
  // Of exact copies the tree keeps the first, which has the same id.
  if (found === undefined) throw new Error(`The span ${span.spanId} is not in its own trace.`);
  return found;
}

function timeUnder(span: Span, { root, sections }: CriticalPath): Microseconds | undefined {
  const top = subtree(root).find((node) => node.span.spanId === span.spanId && node.span.kind === span.kind);
  if (top === undefined) return undefined;
  const inside = new Set(subtree(top));
  return us(sections.reduce((sum, { node, start, end }) => sum + (inside.has(node) ? end - start : 0), 0));
}

function subtree(top: SpanNode): readonly SpanNode[] {
  const nodes = [top];
  // The list grows while it is read: a queue without shifting.
  for (const { children } of nodes) for (const child of children) nodes.push(child);
  return nodes;
}

function spentOn(path: CriticalPath): PartView['spentOn'] {
  const whole = path.root.span.duration;
  const { shown, hidden } = worthRows(pathParts(path), whole);
  return {
    rows: shown.map((part) => ({
      ...part,
      service: named(part.service),
      share: shareOf(part.time, whole),
    })),
    hidden,
  };
}

/** The span and what it waited for, each id once. */
const waitedSpans = ({ spanId }: Span, { sections }: CriticalPath): readonly string[] => [
  ...new Set([spanId, ...sections.map(({ node }) => node.span.spanId)]),
];

/** One span of a service in a request. */
export interface PartSpan {
  readonly operation: string;
  /** What it was asked for: `GET /cart/{id}`; empty when the span does not say. */
  readonly asked: string;
  readonly duration: Microseconds;
  /** How long after the request's root it began, on the root's clock; below zero where clocks differ all the same. */
  readonly offset: number;
  readonly isError: boolean;
  /** How it ended; empty when it does not say. */
  readonly status: string;
}

/** What one service did in one request. */
export interface PartView {
  readonly service: string;
  readonly traceId: string;
  /** Set when it was asked for by its request id. */
  readonly requestId?: string;
  readonly rootService: string;
  readonly start: EpochUs;
  /** Of the root: what the shares are of. */
  readonly rootDuration: Microseconds;
  /** The service's spans, the longest first: as its proxy saw them, where the proxy did. */
  readonly spans: readonly PartSpan[];
  readonly hiddenSpans: number;
  /** The longest span's share of the root's duration: above 1 where it did not run within it. */
  readonly share: Ratio;
  /**
   * How much of the root's critical path lies in that span and below it; absent when the span is not under that root.
   */
  readonly onPath?: Microseconds;
  /** What that span's duration was spent on, the largest first: its own code, and what it waited for. */
  readonly spentOn: {
    readonly rows: readonly (PathPart & { readonly share: Ratio })[];
    readonly hidden: { readonly count: number; readonly time: Microseconds };
  };
  /** Where the longest span stands among all of the service. */
  readonly percentiles?: PercentileRanks;
  readonly notices: readonly string[];
  readonly url?: string;
}
