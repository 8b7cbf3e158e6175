import type { Clock } from '../lib/clock.ts';
import { durationText, named } from '../lib/format.ts';
import { kialiApplication, type Link, type Links } from '../lib/links.ts';
import {
  after,
  before,
  between,
  type EpochMs,
  type EpochUs,
  MINUTE,
  type Microseconds,
  ms,
  type Ratio,
  ratio,
  toEpochMs,
  toEpochUs,
  toMs,
  toUs,
  us,
} from '../lib/units.ts';
import type { CriticalPath } from './critical-path.ts';
import type { HopEdge, Retry } from './hops.ts';
import type { OtherParts } from './other-parts.ts';
import type { PathPart } from './path-parts.ts';
import type { TracePicture } from './pictures.ts';
import type { PercentileRanks } from './rank-request.ts';
import type { Repeat } from './repeats.ts';
import { type ServerSpan, serverSpansOnPath } from './server-spans.ts';
import { operationOf, operationsOf } from './shown-operation.ts';
import { type ErrorOrigin, statusOf } from './span-errors.ts';
import { summarize, type TraceOutline, type TraceSummary, type TraceWarnings } from './summary.ts';
import type { Span, Trace } from './trace.ts';
import type { TraceSource } from './trace-source.ts';
import type { SpanTree } from './tree.ts';
import { waterfallOf } from './waterfall.ts';
import { waterfallWords } from './waterfall-words.ts';

/** Shows one trace; undefined when the backend has none of this id. Throws the backend's `UpstreamError`. */
export type InspectTrace = (traceId: string, signal?: AbortSignal) => Promise<TraceView | undefined>;

/** The links of a trace's answer. */
export type TraceLinks = Pick<Links, 'trace' | 'kialiGraph' | 'grafanaTrace'>;

/** The largest of each that are handed on; a message may show fewer. */
const SHOWN = { parts: 8, offPath: 3, errors: 5, hops: 5, retries: 3, repeats: 3 } as const;
/** Parts of the path, ways between services, and work that nobody waited for are notified from this share of the trace's duration on. */
const WORTH_A_LINE = 0.01;
/** Sidecars and collectors hold spans back for up to a minute together. */
export const ARRIVING_US: Microseconds = toUs(MINUTE);

/** Explains a trace; undefined when there is none of that id. Throws `UpstreamError` when the backend does not answer. */
export function createInspectTrace(options: {
  readonly traces: Pick<TraceSource, 'trace'>;
  readonly links: TraceLinks;
  readonly clock: Pick<Clock, 'now'>;
  readonly otherParts: OtherParts;
}): InspectTrace {
  const { traces, links, clock, otherParts } = options;
  return async (traceId, signal) => {
    const trace = await traces.trace(traceId, signal);
    const view = trace === undefined ? undefined : traceView(trace, { now: clock.now(), links });
    if (trace === undefined || view === undefined) return undefined;
    const request = await otherParts(trace, signal);
    return request === undefined ? view : { ...view, request };
  };
}

/** A trace at a glance. Pure. Undefined for a trace without spans. */
export function traceView(
  trace: Trace,
  { now, links }: { readonly now: EpochMs; readonly links: TraceLinks },
): TraceView | undefined {
  const summary = summarize(trace);
  if (summary === undefined) return undefined;
  const { root, start, duration, services, offPath } = summary;
  const url = links.trace(trace.traceId);
  return {
    traceId: trace.traceId,
    rootService: named(root.serviceName),
    rootOperation: operationOf(root),
    isError: root.isError,
    status: statusOf(root),
    start,
    duration,
    spanCount: summary.spanCount,
    services: services.map(({ name, spans }) => ({ name: named(name), spans })),
    path: pathView(summary, links),
    errors: summary.errors
      .slice(0, SHOWN.errors)
      .map((error) => ({ ...error, service: named(error.service) })),
    errorCount: summary.errorCount,
    hops: summary.hops
      .filter(({ overhead }, index) => index === 0 || overhead >= duration * WORTH_A_LINE)
      .slice(0, SHOWN.hops),
    retries: summary.retries.slice(0, SHOWN.retries),
    repeats: summary.repeats.slice(0, SHOWN.repeats),
    offPath: offPath
      .filter(({ selfTime }) => selfTime >= duration * WORTH_A_LINE)
      .slice(0, SHOWN.offPath)
      .map(({ service, operation, selfTime }) => ({
        service: named(service),
        operation: operationsOf(spansOfName(summary.tree, { service, operation })),
        selfTime,
        share: shareOf(selfTime, duration),
      })),
    serverSpans: serverSpansOnPath(summary.path).map((span) => ({ ...span, service: named(span.service) })),
    notices: traceNotices(summary, now),
    picture: pictureOfTrace(summary),
    ...(url === undefined ? {} : { url }),
    links: elsewhere(summary, { now, links }),
  };
}

/** The longest first. */
const spansOfName = (
  { nodes }: SpanTree,
  { service, operation }: { readonly service: string; readonly operation: string },
): readonly Span[] =>
  nodes
    .flatMap(({ span }) => (span.serviceName === service && span.spanName === operation ? [span] : []))
    .sort((a, b) => b.duration - a.duration);

/** Where else the trace can be looked at: drawn over Kiali's graph of its namespaces, and in Grafana. */
function elsewhere(
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
  return [
    ...(kiali === undefined ? [] : [{ label: 'Kiali', url: kiali }]),
    ...[links.grafanaTrace({ traceId, window })].flatMap((url) =>
      url === undefined ? [] : [{ label: 'Grafana', url }],
    ),
  ];
}

/** Around a trace in Grafana: its spans may start before its root, by clocks that differ. */
const MARGIN = ms(5 * MINUTE);

function pictureOfTrace(summary: TraceSummary): TracePicture {
  const waterfall = waterfallOf(summary);
  return { waterfall, altText: waterfallWords(waterfall, summary.parts) };
}

/** A part's share of a whole that may be zero. */
export const shareOf = (part: Microseconds, whole: Microseconds): Ratio =>
  ratio(whole === 0 ? 0 : part / whole);

function pathView({ traceId, root, path, parts }: TraceSummary, links: TraceLinks): TraceView['path'] {
  const { shown, hidden } = worthRows(parts, root.duration);
  const url = links.trace(traceId, spansOf(path));
  return {
    duration: root.duration,
    rows: shown.map((part) => ({
      ...part,
      service: named(part.service),
      share: shareOf(part.time, root.duration),
    })),
    hidden,
    ...(url === undefined ? {} : { url }),
  };
}

/** However small they are, so many parts are shown. */
const FEWEST_PARTS = 3;

/** The parts of a path that are shown, and the others together: a table of crumbs hides what counts. */
export function worthRows(
  parts: readonly PathPart[],
  whole: Microseconds,
): { readonly shown: readonly PathPart[]; readonly hidden: TraceView['path']['hidden'] } {
  const shown = parts
    .slice(0, SHOWN.parts)
    .filter(({ time }, index) => index < FEWEST_PARTS || time >= whole * WORTH_A_LINE);
  const hidden = parts.slice(shown.length);
  return {
    shown,
    hidden: { count: hidden.length, time: us(hidden.reduce((sum, { time }) => sum + time, 0)) },
  };
}

/** The ids of the spans on the path, those that spent most of it first: an address holds only so many. */
function spansOf({ sections }: CriticalPath): readonly string[] {
  const times = new Map<string, number>();
  for (const { node, start, end } of sections) {
    const { spanId } = node.span;
    times.set(spanId, (times.get(spanId) ?? 0) + end - start);
  }
  return [...times].sort(([, a], [, b]) => b - a).map(([spanId]) => spanId);
}

const count = (n: number, one: string, many: string): string => `${n} ${n === 1 ? one : many}`;

/** What a reader must know before trusting what is said of a trace. */
export function traceNotices(summary: TraceOutline, now: EpochMs): readonly string[] {
  const { warnings, root, start, duration } = summary;
  const age = toEpochUs(now) - (start + duration);
  return [
    ...(age >= 0 && age < ARRIVING_US
      ? [`This trace ended ${Math.floor(age / 1_000_000)} s ago: more of its spans may still arrive.`]
      : []),
    ...shapeNotices(warnings),
    ...pathNotices(summary),
    ...(warnings.isTruncated ? ['The trace was too large for Jaeger: spans are missing.'] : []),
    ...(warnings.skewText === undefined
      ? []
      : [
          `The clocks of its hosts differ by up to ${warnings.skewText}, and Jaeger did not correct it: start times do not compare between services, durations do.`,
        ]),
    ...(warnings.skewText === undefined && isLate(warnings, root.duration)
      ? [`Work went on for ${durationText(warnings.workAfterRoot)} after ${endOf(root)}.`]
      : []),
  ];
}

/** Only a server sends an answer. */
const endOf = ({ kind }: Span): string =>
  kind === 'server' ? 'the answer had been sent' : 'its first span had ended';

/** What the critical path does not cover, and where it stands on a guess. */
function pathNotices({ root, tree, path }: TraceOutline): readonly string[] {
  return [
    ...pieceNotice(root, tree),
    ...(path.movedCount > 0
      ? [
          `${count(path.movedCount, 'server span lies', 'server spans lie')} outside the call that caused ${path.movedCount === 1 ? 'it' : 'them'}, by clocks that differ: the critical path takes ${path.movedCount === 1 ? 'it' : 'them'} to lie in the middle.`,
        ]
      : []),
    ...(path.unawaitedCount > 0
      ? [
          `${count(path.unawaitedCount, 'span was not waited for, since it follows from its caller or ended', 'spans were not waited for, since they follow from their callers or ended')} after it, and ${path.unawaitedCount === 1 ? 'is' : 'are'} left out of the critical path.`,
        ]
      : []),
  ];
}

/** Of a trace in pieces one has its path shown; whether it waited for another, nothing tells but the time. */
function pieceNotice(root: Span, { roots }: SpanTree): readonly string[] {
  const others = roots.filter(({ span }) => span !== root);
  if (others.length === 0) return [];
  const during = others.filter(({ span }) => overlaps(span, root)).length;
  return [
    `The critical path is that of ${named(root.serviceName)} ${operationOf(root)}: ${others.length === 1 ? lonePiece(during) : pieces(others.length, during)}.`,
  ];
}

const lonePiece = (during: number): string =>
  `the other piece ran ${during === 1 ? 'in the same time and may be what it waited for' : 'at another time'}`;

function pieces(others: number, during: number): string {
  if (during === 0) return `the other ${others} pieces ran at other times`;
  const which = during === others ? `the other ${others} pieces` : `of the other ${others} pieces ${during}`;
  return `${which} ran in the same time and may be what it waited for`;
}

const overlaps = (a: Span, b: Span): boolean =>
  a.start < b.start + b.duration && b.start < a.start + a.duration;

/** Ends that differ by less than this are how spans are closed, not work. */
const isLate = ({ workAfterRoot }: TraceWarnings, rootDuration: number): boolean =>
  workAfterRoot > Math.max(1_000, rootDuration * 0.05);

function shapeNotices({ hasNoRoot, rootCount, orphanCount, ringCount }: TraceWarnings): readonly string[] {
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

/** One trace at a glance. */
export interface TraceView {
  readonly traceId: string;
  readonly rootService: string;
  readonly rootOperation: string;
  readonly isError: boolean;
  /** How the root ended: `200`, `503, no healthy pod to call (UH)`; empty when it does not say. */
  readonly status: string;
  readonly start: EpochUs;
  /** From the first span's start to the last span's end: longer than the request where work went on, or spans hang on nothing. */
  readonly duration: Microseconds;
  readonly spanCount: number;
  readonly services: readonly { readonly name: string; readonly spans: number }[];
  /** What the duration of its root was spent on, the largest first; their shares sum to 1 when none is hidden. */
  readonly path: {
    /** Of the root span, which is what the request took: the whole that the shares are of. */
    readonly duration: Microseconds;
    readonly rows: readonly (PathPart & { readonly share: Ratio })[];
    /** What is left out for being small. */
    readonly hidden: { readonly count: number; readonly time: Microseconds };
    /** Opens the trace with the path's spans marked. */
    readonly url?: string;
  };
  /** Where errors began, those that a root failed of first. */
  readonly errors: readonly ErrorOrigin[];
  /** How many spans failed. */
  readonly errorCount: number;
  /** Network and proxies per pair of services, the largest first. */
  readonly hops: readonly HopEdge[];
  readonly retries: readonly Retry[];
  readonly repeats: readonly Repeat[];
  /** The largest self times that the request did not wait for. */
  readonly offPath: readonly {
    readonly service: string;
    readonly operation: string;
    readonly selfTime: Microseconds;
    readonly share: number;
  }[];
  /** The services that the critical path goes through, from the outside in. */
  readonly serverSpans: readonly ServerSpan[];
  /** Where the request stands among the others of those services, once that has been asked. */
  readonly percentiles?: PercentileRanks;
  /** The request, where this is only one of the traces that carry its id, and why that may be; once that has been asked. */
  readonly request?: { readonly id: string; readonly text: string };
  /** What a reader must know before trusting it: no root, orphans, still arriving, skew. */
  readonly notices: readonly string[];
  readonly picture?: TracePicture;
  /** The same trace in other tools. */
  readonly links?: readonly Link[];
  readonly url?: string;
}
