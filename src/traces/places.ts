import { type EpochUs, epochUs, type Microseconds, us } from '../lib/units.ts';
import { isMisplaced, placeUnder } from './critical-path.ts';
import type { SpanNode, SpanTree } from './tree.ts';

/** When a span began, on the clock that the critical path is on. Remembers what it found on the way up. */
export function createPlaces(): (node: SpanNode) => number {
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
 * From the first span's start to the last span's end, each tree on the clock of its top: a server whose clock is a minute
 * ahead makes its request no minute longer.
 */
export function extentOnPath({ nodes }: SpanTree): {
  readonly start: EpochUs;
  readonly duration: Microseconds;
} {
  const isMoved = nodes.some(({ span, parent }) => parent !== undefined && isMisplaced(parent.span, span));
  // Places cost more than all else that is done with a large trace whose clocks agree.
  const placeOf = isMoved ? createPlaces() : ({ span }: SpanNode): number => span.start;
  let [start, end] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const node of nodes) {
    const from = placeOf(node);
    start = Math.min(start, from);
    end = Math.max(end, from + node.span.duration);
  }
  return nodes.length === 0
    ? { start: epochUs(0), duration: us(0) }
    : { start: epochUs(start), duration: us(end - start) };
}
