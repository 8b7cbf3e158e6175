import type { Attributes, AttributeValue, Span, SpanKind, Trace } from './trace.ts';

/*
 * Traces as the file that Jaeger's page downloads and opens ("Upload JSON"): the answer of its `/api/traces`
 * (jaegertracing/jaeger, internal/uimodel). The export of an answer, and what `tailwatch trace` and `why` read.
 */

type TagValue = Readonly<{ type: 'string' | 'bool' | 'int64' | 'float64'; value: AttributeValue }>;

function typed(value: AttributeValue): TagValue {
  if (typeof value === 'string') return { type: 'string', value };
  if (typeof value === 'boolean') return { type: 'bool', value };
  return { type: Number.isInteger(value) ? 'int64' : 'float64', value };
}

const tagsOf = (attributes: Attributes): readonly object[] =>
  Object.entries(attributes).map(([key, value]) => ({ key, ...typed(value) }));

/** Jaeger has tags for what OpenTelemetry has fields for. */
function ownTags({ kind, isError }: Span): Attributes {
  const ofKind: Partial<Record<'span.kind', SpanKind>> = kind === 'unspecified' ? {} : { 'span.kind': kind };
  return isError ? { ...ofKind, error: true } : ofKind;
}

const referencesOf = ({ traceId, parentSpanId, followsFrom }: Span): readonly object[] =>
  parentSpanId === undefined
    ? []
    : [
        {
          refType: followsFrom === true ? 'FOLLOWS_FROM' : 'CHILD_OF',
          traceID: traceId,
          spanID: parentSpanId,
        },
      ];

const jaegerSpan = (span: Span, processID: string): object => ({
  traceID: span.traceId,
  spanID: span.spanId,
  operationName: span.spanName,
  references: referencesOf(span),
  startTime: span.start,
  duration: span.duration,
  // An error's own message comes after the flag of the same name: it is read in its place.
  tags: tagsOf({ ...ownTags(span), ...span.attributes }),
  logs: span.events.map(({ at, attributes }) => ({ timestamp: at, fields: tagsOf(attributes) })),
  processID,
  warnings: span.warnings,
});

function jaegerTrace({ traceId, spans }: Trace): object {
  /** By service and resource, which many spans share. */
  const ids = new Map<string, string>();
  const processes: Record<string, object> = {};
  const processOf = ({ serviceName, resource }: Span): string => {
    const key = JSON.stringify([serviceName, resource]);
    const id = ids.get(key) ?? `p${ids.size + 1}`;
    ids.set(key, id);
    processes[id] ??= { serviceName, tags: tagsOf(resource) };
    return id;
  };
  return { traceID: traceId, spans: spans.map((span) => jaegerSpan(span, processOf(span))), processes };
}

/** Traces as a document of Jaeger's `/api/traces`. */
export const jaegerJson = (traces: readonly Trace[]): string =>
  JSON.stringify({ data: traces.map(jaegerTrace) });
