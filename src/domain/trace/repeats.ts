import { type Microseconds, us } from '../units.ts';
import { operationOf } from './shown-operation.ts';
import type { SpanNode, SpanTree } from './tree.ts';

/** The same thing done again and again, one after the other, under one span: what one query for all would have spared. */
export interface Repeat {
  /** Who repeats, and in what. */
  readonly service: string;
  readonly operation: string;
  /** What is repeated. */
  readonly child: string;
  readonly count: number;
  /** Of the repetitions together. */
  readonly time: Microseconds;
}

/** More than so many in sequence are a pattern (N+1), not a program that does a thing a few times. */
const ORDINARY = 10;

interface Run {
  child: SpanNode;
  count: number;
  time: number;
  end: number;
}

/**
 * Children of one name that run in sequence, more than ten of them.
 *
 *     list     |==============================|
 *     get        |==||==| |==||==|  |==||==|        one at a time: a run
 *     get        |==|                               two at a time would end it
 *               |=====|
 *
 * Whatever else the span does in between does not end a run. The longest ones first.
 */
export function repeatsOf({ nodes }: SpanTree): readonly Repeat[] {
  return nodes
    .filter(({ children }) => children.length > ORDINARY)
    .flatMap((parent) =>
      longestRuns(parent).map(({ child, count, time }) => ({
        service: parent.span.serviceName,
        operation: operationOf(parent.span),
        child: child.span.spanName,
        count,
        time: us(time),
      })),
    )
    .sort((a, b) => b.time - a.time || b.count - a.count || (a.child < b.child ? -1 : 1));
}

function longestRuns({ children }: SpanNode): readonly Run[] {
  const longest = new Map<string, Run>();
  const current = new Map<string, Run>();
  for (const child of children) {
    const { serviceName, spanName, kind, start, duration } = child.span;
    const key = `${serviceName}\0${spanName}\0${kind}`;
    const run = current.get(key);
    const next =
      run !== undefined && start >= run.end
        ? { child, count: run.count + 1, time: run.time + duration, end: start + duration }
        : { child, count: 1, time: duration, end: start + duration };
    current.set(key, next);
    if (next.count > (longest.get(key)?.count ?? 0)) longest.set(key, next);
  }
  return [...longest.values()].filter(({ count }) => count > ORDINARY);
}
