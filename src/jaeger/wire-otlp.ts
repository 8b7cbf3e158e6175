import { z } from 'zod';
import { type EpochUs, epochUs, type Microseconds, us } from '../lib/units.ts';
import type { Attributes, AttributeValue, Span, SpanEvent, SpanKind, Trace } from '../traces/trace.ts';
import {
  hexId,
  integer,
  namesSchema,
  nanosOf,
  objectOf,
  objectsOf,
  put,
  readEach,
  separate,
  textOf,
  textOrEmpty,
  unique,
  type Wire,
} from './wire-value.ts';

/** OTLP in JSON as `/api/v3` sends it: hex ids, decimal strings for 64 bits, numbers for enumerations. */
const tracesSchema = z.object({ result: z.object({ resourceSpans: z.array(z.unknown()).nullish() }) });

export const v3ServicesSchema = z.object({ services: namesSchema });
export const v3OperationsSchema = z.object({
  operations: z
    .array(z.object({ name: z.string() }))
    .nullish()
    .transform((operations) => (operations ?? []).map(({ name }) => name)),
});

/** An OTLP value as plain JSON: what is inside arrays and lists. */
function plain(value: unknown, depth = 0): unknown {
  if (typeof value !== 'object' || value === null || depth > 20) return undefined;
  const [kind, inner]: [string, unknown] = Object.entries(value)[0] ?? ['', undefined];
  switch (kind) {
    case 'intValue':
      return typeof inner === 'string' || typeof inner === 'number' ? integer(inner) : undefined;
    case 'arrayValue':
      return itemsOf(inner).map((one) => plain(one, depth + 1));
    case 'kvlistValue':
      return Object.fromEntries(
        objectsOf(itemsOf(inner)).map(({ key, value }) => [String(key), plain(value, depth + 1)]),
      );
    default:
      return inner;
  }
}

/** What a list or map of OTLP holds. */
function itemsOf(value: unknown): readonly unknown[] {
  const items: unknown =
    typeof value === 'object' && value !== null && 'values' in value ? value.values : undefined;
  return Array.isArray(items) ? items : [];
}

/** Arrays and maps become JSON text, which is how the older API version writes them. Bytes stay base64. */
function attributeValue(value: unknown): AttributeValue | undefined {
  const read = plain(value);
  if (typeof read === 'string' || typeof read === 'number' || typeof read === 'boolean') return read;
  return read === undefined || read === null ? undefined : JSON.stringify(read);
}

const WARNINGS = '@jaeger@warnings';
const NONE: readonly string[] = [];

function readWarnings(value: unknown): readonly string[] {
  const texts = plain(value);
  return unique(Array.isArray(texts) ? texts.map(String) : [String(texts)]);
}

interface Read {
  readonly tags: Record<string, AttributeValue>;
  readonly warnings: readonly string[];
}

function readAttributes(list: unknown): Read {
  const tags: Record<string, AttributeValue> = {};
  let warnings = NONE;
  for (const { key, value } of objectsOf(list)) {
    if (typeof key !== 'string') continue;
    if (key === WARNINGS) {
      warnings = unique([...warnings, ...readWarnings(value)]);
      continue;
    }
    const read = attributeValue(value);
    if (read !== undefined) put(tags, key, read);
  }
  return { tags, warnings };
}

const KINDS: readonly SpanKind[] = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'];

function kindOf(kind: unknown): SpanKind {
  if (typeof kind === 'number') return KINDS[kind] ?? 'unspecified';
  const name = typeof kind === 'string' ? kind.replace('SPAN_KIND_', '').toLowerCase() : '';
  return KINDS.find((known) => known === name) ?? 'unspecified';
}

/** Nanoseconds as decimal text, split so that no digit is lost: whole microseconds and the rest. */
function split(nanos: string): { readonly micros: number; readonly rest: number } {
  return { micros: Number(nanos.slice(0, -3)), rest: Number(nanos.slice(-3)) };
}

const startOf = (nanos: string): EpochUs => epochUs(split(nanos).micros);

/** Cut to whole microseconds after the subtraction, as Jaeger's own conversion does. */
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
  // The older API version shows a link into the same trace as FOLLOWS_FROM, and so does Jaeger's page.
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
  const events = readEach(span['events'], 'events', toEvent);
  return events.length < 2 ? events : [...events].sort((a, b) => a.at - b.at);
}

const isErrorStatus = (status: Wire | undefined): boolean =>
  status?.['code'] === 2 || status?.['code'] === 'STATUS_CODE_ERROR';

interface Process {
  readonly serviceName: string;
  readonly resource: Attributes;
}

function toSpan(wire: Wire, { serviceName, resource }: Process): Span {
  const traceId = hexId(textOf(wire, 'traceId'), 32);
  const spanId = hexId(textOf(wire, 'spanId'), 16);
  const [start, end] = [nanosOf(wire, 'startTimeUnixNano'), nanosOf(wire, 'endTimeUnixNano')];
  const { tags, warnings } = readAttributes(wire['attributes']);
  const { attributes, isError } = separate(tags);
  const status = objectOf(wire, 'status');
  const message = status === undefined ? '' : textOrEmpty(status, 'message');
  return {
    traceId,
    spanId,
    ...parentOf(wire, { traceId, spanId }),
    serviceName,
    spanName: textOrEmpty(wire, 'name'),
    kind: kindOf(wire['kind']),
    start: startOf(start),
    duration: durationOf(start, end),
    attributes: message === '' ? attributes : { ...attributes, 'otel.status_description': message },
    resource,
    events: readEvents(wire),
    isError: isError || isErrorStatus(status),
    warnings,
  };
}

function readProcess(group: Wire): Process {
  const { 'service.name': name, ...resource } = readAttributes(
    objectOf(group, 'resource')?.['attributes'],
  ).tags;
  return { serviceName: name === undefined ? '' : String(name), resource };
}

/** Reads the body of `/api/v3/traces`, where all traces are merged. Throws a `ZodError` when it is something else. */
export function readOtlpTraces(body: unknown): readonly Trace[] {
  const byTrace = new Map<string, Span[]>();
  const keep = (span: Span): void => {
    const spans = byTrace.get(span.traceId);
    if (spans === undefined) byTrace.set(span.traceId, [span]);
    else spans.push(span);
  };
  const { resourceSpans } = tracesSchema.parse(body).result;
  readEach(resourceSpans, 'result.resourceSpans', (group) => {
    const process = readProcess(group);
    readEach(group['scopeSpans'], 'scopeSpans', (scope) => {
      readEach(scope['spans'], 'spans', (span) => keep(toSpan(span, process)));
    });
  });
  return [...byTrace].map(([traceId, spans]) => ({ traceId, spans }));
}
