import type { RequestReference } from './command.ts';

/** What a pasted text identifies. */
export type TraceReference =
  /** `isUnsampled`: the header that holds the id says that the caller did not sample the request. */
  | { readonly kind: 'trace'; readonly traceId: string; readonly isUnsampled?: true }
  | { readonly kind: 'request'; readonly requestId: string }
  /** A link to a comparison, in the order in which Jaeger writes the ids. */
  | { readonly kind: 'comparison'; readonly traceIds: readonly [string, string] }
  /** A text with several ids of the same kind, in their order. */
  | { readonly kind: 'several'; readonly references: readonly RequestReference[] }
  /** Almost an id: what is wrong, and the text that was probably intended: an id, or another form of `/trace`. */
  | { readonly kind: 'invalid'; readonly problem: string; readonly fixed?: string }
  | { readonly kind: 'other' };

export const OTHER: TraceReference = { kind: 'other' };

/** Ids are kept with 32 digits: Jaeger finds 64-bit ids in both forms. */
export const padded = (hex: string): string => hex.toLowerCase().padStart(32, '0');

/** Every trace format writes zeros for "no id". */
export const isZero = (hex: string): boolean => /^0+$/.test(hex);

/**
 * A shorter text is a word, a number, or the beginning of an id; others are seconds or milliseconds since 1970, and
 * `20201128125200`.
 */
const NOT_ALMOST_ID = /^(?:.{0,8}|1\d{9}|1\d{12}|(?:19|20)\d{12})$/;
/** Datadog writes the lower 64 bits of a trace id as a decimal number. */
const DECIMAL = /^\d{17,20}$/;

/** Parses a trace id alone: hex digits, or base64 as OTLP's protobuf JSON and some gateways write it. */
export function parseTraceId(text: string): TraceReference {
  const hex = /^(?:0x)?([0-9a-f]+)$/i.exec(text)?.[1] ?? hexOfBase64(text);
  if (hex === undefined || isZero(hex)) return OTHER;
  if (hex.length === 16 || hex.length === 32) return { kind: 'trace', traceId: padded(hex) };
  if (NOT_ALMOST_ID.test(hex)) return OTHER;
  const ofDatadog = DECIMAL.test(hex) ? hexOfDecimal(hex) : undefined;
  if (ofDatadog !== undefined)
    return { kind: 'invalid', problem: 'This trace id is decimal, as Datadog writes it.', fixed: ofDatadog };
  return {
    kind: 'invalid',
    problem: `A trace id has 16 or 32 hex digits; this one has ${hex.length}.`,
    // Some logs drop leading zeros.
    fixed: hex.length < 32 ? hex.toLowerCase().padStart(hex.length < 16 ? 16 : 32, '0') : undefined,
  };
}

/** A decimal 64-bit id as 16 hex digits; undefined for zero and for a larger number. */
export function hexOfDecimal(digits: string): string | undefined {
  const id = BigInt(digits);
  return id === 0n || id >= 1n << 64n ? undefined : id.toString(16).padStart(16, '0');
}

const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
/** 16 or 8 bytes. The last digit of each ends in bits that are always zero: four of them, and two. */
const PADDED = /^(?:[\w+/-]{21}[AQgw]==|[\w+/-]{10}[AEIMQUYcgkosw048]=)$/;
/** Without padding it could be a name, but names do not mix capitals and digits. */
const UNPADDED = /^(?=.*[A-Z])(?=.*[a-z])(?=.*\d)[\w+/-]{21}[AQgw]$/;

/** The hex digits of an id in base64 or base64url; undefined for any other text. */
function hexOfBase64(text: string): string | undefined {
  if (!PADDED.test(text) && !UNPADDED.test(text)) return undefined;
  const digits = text.replace(/=+$/, '').replaceAll('-', '+').replaceAll('_', '/');
  const bits = Array.from(digits, (digit) => BASE64.indexOf(digit).toString(2).padStart(6, '0')).join('');
  const bytes = bits.slice(0, digits.length === 22 ? 128 : 64);
  return (bytes.match(/.{4}/g) ?? []).map((nibble) => Number.parseInt(nibble, 2).toString(16)).join('');
}
