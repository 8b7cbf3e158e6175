import { forEachLimited } from '../lib/concurrency.ts';
import {
  after,
  before,
  type EpochMs,
  epochMs,
  MINUTE,
  ms,
  slicesOf,
  type TimeWindow,
  toEpochMs,
} from '../lib/units.ts';
import type { TraceToCompare } from './compare-traces.ts';
import { requestLineOf } from './operations.ts';
import type { Span, Trace } from './trace.ts';
import type { TraceSource } from './trace-source.ts';
import { mainRoot } from './trace-summary.ts';
import { buildTree } from './tree.ts';

/** Similar requests are searched this far before and after a request, or twice as far before a breach. */
export const TYPICAL_WITHIN = ms(10 * MINUTE);

/** A backend returns any traces of a window, often the newest: the sample is spread over slices of it. */
const SLICES = 4;
const PER_SLICE = 10;
/** A slice with more traces is halved, until there were this many searches. */
const MAX_SEARCHES = 12;
const CONCURRENCY = 4;

/** The request to find a typical one for. */
export interface TypicalQuery {
  readonly trace: Trace;
  readonly now: EpochMs;
  /** Since when a breach lasts that the request is part of. */
  readonly breachStart?: EpochMs;
}

/**
 * A typical request to compare with: the median duration of requests with the same root operation and request line and
 * without an error, ten minutes before and after, or the twenty minutes before the breach that the request is part of:
 * during a breach the typical request is slow. Undefined when there is none. Throws `UpstreamError`.
 */
export async function findTypical(
  traces: Pick<TraceSource, 'search'>,
  { trace, now, breachStart }: TypicalQuery,
  signal?: AbortSignal,
): Promise<TraceToCompare | undefined> {
  const root = mainRoot(buildTree(trace))?.span;
  if (root === undefined) return undefined;
  const medianIn = async (window: TimeWindow): Promise<TraceToCompare | undefined> =>
    medianOf(await sample(traces, { root, window }, signal), { trace, root });
  if (breachStart !== undefined) {
    const end = before(breachStart, ms(1));
    const found = await medianIn({ start: before(end, ms(2 * TYPICAL_WITHIN)), end });
    if (found !== undefined) return { ...found, isBeforeBreach: true };
  }
  const at = toEpochMs(root.start);
  return await medianIn({
    start: before(at, TYPICAL_WITHIN),
    end: epochMs(Math.min(after(at, TYPICAL_WITHIN), Math.max(now, at))),
  });
}

/** Traces of the root's operation, as many from each part of the window. */
async function sample(
  traces: Pick<TraceSource, 'search'>,
  { root, window }: { readonly root: Span; readonly window: TimeWindow },
  signal: AbortSignal | undefined,
): Promise<readonly Trace[]> {
  const found: Trace[] = [];
  let searches = 0;
  let slices = slicesOf(window, SLICES);
  while (slices.length > 0) {
    const halves: TimeWindow[] = [];
    searches += slices.length;
    await forEachLimited(slices, CONCURRENCY, async (slice) => {
      const answer = await traces.search(
        { service: root.serviceName, operation: root.spanName, window: slice, limit: PER_SLICE },
        signal,
      );
      const next = slicesOf(slice, 2);
      const mayHalve = next.length === 2 && searches + halves.length + next.length <= MAX_SEARCHES;
      if (answer.isComplete || !mayHalve) found.push(...answer.traces);
      else halves.push(...next);
    });
    slices = halves;
  }
  return found;
}

function medianOf(
  found: readonly Trace[],
  { trace, root }: { readonly trace: Trace; readonly root: Span },
): TraceToCompare | undefined {
  const byId = new Map(found.map((other) => [other.traceId, other]));
  byId.delete(trace.traceId);
  const similar = [...byId.values()]
    .flatMap((other) => {
      const span = mainRoot(buildTree(other))?.span;
      return span !== undefined && isSimilar(span, root) ? [{ trace: other, duration: span.duration }] : [];
    })
    .sort((a, b) => a.duration - b.duration || (a.trace.traceId < b.trace.traceId ? -1 : 1));
  const median = similar[Math.floor((similar.length - 1) / 2)];
  return median && { trace: median.trace, medianOf: similar.length };
}

/** A mesh names all spans of a host alike: the request line distinguishes them. */
const isSimilar = (other: Span, root: Span): boolean =>
  other.serviceName === root.serviceName &&
  other.spanName === root.spanName &&
  !other.isError &&
  requestLineOf(other) === requestLineOf(root);
