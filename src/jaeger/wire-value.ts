import { z } from 'zod';
import type { AttributeValue } from '../traces/trace.ts';

/** A JSON object whose fields are still to be looked at. */
export type Wire = Readonly<Record<string, unknown>>;

/** What is thrown for a body that is something else; the path says where. */
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
 * Spans are read by these guards and not by a schema: of a large answer that is most of the work, and a schema takes
 * five times as long for it, in which nothing else of the program runs.
 */

/** Reads every item of a list that may be missing or null. An error says at which item it was. */
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

/** A text that must be there. */
export function textOf(wire: Wire, key: string): string {
  const value = wire[key];
  if (typeof value !== 'string') throw mismatch([key], 'not a text');
  return value;
}

/** A text that may be missing or null: then it is empty. */
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

/** The objects of a list; whatever else it holds, or is, is left out: a trace is worth more than one odd tag. */
export function objectsOf(list: unknown): readonly Wire[] {
  if (!Array.isArray(list)) return [];
  const items: readonly unknown[] = list;
  return items.every(isWire) ? items : items.filter(isWire);
}

/** Far beyond every instant and duration in microseconds, also those of clocks that were never set. */
const MAX_MICROS = 1e18;

/** A number, or one written as text, which is how some exports write it; null is 0. Undefined when it is neither. */
export function numberOf(value: unknown): number | undefined {
  const number = value === null ? 0 : typeof value === 'string' && value !== '' ? Number(value) : value;
  return typeof number === 'number' && Math.abs(number) <= MAX_MICROS ? number : undefined;
}

/** An instant or a duration in whole microseconds: sums of them are exact. */
export function microsOf(wire: Wire, key: string): number {
  const micros = numberOf(wire[key]);
  if (micros === undefined) throw mismatch([key], 'not a number');
  return Math.round(micros);
}

/** Nanoseconds of OTLP as decimal text; a number where a gateway wrote one. */
export function nanosOf(wire: Wire, key: string): string {
  const value = wire[key];
  if (typeof value === 'string' && /^\d{1,20}$/.test(value)) return value;
  if (typeof value === 'number' && value >= 0 && value < 1e20) return BigInt(Math.round(value)).toString();
  throw mismatch([key], 'not a count of nanoseconds');
}

/** The texts of a list, each once, in order: some Jaegers add the same warning again on every read. */
export function textsOf(list: unknown): readonly string[] {
  if (!Array.isArray(list) || list.length === 0) return [];
  const items: readonly unknown[] = list;
  return unique(items.filter((item) => typeof item === 'string'));
}

const HEX = { 16: /^[0-9a-f]{16}$/, 32: /^[0-9a-f]{32}$/ } as const;

/** Hex digits in lower case, padded with zeros to `digits`; base64, which some gateways write, becomes hex. */
export function hexId(id: string, digits: 16 | 32): string {
  if (HEX[digits].test(id)) return id;
  const hex = /^[0-9a-f]*$/i.test(id) ? id : Buffer.from(id, 'base64').toString('hex');
  return hex.toLowerCase().padStart(digits, '0');
}

/** Jaeger writes an int64 as text where a JSON number could not hold it; v3 always does. Text stays when it must. */
export function integer(value: string | number): AttributeValue {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : String(value);
}

/**
 * Tags that repeat a field of the span, or name the tracer's own machinery. Only the older API version has them: without
 * them both API versions read the same.
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

/** Takes out of a span's own tags what they say about the span itself. */
export function separate(tags: Record<string, AttributeValue>): {
  readonly attributes: Readonly<Record<string, AttributeValue>>;
  readonly isError: boolean;
} {
  const { error } = tags;
  const isError = isTrue(error) || tags['otel.status_code'] === 'ERROR';
  // The flag is in `isError`; a text under this name, as Zipkin's libraries write it, is kept.
  const isFlag = isTrue(error) || isFalse(error);
  const attributes: Record<string, AttributeValue> = {};
  for (const key of Object.keys(tags)) {
    if (REPEATED.has(key) || (isFlag && key === 'error')) continue;
    const value = tags[key];
    if (value !== undefined) put(attributes, key, value);
  }
  return { attributes, isError };
}

/** Sets a key that came from outside: `__proto__` too is then only a key. */
export function put(target: Record<string, AttributeValue>, key: string, value: AttributeValue): void {
  if (key !== '__proto__') target[key] = value;
  else Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
}

/** Each text once, in order. */
export const unique = (texts: readonly string[]): readonly string[] =>
  texts.length < 2 ? texts : [...new Set(texts)];
