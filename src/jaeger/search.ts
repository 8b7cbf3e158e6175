import { UpstreamError } from '../lib/errors.ts';
import { after, DAY, MINUTE, toUs, us } from '../lib/units.ts';
import type { Trace } from '../traces/trace.ts';
import type { FoundTraces, TraceSearch } from '../traces/trace-source.ts';
import { answerTo, badAnswer } from './answers.ts';
import type { Ask } from './api-version.ts';
import type { Backend } from './backend.ts';
import { legacyQuery, type SearchMode, v3Query } from './questions.ts';
import { readLegacyTraces } from './wire-legacy.ts';
import { readOtlpTraces } from './wire-otlp.ts';

/*
 * What searches mean differs with the storage, of which Jaeger says nothing. Each is asked so that a complete answer
 * holds every trace that matches, whatever it holds besides:
 *
 *     memory, ClickHouse   an arbitrary part when there are more than the limit
 *     Elasticsearch        values of attributes are regular expressions: asked as they are and escaped
 *     Badger               the duration of any service's span counts
 *     Cassandra            whole hours; stops at rows of its index; no durations together with attributes
 *     Tempo                duration of the trace; names by their parts; whole seconds
 *     VictoriaTraces       a minimum is exclusive; a span is found by its end; at most 1,000 traces
 */

export interface SearchWork {
  readonly ask: Ask;
  readonly backend: Backend;
  /** The API version was found out just now: no use in doubting it. */
  readonly isFresh: boolean;
  readonly search: TraceSearch;
}

/** Searches, in as many questions as the storage needs. */
export async function searchIn(work: SearchWork, signal: AbortSignal | undefined): Promise<FoundTraces> {
  refuseWhatCannotBe(work);
  const escaped = escapedSearch(work.search);
  if (escaped === undefined) return searchOnce(work, signal);
  const plain = await searchOnce(work, signal).catch((error: unknown) => {
    // Only Elasticsearch stumbles over a value: the escaped one is its answer.
    if (isRefusal(error, /regex|parse|shards failed/i)) return { traces: [], isComplete: true };
    throw error;
  });
  const more = await searchOnce({ ...work, search: escaped }, signal);
  const byId = new Map([...plain.traces, ...more.traces].map((trace) => [trace.traceId, trace]));
  return { traces: [...byId.values()], isComplete: plain.isComplete && more.isComplete };
}

function refuseWhatCannotBe({ backend, search }: SearchWork): void {
  if (search.service === undefined && backend.needsService) throw needsService();
  if (backend.apiVersion === 'early' && hasAttributes(search)) {
    throw new UpstreamError({
      system: 'jaeger',
      code: 'bad-request',
      message: 'This Jaeger cannot search by attributes: its /api/v3 ignores them and /api/traces is closed.',
      advice: 'Let the bot reach /api/traces, or use Jaeger 2.19 or later.',
    });
  }
}

function needsService(): UpstreamError {
  return new UpstreamError({
    system: 'jaeger',
    code: 'unsupported',
    message: 'This Jaeger can only search within a service.',
    advice: 'Name the service.',
  });
}

const hasAttributes = ({ attributes = {} }: TraceSearch): boolean => Object.keys(attributes).length > 0;

const isRefusal = (error: unknown, words: RegExp): error is UpstreamError =>
  error instanceof UpstreamError &&
  (error.code === 'unavailable' || error.code === 'bad-request') &&
  words.test(error.message);

/** What Lucene's regular expressions do not take for itself; a dot does, among others. */
const NOT_ITSELF = /[?+*|{}[\]()"\\#@&<>~]/;
const SPECIAL = /[.?+*|{}[\]()"\\#@&<>~]/g;

/** The same search with its values escaped, where Elasticsearch would otherwise not find them. */
function escapedSearch(search: TraceSearch): TraceSearch | undefined {
  const values = Object.entries(search.attributes ?? {}).map(([key, value]) => [key, String(value)] as const);
  if (!values.some(([, value]) => NOT_ITSELF.test(value))) return undefined;
  return {
    ...search,
    attributes: Object.fromEntries(values.map(([key, value]) => [key, value.replace(SPECIAL, '\\$&')])),
  };
}

async function searchOnce(work: SearchWork, signal: AbortSignal | undefined): Promise<FoundTraces> {
  const { backend, search } = work;
  if (backend.partsDurationAndTags && search.minDuration !== undefined && hasAttributes(search)) {
    return searchByDuration(work, signal);
  }
  try {
    return checked(work, await searchWithin(work, signal));
  } catch (error) {
    if (isRefusal(error, /duration and tags simultaneously/)) {
      backend.partsDurationAndTags = true;
      return searchByDuration(work, signal);
    }
    // "requires a service name", "service Name must be set", "query.serviceName is required".
    if (search.service === undefined && isRefusal(error, /service/i)) {
      backend.needsService = true;
      throw needsService();
    }
    throw error;
  }
}

/** By duration at the storage, by attributes here. */
async function searchByDuration(work: SearchWork, signal: AbortSignal | undefined): Promise<FoundTraces> {
  const { attributes = {}, ...search } = work.search;
  const { traces, isComplete } = await searchWithin({ ...work, search }, signal);
  const wanted = Object.entries(attributes);
  return { traces: traces.filter((trace) => holds(trace, wanted)), isComplete };
}

/**
 * A v3 before 2.19 ignores attributes and answers with traces that have nothing to do with them. The few storages that
 * do give such traces cost a look at who answers, no more.
 */
function checked({ backend, isFresh, search }: SearchWork, found: FoundTraces): FoundTraces {
  const wanted = Object.entries(search.attributes ?? {});
  if (isFresh || backend.apiVersion !== 'modern' || wanted.length === 0) return found;
  if (found.traces.some((trace) => !holds(trace, wanted))) {
    throw badAnswer('Jaeger answered a search by attribute with traces that do not have it.');
  }
  return found;
}

function holds({ spans }: Trace, wanted: readonly (readonly [string, unknown])[]): boolean {
  return spans.some(({ attributes, resource, events }) =>
    wanted.every(([key, value]) =>
      [attributes, resource, ...events.map((event) => event.attributes)].some(
        (place) => String(place[key]) === String(value),
      ),
    ),
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
        (search.service === undefined || span.serviceName === search.service) &&
        (search.operation === undefined || span.spanName === search.operation) &&
        span.duration >= (search.minDuration ?? 0),
    ),
  );
  return rows.length >= limit * CASSANDRA_ROWS_PER_TRACE;
}

/** VictoriaTraces refuses more (`search.traceMaxTraces`), ClickHouse ten times as many. */
const MAX_LIMIT = 1_000;
/** How often a limit is halved when the answer is too large: from 100 to 6 traces. */
const HALVINGS = 4;
/** How memory, VictoriaTraces, ClickHouse, Elasticsearch and Tempo refuse a limit that is above their own. */
const LIMIT_REFUSED =
  /search depth|out of range \[0|max_buckets|too_many_buckets|exceeds the max|limit \d+ exceeds/i;

/** Searches by all that the storage can filter by. */
async function searchWithin(work: SearchWork, signal: AbortSignal | undefined): Promise<FoundTraces> {
  const isVictoria = await work.backend.isVictoria(signal);
  const found = await askForLess(work, { isVictoria, signal });
  if (!isVictoria || !found.isComplete) return found;
  const parts = [found];
  for (const search of endingLater(work.search)) {
    parts.push(await askForLess({ ...work, search }, { isVictoria, signal }));
  }
  const byId = new Map(parts.flatMap(({ traces }) => traces).map((trace) => [trace.traceId, trace]));
  return { traces: [...byId.values()], isComplete: parts.every(({ isComplete }) => isComplete) };
}

/** Spans that end so much later than the window are few: those of other times do not crowd them out. */
const LONG = MINUTE;

/**
 * What begins in the window but ends after it, as VictoriaTraces has to be asked, which knows a span by its end:
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

/** Asks with half the limit as long as the answer is too large. What is smaller than its limit is still complete. */
async function askForLess(
  work: SearchWork,
  { isVictoria, signal }: { readonly isVictoria: boolean; readonly signal: AbortSignal | undefined },
): Promise<FoundTraces> {
  const { search } = work;
  let limit = Math.min(MAX_LIMIT, Math.max(1, Math.floor(search.limit)));
  for (let halvings = 0; ; halvings += 1) {
    try {
      const traces = await ask(work, { limit, isVictoria }, signal);
      return { traces, isComplete: traces.length < limit && !mayBeCutByRows(traces, search, limit) };
    } catch (error) {
      const isTooLarge = error instanceof UpstreamError && error.code === 'too-large';
      const isLess = isTooLarge || isRefusal(error, LIMIT_REFUSED);
      if (!isLess || halvings === HALVINGS || limit === 1) throw error;
      limit = Math.ceil(limit / 2);
    }
  }
}

function ask(
  { ask, backend, search }: SearchWork,
  searchMode: SearchMode,
  signal: AbortSignal | undefined,
): Promise<readonly Trace[]> {
  const shared = { operation: 'search', none: [] };
  const isEarly = backend.apiVersion === 'early';
  return answerTo(
    ask,
    backend.apiVersion === 'legacy'
      ? { ...shared, path: '/api/traces', query: legacyQuery(search, searchMode), read: readLegacyTraces }
      : {
          ...shared,
          path: '/api/v3/traces',
          query: v3Query(search, { ...searchMode, isEarly }),
          read: readOtlpTraces,
        },
    signal,
  );
}
