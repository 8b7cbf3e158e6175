import type { Links } from '../domain/link.ts';
import { summarize, type TraceDoubts, type TraceSummary } from '../domain/trace/summary.ts';
import type { Trace } from '../domain/trace/trace.ts';
import { durationText } from '../domain/trace/wording.ts';
import { type EpochMs, ratio, SECOND, toEpochUs, toUs } from '../domain/units.ts';
import type { Clock, TraceSource } from './ports.ts';
import type { TraceView } from './views.ts';

/** Shows one trace; undefined when the backend has none of this id. Throws the backend's `UpstreamError`. */
export type InspectTrace = (traceId: string, signal?: AbortSignal) => Promise<TraceView | undefined>;

const SHOWN_SELF_TIMES = 5;
const SHOWN_ERRORS = 5;
/** Sidecars and collectors hold spans back for up to a minute together. */
const ARRIVING = 60 * SECOND;

export function createInspectTrace(options: {
  readonly traces: Pick<TraceSource, 'trace'>;
  readonly links: Pick<Links, 'trace'>;
  readonly clock: Pick<Clock, 'now'>;
}): InspectTrace {
  const { traces, links, clock } = options;
  return async (traceId, signal) => {
    const trace = await traces.trace(traceId, signal);
    return trace === undefined ? undefined : traceView(trace, { now: clock.now(), links });
  };
}

/** A trace at a glance. Pure. Undefined for a trace without spans. */
export function traceView(
  trace: Trace,
  { now, links }: { readonly now: EpochMs; readonly links: Pick<Links, 'trace'> },
): TraceView | undefined {
  const summary = summarize(trace);
  if (summary === undefined) return undefined;
  const { root, start, duration, services, errors, selfTimes } = summary;
  const url = links.trace(trace.traceId);
  return {
    traceId: trace.traceId,
    rootService: named(root.serviceName),
    rootOperation: root.spanName,
    start,
    duration,
    spanCount: summary.spanCount,
    services: services.map(({ name, spans }) => ({ name: named(name), spans })),
    errors: errors.slice(0, SHOWN_ERRORS).map((error) => ({ ...error, service: named(error.service) })),
    errorCount: errors.length,
    selfTimes: selfTimes
      .filter(({ selfTime }) => selfTime > 0)
      .slice(0, SHOWN_SELF_TIMES)
      .map(({ service, operation, selfTime }) => ({
        service: named(service),
        operation,
        selfTime,
        share: ratio(duration === 0 ? 0 : selfTime / duration),
      })),
    notices: noticesOf(summary, now),
    ...(url === undefined ? {} : { url }),
  };
}

const named = (service: string): string => (service === '' ? '(no service name)' : service);

const count = (n: number, one: string, many: string): string => `${n} ${n === 1 ? one : many}`;

function noticesOf({ doubts, root, start, duration }: TraceSummary, now: EpochMs): readonly string[] {
  const age = toEpochUs(now) - (start + duration);
  return [
    ...(age >= 0 && age < toUs(ARRIVING as typeof SECOND)
      ? [`This trace ended ${Math.floor(age / 1_000_000)} s ago: more of its spans may still arrive.`]
      : []),
    ...shapeNotices(doubts),
    ...(doubts.isTruncated ? ['The trace was too large for Jaeger: spans are missing.'] : []),
    ...(doubts.skewText === undefined
      ? []
      : [
          `The clocks of its hosts differ by up to ${doubts.skewText}, and Jaeger did not correct it: start times do not compare between services, durations do.`,
        ]),
    ...(doubts.skewText === undefined && isLate(doubts, root.duration)
      ? [`Work went on for ${durationText(doubts.workAfterRoot)} after the answer had been sent.`]
      : []),
  ];
}

/** Ends that differ by less than this are how spans are closed, not work. */
const isLate = ({ workAfterRoot }: TraceDoubts, rootDuration: number): boolean =>
  workAfterRoot > Math.max(1_000, rootDuration * 0.05);

function shapeNotices({ hasNoRoot, rootCount, orphanCount, ringCount }: TraceDoubts): readonly string[] {
  return [
    ...(hasNoRoot ? ['Its beginning is missing: no span without a parent has arrived.'] : []),
    ...(rootCount > 1
      ? [`${rootCount} of its spans have no parent: the trace headers were lost in between.`]
      : []),
    ...(orphanCount > 0
      ? [
          `${count(orphanCount, 'span names a parent that is', 'spans name parents that are')} not here: lost, not exported, or still arriving.`,
        ]
      : []),
    ...(ringCount > 0
      ? [
          `${count(ringCount, 'span is its own ancestor', 'spans are their own ancestors')}: its ids are wrong.`,
        ]
      : []),
  ];
}
