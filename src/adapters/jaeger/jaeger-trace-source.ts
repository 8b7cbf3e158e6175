import { z } from 'zod';
import { UpstreamError } from '../../app/errors.ts';
import type { FoundTraces, TraceSearch, TraceSource } from '../../app/ports.ts';
import type { Trace } from '../../domain/trace/trace.ts';
import { type Milliseconds, ms } from '../../domain/units.ts';
import type { HttpClient } from '../http/http-client.ts';
import { type Ask, askWith, type Dialect, detectDialect, isForeign } from './dialect.ts';
import { legacyQuery, v3Query } from './questions.ts';
import { refusalOf } from './refusal.ts';
import { legacyNamesSchema, readLegacyTraces } from './wire-legacy.ts';
import { readOtlpTraces, v3OperationsSchema, v3ServicesSchema } from './wire-otlp.ts';

export interface JaegerTraceSourceOptions {
  readonly http: HttpClient;
  /** For each request. 10 s unless given: a trace search can scan much. */
  readonly deadline?: Milliseconds;
}

const DEFAULT_DEADLINE = ms(10_000);
/** How often a limit is halved when the answer is too large: from 100 to 6 traces. */
const HALVINGS = 4;

interface Question<T> {
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly operation: string;
  /** Throws a ZodError when the body is something else. */
  read(body: unknown): T;
  /** What "there is none" (404) is. */
  readonly none?: T;
}

/**
 * A Jaeger, of any generation. Which dialect it speaks is found out at the first question and again when an answer
 * stops making sense, as after an upgrade or behind a new address.
 */
export function createJaegerTraceSource({
  http,
  deadline = DEFAULT_DEADLINE,
}: JaegerTraceSourceOptions): TraceSource {
  const ask = askWith(http, deadline);
  const inDialect = dialectMemory(ask);
  return {
    services: (signal) =>
      inDialect((dialect) => answerTo(ask, servicesQuestion(dialect), signal), signal).then((names) =>
        [...new Set(names)].sort(),
      ),
    operations: (service, signal) =>
      inDialect((dialect) => answerTo(ask, operationsQuestion(dialect, service), signal), signal).then(
        (names) => [...new Set(names)].sort(),
      ),
    search: (search, signal) =>
      inDialect((dialect, isFresh) => searchIn({ ask, dialect, isFresh, search }, signal), signal),
    trace: (traceId, signal) =>
      inDialect((dialect) => answerTo(ask, traceQuestion(dialect, traceId), signal), signal),
  };
}

type InDialect = <T>(
  work: (dialect: Dialect, isFresh: boolean) => Promise<T>,
  signal: AbortSignal | undefined,
) => Promise<T>;

function dialectMemory(ask: Ask): InDialect {
  let known: Dialect | undefined;
  return async (work, signal) => {
    if (known !== undefined) {
      try {
        return await work(known, false);
      } catch (error) {
        if (!isForeign(error)) throw error;
        known = undefined;
      }
    }
    const fresh = await detectDialect(ask, signal);
    known = fresh;
    return work(fresh, true);
  };
}

async function answerTo<T>(ask: Ask, question: Question<T>, signal: AbortSignal | undefined): Promise<T> {
  const { status, body } = await ask(question, signal);
  if (status === 404 && 'none' in question) return question.none;
  if (status >= 400) throw refusalOf(status, body);
  try {
    return question.read(body);
  } catch (error) {
    if (!(error instanceof z.ZodError)) throw error;
    throw badAnswer(`Jaeger's answer could not be read${whereOf(error)}.`);
  }
}

function badAnswer(message: string): UpstreamError {
  return new UpstreamError({
    system: 'jaeger',
    code: 'bad-answer',
    message,
    advice: 'Check that the configured address is that of a Jaeger query service.',
  });
}

const whereOf = (error: z.ZodError): string => {
  const path = error.issues[0]?.path.map(String).join('.') ?? '';
  return path === '' ? '' : ` (at ${path.slice(0, 80)})`;
};

const isLegacy = (dialect: Dialect): boolean => dialect === 'legacy';

function servicesQuestion(dialect: Dialect): Question<readonly string[]> {
  return isLegacy(dialect)
    ? { path: '/api/services', operation: 'services', read: (body) => legacyNamesSchema.parse(body).data }
    : {
        path: '/api/v3/services',
        operation: 'services',
        read: (body) => v3ServicesSchema.parse(body).services,
      };
}

function operationsQuestion(dialect: Dialect, service: string): Question<readonly string[]> {
  const shared = { operation: 'operations', none: [] } as const;
  return isLegacy(dialect)
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

function traceQuestion(dialect: Dialect, traceId: string): Question<Trace | undefined> {
  const root = isLegacy(dialect) ? '/api/traces' : '/api/v3/traces';
  const read = isLegacy(dialect) ? readLegacyTraces : readOtlpTraces;
  return {
    path: `${root}/${encodeURIComponent(traceId)}`,
    operation: 'trace',
    read: (body) => read(body).find(({ spans }) => spans.length > 0),
    none: undefined,
  };
}

interface SearchWork {
  readonly ask: Ask;
  readonly dialect: Dialect;
  /** The dialect was found out just now: no use in doubting it. */
  readonly isFresh: boolean;
  readonly search: TraceSearch;
}

function searchQuestion({ dialect, search }: SearchWork, limit: number): Question<readonly Trace[]> {
  return isLegacy(dialect)
    ? {
        path: '/api/traces',
        query: legacyQuery(search, limit),
        operation: 'search',
        none: [],
        read: readLegacyTraces,
      }
    : {
        path: '/api/v3/traces',
        query: v3Query(search, limit),
        operation: 'search',
        none: [],
        read: readOtlpTraces,
      };
}

async function searchIn(work: SearchWork, signal: AbortSignal | undefined): Promise<FoundTraces> {
  const { dialect, search } = work;
  const wanted = Object.entries(search.attributes ?? {});
  if (dialect === 'early' && wanted.length > 0) {
    throw new UpstreamError({
      system: 'jaeger',
      code: 'bad-request',
      message: 'This Jaeger cannot search by attributes: its /api/v3 ignores them and /api/traces is closed.',
      advice: 'Let the bot reach /api/traces, or use Jaeger 2.19 or later.',
    });
  }
  const found = await searchWithin(work, signal);
  const { traces } = found;
  // A v3 before 2.19 ignores attributes and answers with traces that have nothing to do with them.
  const hasUnrelated = wanted.length > 0 && traces.some((trace) => !holds(trace, wanted));
  if (hasUnrelated && !work.isFresh && dialect === 'modern') {
    throw badAnswer('Jaeger answered a search by attribute with traces that do not have it.');
  }
  return found;
}

function holds({ spans }: Trace, wanted: readonly (readonly [string, unknown])[]): boolean {
  return spans.some(({ attributes, resource }) =>
    wanted.every(([key, value]) => String(attributes[key] ?? resource[key]) === String(value)),
  );
}

/** Cassandra reads this many rows of its index for each trace that is asked for, and a row is a span. */
const CASSANDRA_ROWS_PER_TRACE = 3;

/**
 * Whether Cassandra may have stopped at its rows before it had found all traces: then fewer than the limit is no proof.
 * A backend does not say which storage it has, so this is asked of all; the others are searched once more at times.
 */
function mayBeCutByRows(traces: readonly Trace[], search: TraceSearch, limit: number): boolean {
  const rows = traces.flatMap(({ spans }) =>
    spans.filter(
      (span) =>
        span.serviceName === search.service &&
        (search.operation === undefined || span.spanName === search.operation) &&
        span.duration >= (search.minDuration ?? 0),
    ),
  );
  return rows.length >= limit * CASSANDRA_ROWS_PER_TRACE;
}

/** Asks with half the limit as long as the answer is too large. What is smaller than its limit is still complete. */
async function searchWithin(work: SearchWork, signal: AbortSignal | undefined): Promise<FoundTraces> {
  let limit = Math.max(1, Math.floor(work.search.limit));
  for (let halvings = 0; ; halvings += 1) {
    try {
      const traces = await answerTo(work.ask, searchQuestion(work, limit), signal);
      return { traces, isComplete: traces.length < limit && !mayBeCutByRows(traces, work.search, limit) };
    } catch (error) {
      const isTooLarge = error instanceof UpstreamError && error.code === 'too-large';
      if (!isTooLarge || halvings === HALVINGS || limit === 1) throw error;
      limit = Math.ceil(limit / 2);
    }
  }
}
