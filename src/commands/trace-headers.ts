import { isUuid } from '../traces/request-id.ts';
import { hexOfDecimal, isZero, padded, parseTraceId, type TraceReference } from './trace-ids.ts';

/** What separates a name from its value in a header, a JSON field, and a field of a log line. */
export const SEPARATOR = '["\']?\\s?[:=]\\s?["\']?';

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
export function parseHeaders(text: string): TraceReference | undefined {
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
