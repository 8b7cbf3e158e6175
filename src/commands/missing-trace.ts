import { listed } from '../lib/format.ts';
import { existingLinks } from '../lib/links.ts';
import { DAY } from '../lib/units.ts';
import type { FoundRequest, RequestView } from '../traces/find-request.ts';
import { absenceReason } from '../traces/request-id.ts';
import { type Answer, nothing } from './answer.ts';

/** The text for a trace that Jaeger does not have. */
export const missingTrace = (traceId: string): string =>
  `Jaeger has no trace ${traceId}: it was not sampled, is older than Jaeger's retention, or has not arrived yet (up to a minute).`;

type Absent = Extract<FoundRequest, { readonly kind: 'absent' }>;

const percent = (share: number): string => `${Number((share * 100).toPrecision(2))}%`;

/** The text for a request without a trace: what was searched, and why there is none, as far as that is known. */
export function missingRequest(requestId: string, absent: Absent): string {
  const { searched, services, isComplete, recorded } = absent;
  if (searched === 0) return unsampledRequest(requestId, absent);
  const where = `in the last ${Math.round(searched / DAY)} days in ${services} ${services === 1 ? 'service' : 'services'}`;
  const start = isComplete
    ? `No trace of request ${requestId} ${where}.`
    : `No trace of request ${requestId} was found; the search was incomplete (${where}).`;
  switch (recorded?.kind) {
    case 'no-traces':
      return `${start} Jaeger has no traces of this time at all: check that the mesh sends them to it.`;
    case 'otherwise':
      return `${start} ${otherAttribute(recorded.attribute)}`;
    default:
      return `${start} ${absenceReason(requestId)}`;
  }
}

/** Nothing was searched: the id says that the request was not sampled. */
function unsampledRequest(requestId: string, { sampled }: Absent): string {
  const rate =
    sampled === undefined
      ? 'Istio traces 1% of requests unless its Telemetry resource says otherwise.'
      : `${percent(sampled)} of requests were traced in the last hour.`;
  return `Request ${requestId} has no trace. ${absenceReason(requestId)} ${rate} To search anyway: /trace request ${requestId}`;
}

const otherAttribute = (attribute: string | undefined): string =>
  attribute === undefined
    ? 'The spans have no request id (no attribute guid:x-request-id), so requests cannot be found by it. Look up the trace id in the logs.'
    : `The spans have request ids as ${attribute}, not as guid:x-request-id, and this id is not among those either.`;

/** The answer for a request that did not pass a service. `found` begins the sentence: `Request 17 has a trace`. */
export function notInService(
  service: string,
  { found, traces }: Pick<RequestView, 'traces'> & { readonly found: string },
): Answer {
  const others = [...new Set(traces.flatMap(({ services }) => services.map(({ name }) => name)))];
  return nothing(
    `${found}, but no span of ${service}. Its services: ${listed(others, 8)}.`,
    existingLinks(traces.map(({ url }) => ['Trace', url] as const)).slice(0, 3),
  );
}
