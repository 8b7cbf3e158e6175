import { epochMs, formatInstant } from '../lib/units.ts';
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
  /** A text with several ids of the same kind, in their order. */
  | { readonly kind: 'several'; readonly references: readonly RequestReference[] }
  /** Almost an id: what is wrong, and the text that was probably intended: an id, or another form of `/trace`. */
  | { readonly kind: 'invalid'; readonly problem: string; readonly fixed?: string }
  | { readonly kind: 'other' };

export const OTHER: TraceReference = { kind: 'other' };

/** Ids are kept with 32 digits: Jaeger finds 64-bit ids in both forms. */
const padded = (hex: string): string => hex.toLowerCase().padStart(32, '0');

/** Every trace format writes zeros for "no id". */
const isZero = (hex: string): boolean => /^0+$/.test(hex);

/**
 * A shorter text is a word, a number, or the beginning of an id; others are seconds or milliseconds since 1970, and
 * `20201128125200`.
 */
const NOT_ALMOST_ID = /^(?:.{0,8}|1\d{9}|1\d{12}|(?:19|20)\d{12})$/;
/** Datadog writes the lower 64 bits of a trace id as a decimal number. */
const DECIMAL = /^\d{17,20}$/;

/** Parses a trace id alone: hex digits, or base64 as OTLP's protobuf JSON and some gateways write it. */
function parseTraceId(text: string): TraceReference {
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
function hexOfDecimal(digits: string): string | undefined {
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

/** What separates a name from its value in a header, a JSON field, and a field of a log line. */
const SEPARATOR = '["\']?\\s?[:=]\\s?["\']?';

/** W3C trace context: version, trace id, parent id, flags. Version ff is forbidden. */
const TRACE_PARENT = /(?<![0-9a-z])(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-([0-9a-f]{2})(?![0-9a-f])/gi;
/** B3 in one header: trace id, span id, and optionally the decision (0, 1, d for debug) and the parent span. */
const B3_SINGLE =
  /(?<![0-9a-z-])([0-9a-f]{32}|[0-9a-f]{16})-[0-9a-f]{16}(?:-([01d])(?:-[0-9a-f]{16})?)?(?![0-9a-z-])/gi;
/** Jaeger's own header: trace, span, parent, flags, without leading zeros. */
const UBER = /(?<![0-9a-f:])([0-9a-f]{9,32}):[0-9a-f]{1,16}:[0-9a-f]{1,16}:([0-9a-f]{1,2})(?![0-9a-f:])/gi;
/** Amazon's header, or its id alone: the time and the rest of the id, which together are the id that OpenTelemetry uses. */
const AMAZON =
  /(?:\bRoot=|(?<![\w=-]))1-([0-9a-f]{8})-([0-9a-f]{24})(?![0-9a-z-])(?:(?:;\s?\w+=[\w-]+){0,3}?;\s?Sampled=([01]))?/gi;
/** Spring Cloud Sleuth's part of a log line: application, trace, span, and in older versions whether it is exported. */
const SLEUTH =
  /\[[^[\],]{0,80},\s?([0-9a-f]{32}|[0-9a-f]{16}),\s?[0-9a-f]{16}(?:,\s?(true|false))?(?![0-9a-z-])/gi;
/** A field that names a trace id (`traceID=`, `trace_id:`, `"trace.id":"`, `X-B3-TraceId: `), but not Datadog's. */
const NAMED = new RegExp(
  `(?<!\\bdd[._]|datadog-|["']dd["']\\s?:\\s?\\{[^{}]{0,200}["'])trace[-_.]?id${SEPARATOR}([\\w+/-]{1,64}={0,2})`,
  'gi',
);
/** Datadog's fields (`dd.trace_id=`, `{"dd":{"trace_id":"`) and its header. Decimal, or all 128 bits in hex digits. */
const DATADOG = new RegExp(
  `(?:\\bdd[._]|datadog-|["']dd["']\\s?:\\s?\\{[^{}]{0,200}["'])trace[-_.]?id${SEPARATOR}([0-9a-f]{32}|\\d{1,20})(?![0-9a-z])`,
  'gi',
);
/** The upper 64 bits of Datadog's id. */
const DATADOG_UPPER = new RegExp(`_dd\\.p\\.tid${SEPARATOR}([0-9a-f]{16})(?![0-9a-f])`, 'i');

/** A separate field that says that the caller did not sample. */
const NOT_SAMPLED = new RegExp(`x-b3-sampled${SEPARATOR}(?:0|false)(?![0-9a-z])`, 'i');
const DATADOG_NOT_SAMPLED = new RegExp(`datadog-sampling-priority${SEPARATOR}(?:0|-1)(?![0-9])`, 'i');
/** A B3 header that is a decision and nothing else. */
const B3_DENIED = new RegExp(`(?:^|\\s|["'])b3${SEPARATOR}0(?:["']|\\s|$)`, 'i');

/** Bit 0 of the flags is "sampled", in W3C's header and in Jaeger's. */
const isClear = (flags = '1'): boolean => (Number.parseInt(flags, 16) & 1) === 0;
const isDenied = (decision = '1'): boolean => decision === '0' || decision === 'false';

/** Headers that are recognized by their value, the most specific first, with what their last group means. */
const HEADERS: readonly (readonly [RegExp, (last: string | undefined) => boolean])[] = [
  [TRACE_PARENT, isClear],
  [B3_SINGLE, isDenied],
  [UBER, isClear],
  [AMAZON, isDenied],
  [SLEUTH, isDenied],
];

type FoundTrace = Extract<TraceReference, { kind: 'trace' }>;

/** An id, and where it stands in the text. */
interface Occurrence {
  readonly at: number;
  readonly trace: FoundTrace;
}

function occurrence(
  at: number,
  { hex, isUnsampled }: { readonly hex: string | undefined; readonly isUnsampled: boolean },
): readonly Occurrence[] {
  if (hex === undefined || isZero(hex)) return [];
  return [
    { at, trace: { kind: 'trace', traceId: padded(hex), isUnsampled: isUnsampled ? true : undefined } },
  ];
}

const headersIn = (text: string): readonly Occurrence[] =>
  HEADERS.flatMap(([header, isUnsampled]) =>
    [...text.matchAll(header)].flatMap((found) =>
      occurrence(found.index, {
        hex: found.slice(1, -1).join(''),
        isUnsampled: isUnsampled(found.at(-1)),
      }),
    ),
  );

/** Fields that name a trace id: the valid ones, and the first that is almost one. */
function namedIn(text: string): { readonly found: readonly Occurrence[]; readonly invalid?: TraceReference } {
  const found: Occurrence[] = [];
  let invalid: TraceReference | undefined;
  for (const { index, 1: value = '' } of text.matchAll(NAMED)) {
    // Some loggers write the trace id with hyphens, as a UUID.
    const reference = parseTraceId(isUuid(value) ? value.replaceAll('-', '') : value);
    if (reference.kind === 'trace')
      found.push(...occurrence(index, { hex: reference.traceId, isUnsampled: NOT_SAMPLED.test(text) }));
    if (reference.kind === 'invalid') invalid ??= reference;
  }
  return { found, invalid };
}

function datadogIn(text: string): readonly Occurrence[] {
  const upper = DATADOG_UPPER.exec(text)?.[1] ?? '';
  const isUnsampled = DATADOG_NOT_SAMPLED.test(text);
  return [...text.matchAll(DATADOG)].flatMap(({ index, 1: value = '' }) => {
    if (value.length === 32) return occurrence(index, { hex: value, isUnsampled });
    const lower = hexOfDecimal(value);
    return occurrence(index, { hex: lower === undefined ? undefined : upper + lower, isUnsampled });
  });
}

/** Each trace once, in the order of the text; of one that occurs twice, what the more specific form says. */
function referenceTo(found: readonly Occurrence[]): TraceReference | undefined {
  const byId = new Map<string, Occurrence>();
  for (const each of found) if (!byId.has(each.trace.traceId)) byId.set(each.trace.traceId, each);
  const references = [...byId.values()].sort((a, b) => a.at - b.at).map(({ trace }) => trace);
  const [only, ...others] = references;
  return others.length === 0 ? only : { kind: 'several', references };
}

/**
 * Finds trace headers and fields in a text: one header, several, or a line of a log. Datadog's id counts only without another
 * tracer's: the two name different traces of one request.
 */
function parseHeaders(text: string): TraceReference | undefined {
  const named = namedIn(text);
  const found = referenceTo([...headersIn(text), ...named.found]) ?? referenceTo(datadogIn(text));
  if (found !== undefined) return found;
  if (named.invalid !== undefined) return named.invalid;
  return B3_DENIED.test(text)
    ? {
        kind: 'invalid',
        problem: 'This b3 header only says "do not sample": it has no trace id, and there is no trace.',
      }
    : undefined;
}

const IS_LINK = /^https?:\/\//i;

const LINK_ID = '([0-9a-f]{1,32})(?![0-9a-f])';
/** Two ids in the path of Jaeger's pages are a comparison. */
const COMPARISON_LINK = /\/trace\/([0-9a-f]{1,32})\.\.\.([0-9a-f]{0,32})(?![0-9a-f])/i;
/** X-Ray's consoles: the time and the rest of the id. */
const XRAY_LINK = /[/:]traces?\/1-([0-9a-f]{8})-([0-9a-f]{24})(?![0-9a-f])/i;
const TRACE_LINKS: readonly RegExp[] = [
  // The path of the pages and APIs of Jaeger, Tempo, and Zipkin.
  new RegExp(`/traces?/${LINK_ID}`, 'i'),
  // A parameter of Kiali and of Jaeger's search; a field of the JSON inside Grafana's links.
  new RegExp(`(?:^|[?&#;{,"'])(?:var-)?trace[-_.:]?ids?["']?[=:]["']?${LINK_ID}`, 'i'),
  // Grafana Explore on a Jaeger or Tempo data source: the query is the id, or names it in TraceQL.
  new RegExp(`"query":"(?:\\{\\s*trace:id\\s*=\\s*\\\\?")?${LINK_ID}`, 'i'),
];
/** A whole id anywhere else: `tid=<id>`, `/redirect/distributed-tracing/<id>`. */
const WHOLE_ID = /(?<![0-9a-z-])[0-9a-f]{32}(?![0-9a-z-])/i;
/** A search by request id in Jaeger's page, or any link that names one. */
const REQUEST_LINK = /request[-_]?id["']?[=:]["']?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?![0-9a-f])/i;
const NO_ID_IN_LINK: TraceReference = { kind: 'invalid', problem: 'This link contains no trace id.' };

/** A text without URL escapes. Grafana's links are escaped twice after a redirect. */
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
  const ofXRay = XRAY_LINK.exec(link)?.slice(1).join('');
  if (ofXRay !== undefined) return { kind: 'trace', traceId: padded(ofXRay) };
  const id = traceIdIn(link);
  return id === undefined ? parseOther(link) : { kind: 'trace', traceId: padded(id) };
}

/** A link that does not name a trace id. */
function parseOther(link: string): TraceReference {
  const requestId = REQUEST_LINK.exec(link)?.[1];
  if (requestId !== undefined) return { kind: 'request', requestId };
  const whole = WHOLE_ID.exec(link)?.[0];
  if (whole !== undefined && !isZero(whole)) return { kind: 'trace', traceId: padded(whole) };
  return parseSearch(link) ?? NO_ID_IN_LINK;
}

/** Fewer digits, where a link has a whole id too, are the number of a project. */
const MIN_SHORT_ID = 9;
/** Datadog's pages; elsewhere so many decimal digits are no id either. */
const DECIMAL_ID = /^\d{17,20}$/;

function traceIdIn(link: string): string | undefined {
  const id = TRACE_LINKS.map((form) => form.exec(link)?.[1]).find(
    (found) => found !== undefined && !isZero(found),
  );
  if (id === undefined) return undefined;
  const isDecimal =
    DECIMAL_ID.test(id) || (/^https?:\/\/[^/?#]*datadog/i.test(link) && /^\d{1,20}$/.test(id));
  if (isDecimal) return hexOfDecimal(id) ?? id;
  return id.length < MIN_SHORT_ID ? (WHOLE_ID.exec(link)?.[0] ?? id) : id;
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
    case 'several':
      return { problem: `"${shortened(text)}" contains ${reference.references.length} ids. Give one.` };
    case 'comparison':
    case 'other':
      return {
        problem: `"${shortened(text)}" is not a trace id, a link or a request id. Quote a request id that is not a UUID.`,
      };
  }
}

/** Brackets, quotes and punctuation that were copied together with an id. */
const AROUND = /^[([{<"'`]+|[)\]}>"'`,.;:!?]+$/g;
/** Dashes that phones, word processors and chat programs put in place of hyphens. */
const DASHES = /(?<=[0-9a-z])[\u2010-\u2015\u2212\ufe58\ufe63\uff0d](?=[0-9a-z])/gi;

/** A text with hyphens between letters and digits, whatever dashes it was copied with. */
const withHyphens = (text: string): string => text.replace(DASHES, '-');

/** Parses one word: a trace id, the value of a trace header, a link, or a request id. */
export function parseTraceReference(text: string): TraceReference {
  const trimmed = text.replace(AROUND, '');
  if (IS_LINK.test(trimmed)) return parseLink(trimmed);
  const plain = withHyphens(trimmed);
  if (isUuid(plain)) return { kind: 'request', requestId: plain };
  const alone = parseTraceId(plain);
  return alone.kind === 'other' ? (parseHeaders(unescaped(withHyphens(text))) ?? OTHER) : alone;
}

/** A command has fewer words; a longer text that no person writes was copied from elsewhere. */
const MAX_TYPED = 8;
const MACHINE_MADE = /[[{=]|\w:\w/;

/** Whether a text has characters that no sentence has. */
export const isMachineMade = (text: string): boolean => MACHINE_MADE.test(text);

/**
 * Parses a pasted text: several headers, a line of an access log, a link in a sentence. `other`: it may be a command
 * with a typo.
 */
export function parsePasted(pasted: readonly Token[]): TraceReference {
  const link = pasted.map((token) => token.text.replace(AROUND, '')).find((each) => IS_LINK.test(each));
  const tokens = pasted.map(({ text, isQuoted }) => ({ text: withHyphens(text), isQuoted }));
  const text = unescaped(tokens.map((token) => token.text).join(' '));
  const found =
    parseHeaders(text) ??
    parseRequestId(tokens, text) ??
    (link === undefined ? undefined : parseLink(link)) ??
    parseBareIds(text);
  if (found !== undefined) return found;
  return tokens.length <= MAX_TYPED || !isMachineMade(text)
    ? OTHER
    : {
        kind: 'invalid',
        problem:
          'This text contains no trace id, traceparent, b3 header, request id or link. Paste the id alone.',
      };
}

/** 32 hexadecimal digits that are not part of a longer text. */
const BARE = /(?<![0-9a-z-])[0-9a-f]{32}(?![0-9a-z-])/gi;

/** Ids under unknown names, such as `x-cloud-trace-context: <id>/1;o=1`. */
function parseBareIds(text: string): TraceReference | undefined {
  const ids = distinct(text.match(BARE) ?? []).filter((id) => !isZero(id));
  return oneOrSeveral(ids.map((id) => ({ kind: 'trace', traceId: padded(id) })));
}

/** A proxy appends the id of a second header to that of the first. */
const REQUEST_ID = new RegExp(
  `request[-_.]?id${SEPARATOR}([\\w.:-]{1,128}(?:,\\s?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![0-9a-f]))*)`,
  'gi',
);
const A_UUID = /(?<![0-9a-f-])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![0-9a-f])/gi;
/** How logs write that a request had no id. */
const NO_VALUE = /^(?:-|null|nil|none|undefined)$/i;

/**
 * The request id in a line of a log: by its name, or a UUID. Envoy's own format has it in quotes and without a name, so a
 * UUID in quotes is preferred to one in the path of the request.
 */
function parseRequestId(tokens: readonly Token[], text: string): TraceReference | undefined {
  const named = [...text.matchAll(REQUEST_ID)]
    .flatMap(([, value = '']) => value.split(/,\s?/))
    .filter((id) => !NO_VALUE.test(id));
  const quoted = tokens.filter((token) => token.isQuoted && isUuid(token.text)).map((token) => token.text);
  const ids = [named, quoted, text.match(A_UUID) ?? []].find(({ length }) => length > 0) ?? [];
  const unique = [...new Map(ids.map((id) => [id.toLowerCase(), id])).values()];
  return oneOrSeveral(unique.map((requestId) => ({ kind: 'request', requestId })));
}

function oneOrSeveral(references: readonly RequestReference[]): TraceReference | undefined {
  const [only, ...others] = references;
  return others.length === 0 ? only : { kind: 'several', references };
}

const distinct = (ids: readonly string[]): readonly string[] => [
  ...new Set(ids.map((id) => id.toLowerCase())),
];
