import { type StoredSpan, type StoredTrace, serviceOf, valueAsText } from './model.ts';

/** A search, in the words of neither version. Instants and durations are in µs; all bounds are inclusive. */
export interface TraceQuery {
  readonly service?: string | undefined;
  readonly operation?: string | undefined;
  /** Every one must match. */
  readonly tags: Readonly<Record<string, string>>;
  readonly startUs: number;
  readonly endUs: number;
  readonly minDurationUs?: number | undefined;
  readonly maxDurationUs?: number | undefined;
  readonly limit: number;
}

/** How the tag `error` is read: as any other tag, or as the span's status for the values named. */
export type ErrorTag = 'as-it-is' | 'true-as-status' | 'as-status';

export interface Matching {
  readonly errorTag: ErrorTag;
  /** How a stored value is compared with the searched one. */
  readonly sameValue: (stored: string, searched: string) => boolean;
}

export const exactly = (stored: string, searched: string): boolean => stored === searched;

/** Elasticsearch takes the searched value as a regular expression over the whole stored one. */
export function asPattern(stored: string, searched: string): boolean {
  try {
    return new RegExp(`^(?:${searched})$`, 'u').test(stored);
  } catch {
    return false;
  }
}

export function ofService(span: StoredSpan, query: TraceQuery): boolean {
  if (query.service !== undefined && serviceOf(span) !== query.service) return false;
  return query.operation === undefined || span.name === query.operation;
}

export function startsInside(span: StoredSpan, query: TraceQuery): boolean {
  return span.startUs >= query.startUs && span.startUs <= query.endUs;
}

export function lastsWithin(
  span: StoredSpan,
  bounds: { min?: number | undefined; max?: number | undefined },
): boolean {
  if (bounds.min !== undefined && span.durationUs < bounds.min) return false;
  return bounds.max === undefined || span.durationUs <= bounds.max;
}

function hasTag(span: StoredSpan, tag: readonly [key: string, value: string], matching: Matching): boolean {
  const [key, value] = tag;
  if (key === 'error' && matching.errorTag !== 'as-it-is') {
    if (value === 'true') return span.failed;
    if (value === 'false' && matching.errorTag === 'as-status') return !span.failed;
  }
  const places = [span.attributes, span.resource, ...(span.events ?? []).map((event) => event.attributes)];
  return places.some((place) => {
    const stored = Object.hasOwn(place, key) ? place[key] : undefined;
    return stored !== undefined && matching.sameValue(valueAsText(stored), value);
  });
}

export function hasTags(span: StoredSpan, query: TraceQuery, matching: Matching): boolean {
  return Object.entries(query.tags).every((tag) => hasTag(span, tag, matching));
}

/** All conditions on one span, as every storage but Badger and Cassandra has it. */
export function matches(span: StoredSpan, query: TraceQuery, matching: Matching): boolean {
  return (
    ofService(span, query) &&
    startsInside(span, query) &&
    lastsWithin(span, { min: query.minDurationUs, max: query.maxDurationUs }) &&
    hasTags(span, query, matching)
  );
}

export function matchingSpans(trace: StoredTrace, query: TraceQuery, matching: Matching): StoredSpan[] {
  return trace.spans.filter((span) => matches(span, query, matching));
}
