import { UpstreamError, type UpstreamErrorCode } from '../../src/lib/errors.ts';
import { epochUs, us } from '../../src/lib/units.ts';
import { type ExplainTrace, traceView } from '../../src/traces/inspect-trace.ts';
import { REQUEST_ATTRIBUTES } from '../../src/traces/operations.ts';
import type { Span, Trace } from '../../src/traces/trace.ts';
import type { TraceSearch, TraceSource } from '../../src/traces/trace-source.ts';
import { START } from './virtual-clock.ts';

/** A server span of `checkout` that took 10 ms at START; give what the test is about. */
function aSpan(over: Partial<Span> = {}): Span {
  return {
    traceId: 'a'.repeat(32),
    spanId: '1'.repeat(16),
    serviceName: 'checkout',
    spanName: 'GET /cart',
    kind: 'server',
    start: epochUs(START * 1_000),
    duration: us(10_000),
    attributes: {},
    resource: {},
    events: [],
    isError: false,
    warnings: [],
    ...over,
  };
}

/** A trace of the given spans, which get its id, and span ids 1, 2, 3 where they have none of their own. */
export function aTrace(traceId: string, spans: readonly Partial<Span>[] = [{}]): Trace {
  const id = traceId.padStart(32, '0');
  return {
    traceId: id,
    spans: spans.map((span, i) => aSpan({ spanId: String(i + 1).padStart(16, '0'), ...span, traceId: id })),
  };
}

/** An error as the real source throws it. */
export function aTraceSourceError(
  code: UpstreamErrorCode = 'unavailable',
  message = 'Jaeger did not respond: jaeger:16686 refused the connection.',
) {
  return new UpstreamError({ system: 'jaeger', code, message, advice: 'Check that it runs.' });
}

/** A trace source that holds what it is given, filters as Jaeger's memory storage does, and remembers its searches. */
export interface FakeTraceSource extends TraceSource {
  readonly explain: ExplainTrace;
  readonly searches: readonly TraceSearch[];
  /** Services that exist without a trace. */
  addService(name: string): void;
  addOperation(service: string, name: string): void;
  /** From now on every call of the method waits for this first. It may throw. */
  before(
    method: keyof TraceSource,
    work: (signal: AbortSignal | undefined, call: number) => Promise<void> | void,
  ): void;
}

const matching = (
  span: Span,
  { service, operation, window, minDuration = us(0), attributes = {} }: TraceSearch,
) =>
  (service === undefined || span.serviceName === service) &&
  (operation === undefined || span.spanName === operation) &&
  span.start >= window.start * 1_000 &&
  span.start <= window.end * 1_000 &&
  span.duration >= minDuration &&
  Object.entries(attributes).every(([key, value]) => String(span.attributes[key]) === String(value));

/** For a ranking, spans are read without what a ranking does not need. */
const asRead = (trace: Trace, { isRanking, service, attributes }: TraceSearch): Trace =>
  isRanking === true && service !== undefined && attributes === undefined
    ? { ...trace, spans: trace.spans.map((span) => rankedBy(span, span.serviceName === service)) }
    : trace;

function rankedBy(span: Span, isOwn: boolean): Span {
  const named = Object.entries(span.attributes).filter(([key]) => isOwn && REQUEST_ATTRIBUTES.has(key));
  return {
    ...span,
    parentSpanId: undefined,
    kind: isOwn ? span.kind : 'unspecified',
    attributes: Object.fromEntries(named),
    resource: {},
    events: [],
    isError: isOwn && span.isError,
  };
}

export function createFakeTraceSource(traces: readonly Trace[] = []): FakeTraceSource {
  const searches: TraceSearch[] = [];
  const services = new Set(traces.flatMap(({ spans }) => spans.map(({ serviceName }) => serviceName)));
  const operations = new Map<string, Set<string>>();
  const hooks = new Map<string, (signal: AbortSignal | undefined, call: number) => Promise<void> | void>();
  const calls = new Map<string, number>();
  const enter = async (method: keyof TraceSource, signal: AbortSignal | undefined): Promise<void> => {
    const call = (calls.get(method) ?? 0) + 1;
    calls.set(method, call);
    await hooks.get(method)?.(signal, call);
  };
  for (const span of traces.flatMap(({ spans }) => spans)) {
    operations.set(span.serviceName, (operations.get(span.serviceName) ?? new Set()).add(span.spanName));
  }
  return {
    searches,
    addService: (name) => void services.add(name),
    addOperation: (service, name) =>
      void operations.set(service, (operations.get(service) ?? new Set()).add(name)),
    before: (method, work) => void hooks.set(method, work),
    services: async (signal) => {
      await enter('services', signal);
      return [...services].sort();
    },
    operations: async (service, signal) => {
      await enter('operations', signal);
      return [...(operations.get(service) ?? [])].sort();
    },
    search: async (query, signal) => {
      searches.push(query);
      await enter('search', signal);
      const all = traces.filter(({ spans }) => spans.some((span) => matching(span, query)));
      const given = all.slice(0, query.limit).map((trace) => asRead(trace, query));
      return { traces: given, isComplete: given.length < query.limit };
    },
    trace: async (traceId, signal) => {
      await enter('trace', signal);
      return traces.find((trace) => trace.traceId === traceId);
    },
    explain: async (traceId, options, signal) => {
      await enter('trace', signal);
      const trace = traces.find((each) => each.traceId === traceId);
      const view = trace && traceView(trace, options);
      return trace && view && { trace, view };
    },
  };
}
