import type { TraceSearch } from '../../app/ports.ts';
import { goDuration } from '../../domain/link.ts';
import { type EpochMs, toEpochUs } from '../../domain/units.ts';

export type Query = Readonly<Record<string, string | number | undefined>>;

/**
 * Sent along with a minimum: Cassandra and Elasticsearch put a ceiling of 24 h on the duration when only a minimum is
 * given (jaeger, cassandra and elasticsearch span readers).
 */
const NO_CEILING = '8760h';

const durations = (search: TraceSearch): { readonly min?: string; readonly max?: string } =>
  search.minDuration === undefined ? {} : { min: goDuration(search.minDuration), max: NO_CEILING };

/** Values are compared by their text. Never `tag=k:v`: it splits at the first colon of `guid:x-request-id`. */
function attributesOf({ attributes }: TraceSearch): string | undefined {
  if (attributes === undefined || Object.keys(attributes).length === 0) return undefined;
  return JSON.stringify(
    Object.fromEntries(Object.entries(attributes).map(([key, value]) => [key, String(value)])),
  );
}

/** The parameters of `/api/traces`: instants in microseconds. */
export function legacyQuery(search: TraceSearch, limit: number): Query {
  const { min, max } = durations(search);
  return {
    service: search.service,
    operation: search.operation,
    start: toEpochUs(search.window.start),
    end: toEpochUs(search.window.end),
    minDuration: min,
    maxDuration: max,
    tags: attributesOf(search),
    limit,
  };
}

const rfc3339 = (instant: EpochMs): string => new Date(instant).toISOString();

/**
 * The parameters of `/api/v3/traces`, in the names that every generation takes: before 2.19 camelCase is refused. The
 * limit is always sent: 2.13 answers 500 without it.
 */
export function v3Query(search: TraceSearch, limit: number): Query {
  const { min, max } = durations(search);
  const { start, end } = search.window;
  return {
    'query.service_name': search.service,
    'query.operation_name': search.operation,
    'query.start_time_min': rfc3339(start),
    // An empty window is a 400.
    'query.start_time_max': rfc3339(end > start ? end : ((start + 1) as EpochMs)),
    'query.duration_min': min,
    'query.duration_max': max,
    'query.attributes': attributesOf(search),
    'query.num_traces': limit,
  };
}
