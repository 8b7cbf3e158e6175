/** What a person pasted to say which request is meant. */
export type TraceReference =
  /** `isUnsampled`: the header it was read from says that the caller did not sample the request. */
  | { readonly kind: 'trace'; readonly traceId: string; readonly isUnsampled?: true }
  | { readonly kind: 'request'; readonly requestId: string }
  /** A link to a comparison: the good one first, as Jaeger writes it. */
  | { readonly kind: 'comparison'; readonly traceIds: readonly [string, string] }
  /** Nearly one: what is wrong, and the words after the command that were probably meant. */
  | { readonly kind: 'mistake'; readonly problem: string; readonly meant?: readonly string[] }
  | { readonly kind: 'other' };

/** Ids are kept with 32 digits: Jaeger finds old 64-bit ids in both forms. */
export const padded = (hex: string): string => hex.toLowerCase().padStart(32, '0');

/** Zeros stand for "no id" in every trace format. */
export const isZero = (hex: string): boolean => /^0+$/.test(hex);

/** Shorter ones are a word, a number, or the beginning of an id. */
const SHORTEST_NEARLY = 9;

/** Reads a trace id as it stands alone: hex digits, or base64 as OTLP's protobuf JSON and some gateways write it. */
export function readTraceId(text: string): TraceReference {
  const hex = /^(?:0x)?([0-9a-f]+)$/i.exec(text)?.[1] ?? hexOfBase64(text);
  return hex === undefined || isZero(hex) ? { kind: 'other' } : readHex(hex);
}

function readHex(hex: string): TraceReference {
  if (hex.length === 16 || hex.length === 32) return { kind: 'trace', traceId: padded(hex) };
  if (hex.length < SHORTEST_NEARLY) return { kind: 'other' };
  const problem = `A trace id has 16 or 32 hex digits; this one has ${hex.length}.`;
  // Leading zeros get lost in some logs.
  return hex.length < 32
    ? { kind: 'mistake', problem, meant: [hex.toLowerCase().padStart(hex.length < 16 ? 16 : 32, '0')] }
    : { kind: 'mistake', problem };
}

const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
/** 16 or 8 bytes. The last digit of each holds bits that are always zero: four of them, and two. */
const PADDED = /^(?:[\w+/-]{21}[AQgw]==|[\w+/-]{10}[AEIMQUYcgkosw048]=)$/;
/** Without its padding it could be a name; names have no capitals and digits together. */
const UNPADDED = /^(?=.*[A-Z])(?=.*[a-z])(?=.*\d)[\w+/-]{21}[AQgw]$/;

/** The hex digits of an id in base64 or base64url; undefined for any other text. */
function hexOfBase64(text: string): string | undefined {
  if (!PADDED.test(text) && !UNPADDED.test(text)) return undefined;
  const digits = text.replace(/=+$/, '').replaceAll('-', '+').replaceAll('_', '/');
  const bits = Array.from(digits, (digit) => BASE64.indexOf(digit).toString(2).padStart(6, '0')).join('');
  const bytes = bits.slice(0, digits.length === 22 ? 128 : 64);
  return (bytes.match(/.{4}/g) ?? []).map((nibble) => Number.parseInt(nibble, 2).toString(16)).join('');
}
