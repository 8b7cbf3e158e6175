import { type Microseconds, us } from '../lib/units.ts';
import { attemptsOf, isAbandoned, isFailed, peerOf, retriedClients } from './calls.ts';
import { operationOf, operationsOf } from './operations.ts';
import type { Span } from './trace.ts';
import type { SpanNode, SpanTree } from './tree.ts';

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
