import { setImmediate } from 'node:timers/promises';
import type { HttpClient } from '../http/http-client.ts';
import { UpstreamError } from '../lib/errors.ts';
import { type EpochMs, epochMs, type Milliseconds, ms } from '../lib/units.ts';
import type { Trace } from '../traces/trace.ts';
import type { FoundTraces, TraceSearch, TraceSource } from '../traces/trace-source.ts';
import { answerTo, type Question } from './answers.ts';
import { type ApiVersion, askWith, isForeign } from './api-version.ts';
import { type Backend, type BackendSource, detectBackend } from './backend.ts';
import { searchIn } from './search.ts';
import { createSharing } from './shared-work.ts';
import { createTraceMemory } from './trace-memory.ts';
import { createPatientLimiter } from './turns.ts';
import { legacyNamesSchema, readLegacyTraces } from './wire-legacy.ts';
import { readOtlpTraces, v3OperationsSchema, v3ServicesSchema } from './wire-otlp.ts';
import { hexId } from './wire-value.ts';

export interface JaegerTraceSourceOptions {
  readonly http: HttpClient;
  /** For each request. 10 s unless given: a trace search can scan much. */
  readonly deadline?: Milliseconds;
  /** Tells whether a trace is old enough to be kept. */
  readonly clock?: { now(): EpochMs };
}

const DEFAULT_DEADLINE = ms(10_000);
/** A search makes the storage read whole traces: more at once would slow all of them, and the people at the page. The rest waits. */
const SEARCHES_AT_ONCE = 4;
/** For traces that were read by id, by an estimate. */
const MEMORY_BYTES = 32 * 1_024 * 1_024;
/** To explain a trace of more spans takes longer than others should wait for that and the reading of it in one piece. */
const MANY_SPANS = 5_000;

/**
 * A Jaeger, of any rule-set version. Which API version it speaks is found out at the first question and again when an answer
 * stops making sense, as after an upgrade or behind a new address. The same search or trace, asked for by several at
 * once, is asked of it once.
 */
export function createJaegerTraceSource({
  http,
  deadline = DEFAULT_DEADLINE,
  clock = { now: () => epochMs(Date.now()) },
}: JaegerTraceSourceOptions): TraceSource {
  const ask = askWith(http, deadline);
  const inBackend = backendMemory({ http, ask, deadline });
  const takeTurn = createPatientLimiter({ atOnce: SEARCHES_AT_ONCE, patience: deadline });
  const memory = createTraceMemory({ now: () => clock.now(), maxBytes: MEMORY_BYTES });
  const shareSearch = createSharing<FoundTraces>();
  const shareTrace = createSharing<Trace | undefined>();
  const names = async (
    question: (apiVersion: ApiVersion) => Question<readonly string[]>,
    signal: AbortSignal | undefined,
  ): Promise<readonly string[]> => {
    const all = await inBackend(({ apiVersion }) => answerTo(ask, question(apiVersion), signal), signal);
    return [...new Set(all)].sort();
  };
  return {
    services: (signal) => names(servicesQuestion, signal),
    operations: (service, signal) => names((apiVersion) => operationsQuestion(apiVersion, service), signal),
    search: (search, caller) =>
      shareSearch(
        keyOf(search),
        (signal) =>
          takeTurn(
            () =>
              inBackend((backend, isFresh) => searchIn({ ask, backend, isFresh, search }, signal), signal),
            signal,
          ),
        caller,
      ),
    trace: async (traceId, caller) => {
      const id = hexId(traceId, 32);
      const known = memory.get(id);
      if (known !== undefined) return known;
      const work = (signal: AbortSignal): Promise<Trace | undefined> =>
        inBackend(
          ({ apiVersion }) => answerTo(ask, traceQuestion(apiVersion, traceId), signal),
          signal,
        ).catch(rethrowTooLarge);
      const trace = await shareTrace(id, work, caller);
      if (trace === undefined) return undefined;
      memory.keep(trace);
      if (trace.spans.length > MANY_SPANS) await setImmediate();
      return trace;
    },
  };
}

/** One trace cannot be asked for in parts. */
function rethrowTooLarge(error: unknown): never {
  if (!(error instanceof UpstreamError) || error.code !== 'too-large') throw error;
  const { system, code, message } = error;
  throw new UpstreamError({
    system,
    code,
    message,
    advice: 'The bot reads no larger trace: open this one in Jaeger itself.',
  });
}

type InBackend = <T>(
  work: (backend: Backend, isFresh: boolean) => Promise<T>,
  signal: AbortSignal | undefined,
) => Promise<T>;

function backendMemory(source: BackendSource): InBackend {
  const shareDetection = createSharing<Backend>();
  let known: Backend | undefined;
  return async (work, signal) => {
    const last = known;
    if (last !== undefined) {
      try {
        return await work(last, false);
      } catch (error) {
        if (!isForeign(error)) throw error;
        // Unless somebody else has found it out meanwhile.
        if (known === last) known = undefined;
      }
    }
    known ??= await shareDetection('', (shared) => detectBackend(source, shared), signal);
    return work(known, true);
  };
}

/** The same for the same search, whatever the order of its attributes. */
function keyOf({ service, operation, window, minDuration, attributes = {}, limit }: TraceSearch): string {
  const wanted = Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([service, operation, window.start, window.end, minDuration, wanted, limit]);
}

const isLegacy = (apiVersion: ApiVersion): boolean => apiVersion === 'legacy';

function servicesQuestion(apiVersion: ApiVersion): Question<readonly string[]> {
  return isLegacy(apiVersion)
    ? { path: '/api/services', operation: 'services', read: (body) => legacyNamesSchema.parse(body).data }
    : {
        path: '/api/v3/services',
        operation: 'services',
        read: (body) => v3ServicesSchema.parse(body).services,
      };
}

function operationsQuestion(apiVersion: ApiVersion, service: string): Question<readonly string[]> {
  const shared = { operation: 'operations', none: [] } as const;
  return isLegacy(apiVersion)
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

function traceQuestion(apiVersion: ApiVersion, traceId: string): Question<Trace | undefined> {
  const root = isLegacy(apiVersion) ? '/api/traces' : '/api/v3/traces';
  const read = isLegacy(apiVersion) ? readLegacyTraces : readOtlpTraces;
  return {
    path: `${root}/${encodeURIComponent(traceId)}`,
    operation: 'trace',
    read: (body) => read(body).find(({ spans }) => spans.length > 0),
    none: undefined,
  };
}
