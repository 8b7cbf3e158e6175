import type { Span, Trace } from './trace.ts';

/** The attribute for x-request-id on every server span of Envoy (http_tracer_impl.cc). */
export const ENVOY_REQUEST_ID = 'guid:x-request-id';
/** Names of other tracers: OpenTelemetry's `http.request.header.x-request-id`, `x_request_id`, `request.id`. */
const LIKE_REQUEST_ID = /(?:^|[._:-])request[._-]?id$/i;

/** Whether the name of an attribute is that of a request id. */
export const isLikeRequestId = (name: string): boolean => LIKE_REQUEST_ID.test(name);

/** Shorter ids may be counters of each process, and zeros stand for no id. */
const UNIQUE_ID = /^(?=.*[1-9a-z]).{16,}$/i;

/** The attribute of a span that holds its request id, and the id. */
export interface CarriedRequestId {
  readonly attribute: string;
  readonly value: string;
}

/**
 * The request id of a trace: Envoy's, else one under another name, long enough to be unique. When a trace has several,
 * because an application does not forward x-request-id, the one of its earliest span.
 */
export function requestIdOf({ spans }: Trace): CarriedRequestId | undefined {
  return (
    firstCarried(spans, ({ attributes }) => (ENVOY_REQUEST_ID in attributes ? [ENVOY_REQUEST_ID] : [])) ??
    firstCarried(spans, ({ attributes }) => Object.keys(attributes).filter(isLikeRequestId).sort())
  );
}

/** That of the earliest span with one. */
function firstCarried(
  spans: readonly Span[],
  namesIn: (span: Span) => readonly string[],
): CarriedRequestId | undefined {
  let first: (CarriedRequestId & Pick<Span, 'start'>) | undefined;
  for (const span of spans) {
    if (first !== undefined && first.start <= span.start) continue;
    const { attributes, start } = span;
    const carried = namesIn(span)
      .map((attribute) => ({ attribute, value: String(attributes[attribute]) }))
      .find(({ value }) => UNIQUE_ID.test(value));
    if (carried !== undefined) first = { ...carried, start };
  }
  return first === undefined ? undefined : { attribute: first.attribute, value: first.value };
}

/**
 * The sampling decision in an Envoy request id. Envoy writes it into the 15th character of the UUID
 * (source/extensions/request_id/uuid): 4 is that of a random UUID, 9 is sampled, a and b are forced.
 */
export type SamplingDecision =
  | 'not-sampled'
  | 'sampled'
  /** A server on the path requested it. */
  | 'forced-by-server'
  /** The client requested it with x-client-trace-id. */
  | 'forced-by-client'
  /** A UUID without a decision, from another program. */
  | 'undecided'
  | 'not-a-uuid';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Whether a text has the form of a UUID, in either case. */
export const isUuid = (text: string): boolean => UUID.test(text);

const DECISION_INDEX = 14;
const DECISIONS: Readonly<Record<string, SamplingDecision>> = {
  '4': 'not-sampled',
  '9': 'sampled',
  a: 'forced-by-server',
  b: 'forced-by-client',
};

/** The sampling decision in a request id. Pure. */
export function readRequestId(requestId: string): SamplingDecision {
  if (!isUuid(requestId)) return 'not-a-uuid';
  return DECISIONS[requestId.charAt(DECISION_INDEX).toLowerCase()] ?? 'undecided';
}

const MISSING =
  "so its trace is older than Jaeger's retention, has not arrived yet (spans take up to a minute), or was lost.";

/** Why a request may have no trace, according to its id: full sentences. */
export function absenceReason(requestId: string): string {
  switch (readRequestId(requestId)) {
    case 'not-sampled':
      return 'Envoy did not sample this request (the 15th character of its id is 4), so only the access logs have it. If another program created the id, the 4 only marks a random UUID.';
    case 'sampled':
      return `Envoy sampled this request (the 15th character of its id is 9), ${MISSING}`;
    case 'forced-by-server':
    case 'forced-by-client':
      return `Tracing was forced for this request (15th character of its id), ${MISSING}`;
    case 'undecided':
      return 'The id is a UUID without a sampling decision of Envoy: another program created it, and Envoy may not have sampled the request.';
    case 'not-a-uuid':
      return 'The id is not a UUID: Envoy does not trace a request with such an x-request-id unless the caller sent trace headers. Check that it is the value of x-request-id.';
  }
}
