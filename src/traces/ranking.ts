import type { EpochUs, Microseconds, TimeWindow } from '../lib/units.ts';
import { toEpochUs, us } from '../lib/units.ts';
import { isAskedFor } from './shown-operation.ts';
import type { Span, SpanKind, Trace } from './trace.ts';

/** Which spans of a trace count for a question about a service. */
export interface SpanMatch {
  readonly service: string;
  readonly operation?: string;
  /** What the span was asked for, where its name does not tell: `POST /checkout`. No backend filters by it. */
  readonly asked?: string;
  /** The span starts inside it, both ends included. */
  readonly window: TimeWindow;
}

/**
 * How good a span is as "the request, as the service saw it". A server span (or a consumer's) is what the mesh histogram
 * measures. A client span carries the caller's name as its service too, but measures somebody else.
 */
const TIER: Readonly<Record<SpanKind, number>> = {
  server: 0,
  consumer: 0,
  internal: 1,
  unspecified: 1,
  client: 2,
  producer: 2,
};

/** Whether a span is what the backend's filter on service, operation and start sees, and was asked for. */
function matches(span: Span, { service, operation, asked, window }: SpanMatch): boolean {
  return (
    span.serviceName === service &&
    (operation === undefined || span.spanName === operation) &&
    span.start >= toEpochUs(window.start) &&
    span.start <= toEpochUs(window.end) &&
    (asked === undefined || isAskedFor(span, asked))
  );
}

function isBetter(span: Span, than: Span): boolean {
  const tiers = TIER[span.kind] - TIER[than.kind];
  if (tiers !== 0) return tiers < 0;
  return span.duration > than.duration || (span.duration === than.duration && span.start < than.start);
}

/**
 * The span a trace is ranked by: the longest server span of the service among those that match; when the trace has
 * none, the longest one of its own work, then the longest outgoing one. Undefined when nothing matches.
 *
 *     gateway   |=================== client ==================|
 *     checkout    |============== server =============|             <- ranked by this
 *     checkout        |===== client (payments) =====|               never by this, although its service is checkout
 *     payments          |======= server ======|
 *
 * The decision looks at one trace only, and the span it picks is one of the matching ones. So a trace's rank is never
 * above its longest matching span, and a complete search for spans of `minDuration >= m` holds every trace of rank
 * `>= m`: what `slowest.ts` builds its proof on.
 */
export function rankingSpan(trace: Trace, match: SpanMatch): Span | undefined {
  let best: Span | undefined;
  for (const span of trace.spans) {
    if (matches(span, match) && (best === undefined || isBetter(span, best))) best = span;
  }
  return best;
}

/** From the first span's start to the last span's end; of the clocks as they are, skewed or not. */
export function extentOf({ spans }: Trace): { readonly start: EpochUs; readonly duration: Microseconds } {
  let start = Number.POSITIVE_INFINITY;
  let end = Number.NEGATIVE_INFINITY;
  for (const span of spans) {
    start = Math.min(start, span.start);
    end = Math.max(end, span.start + span.duration);
  }
  return spans.length === 0
    ? { start: 0 as EpochUs, duration: us(0) }
    : { start: start as EpochUs, duration: us(end - start) };
}
