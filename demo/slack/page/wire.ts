/** A JSON object whose fields nobody has vouched for yet. */
export type Wire = Readonly<Record<string, unknown>>;

/** The value as an object; anything else reads as an object without fields, so that rendering never throws. */
export function record(value: unknown): Wire {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Wire) : {};
}

/** The value as a list of objects; anything else reads as an empty list. */
export function records(value: unknown): readonly Wire[] {
  return Array.isArray(value) ? value.map(record) : [];
}

/** The value when it is a non-empty string, else undefined. */
export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** The value when it is a string, else the empty string. */
export function stringOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** The value when it is a finite number, else undefined. */
export function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

/** The `text` of a text object: `{ type, text }`. */
export function plainTextOf(value: unknown): string {
  return stringOf(record(value)['text']);
}

const SAFE_LINK = /^(?:https?:\/\/|mailto:|tel:)/i;

/** The address when a reader may follow it; `javascript:` and other schemes give undefined. */
export function safeHref(value: unknown): string | undefined {
  return typeof value === 'string' && SAFE_LINK.test(value) ? value : undefined;
}

/** The address of a picture the page may load: http(s) or an inline raster or vector image. */
export function safeImage(value: unknown): string | undefined {
  return typeof value === 'string' && /^(?:https?:\/\/|data:image\/)/i.test(value) ? value : undefined;
}
