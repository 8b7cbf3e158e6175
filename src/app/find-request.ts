import type { Links } from '../domain/link.ts';
import { extentOf, rankingSpan } from '../domain/trace/ranking.ts';
import type { Trace } from '../domain/trace/trace.ts';
import {
  after,
  before,
  DAY,
  type EpochMs,
  epochMs,
  HOUR,
  MINUTE,
  type Milliseconds,
  ms,
  ratio,
  type TimeWindow,
  toEpochMs,
} from '../domain/units.ts';
import { UpstreamError } from './errors.ts';
import { traceView } from './inspect-trace.ts';
import { eachAtOnce } from './limited.ts';
import type { TraceSource } from './ports.ts';
import type { RequestView, TraceView } from './views.ts';

/** What is known of a request, or how far it was looked for. */
export type FoundRequest =
  | { readonly kind: 'found'; readonly view: RequestView }
  | {
      readonly kind: 'absent';
      /** The longest stretch of time that was searched in every service. */
      readonly searched: Milliseconds;
      readonly services: number;
      /** False when time was over, or some searches failed. */
      readonly isWhole: boolean;
    };

/** Finds the traces of a request by its id. Throws `UpstreamError` when nothing could be searched at all. */
export type FindRequest = (
  query: {
    readonly requestId: string;
    readonly now: EpochMs;
    /** A name the tracing backend knows: its part in the request is shown, and it is searched first. */
    readonly service?: string;
  },
  signal?: AbortSignal,
) => Promise<FoundRequest>;

export interface FindRequestOptions {
  readonly traces: Pick<TraceSource, 'services' | 'search'>;
  readonly links: Pick<Links, 'trace'>;
  /** The attribute that holds the id: Envoy's. */
  readonly attribute?: string;
  /** How far back to look when the last hour has nothing. 7 days, what Jaeger's installations usually keep. */
  readonly retention?: Milliseconds;
}

/** Envoy writes the value of x-request-id here on every server span it makes (http_tracer_impl.cc). */
const ENVOY_ATTRIBUTE = 'guid:x-request-id';
const AT_ONCE = 4;
/** One request has one trace; several when the application loses the trace headers. */
const LIMIT = 20;
/** Parts of one request start within this of each other, unless clocks are far off. */
const MARGIN = ms(5 * MINUTE);
const SHOWN_TRACES = 10;

/**
 * Looks in the last hour, then in all that is kept; in each, first where a request enters the mesh, then in all services,
 * four at a time. Once it is found, the services that are not in its trace are searched around that time: an application
 * that forwards the request id but not the trace headers leaves several traces for one request.
 */
export function createFindRequest({
  traces,
  links,
  attribute = ENVOY_ATTRIBUTE,
  retention = ms(7 * DAY),
}: FindRequestOptions): FindRequest {
  return async ({ requestId, now, service }, signal) => {
    const services = inOrder(await traces.services(signal), service);
    const search = createSearch({ traces, attribute, values: spellings(requestId) }, signal);
    for (const last of [HOUR, retention]) {
      await search.until({ start: before(now, last), end: now }, services);
      if (search.found().length > 0) break;
    }
    const found = search.found();
    if (found.length === 0) {
      const failure = search.failure();
      if (failure !== undefined && !search.hasAnswer()) throw failure;
      return { kind: 'absent', searched: retention, services: services.length, isWhole: search.isWhole() };
    }
    const seen = new Set(found.flatMap(({ spans }) => spans.map(({ serviceName }) => serviceName)));
    await search.through(
      around(found),
      services.filter((name) => !seen.has(name)),
    );
    const view = viewOf(
      { requestId, now, service },
      { found: search.found(), isWhole: search.isWhole(), links },
    );
    return { kind: 'found', view };
  };
}

/** Envoy's own ids are in lower case; one that a client sent is kept as it came. */
const spellings = (requestId: string): readonly string[] => [
  ...new Set([requestId.toLowerCase(), requestId]),
];

/** The asked service, then gateways, where every request from outside passes, then the rest. */
function inOrder(services: readonly string[], asked: string | undefined): readonly string[] {
  const rank = (name: string): number =>
    name === asked ? 0 : name.includes('ingressgateway') ? 1 : name.includes('gateway') ? 2 : 3;
  return [...services].sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
}

interface Search {
  /** Searches the services in order until one has the request. */
  until(window: TimeWindow, services: readonly string[]): Promise<void>;
  /** Searches all of the services. */
  through(window: TimeWindow, services: readonly string[]): Promise<void>;
  found(): readonly Trace[];
  /** The first error, of any search. */
  failure(): UpstreamError | undefined;
  hasAnswer(): boolean;
  isWhole(): boolean;
}

function createSearch(
  question: {
    readonly traces: Pick<TraceSource, 'search'>;
    readonly attribute: string;
    readonly values: readonly string[];
  },
  signal: AbortSignal | undefined,
): Search {
  const { traces, attribute, values } = question;
  const found = new Map<string, Trace>();
  let failure: UpstreamError | undefined;
  let hasAnswer = false;
  const one = async (service: string, window: TimeWindow): Promise<void> => {
    for (const value of values) {
      try {
        const attributes = { [attribute]: value };
        const answer = await traces.search({ service, window, attributes, limit: LIMIT }, signal);
        hasAnswer = true;
        // Some backends match by pattern or not at all: look again.
        for (const trace of answer.traces)
          if (carries(trace, attribute, value)) found.set(trace.traceId, trace);
      } catch (error) {
        if (!(error instanceof UpstreamError)) throw error;
        failure ??= error;
        // What is asked wrongly of one service is asked wrongly of all.
        if (!error.retryable && found.size === 0) throw error;
      }
    }
  };
  const isOver = (): boolean => signal?.aborted === true;
  const run = (window: TimeWindow, services: readonly string[], isEnough: () => boolean): Promise<void> =>
    eachAtOnce(services, AT_ONCE, async (service) => {
      if (!isOver() && !isEnough()) await one(service, window);
    });
  return {
    until: (window, services) => run(window, services, () => found.size > 0),
    through: (window, services) => run(window, services, () => false),
    found: () => [...found.values()],
    failure: () => failure,
    hasAnswer: () => hasAnswer,
    isWhole: () => failure === undefined && !isOver(),
  };
}

const carries = ({ spans }: Trace, attribute: string, value: string): boolean =>
  spans.some(({ attributes }) => String(attributes[attribute]) === value);

function around(traces: readonly Trace[]): TimeWindow {
  const extents = traces.map(extentOf);
  const start = Math.min(...extents.map(({ start }) => start));
  const end = Math.max(...extents.map(({ start, duration }) => start + duration));
  return {
    start: before(toEpochMs(start as (typeof extents)[number]['start']), MARGIN),
    end: after(toEpochMs(end as (typeof extents)[number]['start']), MARGIN),
  };
}

type Asked = Pick<Parameters<FindRequest>[0], 'requestId' | 'now'> & { readonly service: string | undefined };

function viewOf(
  { requestId, now, service }: Asked,
  found: {
    readonly found: readonly Trace[];
    readonly isWhole: boolean;
    readonly links: Pick<Links, 'trace'>;
  },
): RequestView {
  const traces = [...found.found].sort((a, b) => extentOf(a).start - extentOf(b).start);
  const views = traces.flatMap((trace) => traceView(trace, { now, links: found.links }) ?? []);
  const inService = service === undefined ? undefined : partOf(service, traces, found.links);
  return {
    requestId,
    traces: views.slice(0, SHOWN_TRACES),
    ...(inService === undefined ? {} : { inService }),
    notices: noticesOf(views, found.isWhole),
  };
}

function noticesOf(views: readonly TraceView[], isWhole: boolean): readonly string[] {
  const starts = [...new Set(views.map(({ rootService }) => rootService))];
  return [
    ...(views.length > 1
      ? [
          `${views.length} traces carry this request id: an application forwards x-request-id but not the trace headers (traceparent or b3), so the request fell apart. They begin at ${starts.slice(0, 5).join(', ')}.`,
        ]
      : []),
    ...(views.length > SHOWN_TRACES ? [`Only the first ${SHOWN_TRACES} traces are shown.`] : []),
    ...(isWhole
      ? []
      : ['Not every service could be searched in time: there may be more traces of this request.']),
  ];
}

const ALWAYS: TimeWindow = { start: epochMs(0), end: epochMs(8.64e15) };

/** The service's longest span in the request, by the same rule that ranks traces. */
function partOf(
  service: string,
  traces: readonly Trace[],
  links: Pick<Links, 'trace'>,
): NonNullable<RequestView['inService']> | undefined {
  const parts = traces.flatMap((trace) => {
    const span = rankingSpan(trace, { service, window: ALWAYS });
    return span === undefined ? [] : [{ trace, span, traceDuration: extentOf(trace).duration }];
  });
  const [longest] = parts.sort((a, b) => b.span.duration - a.span.duration);
  if (longest === undefined) return undefined;
  const { trace, span, traceDuration } = longest;
  const url = links.trace(trace.traceId);
  return {
    service,
    traceId: trace.traceId,
    duration: span.duration,
    operation: span.spanName,
    traceDuration,
    share: ratio(traceDuration === 0 ? 1 : span.duration / traceDuration),
    isError: span.isError,
    ...(url === undefined ? {} : { url }),
  };
}
