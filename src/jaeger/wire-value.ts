import { z } from 'zod';
import { type Microseconds, us } from '../lib/units.ts';
import { REQUEST_ATTRIBUTES } from '../traces/operations.ts';
import {
  type Attributes,
  type AttributeValue,
  INVALID_SPAN,
  type Span,
  type SpanEvent,
  type SpanKind,
} from '../traces/trace.ts';

/** A JSON object whose fields are not yet validated. */
export type Wire = Readonly<Record<string, unknown>>;

/** The error for a body of another shape, with the path of the difference. */
function mismatch(path: readonly PropertyKey[], message: string): z.ZodError {
  return new z.ZodError([{ code: 'custom', path: [...path], message, input: undefined }]);
}

const isWire = (value: unknown): value is Wire =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A list of names; Go writes an empty one as `null`. */
export const namesSchema = z
  .array(z.string())
  .nullish()
  .transform((names) => names ?? []);

/*
 * Spans are read by these guards instead of a schema: they are most of a large answer, and a schema takes five times as
 * long, during which the event loop is blocked.
 */

/** Reads every item of a list that may be missing or null. An error has the index of the item. */
export function readEach<T>(list: unknown, key: string, read: (item: Wire) => T): readonly T[] {
  if (list === undefined || list === null) return [];
  if (!Array.isArray(list)) throw mismatch([key], 'not a list');
  const items: readonly unknown[] = list;
  const all: T[] = [];
  try {
    for (const item of items) {
      if (!isWire(item)) throw mismatch([], 'not an object');
      all.push(read(item));
    }
  } catch (error) {
    if (!(error instanceof z.ZodError)) throw error;
    const at = [key, all.length];
    throw new z.ZodError(error.issues.map((issue) => ({ ...issue, path: [...at, ...issue.path] })));
  }
  return all;
}

/**
 * As `readEach`, but leaves out items that cannot be read: one malformed span costs no other. Throws the first error when
 * no item can be read: the body is then something else.
 */
export function readValid<T>(
  list: unknown,
  { key, leftOut }: { readonly key: string; readonly leftOut?: (item: unknown) => void },
  read: (item: Wire) => T,
): readonly T[] {
  if (!Array.isArray(list)) return readEach(list, key, read);
  const items: readonly unknown[] = list;
  const all: T[] = [];
  let first: z.ZodError | undefined;
  for (const [index, item] of items.entries()) {
    try {
      if (!isWire(item)) throw mismatch([], 'not an object');
      all.push(read(item));
    } catch (error) {
      if (!(error instanceof z.ZodError)) throw error;
      first ??= new z.ZodError(
        error.issues.map((issue) => ({ ...issue, path: [key, index, ...issue.path] })),
      );
      leftOut?.(item);
    }
  }
  if (first !== undefined && all.length === 0) throw first;
  return all;
}

/** Adds warnings to the first span of a trace. */
export function withWarnings(spans: readonly Span[], warnings: readonly string[]): readonly Span[] {
  const [first, ...rest] = spans;
  if (first === undefined || warnings.length === 0) return spans;
  return [{ ...first, warnings: unique([...first.warnings, ...warnings]) }, ...rest];
}

/** The warning of a trace of which spans were left out. */
export const leftOutWarning = (count: number): readonly string[] =>
  count === 0 ? [] : [`${INVALID_SPAN}: ${count} left out`];

/** Longer durations (31 years) are negative ones that were written as unsigned numbers, or times never set. */
const MAX_DURATION_US = 1e15;

/** A duration in microseconds; 0 with a warning when it is out of range or absent. */
export function validDuration(micros: number | undefined): {
  readonly duration: Microseconds;
  readonly warning: readonly string[];
} {
  if (micros !== undefined && micros < MAX_DURATION_US)
    return { duration: us(Math.max(0, Math.round(micros))), warning: [] };
  return {
    duration: us(0),
    warning: [`${INVALID_SPAN}: the duration is missing or out of range, counted as 0`],
  };
}

/** A required text. */
export function textOf(wire: Wire, key: string): string {
  const value = wire[key];
  if (typeof value !== 'string') throw mismatch([key], 'not a text');
  return value;
}

/** A text that may be missing or null: then empty. */
export function textOrEmpty(wire: Wire, key: string): string {
  return wire[key] === undefined || wire[key] === null ? '' : textOf(wire, key);
}

/** An object that may be missing or null. */
export function objectOf(wire: Wire, key: string): Wire | undefined {
  const value = wire[key];
  if (value === undefined || value === null) return undefined;
  if (!isWire(value)) throw mismatch([key], 'not an object');
  return value;
}

/** The objects of a list. Anything else is ignored: one malformed tag does not make a trace unreadable. */
export function objectsOf(list: unknown): readonly Wire[] {
  if (!Array.isArray(list)) return [];
  const items: readonly unknown[] = list;
  return items.every(isWire) ? items : items.filter(isWire);
}

/** Above every timestamp and duration in microseconds, including those of clocks that were never set. */
const MAX_MICROS = 1e18;

/** A number, or a number as text, as some exports write it; null is 0. Undefined for anything else. */
export function numberOf(value: unknown): number | undefined {
  const number = value === null ? 0 : typeof value === 'string' && value !== '' ? Number(value) : value;
  return typeof number === 'number' && Math.abs(number) <= MAX_MICROS ? number : undefined;
}

/** A timestamp or a duration in whole microseconds: sums of them are exact. */
export function microsOf(wire: Wire, key: string): number {
  const micros = numberOf(wire[key]);
  if (micros === undefined) throw mismatch([key], 'not a number');
  return Math.round(micros);
}

/** Nanoseconds of OTLP as decimal text; some gateways write a number. */
export function nanosOf(wire: Wire, key: string): string {
  const value = wire[key];
  const nanos = validNanos(value);
  if (nanos === undefined) throw mismatch([key], 'not a count of nanoseconds');
  return nanos;
}

/** As `nanosOf`; undefined when missing, zero or out of range. Proto JSON omits zero. */
export function timeOf(wire: Wire, key: string): string | undefined {
  const nanos = validNanos(wire[key]);
  return nanos === undefined || /^0+$/.test(nanos) ? undefined : nanos;
}

function validNanos(value: unknown): string | undefined {
  if (typeof value === 'string' && /^\d{1,20}$/.test(value)) return value;
  if (typeof value === 'number' && value >= 0 && value < 1e20) return BigInt(Math.round(value)).toString();
  return undefined;
}

/** The texts of a list, each once, in order: some versions of Jaeger add the same warning on every read. */
export function textsOf(list: unknown): readonly string[] {
  if (!Array.isArray(list) || list.length === 0) return [];
  const items: readonly unknown[] = list;
  return unique(items.filter((item) => typeof item === 'string'));
}

const HEX = { 16: /^[0-9a-f]{16}$/, 32: /^[0-9a-f]{32}$/ } as const;

/** Hex digits in lower case, padded with zeros to `digits`. Base64, as some gateways write it, is converted. */
export function hexId(id: string, digits: 16 | 32): string {
  if (HEX[digits].test(id)) return id;
  const hex = /^[0-9a-f]*$/i.test(id) ? id : Buffer.from(id, 'base64').toString('hex');
  return hex.toLowerCase().padStart(digits, '0');
}

/** An int64 as a number, unless a JSON number cannot represent it. v3 always writes it as text. */
export function integer(value: string | number): AttributeValue {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : String(value);
}

/**
 * Tags that repeat a field of the span, or describe the tracer. Only the legacy API has them: without them both API
 * versions give the same result.
 */
const REPEATED: ReadonlySet<string> = new Set([
  'span.kind',
  'otel.scope.name',
  'otel.scope.version',
  'otel.status_code',
  'internal.span.format',
]);

const isTrue = (value: AttributeValue | undefined): boolean => value === true || value === 'true';
const isFalse = (value: AttributeValue | undefined): boolean => value === false || value === 'false';

/** Values of a tag named `error` that mean there was none. */
const NO_ERROR = /^(?:-|0|no|none|null|nil|undefined|)$/i;

/** Separates the tags of a span that describe the span itself from its attributes. */
export function separate(tags: Record<string, AttributeValue>): {
  readonly attributes: Readonly<Record<string, AttributeValue>>;
  readonly isError: boolean;
} {
  const { error } = tags;
  // Zipkin's libraries write the message of the error under this name: it is kept.
  const isFlag = isTrue(error) || isFalse(error);
  const isMessage = typeof error === 'string' && !isFlag && !NO_ERROR.test(error);
  const isError = isTrue(error) || isMessage || tags['otel.status_code'] === 'ERROR';
  const attributes: Record<string, AttributeValue> = {};
  for (const key of Object.keys(tags)) {
    if (REPEATED.has(key) || (isFlag && key === 'error')) continue;
    const value = tags[key];
    if (value !== undefined) put(attributes, key, value);
  }
  return { attributes, isError };
}

/** How much of the spans is read. */
export interface SpanDetail {
  /**
   * Only what a ranking needs is read: of the spans of this service their kind, whether they failed, and their request; of
   * others their times and names. Absent: everything is read.
   */
  readonly rankedService?: string;
}

/** Whether the spans are read for a ranking. */
export const isRanking = ({ rankedService }: SpanDetail): boolean => rankedService !== undefined;

/** Whether only the times and names of a service's spans are needed. */
export const isOutline = ({ rankedService }: SpanDetail, serviceName: string): boolean =>
  rankedService !== undefined && rankedService !== serviceName;

const NO_ATTRIBUTES: Attributes = {};

const NOTHING: readonly never[] = [];

/** What is read of every span. */
type Outline = Pick<Span, 'traceId' | 'spanId' | 'serviceName' | 'spanName' | 'start' | 'duration'>;

const NOT_READ = { kind: 'unspecified', attributes: NO_ATTRIBUTES, isError: false } as const;

/** A span of which only its times and names were read, and of those that are ranked a little more. */
export const outlineSpan = (
  { traceId, spanId, serviceName, spanName, start, duration }: Outline,
  { kind, attributes, isError }: Pick<Span, 'kind' | 'attributes' | 'isError'> = NOT_READ,
): Span => ({
  traceId,
  spanId,
  serviceName,
  spanName,
  start,
  duration,
  kind,
  attributes,
  resource: NO_ATTRIBUTES,
  events: NOTHING,
  isError,
  warnings: NOTHING,
});

/** Tags that say how a span is ranked and shown in a ranking. */
const RANKED_BY: ReadonlySet<string> = new Set([
  ...REQUEST_ATTRIBUTES,
  'span.kind',
  'error',
  'otel.status_code',
]);

/** Whether a ranking reads a tag. */
export const isRankedBy = (key: string): boolean => RANKED_BY.has(key);

/** What the spans of one process share. */
export interface Process {
  readonly serviceName: string;
  readonly resource: Attributes;
}

/** The tag that holds warnings of the collector. */
export const WARNINGS = '@jaeger@warnings';

/** By their numbers in OTLP. */
export const SPAN_KINDS: readonly SpanKind[] = [
  'unspecified',
  'internal',
  'server',
  'client',
  'producer',
  'consumer',
];

/** A kind by its name, in any case. */
export function kindNamed(name: string): SpanKind {
  const kind = name.toLowerCase();
  return SPAN_KINDS.find((known) => known === kind) ?? 'unspecified';
}

export const byTime = (events: readonly SpanEvent[]): readonly SpanEvent[] =>
  events.length < 2 ? events : [...events].sort((a, b) => a.at - b.at);

/** Sets a key from an untrusted source: `__proto__` becomes an ordinary key. */
export function put(target: Record<string, AttributeValue>, key: string, value: AttributeValue): void {
  if (key !== '__proto__') target[key] = value;
  else Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
}

/** Each text once, in order. */
export const unique = (texts: readonly string[]): readonly string[] =>
  texts.length < 2 ? texts : [...new Set(texts)];
