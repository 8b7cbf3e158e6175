import { z } from 'zod';
import type { AttributeValue, Span, SpanEvent, SpanKind, Trace } from '../../domain/trace/trace.ts';
import { epochUs, us } from '../../domain/units.ts';
import { hexId, integer, listOf, put, separate, unique } from './wire-value.ts';

/** Jaeger's own words for what the older dialect (`/api/traces`) sends. Only what is used is checked. */
const referenceSchema = z.object({
  refType: z.string().default('CHILD_OF'),
  traceID: z.string().default(''),
  spanID: z.string(),
});

const processSchema = z.object({ serviceName: z.string().default(''), tags: z.unknown().optional() });

const spanSchema = z.object({
  traceID: z.string(),
  spanID: z.string(),
  parentSpanID: z.string().nullish(),
  operationName: z.string().default(''),
  references: listOf(referenceSchema),
  startTime: z.coerce.number(),
  duration: z.coerce.number().default(0),
  tags: z.unknown().optional(),
  logs: z.unknown().optional(),
  processID: z.string().nullish(),
  /** Set instead of `processID` in some exports. */
  process: processSchema.nullish(),
  warnings: listOf(z.string()),
});

const traceSchema = z.object({
  traceID: z.string(),
  spans: listOf(spanSchema),
  processes: z
    .record(z.string(), processSchema)
    .nullish()
    .transform((processes) => processes ?? {}),
  warnings: listOf(z.string()),
});

const legacyTracesSchema = z.object({ data: listOf(traceSchema) });
export const legacyServicesSchema = z.object({ data: listOf(z.string()) });
export const legacyOperationsSchema = z.object({ data: listOf(z.object({ name: z.string() })) });

type WireTrace = z.infer<typeof traceSchema>;
type WireSpan = z.infer<typeof spanSchema>;

const tagsSchema = z.array(z.unknown());
const tagSchema = z.object({ key: z.string(), type: z.string().optional(), value: z.unknown().optional() });

function attributeValue(type: string | undefined, value: unknown): AttributeValue | undefined {
  switch (typeof value) {
    case 'boolean':
      return value;
    case 'number':
      return value;
    case 'string':
      return type === 'int64' ? integer(value) : value;
    default:
      return value === undefined || value === null ? undefined : JSON.stringify(value);
  }
}

/** Tags that cannot be read are left out: a trace is worth more than one odd tag. */
function readTags(tags: unknown): Readonly<Record<string, AttributeValue>> {
  const attributes: Record<string, AttributeValue> = {};
  for (const tag of tagsSchema.catch([]).parse(tags)) {
    const parsed = tagSchema.safeParse(tag);
    if (!parsed.success) continue;
    const value = attributeValue(parsed.data.type, parsed.data.value);
    if (value !== undefined) put(attributes, parsed.data.key, value);
  }
  return attributes;
}

const logSchema = z.object({ timestamp: z.coerce.number(), fields: z.unknown().optional() });

function readEvents(logs: unknown): readonly SpanEvent[] {
  return (
    tagsSchema
      .catch([])
      .parse(logs)
      .map((log) => logSchema.safeParse(log))
      .filter((parsed) => parsed.success)
      .map(({ data }) => ({ at: epochUs(data.timestamp), attributes: readTags(data.fields) }))
      // Jaeger sorts them by name.
      .sort((a, b) => a.at - b.at)
  );
}

const KINDS: ReadonlySet<string> = new Set<SpanKind>([
  'internal',
  'server',
  'client',
  'producer',
  'consumer',
]);
const isKind = (kind: string): kind is SpanKind => KINDS.has(kind);

function kindOf(tag: AttributeValue | undefined): SpanKind {
  const kind = String(tag ?? '').toLowerCase();
  return isKind(kind) ? kind : 'unspecified';
}

/**
 * The parent: a CHILD_OF in this trace, else a FOLLOWS_FROM in this trace. A reference into another trace is a link and
 * makes no parent.
 */
function parentOf(span: WireSpan, traceId: string): Pick<Span, 'parentSpanId' | 'followsFrom'> {
  const inTrace = span.references.filter(
    ({ traceID, spanID }) =>
      (traceID === '' || hexId(traceID, 32) === traceId) && hexId(spanID, 16) !== hexId(span.spanID, 16),
  );
  const parent = inTrace.find(({ refType }) => refType === 'CHILD_OF') ?? inTrace[0];
  if (parent !== undefined) {
    return {
      parentSpanId: hexId(parent.spanID, 16),
      ...(parent.refType === 'FOLLOWS_FROM' ? { followsFrom: true } : {}),
    };
  }
  const named = span.parentSpanID ?? '';
  // Zeros are how a root's parent is written by clients that always write the field.
  return /^0*$/.test(named) ? {} : { parentSpanId: hexId(named, 16) };
}

function toSpan(span: WireSpan, processes: WireTrace['processes']): Span {
  const traceId = hexId(span.traceID, 32);
  const process = span.process ?? processes[span.processID ?? ''];
  const tags = readTags(span.tags);
  return {
    traceId,
    spanId: hexId(span.spanID, 16),
    ...parentOf(span, traceId),
    serviceName: process?.serviceName ?? '',
    spanName: span.operationName,
    kind: kindOf(tags['span.kind']),
    start: epochUs(span.startTime),
    duration: us(Math.max(0, span.duration)),
    ...separate(tags),
    resource: readTags(process?.tags),
    events: readEvents(span.logs),
    warnings: unique(span.warnings),
  };
}

/** A trace of the older dialect in the program's own words. What Jaeger notes on the trace goes to its first span. */
function toTrace({ traceID, spans, processes, warnings }: WireTrace): Trace {
  const [first, ...rest] = spans.map((span) => toSpan(span, processes));
  return {
    traceId: hexId(traceID, 32),
    spans:
      first === undefined ? [] : [{ ...first, warnings: unique([...first.warnings, ...warnings]) }, ...rest],
  };
}

/** Reads the body of `/api/traces` and `/api/traces/{id}`. Throws a `ZodError` when it is something else. */
export function readLegacyTraces(body: unknown): readonly Trace[] {
  return legacyTracesSchema.parse(body).data.map(toTrace);
}
