import type { PercentileRanks, ServerSpan } from '../latency/percentile-rank.ts';
import type { Clock } from '../lib/clock.ts';
import { withDeadline } from '../lib/deadline.ts';
import { UpstreamError } from '../lib/errors.ts';
import { kialiApplication, type Link, type Links } from '../lib/links.ts';
import {
  after,
  before,
  between,
  type EpochMs,
  MINUTE,
  type Microseconds,
  ms,
  toEpochMs,
  toMs,
} from '../lib/units.ts';
import { type CriticalPath, pathTimes } from './critical-path.ts';
import { operationOf, operationsOf, serviceName } from './operations.ts';
import { MIN_SHARE, type PathRows, pathRows, shareOf } from './path-breakdown.ts';
import { type TracePicture, waterfallAltText } from './pictures.ts';
import { requestIdOf } from './request-id.ts';
import {
  createRequestSearch,
  lostHeadersOf,
  rootOf,
  splitRequestText,
  suspectOf,
  windowAround,
} from './request-search.ts';
import { serverSpansOnPath } from './service-in-request.ts';
import { statusOf } from './span-errors.ts';
import { extentOf, type Span, type Trace } from './trace.ts';
import { traceNotices } from './trace-notices.ts';
import type { TraceSource } from './trace-source.ts';
import { summarize, type TraceSummary } from './trace-summary.ts';
import type { SpanTree } from './tree.ts';
import { waterfallOf } from './waterfall.ts';

/** The links in an answer about a trace. */
export type TraceLinks = Pick<Links, 'trace' | 'kialiGraph' | 'grafanaTrace'>;

/** What is shown of one trace. */
export interface TraceView
  extends Pick<
    TraceSummary,
    | 'traceId'
    | 'start'
    | 'duration'
    | 'spanCount'
    | 'services'
    | 'errors'
    | 'errorCount'
    | 'hops'
    | 'retries'
    | 'repeats'
  > {
  readonly rootService: string;
  readonly rootOperation: string;
  readonly isError: boolean;
  /** How the root ended: `200`, `503, no healthy pod to call (UH)`; empty when unknown. */
  readonly status: string;
  /** What the root's duration was spent on; the shares sum to 1 when no row is hidden. */
  readonly path: PathRows & {
    /** Of the root span: the duration of the request. */
    readonly duration: Microseconds;
    /** Opens the trace with the spans of the path highlighted. */
    readonly url?: string;
  };
  /** The largest self times that the request did not wait for. */
  readonly offPath: readonly {
    readonly service: string;
    readonly operation: string;
    readonly selfTime: Microseconds;
    readonly share: number;
  }[];
  /** One server span per service on the critical path, from the outermost service inwards. */
  readonly serverSpans: readonly ServerSpan[];
  /** Percentile rank of the request in those services; set after the metrics were queried. */
  readonly percentiles?: PercentileRanks;
  /** Set when several traces carry the request id of this one: the id and an explanation. */
  readonly request?: { readonly id: string; readonly text: string };
  /** Limitations: no root, orphans, still arriving, clock skew. */
  readonly notices: readonly string[];
  readonly picture?: TracePicture;
  /** The same trace in other tools. */
  readonly links?: readonly Link[];
  readonly url?: string;
}

/** The number of each, the largest first. */
const MAX_ROWS = { offPath: 3, errors: 5, hops: 5, retries: 3, repeats: 3 } as const;

/** A trace as shown to a person. Pure. Undefined for a trace without spans. */
export function traceView(
  trace: Trace,
  { now, links }: { readonly now: EpochMs; readonly links: TraceLinks },
): TraceView | undefined {
  const summary = summarize(trace);
  if (summary === undefined) return undefined;
  const { traceId, root, start, duration, spanCount, errorCount, path, breakdown } = summary;
  const waterfall = waterfallOf(summary);
  const isWorthRow = (time: Microseconds): boolean => time >= duration * MIN_SHARE;
  return {
    traceId,
    rootService: serviceName(root.serviceName),
    rootOperation: operationOf(root),
    isError: root.isError,
    status: statusOf(root),
    start,
    duration,
    spanCount,
    errorCount,
    services: summary.services.map(({ name, spans }) => ({ name: serviceName(name), spans })),
    path: {
      ...pathRows(breakdown, root.duration),
      duration: root.duration,
      url: links.trace(traceId, spansOnPath(path)),
    },
    errors: summary.errors
      .slice(0, MAX_ROWS.errors)
      .map((error) => ({ ...error, service: serviceName(error.service) })),
    hops: summary.hops
      .filter(({ overhead }, index) => index === 0 || isWorthRow(overhead))
      .slice(0, MAX_ROWS.hops),
    retries: summary.retries.slice(0, MAX_ROWS.retries),
    repeats: summary.repeats.slice(0, MAX_ROWS.repeats),
    offPath: summary.offPath
      .filter(({ selfTime }) => isWorthRow(selfTime))
      .slice(0, MAX_ROWS.offPath)
      .map(({ service, operation, selfTime }) => ({
        service: serviceName(service),
        operation: operationsOf(spansNamed(summary.tree, { service, operation })),
        selfTime,
        share: shareOf(selfTime, duration),
      })),
    serverSpans: serverSpansOnPath(path).map((span) => ({ ...span, service: serviceName(span.service) })),
    notices: traceNotices(summary, now),
    picture: { waterfall, altText: waterfallAltText(waterfall, breakdown) },
    url: links.trace(traceId),
    links: otherTools(summary, { now, links }),
  };
}

/** The longest first. */
const spansNamed = (
  { nodes }: SpanTree,
  { service, operation }: { readonly service: string; readonly operation: string },
): readonly Span[] =>
  nodes
    .flatMap(({ span }) => (span.serviceName === service && span.spanName === operation ? [span] : []))
    .sort((a, b) => b.duration - a.duration);

/** The span ids on the path, the longest time first: a URL has room for some of them. */
function spansOnPath(path: CriticalPath): readonly string[] {
  const times = new Map<string, number>();
  for (const [{ span }, time] of pathTimes(path))
    times.set(span.spanId, (times.get(span.spanId) ?? 0) + time);
  return [...times].sort(([, a], [, b]) => b - a).map(([spanId]) => spanId);
}

/** Added around a trace in Grafana: clock skew may put spans before its root. */
const MARGIN = ms(5 * MINUTE);

/** The trace in Kiali's graph of its namespaces, and in Grafana. */
function otherTools(
  { traceId, start, duration, services }: TraceSummary,
  { now, links }: { readonly now: EpochMs; readonly links: TraceLinks },
): readonly Link[] {
  const from = toEpochMs(start);
  const window = { start: before(from, MARGIN), end: after(from, ms(toMs(duration) + MARGIN)) };
  const namespaces = services.flatMap(({ name }) => kialiApplication(name)?.namespace ?? []);
  const kiali =
    namespaces.length === 0
      ? undefined
      : links.kialiGraph({ namespaces: [...new Set(namespaces)].sort(), reach: between(from, now), traceId });
  const grafana = links.grafanaTrace({ traceId, window });
  return [
    ...(kiali === undefined ? [] : [{ label: 'Kiali', url: kiali }]),
    ...(grafana === undefined ? [] : [{ label: 'Grafana', url: grafana }]),
  ];
}

/** A trace, and what is shown of it. */
export interface ExplainedTrace {
  readonly view: TraceView;
  /** Of a large trace only the first spans that the backend sent. */
  readonly trace: Trace;
}

/** Explains a trace where it was read, which need not be this thread; undefined when the backend does not have it. */
export type ExplainTrace = (
  traceId: string,
  options: { readonly now: EpochMs; readonly links: TraceLinks },
  signal?: AbortSignal,
) => Promise<ExplainedTrace | undefined>;

/** What the look-up of a trace needs. */
export interface InspectTraceOptions {
  readonly traces: Pick<TraceSource, 'search'> & { readonly explain: ExplainTrace };
  readonly links: TraceLinks;
  readonly clock: Clock;
}

/** Looks up one trace by its id; undefined when the backend does not have it. Throws `UpstreamError`. */
export type InspectTrace = (traceId: string, signal?: AbortSignal) => Promise<TraceView | undefined>;

/** Looks up a trace, and whether other traces carry its request id. */
export function createInspectTrace(options: InspectTraceOptions): InspectTrace {
  const { traces, links, clock } = options;
  return async (traceId, signal) => {
    const found = await traces.explain(traceId, { now: clock.now(), links }, signal);
    if (found === undefined) return undefined;
    return { ...found.view, request: await findOtherTraces(options, found.trace, signal) };
  };
}

/** An answer waits for the other traces no longer than this. */
const OTHER_TRACES_DEADLINE = ms(2_500);

/**
 * Looks for other traces that carry the request id of this one: in one search over all services, or, when the backend
 * needs a service, in the one that may have lost the trace headers. Undefined when this is the only trace, carries no
 * request id, or the backend fails or is too slow: the answer about the trace itself does not depend on it.
 */
export async function findOtherTraces(
  { traces, clock }: { readonly clock: Clock; readonly traces: Pick<TraceSource, 'search'> },
  trace: Trace,
  signal?: AbortSignal,
): Promise<TraceView['request']> {
  const carried = requestIdOf(trace);
  if (carried === undefined) return undefined;
  const { attribute, value } = carried;
  try {
    const all = await withDeadline(
      { clock, duration: OTHER_TRACES_DEADLINE, system: 'jaeger', signal },
      (either) => tracesOfRequest(trace, createRequestSearch({ traces, attribute, values: [value] }, either)),
    );
    if (all.length < 2) return undefined;
    const text = splitRequestText({
      subject: `${all.length} traces carry the request id of this one, ${value}`,
      roots: all.map((one) => serviceName(rootOf(one)?.serviceName ?? '')),
      lost: lostHeadersOf(all),
    });
    return { id: value, text };
  } catch (error) {
    if (!(error instanceof UpstreamError)) throw error;
    return undefined;
  }
}

/** By start, including the trace itself. */
async function tracesOfRequest(
  trace: Trace,
  search: ReturnType<typeof createRequestSearch>,
): Promise<readonly Trace[]> {
  const window = windowAround([trace]);
  await search.everywhere(window);
  const suspect = suspectOf(trace);
  // An empty answer proves nothing: the trace itself should have been in it.
  if (search.found().length === 0 && suspect !== undefined) await search.through(window, [suspect]);
  const others = search.found().filter(({ traceId }) => traceId !== trace.traceId);
  return [trace, ...others].sort((a, b) => extentOf(a).start - extentOf(b).start);
}
