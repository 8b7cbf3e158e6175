import { UpstreamError } from '../lib/errors.ts';
import {
  after,
  DAY,
  type EpochMs,
  epochMs,
  goDuration,
  MINUTE,
  type TimeWindow,
  toEpochUs,
  toUs,
  us,
} from '../lib/units.ts';
import type { Trace } from '../traces/trace.ts';
import type { TraceSearch, TraceSearchResult } from '../traces/trace-source.ts';
import { apiOf, type Backend } from './backend.ts';
import { isTooLarge, merged, searchAround, searchBySummaries } from './oversized.ts';
import { badAnswer, type JaegerClient, type Query } from './request.ts';

/*
 * The meaning of a search depends on the storage, which Jaeger does not report. Each search is made so that a complete
 * answer contains every trace that matches, with others that do not:
 *
 *     memory, ClickHouse   an arbitrary subset when there are more than the limit
 *     Elasticsearch        values of attributes are regular expressions: searched as they are and escaped
 *     Badger               the duration of any service's span counts
 *     Cassandra            whole hours; stops at rows of its index; no durations together with attributes
 *     Tempo                duration of the trace; names by their parts; whole seconds
 *     VictoriaTraces       a minimum is exclusive; a span is found by its end; at most 1,000 traces
 */

export interface SearchContext {
  readonly client: JaegerClient;
  readonly backend: Backend;
  /** The API version has just been detected: no need to check it. */
  readonly isFresh: boolean;
  readonly search: TraceSearch;
  readonly signal: AbortSignal;
  /** The largest answer with one trace. */
  readonly maxTraceBytes: number;
}

/** Searches, in as many requests as the storage needs. Throws `UpstreamError`. */
export async function searchIn(context: SearchContext): Promise<TraceSearchResult> {
  throwIfUnsupported(context);
  const escaped = escapedSearch(context.search);
  if (escaped === undefined) return searchOnce(context);
  const literal = await searchOnce(context).catch((error: unknown) => {
    // Only Elasticsearch fails because of a value: the escaped search has its answer.
    if (isRefusal(error, /regex|parse|shards failed/i)) return NOTHING;
    throw error;
  });
  return merged([literal, await searchOnce({ ...context, search: escaped })]);
}

const NOTHING: TraceSearchResult = { traces: [], isComplete: true };

function throwIfUnsupported({ backend, search }: SearchContext): void {
  if (search.service === undefined && backend.needsService) throw needsService();
  if (backend.apiVersion === 'early-v3' && hasAttributes(search)) {
    throw new UpstreamError({
      system: 'jaeger',
      code: 'bad-request',
      message:
        'This Jaeger cannot search by attributes: its /api/v3 ignores them and /api/traces is not available.',
      advice: 'Give the bot access to /api/traces, or use Jaeger 2.19 or later.',
    });
  }
}

const needsService = (): UpstreamError =>
  new UpstreamError({
    system: 'jaeger',
    code: 'unsupported',
    message: 'This Jaeger can only search within a service.',
    advice: 'Name the service.',
  });

const hasAttributes = ({ attributes = {} }: TraceSearch): boolean => Object.keys(attributes).length > 0;

const isRefusal = (error: unknown, text: RegExp): error is UpstreamError =>
  error instanceof UpstreamError &&
  (error.code === 'unavailable' || error.code === 'bad-request') &&
  text.test(error.message);

/** Characters that Lucene's regular expressions do not match literally; a dot also matches itself. */
const NOT_LITERAL = /[?+*|{}[\]()"\\#@&<>~]/;
const SPECIAL = /[.?+*|{}[\]()"\\#@&<>~]/g;

/** The same search with escaped values, where Elasticsearch would not find them otherwise. */
function escapedSearch(search: TraceSearch): TraceSearch | undefined {
  const values = Object.entries(search.attributes ?? {}).map(([key, value]) => [key, String(value)] as const);
  if (!values.some(([, value]) => NOT_LITERAL.test(value))) return undefined;
  return {
    ...search,
    attributes: Object.fromEntries(values.map(([key, value]) => [key, value.replace(SPECIAL, '\\$&')])),
  };
}

/** Whether a search is for spans that failed alone. */
const isForFailed = ({ attributes = {} }: TraceSearch): boolean =>
  Object.entries(attributes).every(([key, value]) => key === 'error' && value === true) &&
  'error' in attributes;

/**
 * The memory storage before 2.20 knows `error` only where a span was sent with that attribute: SDKs of OpenTelemetry send a
 * status. Nothing found proves nothing there, until the failed spans of a service were once found by it.
 */
async function searchFailed(context: SearchContext): Promise<TraceSearchResult> {
  const { backend, search } = context;
  const { service = '' } = search;
  const known = backend.findsFailed.get(service);
  if (known !== false) {
    const found = await searchByAttributes(context);
    if (found.traces.length > 0) backend.findsFailed.set(service, true);
    if (known === true || found.traces.length > 0) return found;
  }
  const filtered = await searchAndFilter(context);
  if (filtered.traces.length > 0) backend.findsFailed.set(service, false);
  return filtered;
}

const searchOnce = (context: SearchContext): Promise<TraceSearchResult> =>
  isForFailed(context.search) ? searchFailed(context) : searchByAttributes(context);

async function searchByAttributes(context: SearchContext): Promise<TraceSearchResult> {
  const { backend, search } = context;
  if (backend.splitsDurationAndTags && search.minDuration !== undefined && hasAttributes(search)) {
    return searchAndFilter(context);
  }
  try {
    return checked(context, await searchWindow(context));
  } catch (error) {
    if (isRefusal(error, /duration and tags simultaneously/)) {
      backend.splitsDurationAndTags = true;
      return searchAndFilter(context);
    }
    // "requires a service name", "service Name must be set", "query.serviceName is required".
    if (search.service === undefined && isRefusal(error, /service/i)) {
      backend.needsService = true;
      throw needsService();
    }
    throw error;
  }
}

/** The storage filters by service, operation and duration, and the attributes are filtered here. */
async function searchAndFilter(context: SearchContext): Promise<TraceSearchResult> {
  const { attributes: _, ...search } = context.search;
  const found = await searchWindow({ ...context, search });
  return { ...found, traces: found.traces.filter((trace) => hasAll(trace, context.search)) };
}

/**
 * A v3 before 2.19 ignores attributes and returns unrelated traces. On the few storages that return such traces for other
 * reasons, this costs one more detection of the API version.
 */
function checked({ backend, isFresh, search }: SearchContext, found: TraceSearchResult): TraceSearchResult {
  if (isFresh || backend.apiVersion !== 'v3' || !hasAttributes(search)) return found;
  if (found.traces.some((trace) => !hasAll(trace, search))) {
    throw badAnswer('Jaeger returned traces without the attribute that was searched for.');
  }
  return found;
}

/** Whether one span, its resource or one of its events has all of the attributes; that it failed may be its status. */
function hasAll({ spans }: Trace, search: TraceSearch): boolean {
  const wanted = Object.entries(search.attributes ?? {});
  if (isForFailed(search))
    return spans.some(
      ({ isError, serviceName }) =>
        isError && (search.service === undefined || serviceName === search.service),
    );
  return spans.some(({ attributes, resource, events }) =>
    wanted.every(([key, value]) =>
      [attributes, resource, ...events.map((event) => event.attributes)].some(
        (source) => String(source[key]) === String(value),
      ),
    ),
  );
}

/** Cassandra reads this many rows of its index per trace of the limit; a row is a span. */
const CASSANDRA_ROWS_PER_TRACE = 3;

/**
 * Whether Cassandra may have stopped reading rows before it had found all traces: then fewer traces than the limit prove
 * nothing. As the storage is unknown, this is checked for all; others are sometimes searched once more.
 */
function mayBeCutByRows(traces: readonly Trace[], search: TraceSearch, limit: number): boolean {
  const rows = traces.flatMap(({ spans }) =>
    spans.filter(
      (span) =>
        (search.service === undefined || span.serviceName === search.service) &&
        (search.operation === undefined || span.spanName === search.operation) &&
        span.duration >= (search.minDuration ?? 0),
    ),
  );
  return rows.length >= limit * CASSANDRA_ROWS_PER_TRACE;
}

/** VictoriaTraces refuses more (`search.traceMaxTraces`), ClickHouse ten times as many. */
const MAX_LIMIT = 1_000;
/** How often a refused limit is halved: from 100 to 6 traces. */
const MAX_HALVINGS = 4;
/** How often the limit is divided by four when the answer is too large: from 40 to 3 traces. */
const MAX_QUARTERINGS = 2;
/** How memory, VictoriaTraces, ClickHouse, Elasticsearch and Tempo refuse a limit above their own. */
const LIMIT_REFUSED =
  /search depth|out of range \[0|max_buckets|too_many_buckets|exceeds the max|limit \d+ exceeds/i;

async function searchWindow(context: SearchContext): Promise<TraceSearchResult> {
  const isVictoria = await context.backend.isVictoria(context.signal);
  const found = await searchReadable(context, isVictoria);
  if (!isVictoria || !found.isComplete) return found;
  const answers = [found];
  for (const search of endingLater(context.search)) {
    answers.push(await searchReadable({ ...context, search }, isVictoria));
  }
  return merged(answers);
}

/** Reads what it can of a window in which one trace alone is larger than an answer may be. */
function searchReadable(context: SearchContext, isVictoria: boolean): Promise<TraceSearchResult> {
  const { backend, client, search, signal, maxTraceBytes: maxBytes } = context;
  const limit = limitOf(search);
  if (backend.apiVersion !== 'v3') {
    const searchPart = (window: TimeWindow): Promise<TraceSearchResult> =>
      searchSmaller({ ...context, search: { ...search, window } }, isVictoria);
    return searchAround({ window: search.window, known: backend.tooLarge, searchPart });
  }
  return searchSmaller(context, isVictoria).catch(async (error: unknown) => {
    if (!isTooLarge(error)) throw error;
    const query = v3Query(search, { limit, isVictoria, isEarly: false });
    const format = { api: 'v3', rankedService: rankedService(search) } as const;
    return searchBySummaries({ client, query, format, limit, maxBytes, signal });
  });
}

/** Few spans end so long after the window that they begin in it: other spans of that time do not crowd them out. */
const LONG = MINUTE;

/**
 * The further searches of VictoriaTraces, which finds a span by its end, for spans that begin in the window and end after
 * it:
 *
 *     window        |--------------------|
 *     a span                        |=======|                         in the minute after it, of any length
 *     a long one                  |========================|          up to a day after it, of a minute at least
 */
function endingLater(search: TraceSearch): readonly TraceSearch[] {
  const { end } = search.window;
  const [soon, late] = [after(end, LONG), after(end, DAY)];
  const long = us(Math.max(search.minDuration ?? 0, toUs(LONG)));
  return [
    { ...search, window: { start: end, end: soon } },
    { ...search, window: { start: soon, end: late }, minDuration: long },
  ];
}

/** Lowers the limit while the answer is too large. Fewer traces than the smaller limit are still complete. */
async function searchSmaller(context: SearchContext, isVictoria: boolean): Promise<TraceSearchResult> {
  const { search } = context;
  let limit = limitOf(search);
  for (let lowerings = 0; ; lowerings += 1) {
    try {
      const traces = await send(context, { limit, isVictoria });
      return { traces, isComplete: traces.length < limit && !mayBeCutByRows(traces, search, limit) };
    } catch (error) {
      const tooLarge = isTooLarge(error);
      const isSmallerWanted = tooLarge || isRefusal(error, LIMIT_REFUSED);
      // The summaries of a newer Jaeger find all of the traces instead.
      const quarterings = context.backend.apiVersion === 'v3' ? 0 : MAX_QUARTERINGS;
      const most = tooLarge ? quarterings : MAX_HALVINGS;
      if (!isSmallerWanted || lowerings >= most || limit === 1) throw error;
      limit = Math.ceil(limit / (tooLarge ? 4 : 2));
    }
  }
}

const limitOf = ({ limit }: TraceSearch): number => Math.min(MAX_LIMIT, Math.max(1, Math.floor(limit)));

interface SearchParameters {
  /** A minimum is exclusive in VictoriaTraces. */
  readonly isVictoria: boolean;
  readonly limit: number;
}

function send(
  { client, backend, search, signal }: SearchContext,
  parameters: SearchParameters,
): Promise<readonly Trace[]> {
  const format = { api: apiOf(backend), rankedService: rankedService(search) };
  const isEarly = backend.apiVersion === 'early-v3';
  const shared = { operation: 'search', format };
  return client.traces(
    format.api === 'legacy'
      ? { ...shared, path: '/api/traces', query: legacyQuery(search, parameters) }
      : { ...shared, path: '/api/v3/traces', query: v3Query(search, { ...parameters, isEarly }) },
    signal,
  );
}

/** Attributes are read of all spans when the search, or a check of its answer, needs them. */
const rankedService = (search: TraceSearch): string | undefined =>
  search.isRanking === true && !hasAttributes(search) ? search.service : undefined;

/**
 * Sent with every minimum: Cassandra and Elasticsearch limit the duration to 24 h when only a minimum is given (jaeger,
 * cassandra and elasticsearch span readers).
 */
const MAX_DURATION = '8760h';

function durations(
  { minDuration }: TraceSearch,
  { isVictoria }: SearchParameters,
): { readonly min?: string; readonly max?: string } {
  if (minDuration === undefined || minDuration <= 0) return {};
  // One nanosecond less turns "longer than" into "at least"; no span of the microsecond below matches.
  const min = isVictoria ? `${minDuration * 1_000 - 1}ns` : goDuration(minDuration);
  return { min, max: MAX_DURATION };
}

/**
 * In whole seconds, rounded outwards: tempo-query truncates, and would miss spans of the last second. Never empty, which
 * v3 refuses.
 */
function windowOf({ window }: TraceSearch): TimeWindow {
  const start = epochMs(Math.floor(window.start / 1_000) * 1_000);
  return { start, end: epochMs(Math.max(start + 1_000, Math.ceil(window.end / 1_000) * 1_000)) };
}

/** Values are compared as text. Not `tag=k:v`, which splits at the first colon of `guid:x-request-id`. */
function attributesOf({ attributes = {} }: TraceSearch): string | undefined {
  const values = Object.entries(attributes).map(([key, value]) => [key, String(value)]);
  return values.length === 0 ? undefined : JSON.stringify(Object.fromEntries(values));
}

/** The parameters of `/api/traces`. Timestamps are in microseconds. */
function legacyQuery(search: TraceSearch, parameters: SearchParameters): Query {
  const { min, max } = durations(search, parameters);
  const { start, end } = windowOf(search);
  return {
    service: search.service,
    operation: search.operation,
    start: toEpochUs(start),
    end: toEpochUs(end),
    minDuration: min,
    maxDuration: max,
    tags: attributesOf(search),
    limit: parameters.limit,
  };
}

const rfc3339 = (instant: EpochMs): string => new Date(instant).toISOString();

/**
 * The parameters of `/api/v3/traces`, in the names that every version accepts: before 2.19 camelCase is refused. The limit
 * is always sent, as 2.13 fails with 500 without it, and in both spellings, as VictoriaTraces only accepts the newer one.
 */
function v3Query(search: TraceSearch, parameters: SearchParameters & { readonly isEarly: boolean }): Query {
  const { min, max } = durations(search, parameters);
  const { start, end } = windowOf(search);
  return {
    'query.service_name': search.service,
    'query.operation_name': search.operation,
    'query.start_time_min': rfc3339(start),
    'query.start_time_max': rfc3339(end),
    'query.duration_min': min,
    'query.duration_max': max,
    'query.attributes': attributesOf(search),
    'query.num_traces': parameters.limit,
    'query.searchDepth': parameters.isEarly ? undefined : parameters.limit,
  };
}
