import { type EpochUs, epochUs, type Microseconds, us } from '../lib/units.ts';

/** The value of a span attribute. */
export type AttributeValue = string | number | boolean;

/** OpenTelemetry's span kinds; `unspecified` when the instrumentation did not say. */
export type SpanKind = 'internal' | 'server' | 'client' | 'producer' | 'consumer' | 'unspecified';

/** Attributes by key, as the instrumentation recorded them. */
export type Attributes = Readonly<Record<string, AttributeValue>>;

/** An event (log record) of a span. */
export interface SpanEvent {
  readonly at: EpochUs;
  readonly attributes: Attributes;
}

/** Starts the warning on a span with invalid values, and on the first span of a trace of which spans were left out. */
export const INVALID_SPAN = 'invalid span';

/** One operation of one service within a request. */
export interface Span {
  /** 32 hex digits, lower case. */
  readonly traceId: string;
  /** 16 hex digits, lower case. */
  readonly spanId: string;
  /** Absent on a root. May be the id of a span that is not in the trace (an orphan). */
  readonly parentSpanId?: string;
  readonly serviceName: string;
  readonly spanName: string;
  readonly kind: SpanKind;
  readonly start: EpochUs;
  readonly duration: Microseconds;
  readonly attributes: Attributes;
  /** Resource attributes of the process: pod, node, version. */
  readonly resource: Attributes;
  readonly events: readonly SpanEvent[];
  readonly isError: boolean;
  /** Warnings of the tracing backend (skew, truncation), each text once. */
  readonly warnings: readonly string[];
  /** Set when the reference to the parent is FOLLOWS_FROM: the parent does not wait for it. */
  readonly followsFrom?: boolean;
}

/** All spans of one trace that the tracing backend has, in no particular order. */
export interface Trace {
  readonly traceId: string;
  readonly spans: readonly Span[];
}

/** The first non-empty value among these attributes; empty when there is none. Envoy writes `-` for an absent value. */
export function attributeText({ attributes }: Pick<Span, 'attributes'>, keys: readonly string[]): string {
  for (const key of keys) {
    const value = attributes[key];
    if (value !== undefined && value !== '' && value !== '-') return String(value);
  }
  return '';
}

/** From the first span's start to the last span's end, without correction of clock skew. */
export function extentOf({ spans }: Trace): { readonly start: EpochUs; readonly duration: Microseconds } {
  let start = Number.POSITIVE_INFINITY;
  let end = Number.NEGATIVE_INFINITY;
  for (const span of spans) {
    start = Math.min(start, span.start);
    end = Math.max(end, span.start + span.duration);
  }
  return spans.length === 0
    ? { start: epochUs(0), duration: us(0) }
    : { start: epochUs(start), duration: us(end - start) };
}
