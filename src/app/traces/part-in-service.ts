import type { Links } from '../../domain/link.ts';
import { type CriticalPath, criticalPathOf } from '../../domain/trace/critical-path.ts';
import { pathParts } from '../../domain/trace/path-parts.ts';
import { createPlaces } from '../../domain/trace/places.ts';
import { rankingSpan } from '../../domain/trace/ranking.ts';
import { requestLine } from '../../domain/trace/request-line.ts';
import { type ServedSpan, servedSpan } from '../../domain/trace/served.ts';
import { statusOf } from '../../domain/trace/span-errors.ts';
import { outlineOf } from '../../domain/trace/summary.ts';
import type { Span, Trace } from '../../domain/trace/trace.ts';
import type { SpanNode, SpanTree } from '../../domain/trace/tree.ts';
import { named } from '../../domain/trace/wording.ts';
import { type EpochMs, epochMs, type Microseconds, type TimeWindow, us } from '../../domain/units.ts';
import type { PartSpan, PartView } from '../views/part-view.ts';
import { shareOf, traceNotices, worthRows } from './inspect-trace.ts';

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
): { readonly view: PartView; readonly served: ServedSpan | undefined } | undefined {
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
    ...(requestId === undefined ? {} : { requestId }),
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
  return { view, served: span.kind === 'server' ? servedSpan(span, nodes.length) : undefined };
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
