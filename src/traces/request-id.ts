import type { Span, Trace } from './trace.ts';

/** Envoy writes the value of x-request-id here on every server span it makes (http_tracer_impl.cc). */
export const ENVOY_REQUEST_ID = 'guid:x-request-id';
/** What other tracers call it: OpenTelemetry's `http.request.header.x-request-id`, `x_request_id`, `request.id`. */
const LIKE_REQUEST_ID = /(?:^|[._:-])request[._-]?id$/i;

/** Whether an attribute of this name holds a request id, by the name alone. */
export const isLikeRequestId = (name: string): boolean => LIKE_REQUEST_ID.test(name);

/** Shorter ids may be counted anew by each process, and one of zeros is what is written when there is none. */
const TELLS_REQUESTS_APART = /^(?=.*[1-9a-z]).{16,}$/i;

/** An attribute and its value: how a span carries the id of its request. */
export interface CarriedRequestId {
  readonly attribute: string;
  readonly value: string;
}

/**
 * The request id that a trace carries: Envoy's, else one of another name. It is long enough to belong to one request
 * alone. When the trace carries several, as where the application drops x-request-id on the way, the one that it began
 * with.
 */
export function requestIdOf({ spans }: Trace): CarriedRequestId | undefined {
  return (
    firstCarried(spans, ({ attributes }) => (ENVOY_REQUEST_ID in attributes ? [ENVOY_REQUEST_ID] : [])) ??
    firstCarried(spans, ({ attributes }) => Object.keys(attributes).filter(isLikeRequestId).sort())
  );
}

/** Of the earliest span that carries one under a name. */
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
      .find(({ value }) => TELLS_REQUESTS_APART.test(value));
    if (carried !== undefined) first = { ...carried, start };
  }
  return first === undefined ? undefined : { attribute: first.attribute, value: first.value };
}

/**
 * What an Envoy request id tells about tracing. Envoy writes its sampling decision into the 15th character of the UUID
 * (source/extensions/request_id/uuid): 4 stays what a random UUID has, 9 is sampled, a and b are forced.
 */
export type RequestIdReading =
  | 'not-sampled'
  | 'sampled'
  /** A server on the way asked for it. */
  | 'forced-by-server'
  /** The client asked for it with x-client-trace-id. */
  | 'forced-by-client'
  /** A UUID, but without a decision: another program made it. */
  | 'undecided'
  | 'not-a-uuid';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Whether a text has the form of a UUID, in either case. */
export const isUuid = (text: string): boolean => UUID.test(text);

const DECISION_INDEX = 14;
const DECISIONS: Readonly<Record<string, RequestIdReading>> = {
  '4': 'not-sampled',
  '9': 'sampled',
  a: 'forced-by-server',
  b: 'forced-by-client',
};

/** Reads the sampling decision out of a request id. Pure. */
export function readRequestId(requestId: string): RequestIdReading {
  if (!isUuid(requestId)) return 'not-a-uuid';
  return DECISIONS[requestId.charAt(DECISION_INDEX).toLowerCase()] ?? 'undecided';
}

/** Why a request may have no trace, as far as its id tells: a full sentence. */
export function absenceReason(requestId: string): string {
  switch (readRequestId(requestId)) {
    case 'not-sampled':
      return 'Envoy did not sample this request: the 15th character of its id is 4, so only the access logs know it. (In an id that another program made, 4 is only the mark of a random UUID.)';
    case 'sampled':
      return 'Envoy sampled this request (the 15th character of its id is 9), so its trace is older than what Jaeger keeps, has not arrived yet (spans take up to a minute), or was lost on the way.';
    case 'forced-by-server':
    case 'forced-by-client':
      return 'Tracing was forced for this request (15th character of its id), so its trace is older than what Jaeger keeps, has not arrived yet (spans take up to a minute), or was lost on the way.';
    case 'undecided':
      return 'The id is a UUID without a sampling decision of Envoy: another program made it, and Envoy may not have sampled the request.';
    case 'not-a-uuid':
      return 'The id is not a UUID: Envoy does not trace a request whose x-request-id it cannot read, unless the caller sent trace headers. Check that it is the value of x-request-id.';
  }
}
