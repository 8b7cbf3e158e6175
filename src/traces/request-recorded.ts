import { UpstreamError } from '../lib/errors.ts';
import type { TimeWindow } from '../lib/units.ts';
import { isLikeRequestId } from './request-id.ts';
import type { TraceSource } from './trace-source.ts';

/** What the spans of a mesh say about request ids. */
export type Recorded =
  /** They carry them, where they were looked for. */
  | { readonly kind: 'as-expected' }
  /** They carry ids under another name, or under none. */
  | { readonly kind: 'otherwise'; readonly attribute?: string }
  /** There is no trace to see it by. */
  | { readonly kind: 'no-traces' };

/** Spans of some traces tell; a service may be idle, so a few are looked at. */
const SAMPLE = 5;
const MOST_SERVICES = 3;

/** Looks at spans of the services, in order, for how request ids are recorded. Undefined when nobody answers. */
export async function requestIdsRecorded(
  of: {
    readonly traces: Pick<TraceSource, 'search'>;
    readonly services: readonly string[];
    readonly window: TimeWindow;
    readonly attribute: string;
  },
  signal: AbortSignal | undefined,
): Promise<Recorded | undefined> {
  const { traces, services, window, attribute } = of;
  try {
    for (const service of services.slice(0, MOST_SERVICES)) {
      const found = await traces.search({ service, window, limit: SAMPLE }, signal);
      const names = new Set(
        found.traces.flatMap(({ spans }) => spans.flatMap((span) => Object.keys(span.attributes))),
      );
      if (names.has(attribute)) return { kind: 'as-expected' };
      if (found.traces.length === 0) continue;
      const other = [...names].sort().find(isLikeRequestId);
      return { kind: 'otherwise', attribute: other };
    }
    return { kind: 'no-traces' };
  } catch (error) {
    if (error instanceof UpstreamError) return undefined;
    throw error;
  }
}
