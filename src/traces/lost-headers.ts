import { listed } from '../lib/format.ts';
import { extentOf, type Span, type Trace } from './trace.ts';

/** A service that did not forward the trace headers, and the service it called without them, if known. */
export interface LostHeaders {
  readonly caller: string;
  readonly callee?: string;
}

/**
 * Where the trace headers of a request were lost: one entry per pair of services, in order of time. `traces` are those
 * with the id of the request; the earliest is the request itself, each further one starts where the headers were lost.
 *
 *     gateway    |==================================|
 *     checkout     |==============================|        lost the headers ...
 *     ----------------------------------------------- another trace
 *     checkout            |== client ==|                   ... here: its sidecar's root is the call itself
 *     payments              |= server =|
 *
 * A further trace whose root is a server span was called by the innermost server span around it in the other traces. This
 * needs clocks that agree: without a span around it, there is no entry.
 */
export function lostHeadersOf(traces: readonly Trace[]): readonly LostHeaders[] {
  const [first, ...further] = [...traces].sort((a, b) => extentOf(a).start - extentOf(b).start);
  if (first === undefined) return [];
  const lost = further.flatMap((trace): LostHeaders[] => {
    const root = rootOf(trace);
    if (root === undefined) return [];
    if (root.kind === 'client' || root.kind === 'producer') {
      return [{ caller: root.serviceName, callee: calleeOf(trace, root) }];
    }
    const others = traces.filter((other) => other !== trace);
    const caller = callerOf(root, others);
    return caller === undefined ? [] : [{ caller, callee: root.serviceName }];
  });
  return [...new Map(lost.map((each) => [`${each.caller}\n${each.callee ?? ''}`, each])).values()];
}

/**
 * The service that may have lost the headers, as far as one of the traces shows: the other traces have spans of it. The
 * caller, when the root is a client span; else the service with the longest server span without children.
 *
 *     gateway    |==================================|
 *     checkout     |==============================|        <- waited for something that is not in the trace
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

/** The service of the shortest server span around the call. */
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

const MAX_CALLERS = 3;
const MAX_CALLEES = 4;
const MAX_ROOTS = 5;

/** `checkout when calling cart, payments`, for each service that lost the headers. */
function callersText(lost: readonly LostHeaders[]): string {
  const callers = [...new Set(lost.map(({ caller }) => caller))];
  const texts = callers.slice(0, MAX_CALLERS).map((caller) => {
    const callees = lost.flatMap((each) => (each.caller === caller ? (each.callee ?? []) : []));
    return callees.length === 0 ? caller : `${caller} when calling ${listed(callees, MAX_CALLEES)}`;
  });
  return texts.join('; ');
}

const FORWARDS = 'forwards x-request-id but not the trace headers (traceparent or b3)';

/** Why one request has several traces, and which service to fix. `subject` starts it: `2 traces carry this request id`. */
export function splitRequestText({
  subject,
  roots,
  lost,
}: {
  readonly subject: string;
  /** The services at which the traces start. */
  readonly roots: readonly string[];
  readonly lost: readonly LostHeaders[];
}): string {
  if (lost.length > 0) return `${subject}. An application ${FORWARDS}: ${callersText(lost)}.`;
  const services = [...new Set(roots)];
  return services.length === 1
    ? `${subject}, and all start at ${services[0]}: a client sent the request more than once with the same id, or an application ${FORWARDS}.`
    : `${subject}: an application ${FORWARDS}. They start at ${listed(services, MAX_ROOTS)}.`;
}
