import { type Microseconds, us } from '../lib/units.ts';
import { operationOf, operationsOf } from './shown-operation.ts';
import type { Span } from './trace.ts';
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
  /** Shared by the steps of one run: the first `count` are its own. */
  readonly spans: Span[];
  readonly count: number;
  readonly time: number;
  readonly end: number;
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
  return [...longest.values()].filter(({ count }) => count > ORDINARY);
}
