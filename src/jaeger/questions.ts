import { type EpochMs, epochMs, goDuration, type TimeWindow, toEpochUs } from '../lib/units.ts';
import type { TraceSearch } from '../traces/trace-source.ts';

export type Query = Readonly<Record<string, string | number | undefined>>;

/** How a search is put to a storage, beyond what its API version says. */
export interface SearchMode {
  /** A minimum is exclusive in VictoriaTraces. */
  readonly isVictoria: boolean;
  readonly limit: number;
}

/**
 * Sent along with a minimum: Cassandra and Elasticsearch put a ceiling of 24 h on the duration when only a minimum is
 * given (jaeger, cassandra and elasticsearch span readers).
 */
const NO_CEILING = '8760h';

function durations(
  { minDuration }: TraceSearch,
  { isVictoria }: SearchMode,
): { readonly min?: string; readonly max?: string } {
  if (minDuration === undefined || minDuration <= 0) return {};
  // One nanosecond less makes "longer than" an "at least", and finds no span of the microsecond below.
  const min = isVictoria ? `${minDuration * 1_000 - 1}ns` : goDuration(minDuration);
  return { min, max: NO_CEILING };
}

/**
 * In whole seconds, outwards: tempo-query cuts the fraction off, and what starts in the last second would be missed.
 * Never empty, which v3 refuses.
 */
function windowOf({ window }: TraceSearch): TimeWindow {
  const start = epochMs(Math.floor(window.start / 1_000) * 1_000);
  return { start, end: epochMs(Math.max(start + 1_000, Math.ceil(window.end / 1_000) * 1_000)) };
}

/** Values are compared by their text. Never `tag=k:v`: it splits at the first colon of `guid:x-request-id`. */
function attributesOf({ attributes }: TraceSearch): string | undefined {
  if (attributes === undefined || Object.keys(attributes).length === 0) return undefined;
  return JSON.stringify(
    Object.fromEntries(Object.entries(attributes).map(([key, value]) => [key, String(value)])),
  );
}

/** The parameters of `/api/traces`: instants in microseconds. */
export function legacyQuery(search: TraceSearch, searchMode: SearchMode): Query {
  const { min, max } = durations(search, searchMode);
  const { start, end } = windowOf(search);
  return {
    service: search.service,
    operation: search.operation,
    start: toEpochUs(start),
    end: toEpochUs(end),
    minDuration: min,
    maxDuration: max,
    tags: attributesOf(search),
    limit: searchMode.limit,
  };
}

const rfc3339 = (instant: EpochMs): string => new Date(instant).toISOString();

/**
 * The parameters of `/api/v3/traces`, in the names that every rule-set version takes: before 2.19 camelCase is refused. The
 * limit is always sent, since 2.13 answers 500 without it, and in both spellings, since VictoriaTraces knows the newer
 * one alone.
 */
export function v3Query(search: TraceSearch, searchMode: SearchMode & { readonly isEarly: boolean }): Query {
  const { min, max } = durations(search, searchMode);
  const { start, end } = windowOf(search);
  return {
    'query.service_name': search.service,
    'query.operation_name': search.operation,
    'query.start_time_min': rfc3339(start),
    'query.start_time_max': rfc3339(end),
    'query.duration_min': min,
    'query.duration_max': max,
    'query.attributes': attributesOf(search),
    'query.num_traces': searchMode.limit,
    'query.searchDepth': searchMode.isEarly ? undefined : searchMode.limit,
  };
}
