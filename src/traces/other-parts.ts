import type { Clock } from '../lib/clock.ts';
import { withDeadline } from '../lib/deadline.ts';
import { UpstreamError } from '../lib/errors.ts';
import { named } from '../lib/format.ts';
import { type Milliseconds, ms } from '../lib/units.ts';
import { fellApartText } from './fell-apart.ts';
import type { TraceView } from './inspect-trace.ts';
import { lostHeadersOf, rootOf, suspectOf } from './lost-headers.ts';
import { extentOf } from './ranking.ts';
import { requestIdOf } from './request-id.ts';
import { createRequestSearch, windowAround } from './request-search.ts';
import type { Trace } from './trace.ts';
import type { TraceSource } from './trace-source.ts';

/**
 * Tells of the request that a trace is one of several parts of. Undefined when it is the only one, carries no request
 * id, or nobody answers in time: what is said of the trace itself does not depend on it.
 */
export type OtherParts = (trace: Trace, signal?: AbortSignal) => Promise<TraceView['request']>;

/** What looking for the other traces of a request needs. */
export interface OtherPartsOptions {
  readonly traces: Pick<TraceSource, 'search'>;
  readonly clock: Clock;
  /** An answer waits for this no longer. 2.5 s unless given. */
  readonly deadline?: Milliseconds;
}

const DEFAULT_DEADLINE = ms(2_500);

/** Asks once: everywhere, or, of a backend that must be notified a service, the one that may have lost the trace headers. */
export function createOtherParts(options: OtherPartsOptions): OtherParts {
  const { traces, clock, deadline: duration = DEFAULT_DEADLINE } = options;
  return async (trace, signal) => {
    const carried = requestIdOf(trace);
    if (carried === undefined) return undefined;
    const { attribute, value } = carried;
    try {
      const parts = await withDeadline({ clock, duration, system: 'jaeger', signal }, (either) =>
        partsOf(trace, createRequestSearch({ traces, attribute, values: [value] }, either)),
      );
      return parts.length < 2 ? undefined : { id: value, text: textOf(parts, value) };
    } catch (error) {
      if (!(error instanceof UpstreamError)) throw error;
      return undefined;
    }
  };
}

/** In the order of time, the trace itself among them. */
async function partsOf(
  trace: Trace,
  search: ReturnType<typeof createRequestSearch>,
): Promise<readonly Trace[]> {
  const window = windowAround([trace]);
  await search.everywhere(window);
  const suspect = suspectOf(trace);
  // An empty result is not reliable: the trace itself should be in it.
  if (search.found().length === 0 && suspect !== undefined) await search.through(window, [suspect]);
  const others = search.found().filter(({ traceId }) => traceId !== trace.traceId);
  return [trace, ...others].sort((a, b) => extentOf(a).start - extentOf(b).start);
}

const textOf = (parts: readonly Trace[], requestId: string): string =>
  fellApartText({
    subject: `${parts.length} traces carry the request id of this one, ${requestId}`,
    begins: parts.map((part) => named(rootOf(part)?.serviceName ?? '')),
    lost: lostHeadersOf(parts),
  });
