import { z } from 'zod';
import type { AttributeValue } from '../../domain/trace/trace.ts';

/** Hex digits in lower case, padded with zeros to `digits`; base64, which some gateways write, becomes hex. */
export function hexId(id: string, digits: 16 | 32): string {
  const hex = /^[0-9a-f]*$/i.test(id) ? id : Buffer.from(id, 'base64').toString('hex');
  return hex.toLowerCase().padStart(digits, '0');
}

/** Jaeger writes an int64 as text where a JSON number could not hold it; v3 always does. Text stays when it must. */
export function integer(value: string | number): AttributeValue {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : String(value);
}

/**
 * Tags that repeat a field of the span, or name the tracer's own machinery. Only the older dialect has them: without
 * them both dialects read the same.
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

/** What the tags say about the span itself, and the rest of them. */
export function separate(tags: Readonly<Record<string, AttributeValue>>): {
  readonly attributes: Readonly<Record<string, AttributeValue>>;
  readonly isError: boolean;
} {
  const isError = isTrue(tags['error']) || tags['otel.status_code'] === 'ERROR';
  const attributes: Record<string, AttributeValue> = {};
  for (const [key, value] of Object.entries(tags)) {
    if (REPEATED.has(key)) continue;
    // The flag is in `isError`; a text under this name, as Zipkin's libraries write it, is kept.
    if (key === 'error' && (isTrue(value) || isFalse(value))) continue;
    put(attributes, key, value);
  }
  return { attributes, isError };
}

/** Sets a key that came from outside: `__proto__` too is then only a key. */
export function put(target: Record<string, AttributeValue>, key: string, value: AttributeValue): void {
  Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
}

/** Each text once, in order: some Jaegers add the same warning again on every read. */
export const unique = (texts: Iterable<string>): readonly string[] => [...new Set(texts)];

/** A list that may be missing or null. */
export const listOf = <T extends z.ZodType>(item: T) =>
  z
    .array(item)
    .nullish()
    .transform((list) => list ?? []);
