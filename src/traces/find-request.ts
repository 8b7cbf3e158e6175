import type { Clock } from '../lib/clock.ts';
import { withDeadline } from '../lib/deadline.ts';
import { UpstreamError } from '../lib/errors.ts';
import type { MetricsSource } from '../lib/metrics-source.ts';
import { before, DAY, type EpochMs, HOUR, type Milliseconds, ms, type Ratio, ratio } from '../lib/units.ts';
import { type TraceLinks, type TraceView, traceView } from './inspect-trace.ts';
import { ENVOY_REQUEST_ID, isUuid, readRequestId } from './request-id.ts';
import {
  createRequestSearch,
  type LostHeaders,
  lostHeadersOf,
  type RecordedRequestIds,
  type RequestSearch,
  requestIdsRecorded,
  splitRequestText,
  windowAround,
} from './request-search.ts';
import { rankingSpan } from './slowest.ts';
import { extentOf, type Trace } from './trace.ts';
import type { TraceSource } from './trace-source.ts';

/** One request, which may have left several traces. */
export interface RequestView {
  readonly requestId: string;
  /** Several when an application forwards the request id but not the trace headers. */
  readonly traces: readonly TraceView[];
  /** The trace in which the named service took longest; absent when it is in none of them. */
  readonly inService?: { readonly service: string; readonly traceId: string };
  readonly notices: readonly string[];
}

/** The result of a search for a request. */
export type FoundRequest =
  | { readonly kind: 'found'; readonly view: RequestView }
  | {
      readonly kind: 'absent';
      /** The longest period that was searched; 0 when the id alone shows that there is no trace. */
      readonly searched: Milliseconds;
      /** Number of services. */
      readonly services: number;
      /** False when time ran out, there were too many services, or searches failed. */
      readonly isComplete: boolean;
      /** How spans of the mesh record request ids; absent when unknown. */
      readonly recorded?: RecordedRequestIds;
      /** The share of requests that is traced, if the proxies' metrics have it. */
      readonly sampled?: Ratio;
    };

/** Which request to find. */
export interface RequestQuery {
  readonly requestId: string;
  readonly now: EpochMs;
  /** As the tracing backend names it. It is searched first, and `RequestView.inService` is about it. */
  readonly service?: string;
  /** Search even if the id says that Envoy did not sample the request. */
  readonly evenUnsampled?: boolean;
}

/** Finds the traces of a request. Throws `UpstreamError` when nothing could be searched at all. */
export type FindRequest = (query: RequestQuery, signal?: AbortSignal) => Promise<FoundRequest>;

/** What the search for a request needs. */
export interface FindRequestOptions {
  readonly traces: Pick<TraceSource, 'services' | 'search' | 'trace'>;
  readonly links: TraceLinks;
  /** The share of requests that is traced; undefined when unknown. */
  readonly sampledShare?: (now: EpochMs, signal?: AbortSignal) => Promise<Ratio | undefined>;
}

/** Jaeger installations usually keep traces for this long. */
const RETENTION = ms(7 * DAY);
const MAX_TRACES = 10;

type Signal = AbortSignal | undefined;

/**
 * Searches the last hour, then the retention period; in each, first the services where requests enter the mesh, then all
 * services in one search, then, for backends that cannot do that, every service. After a hit, the other traces of the
 * request are searched around its time. An id that Envoy marked as not sampled is not searched by default, unless it is a
 * trace id that a program wrote with hyphens.
 */
export function createFindRequest(options: FindRequestOptions): FindRequest {
  return async (query, signal) => {
    if (query.evenUnsampled === true || readRequestId(query.requestId) !== 'not-sampled') {
      return await search(options, query, signal);
    }
    const asTrace = await traceWithSameDigits(options, query, signal);
    if (asTrace !== undefined) return asTrace;
    const sampled = await options.sampledShare?.(query.now, signal);
    return { kind: 'absent', searched: ms(0), services: 0, isComplete: true, sampled };
  };
}

async function search(
  options: FindRequestOptions,
  query: RequestQuery,
  signal: Signal,
): Promise<FoundRequest> {
  const { traces, links } = options;
  const services = inOrder(await traces.services(signal), query.service);
  const searchBy = async (attribute: string): Promise<RequestSearch> => {
    const values = spellings(query.requestId);
    const found = createRequestSearch({ traces, attribute, values }, signal);
    await searchBack(found, services, query.now);
    return found;
  };
  const envoy = await searchBy(ENVOY_REQUEST_ID);
  if (envoy.found().length > 0) return { kind: 'found', view: viewOf(query, envoy, links) };
  const failure = envoy.failure();
  if (failure !== undefined && !envoy.hasAnswer()) throw failure;
  const window = { start: before(query.now, RETENTION), end: query.now };
  const recorded = envoy.isComplete()
    ? await requestIdsRecorded({ traces, services, window }, signal)
    : undefined;
  if (recorded?.kind === 'otherwise' && recorded.attribute !== undefined) {
    const other = await searchBy(recorded.attribute);
    if (other.found().length > 0) return { kind: 'found', view: viewOf(query, other, links) };
  }
  return (
    (await traceWithSameDigits(options, query, signal)) ??
    (await withOtherSpelling(options, { query, services, recorded }, signal)) ?? {
      kind: 'absent',
      searched: RETENTION,
      services: services.length,
      isComplete: envoy.isComplete(),
      recorded,
    }
  );
}

/** Searches until the request is found, then for its other traces. */
async function searchBack(found: RequestSearch, services: readonly string[], now: EpochMs): Promise<void> {
  const isFound = (): boolean => found.found().length > 0;
  const entries = entriesOf(services);
  const others = services.filter((name) => !entries.includes(name));
  for (const last of [HOUR, RETENTION]) {
    const window = { start: before(now, last), end: now };
    await found.until(window, entries);
    if (!isFound()) await found.everywhere(window);
    if (!isFound()) await found.until(window, others);
    if (isFound()) break;
  }
  if (!isFound()) return;
  const window = windowAround(found.found());
  if (await found.everywhere(window)) return;
  const seen = new Set(found.found().flatMap(({ spans }) => spans.map(({ serviceName }) => serviceName)));
  await found.through(
    window,
    services.filter((name) => !seen.has(name)),
  );
}

/** Gateways record the ids of all requests from outside; each of them costs a search for each spelling. */
const MAX_ENTRIES = 3;

/**
 * The request whose id is recorded in capitals or without hyphens while it was given otherwise, or the other way round. Few
 * meshes record ids so: only the services where requests enter are searched, and all at once where the backend can.
 */
async function withOtherSpelling(
  { traces, links }: FindRequestOptions,
  {
    query,
    services,
    recorded,
  }: {
    readonly query: RequestQuery;
    readonly services: readonly string[];
    readonly recorded: RecordedRequestIds | undefined;
  },
  signal: Signal,
): Promise<FoundRequest | undefined> {
  const values = otherSpellings(query.requestId);
  if (values.length === 0 || signal?.aborted === true) return undefined;
  const attribute = (recorded?.kind === 'otherwise' ? recorded.attribute : undefined) ?? ENVOY_REQUEST_ID;
  const found = createRequestSearch({ traces, attribute, values }, signal);
  const window = { start: before(query.now, RETENTION), end: query.now };
  await found.everywhere(window);
  if (found.found().length === 0)
    await found.until(window, entriesOf(services).slice(0, MAX_ENTRIES)).catch(undefinedOnFailure);
  if (found.found().length === 0) return undefined;
  await found.everywhere(windowAround(found.found()));
  const view = viewOf(query, found, links);
  const spans = found.found().flatMap((trace) => trace.spans);
  const recordedAs =
    values.find((value) => spans.some(({ attributes }) => attributes[attribute] === value)) ??
    query.requestId;
  const notice = `The spans record the request id as ${recordedAs}.`;
  return { kind: 'found', view: { ...view, notices: [notice, ...view.notices] } };
}

/** Some programs write trace ids with hyphens: then the request id is a trace id. A request id may also be 32 hex digits. */
async function traceWithSameDigits(
  { traces, links }: FindRequestOptions,
  { requestId, now }: RequestQuery,
  signal: Signal,
): Promise<FoundRequest | undefined> {
  const digits = requestId.toLowerCase().replaceAll('-', '');
  const isLikeTraceId = isUuid(requestId) || (digits === requestId.toLowerCase() && HEX_ID.test(digits));
  if (!isLikeTraceId || signal?.aborted === true) return undefined;
  const trace = await traces.trace(digits, signal).catch(undefinedOnFailure);
  const view = trace === undefined ? undefined : traceView(trace, { now, links });
  if (view === undefined) return undefined;
  const notice = isUuid(requestId)
    ? 'No request has this id, but a trace has: some programs write trace ids with hyphens.'
    : 'No request has this id, but a trace has.';
  return { kind: 'found', view: { requestId, traces: [view], notices: [notice] } };
}

const HEX_ID = /^(?:[0-9a-f]{16}|[0-9a-f]{32})$/;

function undefinedOnFailure(error: unknown): undefined {
  if (!(error instanceof UpstreamError)) throw error;
}

/** Envoy's own ids are in lower case; an id from a client is recorded as it was sent. */
const spellings = (requestId: string): readonly string[] => [
  ...new Set([requestId.toLowerCase(), requestId]),
];

/** A UUID with and without hyphens, in lower case and in capitals: what is not among the spellings above. */
function otherSpellings(requestId: string): readonly string[] {
  const digits = requestId.toLowerCase().replaceAll('-', '');
  if (!(isUuid(requestId) || HEX_ID.test(requestId.toLowerCase())) || digits.length !== 32) return [];
  const uuid = digits.replace(UUID_PARTS, '$1-$2-$3-$4-$5');
  const tried = spellings(requestId);
  return [uuid, digits, uuid.toUpperCase(), digits.toUpperCase()].filter((each) => !tried.includes(each));
}

const UUID_PARTS = /^(.{8})(.{4})(.{4})(.{4})(.{12})$/;

const isGateway = (name: string): boolean => name.includes('gateway');

/** Where requests enter the mesh: the first service and the gateways. */
const entriesOf = (services: readonly string[]): readonly string[] =>
  services.filter((name, index) => index === 0 || isGateway(name));

/** The named service, then gateways, which every request from outside passes, then the rest. */
function inOrder(services: readonly string[], first: string | undefined): readonly string[] {
  const rank = (name: string): number =>
    name === first ? 0 : name.includes('ingressgateway') ? 1 : isGateway(name) ? 2 : 3;
  return [...services].sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
}

function viewOf(
  { requestId, now, service }: RequestQuery,
  found: RequestSearch,
  links: TraceLinks,
): RequestView {
  const traces = [...found.found()].sort((a, b) => extentOf(a).start - extentOf(b).start);
  const views = traces.flatMap((trace) => traceView(trace, { now, links }) ?? []);
  return {
    requestId,
    traces: views.slice(0, MAX_TRACES),
    inService: service === undefined ? undefined : longestIn(service, traces),
    notices: noticesOf(views, lostHeadersOf(traces), found.isComplete()),
  };
}

function noticesOf(
  views: readonly TraceView[],
  lost: readonly LostHeaders[],
  isComplete: boolean,
): readonly string[] {
  const roots = views.map(({ rootService }) => rootService);
  return [
    ...(views.length > 1
      ? [splitRequestText({ subject: `${views.length} traces carry this request id`, roots, lost })]
      : []),
    ...(views.length > MAX_TRACES ? [`Only the first ${MAX_TRACES} traces are shown.`] : []),
    ...(isComplete
      ? []
      : ['Not every service could be searched in time: there may be more traces of this request.']),
  ];
}

/** By the span that also ranks traces. */
function longestIn(service: string, traces: readonly Trace[]): RequestView['inService'] {
  const found = traces.flatMap((trace) => {
    const span = rankingSpan(trace, { service });
    return span === undefined ? [] : [{ traceId: trace.traceId, duration: span.duration }];
  });
  const [longest] = found.sort((a, b) => b.duration - a.duration);
  return longest && { service, traceId: longest.traceId };
}

/**
 * Envoy's counters of tracing decisions (conn_manager_impl.cc, chargeTracingStats). Istio's proxies export them only when
 * `proxyStatsMatcher` includes them; by default the share is unknown.
 */
const TRACED = ['random_sampling', 'service_forced', 'client_enabled'] as const;
const NOT_TRACED = 'not_traceable';

/** A missing counter means no decision of its kind; when all are missing, the fraction is 0/0. */
const rateOf = (reasons: readonly string[]): string =>
  reasons.map((reason) => `(sum(rate(envoy_http_tracing_${reason}[1h])) or vector(0))`).join(' + ');

const SHARE = `(${rateOf(TRACED)}) / (${rateOf([...TRACED, NOT_TRACED])})`;
const SHARE_DEADLINE = ms(2_000);

/** The share of the last hour's requests that the proxies traced; undefined when their metrics do not have it. */
export function createSampledShare({
  metrics,
  clock,
}: {
  readonly metrics: Pick<MetricsSource, 'instant'>;
  readonly clock: Clock;
}): NonNullable<FindRequestOptions['sampledShare']> {
  return async (now, signal) => {
    const query = async (either: AbortSignal) => await metrics.instant({ expr: SHARE, at: now }, either);
    const samples = await withDeadline(
      { clock, duration: SHARE_DEADLINE, system: 'prometheus', signal },
      query,
    ).catch(undefinedOnFailure);
    const share = samples?.[0]?.value ?? Number.NaN;
    return share >= 0 && share <= 1 ? ratio(share) : undefined;
  };
}
