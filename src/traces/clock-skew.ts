import { type EpochUs, epochUs, type Microseconds, us } from '../lib/units.ts';
import type { Span } from './trace.ts';
import type { SpanNode, SpanTree } from './tree.ts';

/** Clocks that differ by less agree: some libraries round the start of a span to whole milliseconds. Microseconds. */
export const ROUNDING_US = 1_000;

/**
 * The start of a child on the root's clock, given the start of its parent there: a moved parent moves its children, and a
 * server span outside its caller is moved to the middle of it.
 */
export function placeUnder(
  { span: parent }: SpanNode,
  child: Span,
  parentStart: number,
): { readonly start: number; readonly isMoved: boolean } {
  if (!isMisplaced(parent, child))
    return { start: child.start + (parentStart - parent.start), isMoved: false };
  const middle = parentStart + Math.floor(Math.max(0, parent.duration - child.duration) / 2);
  return { start: middle, isMoved: true };
}

/**
 * Whether a server span lies outside its caller: before its parent, or after the client that called it. Less than 1 ms
 * before it is rounding, unless that is half of the server span or more.
 */
export function isMisplaced(parent: Span, child: Span): boolean {
  if (child.kind !== 'server') return false;
  const early = parent.start - child.start;
  if (early >= ROUNDING_US || (early > 0 && early * 2 >= child.duration)) return true;
  return parent.kind === 'client' && child.start >= parent.start + parent.duration && parent.duration > 0;
}

/** Whether a misplaced server span shows that the clocks differ: by 1 ms or more. */
export const isSkewed = (parent: Span, child: Span): boolean =>
  parent.start - child.start >= ROUNDING_US || child.start - (parent.start + parent.duration) >= ROUNDING_US;

/** The start of a span on the root's clock, in microseconds. Memoizes the starts of all ancestors. */
export function createStartTimes(): (node: SpanNode) => number {
  const starts = new Map<SpanNode, number>();
  return (node) => {
    const unknown: SpanNode[] = [];
    let at: SpanNode | undefined = node;
    for (; at !== undefined && !starts.has(at); at = at.parent) unknown.push(at);
    for (let i = unknown.length - 1; i >= 0; i--) {
      const next = unknown[i] as SpanNode;
      const { parent, span } = next;
      const start = parent && placeUnder(parent, span, starts.get(parent) ?? parent.span.start).start;
      starts.set(next, start ?? span.start);
    }
    return starts.get(node) ?? node.span.start;
  };
}

/**
 * From the first span's start to the last span's end, each tree on the clock of its root: a server clock that is a minute
 * ahead does not make the trace a minute longer.
 */
export function correctedExtent({ nodes }: SpanTree): {
  readonly start: EpochUs;
  readonly duration: Microseconds;
} {
  const isMoved = nodes.some(({ span, parent }) => parent !== undefined && isMisplaced(parent.span, span));
  // Start times are the most expensive step of a large trace: they are computed only when clocks disagree.
  const startOf = isMoved ? createStartTimes() : ({ span }: SpanNode): number => span.start;
  let [start, end] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const node of nodes) {
    const from = startOf(node);
    start = Math.min(start, from);
    end = Math.max(end, from + node.span.duration);
  }
  return nodes.length === 0
    ? { start: epochUs(0), duration: us(0) }
    : { start: epochUs(start), duration: us(end - start) };
}
