import { type SpanKind, type StoredSpan, type StoredTrace, serviceOf } from './model.ts';

export interface OperationName {
  readonly name: string;
  readonly kind: SpanKind;
}

/** Calls from one service to another, counted over the traces of a window. */
export interface Dependency {
  readonly parent: string;
  readonly child: string;
  readonly callCount: number;
}

/** Traces in memory. It holds the most recently begun `maxTraces` and forgets older ones. */
export interface JaegerStore {
  readonly maxTraces: number;
  /** Adds finished spans; spans of a known trace join it. */
  add(spans: readonly StoredSpan[]): void;
  get(traceId: string): StoredTrace | undefined;
  /** Traces with a span of the service, or all when none is named, in the order they were first seen. */
  traces(service?: string): readonly StoredTrace[];
  /** Every service that was ever seen. */
  services(): readonly string[];
  /** Every operation of a service that was ever seen, each with its span kind. */
  operations(service: string): readonly OperationName[];
  /** Calls between services in the traces that lie within the window; instants in µs. */
  dependencies(window: { readonly startUs: number; readonly endUs: number }): readonly Dependency[];
  /** Puts other spans in the place of a trace's own: older Jaegers change what they store while they read it. */
  replace(traceId: string, spans: readonly StoredSpan[]): void;
}

interface TraceEntry {
  readonly traceId: string;
  spans: StoredSpan[];
}

/** Creates an empty store. */
export function createJaegerStore(options: { readonly maxTraces?: number } = {}): JaegerStore {
  const maxTraces = options.maxTraces ?? 100_000;
  const byId = new Map<string, TraceEntry>();
  const byService = new Map<string, Map<string, TraceEntry>>();
  const operations = new Map<string, Map<string, OperationName>>();

  const note = (span: StoredSpan, trace: TraceEntry): void => {
    const service = serviceOf(span);
    const traces = byService.get(service) ?? new Map<string, TraceEntry>();
    byService.set(service, traces.set(trace.traceId, trace));
    const names = operations.get(service) ?? new Map<string, OperationName>();
    operations.set(service, names.set(`${span.kind} ${span.name}`, { name: span.name, kind: span.kind }));
  };
  const forgetOldest = (): void => {
    for (const trace of byId.values()) {
      if (byId.size <= maxTraces) return;
      byId.delete(trace.traceId);
      for (const span of trace.spans) byService.get(serviceOf(span))?.delete(trace.traceId);
    }
  };
  return {
    maxTraces,
    add: (spans) => {
      for (const span of spans) {
        const trace = byId.get(span.traceId) ?? { traceId: span.traceId, spans: [] };
        byId.set(span.traceId, trace);
        trace.spans.push(span);
        note(span, trace);
      }
      forgetOldest();
    },
    get: (traceId) => byId.get(traceId),
    traces: (service) => [...((service === undefined ? byId : byService.get(service))?.values() ?? [])],
    services: () => [...byService.keys()],
    operations: (service) => [...(operations.get(service)?.values() ?? [])],
    dependencies: (window) => countCalls(byId.values(), window),
    replace: (traceId, spans) => {
      const trace = byId.get(traceId);
      if (trace !== undefined) trace.spans = [...spans];
    },
  };
}

function countCalls(traces: Iterable<TraceEntry>, window: { startUs: number; endUs: number }): Dependency[] {
  const calls = new Map<string, Dependency>();
  for (const { spans } of traces) {
    if (!spans.every(({ startUs }) => startUs >= window.startUs && startUs <= window.endUs)) continue;
    const byId = new Map(spans.map((span) => [span.spanId, span]));
    for (const span of spans) {
      const parent = span.parentSpanId === undefined ? undefined : byId.get(span.parentSpanId);
      if (parent === undefined) continue;
      const edge = { parent: serviceOf(parent), child: serviceOf(span) };
      const key = `${edge.parent} ${edge.child}`;
      calls.set(key, { ...edge, callCount: (calls.get(key)?.callCount ?? 0) + 1 });
    }
  }
  return [...calls.values()];
}
