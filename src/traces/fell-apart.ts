import type { LostHeaders } from './lost-headers.ts';

/** More places than this are no hint any more. */
const SHOWN_CALLERS = 3;
const SHOWN_CALLEES = 4;
const SHOWN_BEGINNINGS = 5;

function listed(names: readonly string[], most: number): string {
  const more = names.length > most ? ` and ${names.length - most} more` : '';
  return `${names.slice(0, most).join(', ')}${more}`;
}

/** `checkout when it calls cart, payments`, for each that lost the headers. */
function places(lost: readonly LostHeaders[]): readonly string[] {
  const callers = [...new Set(lost.map(({ caller }) => caller))];
  return callers.slice(0, SHOWN_CALLERS).map((caller) => {
    const callees = lost.flatMap((each) => (each.caller === caller ? (each.callee ?? []) : []));
    return callees.length === 0 ? caller : `${caller} when it calls ${listed(callees, SHOWN_CALLEES)}`;
  });
}

/** Why a request has several traces, and who is to mend it. `subject` begins it: `2 traces carry this request id`. */
export function fellApartText({
  subject,
  begins,
  lost,
}: {
  readonly subject: string;
  /** The services that the traces begin at. */
  readonly begins: readonly string[];
  readonly lost: readonly LostHeaders[];
}): string {
  const start = `${subject}, so the request fell apart`;
  const why = 'hands on x-request-id but not the trace headers (traceparent or b3)';
  if (lost.length > 0) return `${start}. What ${why}: ${places(lost).join('; ')}.`;
  const starts = [...new Set(begins)];
  if (starts.length === 1)
    return `${subject}, and all begin at ${starts[0]}: a client sent the request more than once with the same id, or an application ${why}.`;
  return `${start}: an application ${why}. They begin at ${listed(starts, SHOWN_BEGINNINGS)}.`;
}
