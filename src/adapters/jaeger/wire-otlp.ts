import { z } from 'zod';
import type {
  Attributes,
  AttributeValue,
  Span,
  SpanEvent,
  SpanKind,
  Trace,
} from '../../domain/trace/trace.ts';
import { type EpochUs, epochUs, type Microseconds, us } from '../../domain/units.ts';
import { hexId, integer, listOf, put, separate, unique } from './wire-value.ts';

/** OTLP in JSON as `/api/v3` sends it: hex ids, decimal strings for 64 bits, numbers for enumerations. */
const nanoseconds = z.union([z.string().regex(/^\d+$/), z.number().nonnegative()]).transform(String);
const attributesSchema = z.unknown().optional();

const spanSchema = z.object({
  traceId: z.string(),
  spanId: z.string(),
  parentSpanId: z.string().nullish(),
  name: z.string().default(''),
  kind: z.union([z.number(), z.string()]).nullish(),
  startTimeUnixNano: nanoseconds,
  endTimeUnixNano: nanoseconds,
  attributes: attributesSchema,
  events: listOf(
    z.object({
      timeUnixNano: nanoseconds.default('0'),
      name: z.string().default(''),
      attributes: attributesSchema,
    }),
  ),
  links: listOf(z.object({ traceId: z.string().default(''), spanId: z.string().default('') })),
  status: z
    .object({
      code: z.union([z.number(), z.string()]).nullish(),
      message: z.string().nullish(),
    })
    .nullish(),
});

const otlpTracesSchema = z.object({
  result: z.object({
    resourceSpans: listOf(
      z.object({
        resource: z.object({ attributes: attributesSchema }).nullish(),
        scopeSpans: listOf(z.object({ spans: listOf(spanSchema) })),
      }),
    ),
  }),
});
export const v3ServicesSchema = z.object({ services: listOf(z.string()) });
export const v3OperationsSchema = z.object({ operations: listOf(z.object({ name: z.string() })) });

type WireSpan = z.infer<typeof spanSchema>;

const anyList = z.array(z.unknown());
const keyValueSchema = z.object({ key: z.string(), value: z.record(z.string(), z.unknown()) });

/** An OTLP value as plain JSON: what is inside arrays and lists. */
function plain(value: unknown, depth = 0): unknown {
  if (typeof value !== 'object' || value === null || depth > 20) return undefined;
  const [kind, inner]: [string, unknown] = Object.entries(value)[0] ?? ['', undefined];
  switch (kind) {
    case 'intValue':
      return typeof inner === 'string' || typeof inner === 'number' ? integer(inner) : undefined;
    case 'arrayValue':
      return anyList
        .catch([])
        .parse(field(inner, 'values'))
        .map((one) => plain(one, depth + 1));
    case 'kvlistValue':
      return Object.fromEntries(
        anyList
          .catch([])
          .parse(field(inner, 'values'))
          .map((one) => [String(field(one, 'key')), plain(field(one, 'value'), depth + 1)]),
      );
    default:
      return inner;
  }
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && name in value
    ? (value as Record<string, unknown>)[name]
    : undefined;
}

/** Arrays and maps become JSON text, which is how the older dialect writes them. Bytes stay base64. */
function attributeValue(value: unknown): AttributeValue | undefined {
  const read = plain(value);
  if (typeof read === 'string' || typeof read === 'number' || typeof read === 'boolean') return read;
  return read === undefined || read === null ? undefined : JSON.stringify(read);
}

const WARNINGS = '@jaeger@warnings';

function readAttributes(list: unknown): { readonly tags: Attributes; readonly warnings: readonly string[] } {
  const tags: Record<string, AttributeValue> = {};
  const warnings: string[] = [];
  for (const item of anyList.catch([]).parse(list)) {
    const parsed = keyValueSchema.safeParse(item);
    if (!parsed.success) continue;
    const { key, value } = parsed.data;
    if (key === WARNINGS) {
      const texts = plain(value);
      warnings.push(...(Array.isArray(texts) ? texts.map(String) : [String(texts)]));
      continue;
    }
    const read = attributeValue(value);
    if (read !== undefined) put(tags, key, read);
  }
  return { tags, warnings: unique(warnings) };
}

const KINDS: readonly SpanKind[] = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'];

function kindOf(kind: string | number | null | undefined): SpanKind {
  if (typeof kind === 'number') return KINDS[kind] ?? 'unspecified';
  const name = (kind ?? '').replace('SPAN_KIND_', '').toLowerCase();
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

function parentOf(span: WireSpan, traceId: string): Pick<Span, 'parentSpanId' | 'followsFrom'> {
  const named = span.parentSpanId ?? '';
  if (!/^0*$/.test(named)) return { parentSpanId: hexId(named, 16) };
  // The older dialect shows a link into the same trace as FOLLOWS_FROM, and so does Jaeger's page.
  const link = span.links.find(
    (link) => hexId(link.traceId, 32) === traceId && hexId(link.spanId, 16) !== hexId(span.spanId, 16),
  );
  return link === undefined ? {} : { parentSpanId: hexId(link.spanId, 16), followsFrom: true };
}

function toEvent({ timeUnixNano, name, attributes }: WireSpan['events'][number]): SpanEvent {
  return {
    at: startOf(timeUnixNano),
    attributes: { ...(name === '' ? {} : { event: name }), ...readAttributes(attributes).tags },
  };
}

const isErrorStatus = (status: WireSpan['status']): boolean =>
  status?.code === 2 || status?.code === 'STATUS_CODE_ERROR';

function toSpan(span: WireSpan, process: { serviceName: string; resource: Attributes }): Span {
  const traceId = hexId(span.traceId, 32);
  const { tags, warnings } = readAttributes(span.attributes);
  const { attributes, isError } = separate(tags);
  const message = span.status?.message ?? '';
  return {
    traceId,
    spanId: hexId(span.spanId, 16),
    ...parentOf(span, traceId),
    serviceName: process.serviceName,
    spanName: span.name,
    kind: kindOf(span.kind),
    start: startOf(span.startTimeUnixNano),
    duration: durationOf(span.startTimeUnixNano, span.endTimeUnixNano),
    attributes: message === '' ? attributes : { ...attributes, 'otel.status_description': message },
    resource: process.resource,
    events: span.events.map(toEvent).sort((a, b) => a.at - b.at),
    isError: isError || isErrorStatus(span.status),
    warnings,
  };
}

/** Reads the body of `/api/v3/traces`, where all traces are merged. Throws a `ZodError` when it is something else. */
export function readOtlpTraces(body: unknown): readonly Trace[] {
  const byTrace = new Map<string, Span[]>();
  for (const { resource, scopeSpans } of otlpTracesSchema.parse(body).result.resourceSpans) {
    const { 'service.name': name, ...rest } = readAttributes(resource?.attributes).tags;
    const process = { serviceName: name === undefined ? '' : String(name), resource: rest };
    for (const span of scopeSpans.flatMap(({ spans }) => spans)) {
      const read = toSpan(span, process);
      const spans = byTrace.get(read.traceId);
      if (spans === undefined) byTrace.set(read.traceId, [read]);
      else spans.push(read);
    }
  }
  return [...byTrace].map(([traceId, spans]) => ({ traceId, spans }));
}
