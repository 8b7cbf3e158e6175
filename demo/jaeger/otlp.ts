import { formatGoTime } from './go-text.ts';
import {
  type Attributes,
  type AttributeValue,
  endNs,
  type OtlpAnyValue,
  type OtlpKeyValue,
  type SpanKind,
  type StoredSpan,
  startNs,
} from './model.ts';

/** OTLP/JSON, as far as the store keeps it. Ids are hexadecimal, 64-bit numbers decimal text, enumerations numbers. */
export interface OtlpTraces {
  readonly resourceSpans: readonly OtlpResourceSpans[];
}

export interface OtlpResourceSpans {
  readonly resource: { readonly attributes?: readonly OtlpKeyValue[] };
  readonly scopeSpans: readonly {
    readonly scope?: { readonly name?: string; readonly version?: string };
    readonly spans: readonly OtlpSpan[];
  }[];
}

export interface OtlpSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind?: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes?: readonly OtlpKeyValue[];
  readonly events?: readonly {
    readonly name?: string;
    readonly timeUnixNano: string;
    readonly attributes?: readonly OtlpKeyValue[];
  }[];
  readonly links?: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly status?: { readonly code?: number; readonly message?: string };
}

/** OTLP's SpanKind numbers are the places in this list. */
const KINDS: readonly SpanKind[] = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'];
const STATUS_OK = 1;
const STATUS_ERROR = 2;
const WARNINGS = '@jaeger@warnings';

/** Reads OTLP/JSON into spans for the store. */
export function fromOtlp(traces: OtlpTraces): StoredSpan[] {
  return traces.resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const from = readAttributes(resource.attributes);
    return scopeSpans.flatMap(({ scope, spans }) =>
      spans.map((span) => ({
        ...readSpan(span),
        resource: from,
        ...(scope === undefined
          ? undefined
          : { scope: { name: scope.name ?? '', version: scope.version ?? '' } }),
      })),
    );
  });
}

function readAttributes(pairs: readonly OtlpKeyValue[] = []): Attributes {
  return Object.fromEntries(
    pairs.map(({ key, value }): [string, AttributeValue] => [
      key,
      'stringValue' in value ? value.stringValue : value,
    ]),
  );
}

function readTimes(span: OtlpSpan): Pick<StoredSpan, 'startUs' | 'startRestNs' | 'durationUs' | 'warnings'> {
  const start = BigInt(span.startTimeUnixNano);
  const end = BigInt(span.endTimeUnixNano);
  const startUs = Number(start / 1_000n);
  const startRestNs = Number(start % 1_000n);
  if (end > start) return { startUs, startRestNs, durationUs: Number(end - start) / 1_000 };
  // Jaeger's collector stretches a span without extent to one nanosecond and leaves a note.
  const warning = `Negative duration detected, sanitizing end timestamp. Original end timestamp: ${formatGoTime(end)}, adjusted to: ${formatGoTime(start + 1n)}`;
  return { startUs, startRestNs, durationUs: 0.001, warnings: [warning] };
}

function readSpan(span: OtlpSpan): Omit<StoredSpan, 'resource' | 'scope'> {
  const { status = {}, events = [], links = [] } = span;
  return {
    traceId: span.traceId.toLowerCase().padStart(32, '0'),
    spanId: span.spanId.toLowerCase().padStart(16, '0'),
    parentSpanId: span.parentSpanId === '' ? undefined : span.parentSpanId?.toLowerCase().padStart(16, '0'),
    name: span.name,
    kind: KINDS[span.kind ?? 0] ?? 'unspecified',
    ...readTimes(span),
    failed: status.code === STATUS_ERROR,
    ...(status.message === undefined ? undefined : { statusMessage: status.message }),
    ...(status.code === STATUS_OK ? { statusOk: true as const } : undefined),
    attributes: readAttributes(span.attributes),
    events: events.map((event) => ({
      name: event.name ?? '',
      timeNs: BigInt(event.timeUnixNano),
      attributes: readAttributes(event.attributes),
    })),
    links: links.map(({ traceId, spanId }) => ({ traceId, spanId })),
  };
}

/** Writes one attribute's value as OTLP. */
function writeValue(value: AttributeValue): OtlpAnyValue {
  return typeof value === 'string' ? { stringValue: value } : value;
}

function writeAttributes(attributes: Attributes): OtlpKeyValue[] {
  return Object.entries(attributes).map(([key, value]) => ({ key, value: writeValue(value) }));
}

function writeStatus(span: StoredSpan): { code?: number; message?: string } {
  const code = span.failed ? STATUS_ERROR : span.statusOk === true ? STATUS_OK : undefined;
  return {
    ...(span.statusMessage === undefined ? undefined : { message: span.statusMessage }),
    ...(code === undefined ? undefined : { code }),
  };
}

/** A list with something in it under its name; nothing when it is empty, as protobuf's JSON leaves empty fields out. */
function filled<Name extends string, Item>(
  name: Name,
  items: readonly Item[],
): Partial<Record<Name, readonly Item[]>> {
  return items.length === 0 ? {} : ({ [name]: items } as Partial<Record<Name, readonly Item[]>>);
}

function writeSpan(span: StoredSpan): OtlpSpan {
  const warnings: OtlpKeyValue[] =
    (span.warnings ?? []).length === 0
      ? []
      : [
          {
            key: WARNINGS,
            value: { arrayValue: { values: (span.warnings ?? []).map((stringValue) => ({ stringValue })) } },
          },
        ];
  const kind = KINDS.indexOf(span.kind);
  return {
    traceId: span.traceId,
    spanId: span.spanId,
    ...(span.parentSpanId === undefined ? undefined : { parentSpanId: span.parentSpanId }),
    name: span.name,
    ...(kind > 0 ? { kind } : undefined),
    startTimeUnixNano: String(startNs(span)),
    endTimeUnixNano: String(endNs(span)),
    ...filled('attributes', [...warnings, ...writeAttributes(span.attributes)]),
    ...filled(
      'events',
      (span.events ?? []).map((event) => ({
        timeUnixNano: String(event.timeNs),
        ...(event.name === '' ? undefined : { name: event.name }),
        ...filled('attributes', writeAttributes(event.attributes)),
      })),
    ),
    ...filled('links', span.links ?? []),
    status: writeStatus(span),
  };
}

/** Groups the spans of one trace by process and writes them as OTLP. */
export function toResourceSpans(spans: readonly StoredSpan[]): OtlpResourceSpans[] {
  const byResource = new Map<Attributes, StoredSpan[]>();
  for (const span of spans) {
    const group = byResource.get(span.resource);
    if (group === undefined) byResource.set(span.resource, [span]);
    else group.push(span);
  }
  return [...byResource].map(([resource, group]) => ({
    resource: filled('attributes', writeAttributes(resource)),
    scopeSpans: [{ scope: writeScope(group), spans: group.map(writeSpan) }],
  }));
}

function writeScope(group: readonly StoredSpan[]): { name?: string; version?: string } {
  const scope = group.find((span) => span.scope !== undefined)?.scope;
  return {
    ...(scope === undefined || scope.name === '' ? undefined : { name: scope.name }),
    ...(scope === undefined || scope.version === '' ? undefined : { version: scope.version }),
  };
}
