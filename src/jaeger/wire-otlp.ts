import { z } from 'zod';
import { type EpochUs, epochUs, type Microseconds, us } from '../lib/units.ts';
import type { AttributeValue, Span, SpanEvent, SpanKind, Trace } from '../traces/trace.ts';
import {
  byTime,
  hexId,
  integer,
  isOutline,
  isRankedBy,
  isRanking,
  kindNamed,
  leftOutWarning,
  namesSchema,
  nanosOf,
  objectOf,
  objectsOf,
  outlineSpan,
  type Process,
  put,
  readEach,
  readValid,
  SPAN_KINDS,
  type SpanDetail,
  separate,
  textOf,
  textOrEmpty,
  timeOf,
  unique,
  validDuration,
  WARNINGS,
  type Wire,
  withWarnings,
} from './wire-value.ts';

/** OTLP in JSON as `/api/v3` sends it: hex ids, decimal texts for 64 bits, numbers for enumerations. */
const tracesSchema = z.object({ result: z.object({ resourceSpans: z.array(z.unknown()).nullish() }) });

export const v3ServicesSchema = z.object({ services: namesSchema });
export const v3OperationsSchema = z.object({
  operations: z
    .array(z.object({ name: z.string() }))
    .nullish()
    .transform((operations) => (operations ?? []).map(({ name }) => name)),
});

/** An OTLP value as JSON. */
function jsonOf(value: unknown, depth = 0): unknown {
  if (typeof value !== 'object' || value === null || depth > 20) return undefined;
  const [kind, inner]: [string, unknown] = Object.entries(value)[0] ?? ['', undefined];
  switch (kind) {
    case 'intValue':
      return typeof inner === 'string' || typeof inner === 'number' ? integer(inner) : undefined;
    case 'arrayValue':
      return itemsOf(inner).map((one) => jsonOf(one, depth + 1));
    case 'kvlistValue':
      return Object.fromEntries(
        objectsOf(itemsOf(inner)).map(({ key, value }) => [String(key), jsonOf(value, depth + 1)]),
      );
    default:
      return inner;
  }
}

/** The items of an OTLP list or map. */
function itemsOf(value: unknown): readonly unknown[] {
  const items: unknown =
    typeof value === 'object' && value !== null && 'values' in value ? value.values : undefined;
  return Array.isArray(items) ? items : [];
}

/** Arrays and maps become JSON text, as in the legacy API. Bytes stay base64. */
function attributeValue(value: unknown): AttributeValue | undefined {
  const read = jsonOf(value);
  if (typeof read === 'string' || typeof read === 'number' || typeof read === 'boolean') return read;
  return read === undefined || read === null ? undefined : JSON.stringify(read);
}

const NONE: readonly string[] = [];

function readWarnings(value: unknown): readonly string[] {
  const texts = jsonOf(value);
  return unique(Array.isArray(texts) ? texts.map(String) : [String(texts)]);
}

interface ReadAttributes {
  readonly tags: Record<string, AttributeValue>;
  readonly warnings: readonly string[];
}

function readAttributes(list: unknown, isWanted?: (key: string) => boolean): ReadAttributes {
  const tags: Record<string, AttributeValue> = {};
  let warnings = NONE;
  for (const { key, value } of objectsOf(list)) {
    if (typeof key !== 'string' || isWanted?.(key) === false) continue;
    if (key === WARNINGS) {
      warnings = unique([...warnings, ...readWarnings(value)]);
      continue;
    }
    const read = attributeValue(value);
    if (read !== undefined) put(tags, key, read);
  }
  return { tags, warnings };
}

function kindOf(kind: unknown): SpanKind {
  if (typeof kind === 'number') return SPAN_KINDS[kind] ?? 'unspecified';
  return kindNamed(typeof kind === 'string' ? kind.replace('SPAN_KIND_', '') : '');
}

/** Nanoseconds as decimal text, split into whole microseconds and the rest to keep all digits. */
function split(nanos: string): { readonly micros: number; readonly rest: number } {
  return { micros: Number(nanos.slice(0, -3)), rest: Number(nanos.slice(-3)) };
}

const startOf = (nanos: string): EpochUs => epochUs(split(nanos).micros);

/** Truncated to whole microseconds after the subtraction, as in Jaeger's own conversion. */
function durationOf(start: string, end: string): Microseconds {
  const [from, to] = [split(start), split(end)];
  return us(Math.max(0, to.micros - from.micros + Math.floor((to.rest - from.rest) / 1_000)));
}

function parentOf(
  span: Wire,
  own: { readonly traceId: string; readonly spanId: string },
): Pick<Span, 'parentSpanId' | 'followsFrom'> {
  const named = textOrEmpty(span, 'parentSpanId');
  if (!/^0*$/.test(named)) return { parentSpanId: hexId(named, 16) };
  // The legacy API and Jaeger's UI show a link into the same trace as FOLLOWS_FROM.
  const links = readEach(span['links'], 'links', (link) => ({
    traceId: hexId(textOrEmpty(link, 'traceId'), 32),
    spanId: hexId(textOrEmpty(link, 'spanId'), 16),
  }));
  const link = links.find(({ traceId, spanId }) => traceId === own.traceId && spanId !== own.spanId);
  return link === undefined ? {} : { parentSpanId: link.spanId, followsFrom: true };
}

function toEvent(event: Wire): SpanEvent {
  const name = textOrEmpty(event, 'name');
  return {
    at: startOf(event['timeUnixNano'] === undefined ? '0' : nanosOf(event, 'timeUnixNano')),
    attributes: { ...(name === '' ? {} : { event: name }), ...readAttributes(event['attributes']).tags },
  };
}

function readEvents(span: Wire): readonly SpanEvent[] {
  return byTime(readEach(span['events'], 'events', toEvent));
}

const isErrorStatus = (status: Wire | undefined): boolean =>
  status?.['code'] === 2 || status?.['code'] === 'STATUS_CODE_ERROR';

function toSpan(wire: Wire, { serviceName, resource }: Process, detail: SpanDetail): Span {
  const traceId = hexId(textOf(wire, 'traceId'), 32);
  const spanId = hexId(textOf(wire, 'spanId'), 16);
  const end = timeOf(wire, 'endTimeUnixNano');
  // Without its start the place of a span is known from its end, but not its duration.
  const start = timeOf(wire, 'startTimeUnixNano') ?? end ?? nanosOf(wire, 'endTimeUnixNano');
  const isTimed = end !== undefined && timeOf(wire, 'startTimeUnixNano') !== undefined;
  const { duration, warning } = validDuration(isTimed ? durationOf(start, end) : undefined);
  const spanName = textOrEmpty(wire, 'name');
  const outline = { traceId, spanId, serviceName, spanName, start: startOf(start), duration };
  if (isOutline(detail, serviceName)) return outlineSpan(outline);
  if (isRanking(detail)) return rankedSpan(outline, wire);
  const { tags, warnings } = readAttributes(wire['attributes']);
  const { attributes, isError } = separate(tags);
  const status = objectOf(wire, 'status');
  const message = status === undefined ? '' : textOrEmpty(status, 'message');
  return {
    ...outline,
    ...parentOf(wire, { traceId, spanId }),
    kind: kindOf(wire['kind']),
    attributes: message === '' ? attributes : { ...attributes, 'otel.status_description': message },
    resource,
    events: readEvents(wire),
    isError: isError || isErrorStatus(status),
    warnings: warning.length === 0 ? warnings : [...warnings, ...warning],
  };
}

function rankedSpan(outline: Parameters<typeof outlineSpan>[0], wire: Wire): Span {
  const { attributes, isError } = separate(readAttributes(wire['attributes'], isRankedBy).tags);
  const isFailed = isError || isErrorStatus(objectOf(wire, 'status'));
  return outlineSpan(outline, { kind: kindOf(wire['kind']), attributes, isError: isFailed });
}

function readProcess(group: Wire): Process {
  const { 'service.name': name, ...resource } = readAttributes(
    objectOf(group, 'resource')?.['attributes'],
  ).tags;
  return { serviceName: name === undefined ? '' : String(name), resource };
}

/** Reads the body of `/api/v3/traces`, in which all traces are merged. Throws a `ZodError` for another shape. */
export const readOtlpTraces = (body: unknown, detail: SpanDetail = {}): readonly Trace[] =>
  readResourceSpans(tracesSchema.parse(body).result.resourceSpans, 'result.resourceSpans', detail);

/** Reads a list of OTLP's `ResourceSpans`. `key` is its place in the document, for the `ZodError` of another shape. */
export function readResourceSpans(
  resourceSpans: unknown,
  key: string,
  detail: SpanDetail = {},
): readonly Trace[] {
  const byTrace = new Map<string, Span[]>();
  const keep = (span: Span): void => {
    const spans = byTrace.get(span.traceId);
    if (spans === undefined) byTrace.set(span.traceId, [span]);
    else spans.push(span);
  };
  const leftOutOf = new Map<string, number>();
  const leftOut = (item: unknown): void => {
    const id = typeof item === 'object' && item !== null && 'traceId' in item ? item.traceId : undefined;
    if (typeof id !== 'string') return;
    const traceId = hexId(id, 32);
    leftOutOf.set(traceId, (leftOutOf.get(traceId) ?? 0) + 1);
  };
  readValid(resourceSpans, { key }, (group) => {
    const process = readProcess(group);
    // The second name is that of OTLP before 0.19, which Tempo stored.
    readValid(group['scopeSpans'] ?? group['instrumentationLibrarySpans'], { key: 'scopeSpans' }, (scope) => {
      readValid(scope['spans'], { key: 'spans', leftOut }, (span) => keep(toSpan(span, process, detail)));
    });
  });
  return [...byTrace].map(([traceId, spans]) => ({
    traceId,
    spans: withWarnings(spans, leftOutWarning(leftOutOf.get(traceId) ?? 0)),
  }));
}
