import type { HttpClient } from '../http/http-client.ts';
import { type Clock, systemClock } from '../lib/clock.ts';
import { UpstreamError } from '../lib/errors.ts';
import { createRedactText } from '../lib/redact.ts';
import { type Milliseconds, ms } from '../lib/units.ts';
import { type ExplainedTrace, type ExplainTrace, traceView } from '../traces/inspect-trace.ts';
import { createRedactTrace, type RedactionOptions } from '../traces/redact-trace.ts';
import type { Trace } from '../traces/trace.ts';
import type { TraceSearch, TraceSearchResult, TraceSource } from '../traces/trace-source.ts';
import { type ApiVersion, apiOf, type Backend, detectBackend, isUnknownApi } from './backend.ts';
import { createPatientLimiter, createSharing, createTraceCache } from './memo.ts';
import { createJaegerClient, type JaegerClient, type JaegerRequest, type TracesRequest } from './request.ts';
import { searchIn } from './search.ts';
import { createTraceReader, type TraceReader } from './trace-reader.ts';
import { legacyNamesSchema } from './wire-legacy.ts';
import { v3OperationsSchema, v3ServicesSchema } from './wire-otlp.ts';
import { hexId } from './wire-value.ts';

export interface JaegerTraceSourceOptions {
  readonly http: HttpClient;
  /** For each request. 10 s by default: a trace search can read much. */
  readonly deadline?: Milliseconds;
  /** The largest answer with one trace, in bytes; 64 MiB by default. Searches are limited by `http`. */
  readonly maxTraceBytes?: number;
  /** What is removed from every trace, beside credentials and personal data. */
  readonly redaction?: RedactionOptions;
  readonly clock?: Clock;
}

const NO_PATTERNS: RedactionOptions = { patterns: [] };
const DEFAULT_DEADLINE = ms(10_000);
/** A search makes the storage read whole traces: more at the same time would slow down all of them, and Jaeger's UI. */
const MAX_SEARCHES = 4;
/** For the cache of traces, by an estimate. */
const CACHE_BYTES = 32 * 1_024 * 1_024;
const MAX_TRACE_BYTES = 64 * 1_024 * 1_024;

/** A Jaeger that explains a trace, without keeping a large one. */
export interface JaegerTraceSource extends TraceSource {
  readonly explain: ExplainTrace;
}

/**
 * A Jaeger of any version. Its API version is detected with the first request, and again when an answer does not fit, as
 * after an upgrade or behind a new address. Concurrent requests for the same search or trace are sent once.
 */
export function createJaegerTraceSource({
  http,
  deadline = DEFAULT_DEADLINE,
  clock = systemClock,
  maxTraceBytes: maxBytes = MAX_TRACE_BYTES,
  redaction = NO_PATTERNS,
}: JaegerTraceSourceOptions): JaegerTraceSource {
  const reader = createTraceReader(redaction);
  const client = createJaegerClient(http, { deadline, reader, redact: createRedactTrace(redaction) });
  const redactText = createRedactText(redaction.patterns);
  const withBackend = createBackendMemo(client);
  const runSearch = createPatientLimiter({ clock, concurrency: MAX_SEARCHES, patience: deadline });
  const cache = createTraceCache({ now: () => clock.now(), maxBytes: CACHE_BYTES });
  const shareSearch = createSharing<TraceSearchResult>();
  const shareTrace = createSharing<Trace | undefined>();
  const names = async (
    request: (apiVersion: ApiVersion) => JaegerRequest<readonly string[]>,
    signal: AbortSignal | undefined,
  ): Promise<readonly string[]> => {
    const all = await withBackend(({ apiVersion }) => client.send(request(apiVersion), signal), signal);
    return [...new Set(all)].sort();
  };
  const search = (search: TraceSearch, signal: AbortSignal): Promise<TraceSearchResult> =>
    runSearch(
      () =>
        withBackend(
          (backend, isFresh) =>
            searchIn({ client, backend, isFresh, search, signal, maxTraceBytes: maxBytes }),
          signal,
        ),
      signal,
    );
  const trace = (traceId: string, signal: AbortSignal): Promise<Trace | undefined> =>
    withBackend(async (backend) => {
      const traces = await client.traces({ ...traceRequest(backend, traceId), maxBytes }, signal);
      return firstOf(traces);
    }, signal);
  return {
    services: (signal) => names(servicesRequest, signal),
    operations: async (service, signal) => {
      const all = await names((apiVersion) => operationsRequest(apiVersion, service), signal);
      // They are suggested to people, and cannot be searched for by another name.
      return all.filter((name) => redactText(name) === name);
    },
    search: (query, caller) => shareSearch(keyOf(query), (signal) => search(query, signal), caller),
    trace: async (traceId, caller) => {
      const id = hexId(traceId, 32);
      const cached = cache.get(id);
      if (cached !== undefined) return cached;
      const read = await shareTrace(id, (signal) => trace(traceId, signal), caller).catch(rethrowTooLarge);
      if (read !== undefined) cache.keep(read);
      return read;
    },
    explain: explainWith({ client, reader, withBackend, cache, maxBytes }),
  };
}

interface ExplainContext {
  readonly client: JaegerClient;
  readonly reader: TraceReader;
  readonly withBackend: WithBackend;
  readonly cache: ReturnType<typeof createTraceCache>;
  readonly maxBytes: number;
}

/** Explains a trace of the cache or a small one here, and a large one in the thread that reads it. */
function explainWith({ client, reader, withBackend, cache, maxBytes }: ExplainContext): ExplainTrace {
  return async (traceId, { now, links }, signal) => {
    const explained = (trace: Trace | undefined): ExplainedTrace | undefined => {
      const view = trace && traceView(trace, { now, links });
      return trace && view && { trace, view };
    };
    const cached = cache.get(hexId(traceId, 32));
    if (cached !== undefined) return explained(cached);
    return withBackend((backend) => {
      const request = { ...traceRequest(backend, traceId), maxBytes };
      const small = (traces: readonly Trace[]): ExplainedTrace | undefined => {
        const read = firstOf(traces);
        if (read !== undefined) cache.keep(read);
        return explained(read);
      };
      const large = (body: Uint8Array): Promise<ExplainedTrace | undefined> =>
        reader.explain(body, { format: request.format, now, links });
      return client.either(request, { small, large }, signal);
    }, signal).catch(rethrowTooLarge);
  };
}

const firstOf = (traces: readonly Trace[]): Trace | undefined => traces.find(({ spans }) => spans.length > 0);

/** Unlike a search, one trace cannot be requested with a smaller limit. */
function rethrowTooLarge(error: unknown): never {
  if (!(error instanceof UpstreamError) || error.code !== 'too-large') throw error;
  const { system, code, message } = error;
  throw new UpstreamError({ system, code, message, advice: 'Open this trace in Jaeger.' });
}

type WithBackend = <T>(
  work: (backend: Backend, isFresh: boolean) => Promise<T>,
  signal: AbortSignal | undefined,
) => Promise<T>;

function createBackendMemo(client: JaegerClient): WithBackend {
  const shareDetection = createSharing<Backend>();
  let known: Backend | undefined;
  return async (work, signal) => {
    const last = known;
    if (last !== undefined) {
      try {
        return await work(last, false);
      } catch (error) {
        if (!isUnknownApi(error)) throw error;
        // Unless another call has detected it meanwhile.
        if (known === last) known = undefined;
      }
    }
    known ??= await shareDetection('', (shared) => detectBackend(client, shared), signal);
    return work(known, true);
  };
}

/** The same for equal searches, in any order of attributes. */
function keyOf(search: TraceSearch): string {
  const { service, operation, window, minDuration, attributes = {}, limit, isRanking } = search;
  const sorted = Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([
    service,
    operation,
    window.start,
    window.end,
    minDuration,
    sorted,
    limit,
    isRanking,
  ]);
}

const servicesRequest = (apiVersion: ApiVersion): JaegerRequest<readonly string[]> =>
  apiVersion === 'legacy'
    ? { path: '/api/services', operation: 'services', read: (body) => legacyNamesSchema.parse(body).data }
    : {
        path: '/api/v3/services',
        operation: 'services',
        read: (body) => v3ServicesSchema.parse(body).services,
      };

function operationsRequest(apiVersion: ApiVersion, service: string): JaegerRequest<readonly string[]> {
  const shared = { operation: 'operations', none: [] } as const;
  return apiVersion === 'legacy'
    ? {
        ...shared,
        // Not `/api/operations`, which VictoriaTraces does not have.
        path: `/api/services/${encodeURIComponent(service)}/operations`,
        read: (body) => legacyNamesSchema.parse(body).data,
      }
    : {
        ...shared,
        path: '/api/v3/operations',
        query: { service },
        read: (body) => v3OperationsSchema.parse(body).operations,
      };
}

const traceRequest = (backend: Backend, traceId: string): TracesRequest => ({
  path: `${backend.apiVersion === 'legacy' ? '/api/traces' : '/api/v3/traces'}/${encodeURIComponent(traceId)}`,
  operation: 'trace',
  format: { api: apiOf(backend) },
});
