import { searchTempo, searchVictoria } from './foreign-storage.ts';
import { type StoredSpan, type StoredTrace, serviceOf } from './model.ts';
import {
  asPattern,
  type ErrorTag,
  exactly,
  hasTags,
  lastsWithin,
  type Matching,
  matches,
  matchingSpans,
  ofService,
  startsInside,
  type TraceQuery,
} from './query.ts';
import type { JaegerStore } from './store.ts';

/** Whose search semantics the stand-in has. */
export type StorageKind =
  | 'memory'
  | 'badger'
  | 'cassandra'
  | 'clickhouse'
  | 'elasticsearch'
  /** Tempo, behind its plug-in for Jaeger. */
  | 'tempo'
  /** Not a storage of Jaeger but an own server with its API: see `victoria.ts` for its refusals. */
  | 'victoria-traces';

/** A search that the storage refuses; the query service answers 500 with its text. */
export class StorageError extends Error {
  override readonly name = 'StorageError';
}

/** Finds traces as one kind of storage does. */
export type Search = (query: TraceQuery) => StoredTrace[];

export interface StorageOptions {
  readonly store: JaegerStore;
  readonly kind: StorageKind;
  readonly errorTag: ErrorTag;
  /** Decides the arbitrary orders. */
  readonly seed: number;
  /** Memory gives the latest first instead of an arbitrary order: for tests that want to see what relies on the order. */
  readonly newestFirst: boolean;
}

const DEFAULT_LIMIT = 100;
const CLICKHOUSE_DEFAULT_LIMIT = 1_000;
const CLICKHOUSE_MAX_LIMIT = 10_000;
const DAY_US = 86_400_000_000;
const HOUR_US = 3_600_000_000;
/** Cassandra reads this many index rows for each trace that is requested. */
const INDEX_ROWS_PER_TRACE = 3;

/** FNV-1a over the id and the seed: an order that means nothing, and is the same each time. */
function arbitraryRank(traceId: string, seed: number): number {
  let hash = (0x811c9dc5 ^ seed) >>> 0;
  for (let i = 0; i < traceId.length; i += 1)
    hash = Math.imul(hash ^ traceId.charCodeAt(i), 0x01000193) >>> 0;
  return Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d) >>> 0;
}

/** Each search needs the place of every trace in its window: it is found once. */
const ranks = new WeakMap<StoredTrace, { readonly seed: number; readonly rank: number }>();

function rankOf(trace: StoredTrace, seed: number): number {
  const known = ranks.get(trace);
  if (known?.seed === seed) return known.rank;
  const rank = arbitraryRank(trace.traceId, seed);
  ranks.set(trace, { seed, rank });
  return rank;
}

function shuffle(traces: readonly StoredTrace[], seed: number): StoredTrace[] {
  return traces
    .map((trace) => ({ trace, rank: rankOf(trace, seed) }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ trace }) => trace);
}

const latest = (spans: readonly StoredSpan[]): number =>
  spans.reduce((max, span) => Math.max(max, span.startUs), -Infinity);

function byLatest(found: readonly { trace: StoredTrace; at: number }[]): StoredTrace[] {
  return found.toSorted((a, b) => b.at - a.at).map(({ trace }) => trace);
}

/** Creates the search of one kind of storage. */
export function createSearch(options: StorageOptions): Search {
  switch (options.kind) {
    case 'memory':
      return (query) => searchMemory(options, query);
    case 'badger':
      return (query) => searchBadger(options, query);
    case 'cassandra':
      return createCassandra(options);
    case 'clickhouse':
      return (query) => searchClickHouse(options, query);
    case 'elasticsearch':
      return (query) => searchElasticsearch(options, query);
    case 'tempo':
      return (query) => searchTempo(options.store, query);
    case 'victoria-traces':
      return (query) => searchVictoria(options.store, query);
  }
}

function findExactly(options: StorageOptions, query: TraceQuery): { trace: StoredTrace; at: number }[] {
  const matching: Matching = { errorTag: options.errorTag, sameValue: exactly };
  return options.store
    .traces(query.service)
    .map((trace) => ({ trace, at: latest(matchingSpans(trace, query, matching)) }))
    .filter(({ at }) => at > -Infinity);
}

function searchMemory(options: StorageOptions, query: TraceQuery): StoredTrace[] {
  if (query.limit <= 0 || query.limit > options.store.maxTraces) {
    throw new StorageError('search depth must be greater than 0 and less than max traces');
  }
  const found = findExactly(options, query);
  const ordered = options.newestFirst
    ? byLatest(found)
    : shuffle(
        found.map(({ trace }) => trace),
        options.seed,
      );
  return ordered.slice(0, query.limit);
}

function searchClickHouse(options: StorageOptions, query: TraceQuery): StoredTrace[] {
  if (query.limit > CLICKHOUSE_MAX_LIMIT) {
    throw new StorageError(`search depth ${query.limit} exceeds the maximum allowed ${CLICKHOUSE_MAX_LIMIT}`);
  }
  const limit = query.limit > 0 ? query.limit : CLICKHOUSE_DEFAULT_LIMIT;
  return shuffle(
    findExactly(options, query).map(({ trace }) => trace),
    options.seed,
  ).slice(0, limit);
}

/**
 * Badger joins conditions per trace: a span of the service that starts in time, any span of the service with each tag, and any span
 * of any service with the duration.
 */
function searchBadger(options: StorageOptions, query: TraceQuery): StoredTrace[] {
  const matching: Matching = { errorTag: 'as-it-is', sameValue: exactly };
  const limit = query.limit > 0 ? query.limit : DEFAULT_LIMIT;
  const found = options.store.traces(query.service).flatMap((trace) => {
    const own = trace.spans.filter((span) => ofService(span, query) && startsInside(span, query));
    const tagged = Object.entries(query.tags).every(([key, value]) =>
      trace.spans.some(
        (span) =>
          serviceOf(span) === query.service && hasTags(span, { ...query, tags: { [key]: value } }, matching),
      ),
    );
    const bounds = { min: query.minDurationUs, max: query.maxDurationUs };
    const slow = trace.spans.some((span) => lastsWithin(span, bounds) && startsInside(span, query));
    return own.length > 0 && tagged && slow ? [{ trace, at: latest(own) }] : [];
  });
  return byLatest(found).slice(0, limit);
}

/** Milliseconds are the finest that its time filter knows. */
const toWholeMs = (microseconds: number): number => Math.floor(microseconds / 1_000) * 1_000;

function searchElasticsearch(options: StorageOptions, query: TraceQuery): StoredTrace[] {
  const limit = query.limit > 0 ? query.limit : DEFAULT_LIMIT;
  const matching: Matching = { errorTag: options.errorTag, sameValue: asPattern };
  const widened: TraceQuery = {
    ...query,
    startUs: toWholeMs(query.startUs),
    endUs: toWholeMs(query.endUs) + 999,
    maxDurationUs: ceiling(query),
  };
  const found = options.store
    .traces(query.service)
    .map((trace) => ({ trace, at: latest(matchingSpans(trace, widened, matching)) }))
    .filter(({ at }) => at > -Infinity);
  return byLatest(found).slice(0, limit);
}

/** Where only a minimum duration is given, Cassandra and Elasticsearch look no further than 24 hours. */
function ceiling(query: TraceQuery): number | undefined {
  return query.maxDurationUs ?? (query.minDurationUs === undefined ? undefined : DAY_US);
}

/** Cassandra's answers change from one call to the next: Go walks its maps in random order. */
function createCassandra(options: StorageOptions): Search {
  let calls = 0;
  return (query) => {
    calls += 1;
    return searchCassandra({ ...options, seed: options.seed + calls }, query);
  };
}

function searchCassandra(options: StorageOptions, query: TraceQuery): StoredTrace[] {
  const byDuration = query.minDurationUs !== undefined || query.maxDurationUs !== undefined;
  if (query.service === undefined) throw new StorageError('service Name must be set');
  if (byDuration && Object.keys(query.tags).length > 0) {
    throw new StorageError('cannot query for duration and tags simultaneously');
  }
  const limit = query.limit > 0 ? query.limit : DEFAULT_LIMIT;
  const ids = byDuration ? idsByDuration(options, query, limit) : idsByTags(options, query, limit);
  const traces = [...ids].flatMap((id) => options.store.get(id) ?? []);
  return shuffle(traces, options.seed).slice(0, limit);
}

const hourOf = (instantUs: number): number => Math.round(instantUs / HOUR_US);

/** The duration index: one row per span, in buckets of the nearest hour, longest first. The window is rounded to whole buckets. */
function idsByDuration(options: StorageOptions, query: TraceQuery, limit: number): Set<string> {
  const bounds = { min: query.minDurationUs, max: ceiling(query) ?? query.maxDurationUs };
  const rows = options.store
    .traces(query.service)
    .flatMap((trace) => trace.spans)
    .filter((span) => ofService(span, query) && lastsWithin(span, bounds));
  const ids = new Set<string>();
  for (let hour = hourOf(query.endUs); hour >= hourOf(query.startUs) && ids.size < limit; hour -= 1) {
    const bucket = rows
      .filter((span) => hourOf(span.startUs) === hour)
      .sort((a, b) => b.durationUs - a.durationUs)
      .slice(0, limit * INDEX_ROWS_PER_TRACE);
    for (const span of bucket) ids.add(span.traceId);
  }
  return ids;
}

/** The tag and service indexes: newest rows first, one list of trace ids per condition, and what is in all of them. */
function idsByTags(options: StorageOptions, query: TraceQuery, limit: number): Set<string> {
  const matching: Matching = { errorTag: 'as-it-is', sameValue: exactly };
  const spans = options.store.traces(query.service).flatMap((trace) => trace.spans);
  const read = (wanted: TraceQuery): Set<string> =>
    new Set(
      spans
        .filter((span) =>
          matches(span, { ...wanted, minDurationUs: undefined, maxDurationUs: undefined }, matching),
        )
        .sort((a, b) => b.startUs - a.startUs)
        .slice(0, limit * INDEX_ROWS_PER_TRACE)
        .map((span) => span.traceId),
    );
  const lists = [
    read({ ...query, tags: {} }),
    ...Object.entries(query.tags).map(([key, value]) =>
      read({ ...query, operation: undefined, tags: { [key]: value } }),
    ),
  ];
  const [first = new Set<string>(), ...others] =
    Object.keys(query.tags).length === 0 ? lists : lists.slice(query.operation === undefined ? 1 : 0);
  return new Set([...first].filter((id) => others.every((other) => other.has(id))));
}
