import type { EpochUs, Microseconds } from '../lib/units.ts';

/** What an attribute holds. */
export type AttributeValue = string | number | boolean;

/** OpenTelemetry's span kinds; `unspecified` when the instrumentation did not say. */
export type SpanKind = 'internal' | 'server' | 'client' | 'producer' | 'consumer' | 'unspecified';

/** What an instrumentation said of a span, by its keys. */
export type Attributes = Readonly<Record<string, AttributeValue>>;

/** Something that happened within a span. */
export interface SpanEvent {
  readonly at: EpochUs;
  readonly attributes: Attributes;
}

/** A piece of work of one service inside a request. */
export interface Span {
  /** 32 hex digits, lower case. */
  readonly traceId: string;
  /** 16 hex digits, lower case. */
  readonly spanId: string;
  /** Absent on a root. May name a span that is not in the trace (an orphan). */
  readonly parentSpanId?: string;
  readonly serviceName: string;
  readonly spanName: string;
  readonly kind: SpanKind;
  readonly start: EpochUs;
  readonly duration: Microseconds;
  readonly attributes: Attributes;
  /** Attributes of the process that made the span: pod, node, version. */
  readonly resource: Attributes;
  readonly events: readonly SpanEvent[];
  readonly isError: boolean;
  /** What the tracing backend noted on the span (skew, truncation), each text once. */
  readonly warnings: readonly string[];
  /** Set when the reference to the parent is FOLLOWS_FROM: the parent does not wait for it. */
  readonly followsFrom?: boolean;
}

/** All spans of one request that the tracing backend has, in no particular order. */
export interface Trace {
  readonly traceId: string;
  readonly spans: readonly Span[];
}
