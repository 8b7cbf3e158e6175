import { UpstreamError } from '../lib/errors.ts';
import {
  before,
  DAY,
  type EpochMs,
  epochMs,
  HOUR,
  type Milliseconds,
  ms,
  type Ratio,
  type TimeWindow,
} from '../lib/units.ts';
import { fellApartText } from './fell-apart.ts';
import { type TraceLinks, type TraceView, traceView } from './inspect-trace.ts';
import { type LostHeaders, lostHeadersOf } from './lost-headers.ts';
import { extentOf, rankingSpan } from './ranking.ts';
import { ENVOY_REQUEST_ID, isUuid, readRequestId } from './request-id.ts';
import { type Recorded, requestIdsRecorded } from './request-recorded.ts';
import { createRequestSearch, type RequestSearch, windowAround } from './request-search.ts';
import type { Trace } from './trace.ts';
import type { TraceSource } from './trace-source.ts';

/** What is known of a request, or how far it was looked for. */
export type FoundRequest =
  | { readonly kind: 'found'; readonly view: RequestView }
  | {
      readonly kind: 'absent';
      /** The longest stretch of time that was searched in every service; 0 when its id alone was the answer. */
      readonly searched: Milliseconds;
      readonly services: number;
      /** False when time was over, there were too many services, or some searches failed. */
      readonly isWhole: boolean;
      /** What the mesh's spans say about request ids; absent when that is not known. */
      readonly recorded?: Recorded;
      /** The share of requests that is traced, where the proxies' metrics tell it. */
      readonly sampled?: Ratio;
    };

/**
 * Finds the traces of a request by its id. One whose id says that Envoy did not sample it is not searched for, unless
 * that is asked. Throws `UpstreamError` when nothing could be searched at all.
 */
export type FindRequest = (
  query: {
    readonly requestId: string;
    readonly now: EpochMs;
    /** A name the tracing backend knows: its part in the request is shown, and it is searched first. */
    readonly service?: string;
    readonly evenUnsampled?: boolean;
  },
  signal?: AbortSignal,
) => Promise<FoundRequest>;

/** What the search for a request by its id needs. */
export interface FindRequestOptions {
  readonly traces: Pick<TraceSource, 'services' | 'search' | 'trace'>;
  readonly links: TraceLinks;
  /** The share of requests that is traced, undefined where it is not known. */
  readonly sampledShare?: (now: EpochMs, signal?: AbortSignal) => Promise<Ratio | undefined>;
  /** The attribute that holds the id: Envoy's. */
  readonly attribute?: string;
  /** How far back to look when the last hour has nothing. 7 days, what Jaeger's installations usually keep. */
  readonly retention?: Milliseconds;
}

const SHOWN_TRACES = 10;

type Query = Parameters<FindRequest>[0];

/**
 * Looks in the last hour, then in all that is kept; in each, first where a request enters the mesh, then everywhere in
 * one search, then, for backends that cannot do that, in all services, four at a time. Once it is found, the rest of it
 * is looked for around that time: an application that forwards the request id but not the trace headers leaves several
 * traces for one request.
 */
export function createFindRequest(options: FindRequestOptions): FindRequest {
  const settings: Settings = { attribute: ENVOY_REQUEST_ID, retention: ms(7 * DAY), ...options };
  return (query, signal) =>
    query.evenUnsampled !== true && readRequestId(query.requestId) === 'not-sampled'
      ? notSampled(settings, query, signal)
      : lookFor(settings, query, signal);
}

type Settings = FindRequestOptions & Required<Pick<FindRequestOptions, 'attribute' | 'retention'>>;
type Signal = AbortSignal | undefined;

async function notSampled({ sampledShare }: Settings, { now }: Query, signal: Signal): Promise<FoundRequest> {
  const sampled = await sampledShare?.(now, signal);
  return {
    kind: 'absent',
    searched: ms(0),
    services: 0,
    isWhole: true,
    sampled,
  };
}

async function lookFor(settings: Settings, query: Query, signal: Signal): Promise<FoundRequest> {
  const { traces, attribute, retention, links } = settings;
  const services = inOrder(await traces.services(signal), query.service);
  const searchBy = async (name: string): Promise<RequestSearch> => {
    const question = { traces, attribute: name, values: spellings(query.requestId) };
    const search = createRequestSearch(question, signal);
    await searchBack(search, services, { now: query.now, retention });
    return search;
  };
  const search = await searchBy(attribute);
  if (search.found().length > 0) return { kind: 'found', view: viewOf(query, search, links) };
  const failure = search.failure();
  if (failure !== undefined && !search.hasAnswer()) throw failure;
  const window = { start: before(query.now, retention), end: query.now };
  const recorded = search.isWhole()
    ? await requestIdsRecorded({ traces, services, window, attribute }, signal)
    : undefined;
  if (recorded?.kind === 'otherwise' && recorded.attribute !== undefined) {
    const other = await searchBy(recorded.attribute);
    if (other.found().length > 0) return { kind: 'found', view: viewOf(query, other, links) };
  }
  const absent: FoundRequest = {
    kind: 'absent',
    searched: retention,
    services: services.length,
    isWhole: search.isWhole(),
    recorded,
  };
  return (await traceOfSameDigits(settings, query, signal)) ?? absent;
}

/** Searches until the request is found, then for the rest of it. */
async function searchBack(
  search: RequestSearch,
  services: readonly string[],
  { now, retention }: { readonly now: EpochMs; readonly retention: Milliseconds },
): Promise<void> {
  const isFound = (): boolean => search.found().length > 0;
  const entries = services.filter((name, index) => index === 0 || isGateway(name));
  const others = services.filter((name) => !entries.includes(name));
  for (const last of [HOUR, retention]) {
    const window = { start: before(now, last), end: now };
    await search.until(window, entries);
    if (!isFound()) await search.everywhere(window);
    if (!isFound()) await search.until(window, others);
    if (isFound()) break;
  }
  if (!isFound()) return;
  const window = windowAround(search.found());
  if (await search.everywhere(window)) return;
  const seen = new Set(search.found().flatMap(({ spans }) => spans.map(({ serviceName }) => serviceName)));
  await search.through(
    window,
    services.filter((name) => !seen.has(name)),
  );
}

/** Some programs write the trace id with hyphens: then what was given is no request id but a trace. */
async function traceOfSameDigits(
  { traces, links }: FindRequestOptions,
  { requestId, now }: Query,
  signal: Signal,
): Promise<FoundRequest | undefined> {
  if (!isUuid(requestId) || signal?.aborted === true) return undefined;
  const trace = await traces.trace(requestId.replaceAll('-', '').toLowerCase(), signal).catch(nothingOf);
  const view = trace === undefined ? undefined : traceView(trace, { now, links });
  if (view === undefined) return undefined;
  const notice = 'No request has this id, but a trace has: some programs write trace ids with hyphens.';
  return { kind: 'found', view: { requestId, traces: [view], notices: [notice] } };
}

/** What does not answer has nothing to add. */
function nothingOf(error: unknown): undefined {
  if (!(error instanceof UpstreamError)) throw error;
}

/** Envoy's own ids are in lower case; one that a client sent is kept as it came. */
const spellings = (requestId: string): readonly string[] => [
  ...new Set([requestId.toLowerCase(), requestId]),
];

const isGateway = (name: string): boolean => name.includes('gateway');

/** The asked service, then gateways, where every request from outside passes, then the rest. */
function inOrder(services: readonly string[], asked: string | undefined): readonly string[] {
  const rank = (name: string): number =>
    name === asked ? 0 : name.includes('ingressgateway') ? 1 : isGateway(name) ? 2 : 3;
  return [...services].sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
}

function viewOf({ requestId, now, service }: Query, search: RequestSearch, links: TraceLinks): RequestView {
  const traces = [...search.found()].sort((a, b) => extentOf(a).start - extentOf(b).start);
  const views = traces.flatMap((trace) => traceView(trace, { now, links }) ?? []);
  const inService = service === undefined ? undefined : partOf(service, traces);
  return {
    requestId,
    traces: views.slice(0, SHOWN_TRACES),
    inService,
    notices: noticesOf(views, lostHeadersOf(traces), search.isWhole()),
  };
}

function noticesOf(
  views: readonly TraceView[],
  lost: readonly LostHeaders[],
  isWhole: boolean,
): readonly string[] {
  return [
    ...(views.length > 1
      ? [
          fellApartText({
            subject: `${views.length} traces carry this request id`,
            begins: views.map(({ rootService }) => rootService),
            lost,
          }),
        ]
      : []),
    ...(views.length > SHOWN_TRACES ? [`Only the first ${SHOWN_TRACES} traces are shown.`] : []),
    ...(isWhole
      ? []
      : ['Not every service could be searched in time: there may be more traces of this request.']),
  ];
}

const ALWAYS: TimeWindow = { start: epochMs(0), end: epochMs(8.64e15) };

/** Where the service's longest span is, by the same rule that ranks traces. */
function partOf(service: string, traces: readonly Trace[]): RequestView['inService'] {
  const parts = traces.flatMap(({ traceId, spans }) => {
    const span = rankingSpan({ traceId, spans }, { service, window: ALWAYS });
    return span === undefined ? [] : [{ traceId, duration: span.duration }];
  });
  const [longest] = parts.sort((a, b) => b.duration - a.duration);
  return longest === undefined ? undefined : { service, traceId: longest.traceId };
}

/** One request, whatever number of traces it left. */
export interface RequestView {
  readonly requestId: string;
  /** Several when the application forwards the request id but not the trace headers. */
  readonly traces: readonly TraceView[];
  /** Of the traces that the asked service has a part in, the one in which it took longest. */
  readonly inService?: { readonly service: string; readonly traceId: string };
  readonly notices: readonly string[];
}
