import {
  type Attributes,
  type AttributeValue,
  plain,
  type SpanEvent,
  type StoredSpan,
  type StoredTrace,
  serviceOf,
} from './model.ts';

/** The older versionBehavior's JSON. Source: jaeger internal/uimodel/model.go. */
export interface WireTag {
  readonly key: string;
  readonly type: 'string' | 'bool' | 'int64' | 'float64' | 'binary';
  readonly value: unknown;
}

export interface WireTrace {
  readonly traceID: string;
  readonly spans: readonly unknown[];
  readonly processes: Readonly<Record<string, { serviceName: string; tags: readonly WireTag[] }>>;
  readonly warnings: null;
}

/** Ids that began as 64 bits are shown with 16 digits. */
const shortId = (traceId: string): string => traceId.replace(/^0{16}/, '');

function writeTag(key: string, value: AttributeValue): WireTag {
  if (typeof value === 'string') return { key, type: 'string', value };
  if ('boolValue' in value) return { key, type: 'bool', value: value.boolValue };
  if ('intValue' in value) {
    const number = Number(value.intValue);
    return { key, type: 'int64', value: Number.isSafeInteger(number) ? number : value.intValue };
  }
  if ('doubleValue' in value) return { key, type: 'float64', value: value.doubleValue };
  if ('bytesValue' in value) return { key, type: 'binary', value: value.bytesValue };
  return { key, type: 'string', value: JSON.stringify(plain(value)) };
}

const writeTags = (attributes: Attributes): WireTag[] =>
  Object.entries(attributes).map(([key, value]) => writeTag(key, value));

function statusTags(span: StoredSpan): WireTag[] {
  const tags: WireTag[] = [];
  if (span.failed) tags.push(writeTag('otel.status_code', 'ERROR'), writeTag('error', { boolValue: true }));
  else if (span.statusOk === true) tags.push(writeTag('otel.status_code', 'OK'));
  if (span.statusMessage !== undefined && span.statusMessage !== '') {
    tags.push(writeTag('otel.status_description', span.statusMessage));
  }
  return tags;
}

function spanTags(span: StoredSpan, sorted: boolean): WireTag[] {
  const tags = [
    ...(span.scope === undefined
      ? []
      : [writeTag('otel.scope.name', span.scope.name), writeTag('otel.scope.version', span.scope.version)]),
    ...writeTags(span.attributes),
    ...(span.kind === 'unspecified' ? [] : [writeTag('span.kind', span.kind)]),
    ...statusTags(span),
  ];
  return sorted ? tags.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0)) : tags;
}

function writeLog(event: SpanEvent): unknown {
  const name = event.name === '' ? [] : [writeTag('event', event.name)];
  return { timestamp: Number(event.timeNs / 1_000n), fields: [...name, ...writeTags(event.attributes)] };
}

function writeReferences(span: StoredSpan): unknown[] {
  const parent =
    span.parentSpanId === undefined
      ? []
      : [{ refType: 'CHILD_OF', traceID: shortId(span.traceId), spanID: span.parentSpanId }];
  const links = (span.links ?? []).map((link) => ({
    refType: 'FOLLOWS_FROM',
    traceID: shortId(link.traceId),
    spanID: link.spanId,
  }));
  return [...parent, ...links];
}

/** How one version prints spans. `sortTags` sorts all tags of a span together and not only its attributes. */
export interface OlderStyle {
  readonly sortTags: boolean;
}

/** Writes spans of one trace as the older version does. */
export function writeTrace(trace: StoredTrace, style: OlderStyle): WireTrace {
  const processIds = new Map<Attributes, string>();
  const processes: Record<string, { serviceName: string; tags: readonly WireTag[] }> = {};
  const processOf = (span: StoredSpan): string => {
    const known = processIds.get(span.resource);
    if (known !== undefined) return known;
    const id = `p${processIds.size + 1}`;
    processIds.set(span.resource, id);
    const { 'service.name': _name, ...rest } = span.resource;
    processes[id] = { serviceName: serviceOf(span), tags: writeTags(rest) };
    return id;
  };
  const spans = trace.spans.map((span) => ({
    traceID: shortId(span.traceId),
    spanID: span.spanId,
    operationName: span.name,
    references: writeReferences(span),
    startTime: span.startUs,
    duration: Math.trunc(span.durationUs),
    tags: spanTags(span, style.sortTags),
    logs: (span.events ?? []).map(writeLog),
    processID: processOf(span),
    warnings: span.warnings ?? null,
  }));
  return { traceID: shortId(trace.traceId), spans, processes, warnings: null };
}
