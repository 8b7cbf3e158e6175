import { z } from 'zod';
import { epochUs } from '../lib/units.ts';
import type { AttributeValue, Span, SpanEvent, Trace } from '../traces/trace.ts';
import {
  byTime,
  hexId,
  integer,
  isOutline,
  isRankedBy,
  isRanking,
  kindNamed,
  leftOutWarning,
  microsOf,
  namesSchema,
  numberOf,
  objectOf,
  objectsOf,
  outlineSpan,
  type Process,
  put,
  readEach,
  readValid,
  type SpanDetail,
  separate,
  textOf,
  textOrEmpty,
  textsOf,
  unique,
  validDuration,
  WARNINGS,
  type Wire,
  withWarnings,
} from './wire-value.ts';

/** The answer of the legacy API (`/api/traces`). Only the used fields are validated. */
const tracesSchema = z.object({ data: z.array(z.unknown()).nullish() });

export const legacyNamesSchema = z.object({ data: namesSchema });

function attributeValue(type: unknown, value: unknown): AttributeValue | undefined {
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

function readTags(tags: unknown, isWanted: (key: string) => boolean = isAny): Record<string, AttributeValue> {
  const attributes: Record<string, AttributeValue> = {};
  for (const { key, type, value } of objectsOf(tags)) {
    if (typeof key !== 'string' || !isWanted(key)) continue;
    const read = attributeValue(type, value);
    // Jaeger 1.53 has an error of Zipkin twice, as a flag and as its message: the message is kept.
    const isRepeatedFlag = key === 'error' && read === true && typeof attributes['error'] === 'string';
    if (read !== undefined && !isRepeatedFlag) put(attributes, key, read);
  }
  return attributes;
}

const isAny = (): boolean => true;

function readEvents(logs: unknown): readonly SpanEvent[] {
  const events = objectsOf(logs).flatMap(({ timestamp, fields }) => {
    const at = numberOf(timestamp);
    return at === undefined ? [] : [{ at: epochUs(at), attributes: readTags(fields) }];
  });
  // Jaeger sorts them by name.
  return byTime(events);
}

interface Reference {
  readonly spanId: string;
  readonly isFollowing: boolean;
}

/**
 * The parent: a CHILD_OF in this trace, else a FOLLOWS_FROM in this trace. A reference into another trace is a link and
 * makes no parent.
 */
function parentOf(
  span: Wire,
  own: { readonly traceId: string; readonly spanId: string },
): Pick<Span, 'parentSpanId' | 'followsFrom'> {
  const all = readEach(span['references'], 'references', (reference): Reference | undefined => {
    const [traceID, spanId] = [textOrEmpty(reference, 'traceID'), hexId(textOf(reference, 'spanID'), 16)];
    const isHere = traceID === '' || hexId(traceID, 32) === own.traceId;
    const isFollowing = textOrEmpty(reference, 'refType') === 'FOLLOWS_FROM';
    return isHere && spanId !== own.spanId ? { spanId, isFollowing } : undefined;
  });
  const parent = all.find((reference) => reference?.isFollowing === false) ?? all.find(Boolean);
  if (parent !== undefined) {
    return { parentSpanId: parent.spanId, followsFrom: parent.isFollowing ? true : undefined };
  }
  const named = textOrEmpty(span, 'parentSpanID');
  // Some clients write zeros for the parent of a root.
  return /^0*$/.test(named) ? {} : { parentSpanId: hexId(named, 16) };
}

const NO_PROCESS: Process = { serviceName: '', resource: {} };

const readProcess = (process: Wire, detail: SpanDetail): Process => ({
  serviceName: textOrEmpty(process, 'serviceName'),
  resource: isRanking(detail) ? NO_PROCESS.resource : readTags(process['tags']),
});

/** The processes of a trace, each read once for all its spans. */
function readProcesses(trace: Wire, detail: SpanDetail): ReadonlyMap<string, Process> {
  const named = objectOf(trace, 'processes') ?? {};
  return new Map(
    Object.keys(named).flatMap((id) => {
      const process = objectOf(named, id);
      return process === undefined ? [] : [[id, readProcess(process, detail)] as const];
    }),
  );
}

function toSpan(
  wire: Wire,
  { processes, detail }: { readonly processes: ReadonlyMap<string, Process>; readonly detail: SpanDetail },
): Span {
  const traceId = hexId(textOf(wire, 'traceID'), 32);
  const spanId = hexId(textOf(wire, 'spanID'), 16);
  // Some exports embed it in the span instead of referring to it.
  const inside = objectOf(wire, 'process');
  const process =
    inside === undefined ? processes.get(textOrEmpty(wire, 'processID')) : readProcess(inside, detail);
  const { serviceName, resource } = process ?? NO_PROCESS;
  const { duration, warning } = validDuration(
    wire['duration'] === undefined ? 0 : numberOf(wire['duration']),
  );
  const spanName = textOrEmpty(wire, 'operationName');
  const start = epochUs(microsOf(wire, 'startTime'));
  const outline = { traceId, spanId, serviceName, spanName, start, duration };
  if (isOutline(detail, serviceName)) return outlineSpan(outline);
  if (isRanking(detail)) return rankedSpan(outline, readTags(wire['tags'], isRankedBy));
  const { [WARNINGS]: warningTag, ...tags } = readTags(wire['tags']);
  const warnings = textsOf(wire['warnings']);
  return {
    ...outline,
    ...parentOf(wire, { traceId, spanId }),
    kind: kindNamed(String(tags['span.kind'] ?? '')),
    ...separate(tags),
    resource,
    events: readEvents(wire['logs']),
    warnings:
      warningTag === undefined && warning.length === 0
        ? warnings
        : unique([...warnings, ...warning, ...(warningTag === undefined ? [] : readWarnings(warningTag))]),
  };
}

const rankedSpan = (outline: Parameters<typeof outlineSpan>[0], tags: Record<string, AttributeValue>): Span =>
  outlineSpan(outline, { kind: kindNamed(String(tags['span.kind'] ?? '')), ...separate(tags) });

/** The legacy API leaves warnings of the collector among the tags, as a JSON list. */
function readWarnings(warningTag: AttributeValue): readonly string[] {
  try {
    return textsOf(JSON.parse(String(warningTag)));
  } catch {
    return [String(warningTag)];
  }
}

/** Warnings of the whole trace are added to its first span. */
function toTrace(wire: Wire, detail: SpanDetail): Trace {
  const traceId = hexId(textOf(wire, 'traceID'), 32);
  const processes = readProcesses(wire, detail);
  let leftOut = 0;
  const read = readValid(wire['spans'], { key: 'spans', leftOut: () => leftOut++ }, (span) =>
    toSpan(span, { processes, detail }),
  );
  // A clock that was never set would make the trace half a century long.
  const timed = read.filter(({ start }) => start > 0);
  const spans = timed.length === 0 ? read : timed;
  leftOut += read.length - spans.length;
  return {
    traceId,
    spans: withWarnings(spans, [...textsOf(wire['warnings']), ...leftOutWarning(leftOut)]),
  };
}

/** Reads the body of `/api/traces` and `/api/traces/{id}`. Throws a `ZodError` for another shape. */
export function readLegacyTraces(body: unknown, detail: SpanDetail = {}): readonly Trace[] {
  return readValid(tracesSchema.parse(body).data, { key: 'data' }, (trace) => toTrace(trace, detail));
}
