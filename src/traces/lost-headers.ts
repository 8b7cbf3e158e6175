import { extentOf } from './ranking.ts';
import type { Span, Trace } from './trace.ts';

/** A service that did not hand on the trace headers, and whom it called when it lost them, where that can be notified. */
export interface LostHeaders {
  readonly caller: string;
  readonly callee?: string;
}

/**
 * Where a request fell apart: one entry per pair of services, in the order of time. `traces` are those that carry the
 * request's id; the first in time is the request itself, each further one began where the headers were lost.
 *
 *     gateway    |==================================|
 *     checkout     |==============================|        lost them ...
 *     ----------------------------------------------- another trace
 *     checkout            |== client ==|                   ... here: its sidecar's root is the call itself
 *     payments              |= server =|
 *
 * A further trace that begins with a server span was called by the innermost span around it in the other traces; that
 * comparison needs clocks that agree, so it names no caller when none is around it.
 */
export function lostHeadersOf(traces: readonly Trace[]): readonly LostHeaders[] {
  const [first, ...further] = [...traces].sort((a, b) => extentOf(a).start - extentOf(b).start);
  if (first === undefined) return [];
  const lost = further.flatMap((trace): LostHeaders[] => {
    const root = rootOf(trace);
    if (root === undefined) return [];
    if (root.kind === 'client' || root.kind === 'producer') {
      const callee = calleeOf(trace, root);
      return [{ caller: root.serviceName, callee }];
    }
    const caller = callerOf(
      root,
      traces.filter((other) => other !== trace),
    );
    return caller === undefined ? [] : [{ caller, callee: root.serviceName }];
  });
  return [...new Map(lost.map((each) => [`${each.caller}\n${each.callee ?? ''}`, each])).values()];
}

/**
 * The service that may have lost the headers, as far as one part of a request tells: the other parts hold spans of it.
 * A part that begins with a call was begun by the caller. In any other it is who called nobody, as it seems, and took
 * longest for it.
 *
 *     gateway    |==================================|
 *     checkout     |==============================|        <- waited for something that is not here
 *     cart           |==|
 */
export function suspectOf(trace: Trace): string | undefined {
  const root = rootOf(trace);
  if (root === undefined) return undefined;
  if (root.kind === 'client' || root.kind === 'producer') return root.serviceName;
  const callers = new Set(trace.spans.map(({ parentSpanId }) => parentSpanId));
  const idle = trace.spans.filter(({ kind, spanId }) => kind === 'server' && !callers.has(spanId));
  return longestOf(idle)?.serviceName ?? root.serviceName;
}

const longestOf = (spans: readonly Span[]): Span | undefined =>
  spans.reduce<Span | undefined>(
    (longest, span) => (longest === undefined || span.duration > longest.duration ? span : longest),
    undefined,
  );

/** The earliest span whose parent is not in the trace. */
export function rootOf({ spans }: Trace): Span | undefined {
  const ids = new Set(spans.map(({ spanId }) => spanId));
  return spans
    .filter(({ parentSpanId }) => parentSpanId === undefined || !ids.has(parentSpanId))
    .reduce<Span | undefined>(
      (first, span) => (first === undefined || span.start < first.start ? span : first),
      undefined,
    );
}

const calleeOf = ({ spans }: Trace, call: Span): string | undefined =>
  spans.find(
    ({ parentSpanId, serviceName }) => parentSpanId === call.spanId && serviceName !== call.serviceName,
  )?.serviceName;

/** The service whose server span was under way for the shortest time around the call. */
function callerOf(called: Span, others: readonly Trace[]): string | undefined {
  let innermost: Span | undefined;
  for (const span of others.flatMap(({ spans }) => spans)) {
    const isAround =
      span.kind === 'server' &&
      span.serviceName !== called.serviceName &&
      span.start <= called.start &&
      span.start + span.duration >= called.start + called.duration;
    if (isAround && (innermost === undefined || span.duration < innermost.duration)) innermost = span;
  }
  return innermost?.serviceName;
}
