import { isUuid } from '../traces/request-id.ts';
import type { Token } from './tokens.ts';
import { isZero, padded, readTraceId, type TraceReference } from './trace-id.ts';

/** How a header, a JSON field, and a log line's field part their name from the value. */
const SEPARATOR = '["\']?\\s?[:=]\\s?["\']?';
const NO_HEX = '(?![0-9a-f])';

/** W3C trace context: version, trace id, parent id, flags. Version ff is forbidden. */
const TRACE_PARENT = /(?<![0-9a-z])(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-([0-9a-f]{2})(?![0-9a-f])/i;
/** B3 in one header: trace id, span id, and where given the decision (0, 1, d for debug) and the parent span. */
const B3_SINGLE =
  /(?<![0-9a-z-])([0-9a-f]{32}|[0-9a-f]{16})-[0-9a-f]{16}(?:-([01d])(?:-[0-9a-f]{16})?)?(?![0-9a-z-])/i;
/** Jaeger's own header: trace, span, parent, flags, without leading zeros. */
const UBER = /(?<![0-9a-f:])([0-9a-f]{9,32}):[0-9a-f]{1,16}:[0-9a-f]{1,16}:([0-9a-f]{1,2})(?![0-9a-f:])/i;
/** Amazon's header: the time and the rest of the id, which together are the id that OpenTelemetry uses. */
const AMAZON = /\bRoot=1-([0-9a-f]{8})-([0-9a-f]{24})(?![0-9a-f])(?:.{0,60}?Sampled=([01]))?/i;
/** A field that names a trace id: `traceID=`, `trace_id:`, `"trace.id":"`, `X-B3-TraceId: `. */
const NAMED = new RegExp(`trace[-_.]?id${SEPARATOR}([\\w+/-]{1,64}={0,2})`, 'gi');
/** What says in a separate field that the caller did not sample. */
const NOT_SAMPLED = new RegExp(`x-b3-sampled${SEPARATOR}(?:0|false)(?![0-9a-z])`, 'i');
const REQUEST_ID = new RegExp(`request[-_.]?id${SEPARATOR}([\\w.:-]{1,128})`, 'i');
const A_UUID = new RegExp(`(?<![0-9a-f-])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}${NO_HEX}`, 'gi');
/** How logs write that a request had no id. */
const NOTHING = /^(?:-|null|nil|none|undefined)$/i;
/** A B3 header that is a decision and nothing else. */
const B3_DENIED = new RegExp(`(?:^|\\s|["'])b3${SEPARATOR}0(?:["']|\\s|$)`, 'i');

const trace = (hex: string | undefined, isUnsampled: boolean): TraceReference | undefined =>
  hex === undefined || isZero(hex)
    ? undefined
    : { kind: 'trace', traceId: padded(hex), isUnsampled: isUnsampled ? true : undefined };

/** Bit 0 of the flags is "sampled", in W3C's header and in Jaeger's. */
const isClear = (flags: string | undefined): boolean => (Number.parseInt(flags ?? '1', 16) & 1) === 0;

/** The forms that say themselves what they are, the most notification first. */
const HEADERS: readonly ((text: string) => TraceReference | undefined)[] = [
  (text) => {
    const found = TRACE_PARENT.exec(text);
    return trace(found?.[1], isClear(found?.[2]));
  },
  (text) => {
    const found = B3_SINGLE.exec(text);
    return trace(found?.[1], found?.[2] === '0');
  },
  (text) => {
    const found = UBER.exec(text);
    return trace(found?.[1], isClear(found?.[2]));
  },
  (text) => {
    const found = AMAZON.exec(text);
    return found === null ? undefined : trace(`${found[1]}${found[2]}`, found[3] === '0');
  },
];

/** Reads trace headers and fields out of a text: one header, several, or a line of a log. */
export function readHeaders(text: string): TraceReference | undefined {
  for (const read of HEADERS) {
    const found = read(text);
    if (found !== undefined) return found;
  }
  const named = readNamed(text);
  if (named !== undefined) return named;
  return B3_DENIED.test(text)
    ? {
        kind: 'mistake',
        problem: 'This b3 header only says "do not sample": it has no trace id, and there is no trace.',
      }
    : undefined;
}

/** The first that is one: a log may have an id of another tracer beside it, as `dd.trace_id`. */
function readNamed(text: string): TraceReference | undefined {
  for (const [, value = ''] of text.matchAll(NAMED)) {
    // Some loggers write the trace id with hyphens, as a UUID.
    const reference = readTraceId(isUuid(value) ? value.replaceAll('-', '') : value);
    if (reference.kind === 'other') continue;
    return reference.kind === 'trace' && NOT_SAMPLED.test(text)
      ? { ...reference, isUnsampled: true }
      : reference;
  }
  return undefined;
}

/** 32 hexadecimal digits that belong to nothing longer. */
const BARE = /(?<![0-9a-z-])[0-9a-f]{32}(?![0-9a-z-])/gi;

/** Reads an id under a name that is not known, as `x-cloud-trace-context: <id>/1;o=1`, where it is the only one of its form. */
export function readBareId(text: string): TraceReference | undefined {
  const [found, ...others] = distinct(text.match(BARE) ?? []);
  return others.length === 0 ? trace(found, false) : undefined;
}

/**
 * Reads the request id out of a line of a log: by its name, or where it is the only UUID. Envoy's own format has it in
 * quotes and without a name, so a UUID in quotes counts before one in the path of the request.
 */
export function readRequestLine(tokens: readonly Token[], text: string): TraceReference | undefined {
  const named = REQUEST_ID.exec(text)?.[1];
  if (named !== undefined && !NOTHING.test(named)) return { kind: 'request', requestId: named };
  const quoted = tokens.filter((token) => token.isQuoted && isUuid(token.text)).map((token) => token.text);
  const [found, ...others] = distinct(quoted.length > 0 ? quoted : (text.match(A_UUID) ?? []));
  if (found === undefined) return undefined;
  return others.length === 0
    ? { kind: 'request', requestId: found }
    : {
        kind: 'mistake',
        problem: `There are ${others.length + 1} ids in this text: give the one of the request (x-request-id).`,
      };
}

const distinct = (ids: readonly string[]): readonly string[] => [
  ...new Set(ids.map((id) => id.toLowerCase())),
];
