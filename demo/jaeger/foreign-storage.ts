import { type StoredSpan, type StoredTrace, serviceOf, valueAsText } from './model.ts';
import { exactly, hasTags, ofService, type TraceQuery } from './query.ts';
import type { JaegerStore } from './store.ts';

/** Storages that are not Jaeger's own, as far as a search of theirs differs. */

const endUs = (span: StoredSpan): number => span.startUs + span.durationUs;

const SECOND_US = 1_000_000;
const DEFAULT_LIMIT = 20;

/**
 * Tempo's search by tags, as its plug-in searches: the first that are found, by the duration of the whole trace, which need
 * only overlap the window; names and values by their parts, without regard to case, each on some span of the trace. The
 * plug-in sends whole seconds. Source: tempo, cmd/tempo-query/tempo/plugin.go, FindTraceIDs.
 */
export function searchTempo(store: JaegerStore, query: TraceQuery): StoredTrace[] {
  const [from, to] = [query.startUs, query.endUs].map((us) => Math.floor(us / SECOND_US) * SECOND_US);
  const wanted: Readonly<Record<string, string | undefined>> = {
    'service.name': query.service,
    name: query.operation,
    ...query.tags,
  };
  const found = store.traces().filter(({ spans }) => {
    const start = Math.min(...spans.map(({ startUs }) => startUs));
    const end = Math.max(...spans.map(endUs));
    const duration = end - start;
    if (start > (to ?? 0) || end < (from ?? 0)) return false;
    if (duration < (query.minDurationUs ?? 0) || duration > (query.maxDurationUs ?? Infinity)) return false;
    return Object.entries(wanted).every(
      ([key, value]) => value === undefined || spans.some((span) => hasPart(span, key, value)),
    );
  });
  return found.slice(0, query.limit > 0 ? query.limit : DEFAULT_LIMIT);
}

function hasPart(span: StoredSpan, key: string, part: string): boolean {
  const values =
    key === 'service.name'
      ? [serviceOf(span)]
      : key === 'name'
        ? [span.name]
        : [span.attributes[key], span.resource[key]].flatMap((value) =>
            value === undefined ? [] : [valueAsText(value)],
          );
  return values.some((value) => value.toLowerCase().includes(part.toLowerCase()));
}

/**
 * VictoriaTraces: the latest first, by the end of the matching span, which alone has to lie in the window; both bounds
 * of the duration are exclusive. Source: VictoriaTraces, app/vtselect/traces/query/query.go, getTraceIDList, and
 * app/vtinsert/opentelemetry/opentelemetry.go, where a row's time is the span's end.
 */
export function searchVictoria(store: JaegerStore, query: TraceQuery): StoredTrace[] {
  const matching = { errorTag: 'as-status', sameValue: exactly } as const;
  const found = store.traces(query.service).flatMap((trace) => {
    const ends = trace.spans
      .filter(
        (span) =>
          ofService(span, query) &&
          endUs(span) >= query.startUs &&
          endUs(span) <= query.endUs &&
          (query.minDurationUs === undefined || span.durationUs > query.minDurationUs) &&
          (query.maxDurationUs === undefined || span.durationUs < query.maxDurationUs) &&
          hasTags(span, query, matching),
      )
      .map(endUs);
    return ends.length === 0 ? [] : [{ trace, at: Math.max(...ends) }];
  });
  return found
    .toSorted((a, b) => b.at - a.at)
    .map(({ trace }) => trace)
    .slice(0, query.limit);
}
