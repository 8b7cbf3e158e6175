import { existsSync, readdirSync, readFileSync } from 'node:fs';
import {
  type StoredSpan,
  type StoredTrace,
  type AttributeValue as StoredValue,
  serviceOf,
} from '../../demo/jaeger/model.ts';
import { createMesh } from '../../demo/mesh/mesh.ts';
import type { MeshRecord } from '../../demo/mesh/record.ts';
import { after, type EpochMs, epochMs, MINUTE, ms, SECOND, type TimeWindow } from '../../src/lib/units.ts';
import { createRedactTrace } from '../../src/traces/redact-trace.ts';
import type { Attributes, AttributeValue, Span } from '../../src/traces/trace.ts';

/** What is sent to the real Jaeger, and what is expected to come back of it. */

/** A span in every figure that the program models. Warnings are the backend's own and not among them. */
export type WholeSpan = Omit<Span, 'warnings'>;

/** Tags that say what a field of the span says too: their fields are sent instead. */
const FIELDS: ReadonlySet<string> = new Set(['span.kind', 'internal.span.format', 'otel.status_code']);
const isFlag = (key: string, value: AttributeValue): boolean =>
  key === 'error' && /^(?:true|false)$/.test(String(value));

function valueOf(value: StoredValue): AttributeValue {
  if (typeof value === 'string') return value;
  if ('boolValue' in value) return value.boolValue;
  if ('intValue' in value) {
    const number = Number(value.intValue);
    return Number.isSafeInteger(number) ? number : value.intValue;
  }
  if ('doubleValue' in value) return value.doubleValue;
  throw new Error(`no value of this kind is sent: ${JSON.stringify(value)}`);
}

const sortedEntries = <T>(record: Readonly<Record<string, T>>): Record<string, T> =>
  Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));

function attributesOf(stored: StoredSpan['attributes'], isLeftOut: (key: string) => boolean): Attributes {
  return Object.fromEntries(
    Object.entries(stored)
      .map(([key, value]) => [key, valueOf(value)] as const)
      .filter(([key, value]) => !isLeftOut(key) && !isFlag(key, value)),
  );
}

/** What a sent span must be read as. */
function expectedOf(sent: StoredSpan): WholeSpan {
  return {
    traceId: sent.traceId,
    spanId: sent.spanId,
    ...(sent.parentSpanId === undefined ? {} : { parentSpanId: sent.parentSpanId }),
    serviceName: serviceOf(sent),
    spanName: sent.name,
    kind: sent.kind,
    start: sent.startUs as Span['start'],
    duration: Math.floor(sent.durationUs) as Span['duration'],
    attributes: attributesOf(sent.attributes, (key) => FIELDS.has(key)),
    resource: attributesOf(sent.resource, (key) => key === 'service.name'),
    events: (sent.events ?? []).map(({ name, timeNs, attributes }) => ({
      at: Number(timeNs / 1_000n) as Span['events'][number]['at'],
      attributes: { ...(name === '' ? {} : { event: name }), ...attributesOf(attributes, () => false) },
    })),
    // Zipkin's libraries write the message of an error in place of a flag.
    isError:
      sent.failed || !['', 'false', undefined].includes(sent.attributes['error'] as string | undefined),
  };
}

/** One text per span, the same whatever the order of keys and events. */
function textOf(span: WholeSpan, isIdKept: boolean): string {
  const { spanId, parentSpanId, ...rest } = span;
  const events = rest.events
    .map(({ at, attributes }) => JSON.stringify([at, sortedEntries(attributes)]))
    .sort();
  const attributes = sortedEntries(rest.attributes);
  const resource = sortedEntries(rest.resource);
  const ids = isIdKept ? { spanId, parentSpanId } : {};
  return JSON.stringify(sortedEntries({ ...rest, ...ids, attributes, resource, events }));
}

const isIdShared = (spans: readonly { readonly spanId: string }[]): boolean =>
  new Set(spans.map(({ spanId }) => spanId)).size < spans.length;

/** Recorded traces hold e-mail addresses and the like, which no reader gets. */
const redact = createRedactTrace({ patterns: [] });

/**
 * A sent trace as texts, one per span, sorted. Jaeger gives the server's half of a shared span an id of its own
 * (jaegerquery, span id adjuster): of a trace with shared ids everything but the ids is compared.
 */
export function sentTexts(sent: StoredTrace): readonly string[] {
  const spans = sent.spans.map((span): Span => ({ ...expectedOf(span), warnings: [] }));
  return readTexts(redact({ traceId: sent.traceId, spans }).spans, sent);
}

/** A read trace as texts, for comparison with what was sent. */
export function readTexts(spans: readonly Span[], sent: StoredTrace): readonly string[] {
  return spans.map(({ warnings: _warnings, ...span }) => textOf(span, !isIdShared(sent.spans))).sort();
}

export interface SentMesh {
  readonly traces: readonly StoredTrace[];
  readonly record: MeshRecord;
  /** Holds the start of every request. */
  readonly window: TimeWindow;
}

const PER_SECOND = 20;
const LONGEST = 60;

/** The first `count` traces of the demo's mesh, some of them slow, some failed, some of requests that fell apart. */
export function meshTraces(count: number, start: EpochMs): SentMesh {
  const traces: StoredTrace[] = [];
  const mesh = createMesh({
    seed: 20_261_121,
    start,
    requestsPerSecond: PER_SECOND,
    onSample: () => undefined,
    onTrace: (spans) => {
      const [first] = spans;
      if (first !== undefined && traces.length < count) traces.push({ traceId: first.traceId, spans });
    },
  });
  const seconds = (n: number): EpochMs => after(start, ms(n * SECOND));
  mesh.advanceTo(seconds(60));
  mesh.inject({ kind: 'slow-database', service: 'payments-db', factor: 20 });
  mesh.inject({ kind: 'dropped-headers', service: 'checkout', share: 0.05 });
  mesh.inject({ kind: 'error-burst', service: 'payments', share: 0.02 });
  mesh.advanceTo(seconds(120));
  for (const { id, fault } of mesh.faults()) if (fault.kind === 'slow-database') mesh.clear(id);
  for (let at = 130; traces.length < count && at < LONGEST * 60; at += 10) mesh.advanceTo(seconds(at));
  return { traces, record: mesh.record, window: { start, end: mesh.now() } };
}

interface RawSpan {
  readonly traceID: string;
  readonly spanID: string;
  readonly operationName: string;
  readonly references?: readonly { readonly traceID: string; readonly spanID: string }[];
  readonly startTime: number;
  readonly duration: number;
  readonly tags: readonly RawTag[];
  readonly logs?: readonly { readonly timestamp: number; readonly fields: readonly RawTag[] }[] | null;
  readonly processID: string;
}

interface RawTag {
  readonly key: string;
  readonly type?: string;
  readonly value: string | number | boolean;
}

interface RawTrace {
  readonly traceID: string;
  readonly spans: readonly RawSpan[];
  readonly processes: Readonly<
    Record<string, { readonly serviceName: string; readonly tags?: readonly RawTag[] }>
  >;
}

const FOLDER = new URL('../../../shared/data/traces/', import.meta.url);

/** Real traces that are no part of the project: empty where their folder is not there. */
export function realTraces(): readonly StoredTrace[] {
  const files = existsSync(FOLDER) ? readdirSync(FOLDER).filter((name) => name.endsWith('.json')) : [];
  return files.flatMap((name) => {
    const { data } = JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8')) as { data: readonly RawTrace[] };
    return data.map(storedOf);
  });
}

function storedValue({ type, value }: RawTag): StoredValue {
  if (typeof value === 'boolean') return { boolValue: value };
  if (typeof value === 'string') return type === 'int64' ? { intValue: value } : value;
  return type === 'int64' ? { intValue: String(value) } : { doubleValue: value };
}

const storedTags = (tags: readonly RawTag[] = []): StoredSpan['attributes'] =>
  Object.fromEntries(tags.map((tag) => [tag.key, storedValue(tag)]));

const KINDS: ReadonlySet<string> = new Set(['internal', 'server', 'client', 'producer', 'consumer']);

function storedOf({ traceID, spans, processes }: RawTrace): StoredTrace {
  const traceId = traceID.padStart(32, '0');
  const resources = new Map(
    Object.entries(processes).map(([id, { serviceName, tags }]) => [
      id,
      { ...storedTags(tags), 'service.name': serviceName },
    ]),
  );
  return {
    traceId,
    spans: spans.map((span) => {
      const { 'span.kind': kind, ...rest } = storedTags(span.tags);
      const named = typeof kind === 'string' ? kind.toLowerCase() : '';
      const parent = span.references?.[0]?.spanID;
      return {
        traceId,
        spanId: span.spanID.padStart(16, '0'),
        parentSpanId: parent?.padStart(16, '0'),
        name: span.operationName,
        kind: KINDS.has(named) ? (named as StoredSpan['kind']) : 'unspecified',
        startUs: span.startTime,
        durationUs: span.duration,
        failed: false,
        attributes: Object.fromEntries(
          Object.entries(rest).filter(([key]) => key !== 'internal.span.format'),
        ),
        resource: resources.get(span.processID) ?? {},
        events: (span.logs ?? []).map(({ timestamp, fields }) => eventOf(timestamp, fields)),
      };
    }),
  };
}

function eventOf(timestamp: number, fields: readonly RawTag[]): NonNullable<StoredSpan['events']>[number] {
  const { event, ...attributes } = storedTags(fields);
  return { name: typeof event === 'string' ? event : '', timeNs: BigInt(timestamp) * 1_000n, attributes };
}

/** The time in which a list of traces begins, a minute wider on both sides. */
export function windowOf(traces: readonly StoredTrace[]): TimeWindow {
  const starts = traces.flatMap(({ spans }) => spans.map(({ startUs }) => startUs / 1_000));
  return {
    start: epochMs(Math.floor(starts.reduce((a, b) => Math.min(a, b), Infinity)) - MINUTE),
    end: epochMs(Math.ceil(starts.reduce((a, b) => Math.max(a, b), 0)) + MINUTE),
  };
}
