import { type EpochUs, epochUs, type Microseconds, us } from '../lib/units.ts';
import type { Span } from './trace.ts';
import type { SpanNode, SpanTree } from './tree.ts';

/** Clocks that differ by less agree: some libraries round the start of a span to whole milliseconds. Microseconds. */
export const ROUNDING_US = 1_000;

/** Two spans that overlap by up to this may have run one after the other: 2 ms, for how spans are closed. */
export const CLOSING_US = 2_000;

/**
 * Whether a child that ends after an instant ended before it all the same: spans are closed late, by up to 2 ms and less than a
 * third of their duration. Microseconds.
 */
export const isClosedLate = (
  { start, end }: { readonly start: number; readonly end: number },
  instant: number,
): boolean => end - instant <= CLOSING_US && (end - instant) * 3 < end - start;

/**
 * The start of a child on the root's clock, given the start of its parent there: a moved parent moves its children, and a
 * server span outside its caller is moved to the middle of it.
 */
export function placeUnder(
  parent: SpanNode,
  child: Span,
  parentStart: number,
): { readonly start: number; readonly isMoved: boolean } {
  const { start, duration } = parent.span;
  if (!isMisplaced(parent, child)) return { start: child.start + (parentStart - start), isMoved: false };
  const middle = parentStart + Math.floor(Math.max(0, duration - child.duration) / 2);
  return { start: middle, isMoved: true };
}

/**
 * Whether a server span lies outside its caller: before its parent, after the client that called it, or beyond its end although
 * it fits into it. Less than 1 ms before it is rounding, unless that is half of the server span or more.
 */
export function isMisplaced(parent: SpanNode, child: Span): boolean {
  if (child.kind !== 'server') return false;
  const { start, duration, kind } = parent.span;
  const early = start - child.start;
  if (early >= ROUNDING_US || (early > 0 && early * 2 >= child.duration)) return true;
  if (kind !== 'client') return false;
  return (child.start >= start + duration && duration > 0) || isBeyond(parent, child);
}

/**
 * Whether a server span ends after the only client that waited for it, and is not longer: the clocks differ. A client that
 * gave up failed, or had another answer.
 */
function isBeyond({ span: client, children }: SpanNode, server: Span): boolean {
  const late = endOf(server) - endOf(client);
  if (late <= CLOSING_US || server.duration > client.duration) return false;
  if (client.isError || server.isError || server.followsFrom === true) return false;
  let servers = 0;
  return !children.some(({ span }) => span.kind === 'server' && ++servers > 1);
}

const endOf = ({ start, duration }: Span): number => start + duration;

/** Whether a misplaced server span shows that the clocks differ: by 1 ms or more. */
export const isSkewed = (parent: Span, child: Span): boolean =>
  parent.start - child.start >= ROUNDING_US || endOf(child) - endOf(parent) >= ROUNDING_US;

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
  const isMoved = nodes.some(({ span, parent }) => parent !== undefined && isMisplaced(parent, span));
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
