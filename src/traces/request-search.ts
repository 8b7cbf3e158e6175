import { forEachLimited } from '../lib/concurrency.ts';
import { UpstreamError } from '../lib/errors.ts';
import { listed } from '../lib/format.ts';
import { after, before, epochUs, MINUTE, ms, type TimeWindow, toEpochMs } from '../lib/units.ts';
import { ENVOY_REQUEST_ID, isLikeRequestId } from './request-id.ts';
import { extentOf, type Span, type Trace } from './trace.ts';
import type { TraceSearch, TraceSource } from './trace-source.ts';

/** Searches for the traces of one request, in single services or in all at once, and collects them. */
export interface RequestSearch {
  /** Searches the services in order until the request is found in one. */
  until(window: TimeWindow, services: readonly string[]): Promise<void>;
  /** Searches all of the services. */
  through(window: TimeWindow, services: readonly string[]): Promise<void>;
  /** Searches without a service name. False when the backend cannot, or when an empty answer proves nothing. */
  everywhere(window: TimeWindow): Promise<boolean>;
  found(): readonly Trace[];
  /** The first error of any search in a service. */
  failure(): UpstreamError | undefined;
  hasAnswer(): boolean;
  isComplete(): boolean;
}

/** Which request is searched for, and where. */
export interface RequestSearchOptions {
  readonly traces: Pick<TraceSource, 'search'>;
  /** The attribute that holds the id. */
  readonly attribute: string;
  /** The spellings of the id. */
  readonly values: readonly string[];
}

const CONCURRENCY = 4;
/** One search per service of a large mesh would load the backend. */
const MAX_SERVICES = 100;
/** A request has one trace, or several when an application loses the trace headers. */
const LIMIT = 20;

/** A search over services, four at a time. The failure of one service does not end it. */
export function createRequestSearch(
  { traces, attribute, values }: RequestSearchOptions,
  signal: AbortSignal | undefined,
): RequestSearch {
  const found = new Map<string, Trace>();
  let failure: UpstreamError | undefined;
  let hasAnswer = false;
  let isCut = false;
  const isOver = (): boolean => signal?.aborted === true;

  /** Searches each spelling of the id. Returns whether it was found, and every answer was complete. */
  const search = async (where: Pick<TraceSearch, 'service' | 'window'>): Promise<boolean> => {
    let isComplete = true;
    let isFound = false;
    for (const value of values) {
      const answer = await traces.search(
        { ...where, attributes: { [attribute]: value }, limit: LIMIT },
        signal,
      );
      hasAnswer = true;
      isComplete &&= answer.isComplete;
      // Some backends match by pattern or not at all.
      for (const trace of answer.traces.filter((each) => carries(each, attribute, value))) {
        found.set(trace.traceId, trace);
        isFound = true;
      }
    }
    return isComplete && isFound;
  };
  const searchServices = async (
    services: readonly string[],
    { window, isEnough }: { readonly window: TimeWindow; readonly isEnough: () => boolean },
  ): Promise<void> => {
    if (services.length > MAX_SERVICES) isCut = true;
    await forEachLimited(services.slice(0, MAX_SERVICES), CONCURRENCY, async (service) => {
      if (isOver() || isEnough()) return;
      try {
        await search({ service, window });
      } catch (error) {
        if (!(error instanceof UpstreamError)) throw error;
        failure ??= error;
        // A request that one service's search refuses as invalid is invalid for all.
        if (!error.retryable && found.size === 0) throw error;
      }
    });
  };
  return {
    until: (window, services) => searchServices(services, { window, isEnough: () => found.size > 0 }),
    through: (window, services) => searchServices(services, { window, isEnough: () => false }),
    everywhere: async (window) => {
      if (isOver()) return false;
      try {
        return await search({ window });
      } catch (error) {
        // Each service can still be searched.
        if (!(error instanceof UpstreamError)) throw error;
        return false;
      }
    },
    found: () => [...found.values()],
    failure: () => failure,
    hasAnswer: () => hasAnswer,
    isComplete: () => failure === undefined && !isCut && !isOver(),
  };
}

const carries = ({ spans }: Trace, attribute: string, value: string): boolean =>
  spans.some(({ attributes }) => String(attributes[attribute]) === value);

/** Traces of one request start within this of each other, unless clocks are far off. */
const MARGIN = ms(5 * MINUTE);

/** The time in which the other traces of a request are, given some of them. */
export function windowAround(traces: readonly Trace[]): TimeWindow {
  const extents = traces.map(extentOf);
  const start = Math.min(...extents.map(({ start }) => start));
  const end = Math.max(...extents.map(({ start, duration }) => start + duration));
  return {
    start: before(toEpochMs(epochUs(start)), MARGIN),
    end: after(toEpochMs(epochUs(end)), MARGIN),
  };
}

/** How the spans of a mesh record request ids. */
export type RecordedRequestIds =
  /** In Envoy's attribute. */
  | { readonly kind: 'as-expected' }
  /** In another attribute, or in none. */
  | { readonly kind: 'otherwise'; readonly attribute?: string }
  /** There is no trace to tell from. */
  | { readonly kind: 'no-traces' };

const SAMPLE = { traces: 5, services: 12 } as const;

/**
 * Looks at some spans of the first services. Undefined when the backend does not answer, and when none of the spans has a
 * request id but not all services were looked at: a service that serves no requests proves nothing.
 */
export async function requestIdsRecorded(
  {
    traces,
    services,
    window,
  }: {
    readonly traces: Pick<TraceSource, 'search'>;
    readonly services: readonly string[];
    readonly window: TimeWindow;
  },
  signal: AbortSignal | undefined,
): Promise<RecordedRequestIds | undefined> {
  let hasTraces = false;
  let attribute: string | undefined;
  try {
    for (const service of services.slice(0, SAMPLE.services)) {
      const found = await traces.search({ service, window, limit: SAMPLE.traces }, signal);
      const names = new Set(
        found.traces.flatMap(({ spans }) => spans.flatMap((span) => Object.keys(span.attributes))),
      );
      if (names.has(ENVOY_REQUEST_ID)) return { kind: 'as-expected' };
      hasTraces ||= found.traces.length > 0;
      attribute ??= [...names].sort().find(isLikeRequestId);
    }
    if (attribute !== undefined) return { kind: 'otherwise', attribute };
    if (services.length > SAMPLE.services) return undefined;
    return { kind: hasTraces ? 'otherwise' : 'no-traces' };
  } catch (error) {
    if (error instanceof UpstreamError) return undefined;
    throw error;
  }
}

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
