import { formatInstant } from '../lib/instant.ts';
import { epochMs } from '../lib/units.ts';
import { isUuid } from '../traces/request-id.ts';
import type { RequestReference } from './command.ts';
import { joinTokens, shortened, type Token, word } from './tokens.ts';

/** What a pasted text identifies. */
export type TraceReference =
  /** `isUnsampled`: the header that holds the id says that the caller did not sample the request. */
  | { readonly kind: 'trace'; readonly traceId: string; readonly isUnsampled?: true }
  | { readonly kind: 'request'; readonly requestId: string }
  /** A link to a comparison, in the order in which Jaeger writes the ids. */
  | { readonly kind: 'comparison'; readonly traceIds: readonly [string, string] }
  /** Almost an id: what is wrong, and the text that was probably intended: an id, or another form of `/trace`. */
  | { readonly kind: 'invalid'; readonly problem: string; readonly fixed?: string }
  | { readonly kind: 'other' };

const OTHER: TraceReference = { kind: 'other' };

/** The id of one request, or why a word is none: `fixed` is the id that was probably intended. */
export function parseRequestReference(
  text: string,
): RequestReference | { readonly problem: string; readonly fixed?: Token } {
  const reference = parseTraceReference(text);
  switch (reference.kind) {
    case 'trace':
      return { kind: 'trace', traceId: reference.traceId };
    case 'request':
      return reference;
    case 'invalid': {
      const { problem, fixed } = reference;
      // The suggestion may be another form of `/trace`, which is no id.
      return { problem, fixed: fixed === undefined || fixed.includes(' ') ? undefined : word(fixed) };
    }
    case 'comparison':
    case 'other':
      return {
        problem: `"${shortened(text)}" is not a trace id, a link or a request id. Quote a request id that is not a UUID.`,
      };
  }
}

/** Brackets, quotes and punctuation that were copied together with an id. */
const AROUND = /^[([{<"'`]+|[)\]}>"'`,.;:!?]+$/g;
const IS_LINK = /^https?:\/\//i;

/** Parses one word: a trace id, the value of a trace header, a link, or a request id. */
export function parseTraceReference(text: string): TraceReference {
  const trimmed = text.replace(AROUND, '');
  if (IS_LINK.test(trimmed)) return parseLink(trimmed);
  if (isUuid(trimmed)) return { kind: 'request', requestId: trimmed };
  const alone = parseTraceId(trimmed);
  return alone.kind === 'other' ? (parseHeaders(trimmed) ?? OTHER) : alone;
}

/** A command has fewer words; a longer text with characters that no sentence has was copied from elsewhere. */
const MAX_TYPED = 8;
const MACHINE_MADE = /[[{=]|\w:\w/;

/**
 * Parses a pasted text: several headers, a line of an access log, a link in a sentence. `other`: it may be a command
 * with a typo.
 */
export function parsePasted(tokens: readonly Token[]): TraceReference {
  const text = tokens.map((token) => token.text).join(' ');
  const link = tokens.map((token) => token.text.replace(AROUND, '')).find((each) => IS_LINK.test(each));
  const found =
    parseHeaders(text) ??
    parseRequestId(tokens, text) ??
    (link === undefined ? undefined : parseLink(link)) ??
    parseBareId(text);
  if (found !== undefined) return found;
  return tokens.length <= MAX_TYPED || !MACHINE_MADE.test(text)
    ? OTHER
    : {
        kind: 'invalid',
        problem:
          'This text contains no trace id, traceparent, b3 header, request id or link. Paste the id alone.',
      };
}

/** Ids are kept with 32 digits: Jaeger finds 64-bit ids in both forms. */
const padded = (hex: string): string => hex.toLowerCase().padStart(32, '0');

/** Every trace format writes zeros for "no id". */
const isZero = (hex: string): boolean => /^0+$/.test(hex);

/** A shorter text is a word, a number, or the beginning of an id. */
const MIN_ALMOST_ID = 9;

/** Parses a trace id alone: hex digits, or base64 as OTLP's protobuf JSON and some gateways write it. */
function parseTraceId(text: string): TraceReference {
  const hex = /^(?:0x)?([0-9a-f]+)$/i.exec(text)?.[1] ?? hexOfBase64(text);
  if (hex === undefined || isZero(hex)) return OTHER;
  if (hex.length === 16 || hex.length === 32) return { kind: 'trace', traceId: padded(hex) };
  if (hex.length < MIN_ALMOST_ID) return OTHER;
  return {
    kind: 'invalid',
    problem: `A trace id has 16 or 32 hex digits; this one has ${hex.length}.`,
    // Some logs drop leading zeros.
    fixed: hex.length < 32 ? hex.toLowerCase().padStart(hex.length < 16 ? 16 : 32, '0') : undefined,
  };
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

/** What separates a name from its value in a header, a JSON field, and a field of a log line. */
const SEPARATOR = '["\']?\\s?[:=]\\s?["\']?';
const NO_HEX = '(?![0-9a-f])';

/** W3C trace context: version, trace id, parent id, flags. Version ff is forbidden. */
const TRACE_PARENT = /(?<![0-9a-z])(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-([0-9a-f]{2})(?![0-9a-f])/i;
/** B3 in one header: trace id, span id, and optionally the decision (0, 1, d for debug) and the parent span. */
const B3_SINGLE =
  /(?<![0-9a-z-])([0-9a-f]{32}|[0-9a-f]{16})-[0-9a-f]{16}(?:-([01d])(?:-[0-9a-f]{16})?)?(?![0-9a-z-])/i;
/** Jaeger's own header: trace, span, parent, flags, without leading zeros. */
const UBER = /(?<![0-9a-f:])([0-9a-f]{9,32}):[0-9a-f]{1,16}:[0-9a-f]{1,16}:([0-9a-f]{1,2})(?![0-9a-f:])/i;
/** Amazon's header: the time and the rest of the id, which together are the id that OpenTelemetry uses. */
const AMAZON = /\bRoot=1-([0-9a-f]{8})-([0-9a-f]{24})(?![0-9a-f])(?:.{0,60}?Sampled=([01]))?/i;
/** A field that names a trace id: `traceID=`, `trace_id:`, `"trace.id":"`, `X-B3-TraceId: `. */
const NAMED = new RegExp(`trace[-_.]?id${SEPARATOR}([\\w+/-]{1,64}={0,2})`, 'gi');
/** A separate field that says that the caller did not sample. */
const NOT_SAMPLED = new RegExp(`x-b3-sampled${SEPARATOR}(?:0|false)(?![0-9a-z])`, 'i');
/** A B3 header that is a decision and nothing else. */
const B3_DENIED = new RegExp(`(?:^|\\s|["'])b3${SEPARATOR}0(?:["']|\\s|$)`, 'i');
const REQUEST_ID = new RegExp(`request[-_.]?id${SEPARATOR}([\\w.:-]{1,128})`, 'i');
const A_UUID = new RegExp(`(?<![0-9a-f-])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}${NO_HEX}`, 'gi');
/** How logs write that a request had no id. */
const NO_VALUE = /^(?:-|null|nil|none|undefined)$/i;

const trace = (hex: string | undefined, isUnsampled: boolean): TraceReference | undefined =>
  hex === undefined || isZero(hex)
    ? undefined
    : { kind: 'trace', traceId: padded(hex), isUnsampled: isUnsampled ? true : undefined };

/** Bit 0 of the flags is "sampled", in W3C's header and in Jaeger's. */
const isClear = (flags = '1'): boolean => (Number.parseInt(flags, 16) & 1) === 0;
const isDenied = (decision = '1'): boolean => decision === '0';

/** Headers that are recognized by their value, the most specific first, with what their last group means. */
const HEADERS: readonly (readonly [RegExp, (last: string | undefined) => boolean])[] = [
  [TRACE_PARENT, isClear],
  [B3_SINGLE, isDenied],
  [UBER, isClear],
  [AMAZON, isDenied],
];

/** Finds trace headers and fields in a text: one header, several, or a line of a log. */
function parseHeaders(text: string): TraceReference | undefined {
  for (const [header, isUnsampled] of HEADERS) {
    const found = header.exec(text);
    const reference = found && trace(found.slice(1, -1).join(''), isUnsampled(found.at(-1)));
    if (reference != null) return reference;
  }
  const named = parseNamed(text);
  if (named !== undefined) return named;
  return B3_DENIED.test(text)
    ? {
        kind: 'invalid',
        problem: 'This b3 header only says "do not sample": it has no trace id, and there is no trace.',
      }
    : undefined;
}

/** The first valid one: a log line may also hold an id of another tracer, such as `dd.trace_id`. */
function parseNamed(text: string): TraceReference | undefined {
  for (const [, value = ''] of text.matchAll(NAMED)) {
    // Some loggers write the trace id with hyphens, as a UUID.
    const reference = parseTraceId(isUuid(value) ? value.replaceAll('-', '') : value);
    if (reference.kind === 'other') continue;
    return reference.kind === 'trace' && NOT_SAMPLED.test(text)
      ? { ...reference, isUnsampled: true }
      : reference;
  }
  return undefined;
}

/** 32 hexadecimal digits that are not part of a longer text. */
const BARE = /(?<![0-9a-z-])[0-9a-f]{32}(?![0-9a-z-])/gi;

/** An id under an unknown name, such as `x-cloud-trace-context: <id>/1;o=1`, when it is the only one of its form. */
function parseBareId(text: string): TraceReference | undefined {
  const [found, ...others] = distinct(text.match(BARE) ?? []);
  return others.length === 0 ? trace(found, false) : undefined;
}

/**
 * The request id in a line of a log: by its name, or the only UUID. Envoy's own format has it in quotes and without a
 * name, so a UUID in quotes is preferred to one in the path of the request.
 */
function parseRequestId(tokens: readonly Token[], text: string): TraceReference | undefined {
  const named = REQUEST_ID.exec(text)?.[1];
  if (named !== undefined && !NO_VALUE.test(named)) return { kind: 'request', requestId: named };
  const quoted = tokens.filter((token) => token.isQuoted && isUuid(token.text)).map((token) => token.text);
  const [found, ...others] = distinct(quoted.length > 0 ? quoted : (text.match(A_UUID) ?? []));
  if (found === undefined) return undefined;
  return others.length === 0
    ? { kind: 'request', requestId: found }
    : {
        kind: 'invalid',
        problem: `This text contains ${others.length + 1} ids: paste the one of the request (x-request-id) alone.`,
      };
}

const distinct = (ids: readonly string[]): readonly string[] => [
  ...new Set(ids.map((id) => id.toLowerCase())),
];

const LINK_ID = '([0-9a-f]{1,32})(?![0-9a-f])';
/** Two ids in the path of Jaeger's pages are a comparison. */
const COMPARISON_LINK = /\/trace\/([0-9a-f]{1,32})\.\.\.([0-9a-f]{0,32})(?![0-9a-f])/i;
const TRACE_LINKS: readonly RegExp[] = [
  // The path of the pages and APIs of Jaeger, Tempo, and Zipkin.
  new RegExp(`/traces?/${LINK_ID}`, 'i'),
  // A parameter of Kiali and of Jaeger's search; a field of the JSON inside Grafana's links.
  new RegExp(`(?:^|[?&#;{,"'])(?:var-)?trace[-_.:]?ids?["']?[=:]["']?${LINK_ID}`, 'i'),
  // Grafana Explore on a Jaeger or Tempo data source: the query is the id, or names it in TraceQL.
  new RegExp(`"query":"(?:\\{\\s*trace:id\\s*=\\s*\\\\?")?${LINK_ID}`, 'i'),
];
/** A search by request id in Jaeger's page, or any link that names one. */
const REQUEST_LINK = /request[-_]?id["']?[=:]["']?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?![0-9a-f])/i;
const NO_ID_IN_LINK: TraceReference = { kind: 'invalid', problem: 'This link contains no trace id.' };

/** The link without escapes. Grafana's are escaped twice after a redirect. */
function unescaped(text: string): string {
  let plain = text;
  for (let i = 0; i < 2 && plain.includes('%'); i += 1) plain = plain.replace(/(?:%[0-9a-f]{2})+/gi, decoded);
  return plain;
}

function decoded(escapes: string): string {
  try {
    return decodeURIComponent(escapes);
  } catch {
    return escapes;
  }
}

/** Parses links to pages and APIs of Jaeger, Kiali, Grafana, Tempo and Zipkin. */
function parseLink(text: string): TraceReference {
  const link = unescaped(text);
  const compared = COMPARISON_LINK.exec(link);
  if (compared !== null) {
    const [one, other] = compared
      .slice(1)
      .filter((id) => id !== '' && !isZero(id))
      .map(padded);
    if (one === undefined) return NO_ID_IN_LINK;
    return other === undefined
      ? { kind: 'trace', traceId: one }
      : { kind: 'comparison', traceIds: [one, other] };
  }
  const id = TRACE_LINKS.map((form) => form.exec(link)?.[1]).find(
    (found) => found !== undefined && !isZero(found),
  );
  if (id !== undefined) return { kind: 'trace', traceId: padded(id) };
  const requestId = REQUEST_LINK.exec(link)?.[1];
  return requestId === undefined ? (parseSearch(link) ?? NO_ID_IN_LINK) : { kind: 'request', requestId };
}

/** A page of Jaeger's search: the suggestion has its service, and its time when that is fixed. */
function parseSearch(link: string): TraceReference | undefined {
  const parameter = (name: string): string | undefined =>
    new RegExp(`\\/search\\?(?:[^#]*&)?${name}=([^&#]{1,256})`, 'i').exec(link)?.[1];
  const service = parameter('service');
  if (service === undefined) return undefined;
  const [start, end] = ['start', 'end'].map((name) => Number(parameter(name) ?? Number.NaN) / 1_000);
  const window =
    start !== undefined && end !== undefined && start > 0 && end > start && end < 8.64e15
      ? ['at', `${formatInstant(epochMs(Math.floor(start)))}/${formatInstant(epochMs(Math.ceil(end)))}`]
      : [];
  return {
    kind: 'invalid',
    problem: 'This link is a search for traces and contains no trace id.',
    fixed: joinTokens(['slowest', service, ...window].map(word)),
  };
}
