/** An attribute's value. Strings are unchanged; everything else is written as OTLP's AnyValue. */
export type AttributeValue = string | OtlpValue;

/** The values of OTLP's AnyValue but for strings. 64-bit integers are decimal text, bytes are base64. */
export type OtlpValue =
  | { readonly boolValue: boolean }
  | { readonly intValue: string }
  | { readonly doubleValue: number }
  | { readonly bytesValue: string }
  | { readonly arrayValue: { readonly values?: readonly OtlpAnyValue[] } }
  | { readonly kvlistValue: { readonly values?: readonly OtlpKeyValue[] } };

export type OtlpAnyValue = OtlpValue | { readonly stringValue: string };

export interface OtlpKeyValue {
  readonly key: string;
  readonly value: OtlpAnyValue;
}

/** Attributes in the order they came in. */
export type Attributes = Readonly<Record<string, AttributeValue>>;

export type SpanKind = 'unspecified' | 'internal' | 'server' | 'client' | 'producer' | 'consumer';

export interface SpanEvent {
  readonly name: string;
  /** Nanoseconds since 1970. */
  readonly timeNs: bigint;
  readonly attributes: Attributes;
}

export interface SpanLink {
  readonly traceId: string;
  readonly spanId: string;
}

/** A span as the store keeps it. What the mesh sends fits without conversion. */
export interface StoredSpan {
  /** 32 lower-case hexadecimal digits. */
  readonly traceId: string;
  /** 16 lower-case hexadecimal digits. */
  readonly spanId: string;
  readonly parentSpanId?: string | undefined;
  readonly name: string;
  readonly kind: SpanKind;
  /** Whole microseconds since 1970. */
  readonly startUs: number;
  /** The nanoseconds after `startUs`, 0 to 999. */
  readonly startRestNs?: number;
  /** Microseconds, with nanoseconds as fraction. */
  readonly durationUs: number;
  readonly failed: boolean;
  readonly statusMessage?: string;
  /** Set when the status was given as OK. */
  readonly statusOk?: true;
  readonly attributes: Attributes;
  /** Resource attributes, `service.name` among them. Spans with the same object come from one process. */
  readonly resource: Attributes;
  readonly scope?: { readonly name: string; readonly version: string };
  readonly events?: readonly SpanEvent[];
  readonly links?: readonly SpanLink[];
  readonly warnings?: readonly string[];
}

/** The spans of one trace, in the order they arrived. */
export interface StoredTrace {
  readonly traceId: string;
  readonly spans: readonly StoredSpan[];
}

/** The name that Jaeger gives to spans of a process that did not name its own. */
const NAMELESS = 'missing-service-name';

export function serviceOf(span: StoredSpan): string {
  const name = span.resource['service.name'];
  return typeof name === 'string' && name !== '' ? name : NAMELESS;
}

export function startNs(span: StoredSpan): bigint {
  return BigInt(span.startUs) * 1_000n + BigInt(span.startRestNs ?? 0);
}

export function endNs(span: StoredSpan): bigint {
  return startNs(span) + BigInt(Math.round(span.durationUs * 1_000));
}

/** What Jaeger compares a searched tag with: the value as text. */
export function valueAsText(value: AttributeValue): string {
  if (typeof value === 'string') return value;
  if ('boolValue' in value) return String(value.boolValue);
  if ('intValue' in value) return value.intValue;
  if ('doubleValue' in value) return String(value.doubleValue);
  if ('bytesValue' in value) return value.bytesValue;
  return JSON.stringify(plain(value));
}

/** A nested value as plain JSON, the way the older version prints arrays and maps. */
export function plain(value: OtlpAnyValue): unknown {
  if ('stringValue' in value) return value.stringValue;
  if ('arrayValue' in value) return (value.arrayValue.values ?? []).map(plain);
  if ('kvlistValue' in value) {
    return Object.fromEntries((value.kvlistValue.values ?? []).map((pair) => [pair.key, plain(pair.value)]));
  }
  if ('boolValue' in value) return value.boolValue;
  if ('intValue' in value) return Number(value.intValue);
  return 'doubleValue' in value ? value.doubleValue : value.bytesValue;
}
