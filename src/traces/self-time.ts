import { epochUs, type Microseconds, us } from '../lib/units.ts';
import { type CriticalPath, isMisplaced, placeUnder } from './critical-path.ts';
import type { Span } from './trace.ts';
import type { SpanNode, SpanTree } from './tree.ts';

/**
 * The time of a span in which none of its children was at work: its own code, or waiting that no span shows.
 *
 *     parent    |==========================|
 *     child a     |=======|
 *     child b         |=======|                   overlaps a: counted once
 *     child c                        |=========|  runs over the end: counted up to the end
 *     self      ##            #######
 *
 * A child that follows from the parent is not waited for and takes nothing away. A server that cannot lie where its clock
 * says lies where the critical path takes it to.
 */
export function selfTimeOf(node: SpanNode): Microseconds {
  const { span } = node;
  const end = span.start + span.duration;
  let covered = 0;
  let reached: number = span.start;
  // Children come by start, so one pass merges them.
  for (const child of placedChildren(node)) {
    if (child.followsFrom === true) continue;
    const from = Math.max(child.start, reached);
    const to = Math.min(child.start + child.duration, end);
    if (to <= from) continue;
    covered += to - from;
    reached = to;
  }
  return us(span.duration - covered);
}

/** The children by start. */
function placedChildren(node: SpanNode): readonly Pick<Span, 'start' | 'duration' | 'followsFrom'>[] {
  const spans = node.children.map(({ span }) => span);
  if (!spans.some((child) => isMisplaced(node.span, child))) return spans;
  return spans
    .map((child) => ({ ...child, start: epochUs(placeUnder(node, child, node.span.start).start) }))
    .sort((a, b) => a.start - b.start);
}

/** Self time of all spans of one service and operation together. */
export interface SelfTime {
  readonly service: string;
  readonly operation: string;
  readonly selfTime: Microseconds;
  readonly spans: number;
}

/**
 * Per service and operation, the largest first. Work done in parallel adds up: the sum may exceed the trace's duration.
 * With a critical path only what lies off it counts: what the request did not wait for. Those without any are left out.
 */
export function selfTimesOf({ nodes }: SpanTree, path?: CriticalPath): readonly SelfTime[] {
  const sums = new Map<string, SelfTime>();
  const onPath = timesOn(path);
  for (const node of nodes) {
    const { serviceName: service, spanName: operation } = node.span;
    const own = selfTimeOf(node) - (onPath.get(node) ?? 0);
    if (path !== undefined && own <= 0) continue;
    const key = `${service}\0${operation}`;
    const sum = sums.get(key);
    sums.set(key, {
      service,
      operation,
      selfTime: us((sum?.selfTime ?? 0) + own),
      spans: (sum?.spans ?? 0) + 1,
    });
  }
  return [...sums.values()].sort((a, b) => b.selfTime - a.selfTime || order(a, b));
}

function timesOn(path: CriticalPath | undefined): ReadonlyMap<SpanNode, number> {
  const times = new Map<SpanNode, number>();
  for (const { node, start, end } of path?.sections ?? []) {
    times.set(node, (times.get(node) ?? 0) + end - start);
  }
  return times;
}

const order = (a: SelfTime, b: SelfTime): number =>
  `${a.service} ${a.operation}` < `${b.service} ${b.operation}` ? -1 : 1;
