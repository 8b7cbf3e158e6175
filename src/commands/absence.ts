import { DAY } from '../lib/units.ts';
import type { FoundRequest } from '../traces/find-request.ts';
import { absenceReason } from '../traces/request-id.ts';

type Absent = Extract<FoundRequest, { readonly kind: 'absent' }>;

const percent = (share: number): string => `${Number((share * 100).toPrecision(2))}%`;

/** What was looked for, and why there is no trace, as far as that is known: full sentences. */
export function absenceText(requestId: string, absent: Absent): string {
  const { searched, services, isWhole, recorded } = absent;
  if (searched === 0) return unsampled(requestId, absent);
  const where = `in the last ${Math.round(searched / DAY)} days in ${services} ${services === 1 ? 'service' : 'services'}`;
  const start = isWhole
    ? `No trace of request ${requestId} ${where}.`
    : `No trace of request ${requestId} was found, but not all of it could be searched (${where}).`;
  if (recorded?.kind === 'no-traces')
    return `${start} Jaeger has no traces of this time at all: check that the mesh sends them to it.`;
  if (recorded?.kind === 'otherwise') return `${start} ${otherwise(recorded.attribute)}`;
  return `${start} ${absenceReason(requestId)}`;
}

/** Its id was the whole answer. */
function unsampled(requestId: string, { sampled }: Absent): string {
  const rate =
    sampled === undefined
      ? 'Istio traces 1% of requests unless its Telemetry resource says otherwise.'
      : `${percent(sampled)} of requests were traced in the last hour.`;
  return `Request ${requestId} has no trace. ${absenceReason(requestId)} ${rate} To look for it all the same: /trace request ${requestId}`;
}

const otherwise = (attribute: string | undefined): string =>
  attribute === undefined
    ? 'The spans here carry no request id (no attribute guid:x-request-id), so no request can be found by one: look for its trace id in the logs.'
    : `The spans here carry request ids as ${attribute}, not as guid:x-request-id, and this one is not among those either.`;
