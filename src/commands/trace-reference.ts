import { isUuid } from '../traces/request-id.ts';
import type { RequestReference } from './command.ts';
import { shortened, type Token, word } from './tokens.ts';
import { parseHeaders, SEPARATOR } from './trace-headers.ts';
import { isZero, OTHER, padded, parseTraceId, type TraceReference } from './trace-ids.ts';
import { IS_LINK, parseLink, unescaped } from './trace-links.ts';

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
