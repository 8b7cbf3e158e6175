import { after, before, MINUTE, ms, toEpochMs } from '../lib/units.ts';
import { requestLine } from './request-line.ts';
import type { Span, Trace } from './trace.ts';
import type { TraceSource } from './trace-source.ts';

/** An ordinary request to hold another one against. */
export interface UsualTrace {
  readonly trace: Trace;
  /** Among how many it is the one of median duration. */
  readonly among: number;
}

/** How far around a request others like it are looked for. */
export const AROUND = ms(10 * MINUTE);
const LIMIT = 30;

/**
 * A request like the given one that took as long as such requests usually do: of those that began with the same
 * operation and asked for the same, within ten minutes and without an error, the one of median duration. A backend hands
 * out any thirty of them, which is enough for a median. Undefined when there is none. Throws `UpstreamError`.
 */
export async function findUsual(
  traces: Pick<TraceSource, 'search'>,
  trace: Trace,
  signal?: AbortSignal,
): Promise<UsualTrace | undefined> {
  const root = beginning(trace);
  if (root === undefined) return undefined;
  const at = toEpochMs(root.start);
  const { traces: found } = await traces.search(
    {
      service: root.serviceName,
      operation: root.spanName,
      window: { start: before(at, AROUND), end: after(at, AROUND) },
      limit: LIMIT,
    },
    signal,
  );
  const alike = found
    .flatMap((other) => {
      const start = beginning(other);
      return start !== undefined && other.traceId !== trace.traceId && isAlike(start, root)
        ? [{ trace: other, duration: start.duration }]
        : [];
    })
    .sort((a, b) => a.duration - b.duration || (a.trace.traceId < b.trace.traceId ? -1 : 1));
  const median = alike[Math.floor((alike.length - 1) / 2)];
  return median === undefined ? undefined : { trace: median.trace, among: alike.length };
}

/** The first span that was called by none. */
function beginning({ spans }: Trace): Span | undefined {
  let first: Span | undefined;
  for (const span of spans) {
    if (span.parentSpanId === undefined && (first === undefined || span.start < first.start)) first = span;
  }
  return first;
}

/** In a mesh the name of a span does not tell what was asked for, so that its attributes decide. */
const isAlike = (other: Span, root: Span): boolean =>
  other.serviceName === root.serviceName &&
  other.spanName === root.spanName &&
  !other.isError &&
  requestLine(other) === requestLine(root);
