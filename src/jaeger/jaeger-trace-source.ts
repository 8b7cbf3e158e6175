import { LRUCache } from 'lru-cache';
import type { HttpClient } from '../http/http-client.ts';
import { type Clock, systemClock } from '../lib/clock.ts';
import { createLimiter } from '../lib/concurrency.ts';
import { withDeadline } from '../lib/deadline.ts';
import { UpstreamError } from '../lib/errors.ts';
import { createRedactText } from '../lib/redact.ts';
import { type EpochMs, MINUTE, type Milliseconds, ms } from '../lib/units.ts';
import { type ExplainedTrace, type ExplainTrace, traceView } from '../traces/inspect-trace.ts';
import { createRedactTrace, type RedactionOptions } from '../traces/redact-trace.ts';
import type { Attributes, Span, Trace } from '../traces/trace.ts';
import type { TraceSearch, TraceSearchResult, TraceSource } from '../traces/trace-source.ts';
import { type ApiVersion, apiOf, type Backend, detectBackend, isUnknownApi } from './backend.ts';
import { createJaegerClient, type JaegerClient, type JaegerRequest, type TracesRequest } from './request.ts';
import { searchIn } from './search.ts';
import { createTraceReader, type TraceReader } from './trace-reader.ts';
import { legacyNamesSchema } from './wire-legacy.ts';
import { v3OperationsSchema, v3ServicesSchema } from './wire-otlp.ts';
import { hexId } from './wire-value.ts';

const timeout = (message: string): UpstreamError =>
  new UpstreamError({
    system: 'jaeger',
    code: 'timeout',
    message,
    advice: 'Try again in a moment, or use a shorter time range.',
  });

/** Work that several callers wait for. */
interface Job<T> {
  readonly answer: Promise<T>;
  readonly work: AbortController;
  callers: number;
}

/**
 * Merges concurrent calls with the same key. A caller that cancels gets a `timeout` and leaves the others their answer;
 * the work is cancelled when no caller waits for it. Answers are not cached. (The `fetch` of lru-cache would cancel the
 * work of all when one caller cancels.)
 */
export function createSharing<T>() {
  const jobs = new Map<string, Job<T>>();
  const forget = (key: string, job: Job<T>): void => {
    if (jobs.get(key) === job) jobs.delete(key);
  };
  const start = (key: string, work: (signal: AbortSignal) => Promise<T>): Job<T> => {
    const controller = new AbortController();
    const job: Job<T> = { answer: work(controller.signal), work: controller, callers: 0 };
    const settled = (): void => forget(key, job);
    job.answer.then(settled, settled);
    jobs.set(key, job);
    return job;
  };
  const canceled = (): UpstreamError => timeout('Jaeger did not respond in time.');
  return async (key: string, work: (signal: AbortSignal) => Promise<T>, caller?: AbortSignal): Promise<T> => {
    if (caller?.aborted === true) throw canceled();
    const job = jobs.get(key) ?? start(key, work);
    job.callers += 1;
    let cancel = (): void => undefined;
    const abandoned = new Promise<never>((_, reject) => {
      cancel = () => reject(canceled());
    });
    caller?.addEventListener('abort', cancel, { once: true });
    try {
      return await Promise.race([job.answer, abandoned]);
    } finally {
      caller?.removeEventListener('abort', cancel);
      job.callers -= 1;
      if (job.callers === 0) {
        // The next caller starts anew: this job is being cancelled.
        forget(key, job);
        job.work.abort();
      }
    }
  };
}

/** A concurrency limit. Work that is not started within `patience`, or is cancelled before, is a `timeout`. */
export function createPatientLimiter({
  clock,
  concurrency,
  patience,
}: {
  readonly clock: Pick<Clock, 'sleep'>;
  readonly concurrency: number;
  readonly patience: Milliseconds;
}) {
  const limiter = createLimiter(concurrency);
  return async <T>(work: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> => {
    const start = (waiting: AbortSignal): Promise<{ readonly result: Promise<T> }> =>
      new Promise((resolve, reject) => {
        const run = async (): Promise<void> => {
          const result = work();
          resolve({ result });
          await result.catch(() => undefined);
        };
        limiter.run(run, waiting).catch(reject);
      });
    const limit = { clock, duration: patience, system: 'jaeger', signal } as const;
    const { result } = await withDeadline(limit, start).catch(() => {
      throw timeout('Jaeger is busy with other searches.');
    });
    return await result;
  };
}

/** Spans of a younger trace may still be arriving: sidecars and collectors buffer. */
const COMPLETE_AFTER: Milliseconds = MINUTE;
/** Late spans and deletions are rare, but happen. */
const KEPT_FOR = 10 * MINUTE;

/**
 * A cache of `maxBytes`, by an estimate of size. Only for traces read by id: a search may return part of a trace, as
 * Elasticsearch reads the indices around the window and VictoriaTraces the 45 s around it.
 */
export function createTraceCache({
  now,
  maxBytes,
}: {
  readonly now: () => EpochMs;
  readonly maxBytes: number;
}) {
  const cache = new LRUCache<string, Trace>({
    maxSize: maxBytes,
    sizeCalculation: sizeOf,
    ttl: KEPT_FOR,
    ttlResolution: 0,
    perf: { now },
  });
  return {
    get: (traceId: string) => cache.get(traceId),
    keep: (trace: Trace): void => {
      if (endOf(trace) / 1_000 <= now() - COMPLETE_AFTER) cache.set(trace.traceId, trace);
    },
  };
}

const endOf = ({ spans }: Trace): number =>
  spans.reduce((end, span) => Math.max(end, span.start + span.duration), 0);

/** Bytes of an object and of one of its fields in V8; texts take a byte per character. */
const OBJECT_BYTES = 120;
const FIELD_BYTES = 40;

/** A rough upper estimate in bytes: spans share resources and names. */
const sizeOf = ({ spans }: Trace): number => spans.reduce((sum, span) => sum + spanSize(span), OBJECT_BYTES);

function spanSize({ attributes, resource, events, warnings, spanName }: Span): number {
  const eventSize = events.reduce((sum, event) => sum + OBJECT_BYTES + attributesSize(event.attributes), 0);
  const warningSize = warnings.reduce((sum, warning) => sum + FIELD_BYTES + warning.length, 0);
  const own = 3 * OBJECT_BYTES + spanName.length;
  return own + attributesSize(attributes) + attributesSize(resource) + eventSize + warningSize;
}

function attributesSize(attributes: Attributes): number {
  let size = OBJECT_BYTES;
  for (const key of Object.keys(attributes)) {
    const value = attributes[key];
    size += FIELD_BYTES + (typeof value === 'string' ? value.length : 0);
  }
  return size;
}

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
