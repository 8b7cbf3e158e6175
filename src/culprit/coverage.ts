import { bound, count, grouped, type Phrase, share } from '../lib/format.ts';
import type { Labels } from '../lib/labels.ts';
import {
  type EpochMs,
  epochMs,
  MINUTE,
  type Microseconds,
  type Milliseconds,
  ms,
  SECOND,
  type TimeWindow,
  toEpochUs,
  toUs,
  us,
} from '../lib/units.ts';
import { PRESETS } from '../rules/presets.ts';
import { requestCountOf, slowShareOf } from '../rules/queries.ts';
import type { LatencyObjective } from '../rules/rule.ts';
import type { Span, Trace } from '../traces/trace.ts';
import { isMoreThanByChance } from './attributes.ts';
import type { Slice } from './cohorts.ts';

/** The objective whose metric counts the requests that the traces are of. */
export interface MeasuredObjective extends Pick<LatencyObjective, 'family' | 'threshold' | 'isApproximate'> {
  /** Label values that restrict the metric to the service. */
  readonly matchLabels: Labels;
}

/** Requests of a service in traces. */
export interface TracedRequests {
  readonly all: number;
  readonly slow: number;
}

/** How many of the requests that metrics count are in traces. */
export interface TraceCoverage {
  readonly requests: number;
  readonly traced: number;
  readonly threshold: Milliseconds;
  /** Requests slower than the threshold; absent where the metric has no bucket bound there. */
  readonly slow?: { readonly requests: number; readonly traced: number; readonly isAtLeast: boolean };
}

/** Spans arrive up to this long after they end: newer ones are not counted, by neither side. */
const SPANS_ARRIVED: Milliseconds = MINUTE;
/** In a shorter time the scrapes at both ends count for too much. */
const SHORTEST: Milliseconds = ms(2 * MINUTE);

/** The part of a window that both sides know; undefined when it is too short to compare. */
export function settledPart({ start, end }: TimeWindow, now: EpochMs): TimeWindow | undefined {
  const length = Math.min(end, now - SPANS_ARRIVED) - start;
  // Whole seconds: ranges of queries are written in them.
  return length < SHORTEST ? undefined : { start, end: epochMs(start + length - (length % SECOND)) };
}

/** Labels by which a metric may be restricted and still count all requests that the traces of a service show. */
const SAME_REQUESTS =
  /^(?:reporter|span_kind|job|cluster|destination_(?:service|canonical|workload)\w*|[\w.]*namespace)$/;

/**
 * The objective for a service as traces name it; undefined when its metric counts only some requests of the service, and the two
 * cannot be compared. In Istio's metric a service has its name and its namespace.
 */
export function comparableObjective(
  objective: MeasuredObjective,
  service: string,
): MeasuredObjective | undefined {
  const { family, matchLabels } = objective;
  const names = [...family.selector.matchAll(/([\w.]+)"?\s*(?:=~|!=|!~|=)\s*"/g)].map(
    ([, name = '']) => name,
  );
  const isComparable = [...names, ...Object.keys(matchLabels)].every(
    (name) => name === family.serviceLabel || SAME_REQUESTS.test(name),
  );
  if (!isComparable) return undefined;
  const [name = '', namespace] = service.split('.');
  const isIstio =
    family.metric === PRESETS.istio.family.metric &&
    family.serviceLabel === PRESETS.istio.family.serviceLabel;
  if (!isIstio || namespace === undefined) return objective;
  return {
    ...objective,
    matchLabels: { ...matchLabels, destination_service_name: name, destination_service_namespace: namespace },
  };
}

/** The number of requests in a time, and the share of them that is slower than the threshold. */
export const requestsExpr = ({ family, matchLabels }: MeasuredObjective, window: Milliseconds): string =>
  requestCountOf(family, { matchLabels, window });
export const slowExpr = (
  { family, matchLabels, threshold, isApproximate }: MeasuredObjective,
  window: Milliseconds,
): string => slowShareOf(family, { matchLabels, window, threshold, isApproximate });

/** The requests that a service served in a trace: its server spans, without those inside another one of its own. */
function servedIn(trace: Trace, service: string, { start, end }: TimeWindow): readonly Span[] {
  const own = trace.spans.filter(({ kind, serviceName }) => kind === 'server' && serviceName === service);
  const ids = new Set(own.map(({ spanId }) => spanId));
  return own.filter(
    ({ parentSpanId, start: at }) =>
      (parentSpanId === undefined || !ids.has(parentSpanId)) && at >= toEpochUs(start) && at < toEpochUs(end),
  );
}

const servedBy = (traces: readonly Trace[], service: string, window: TimeWindow): readonly Span[] => {
  const byId = new Map(traces.map((trace) => [trace.traceId, trace]));
  return [...byId.values()].flatMap((trace) => servedIn(trace, service, window));
};

/** How many requests of a service in these traces took at least `minDuration`; all without one. */
export const countServed = (
  traces: readonly Trace[],
  {
    service,
    window,
    minDuration = us(0),
  }: { readonly service: string; readonly window: TimeWindow; readonly minDuration?: Microseconds },
): number => servedBy(traces, service, window).filter(({ duration }) => duration >= minDuration).length;

/** Which requests are counted. */
interface CountOf {
  readonly service: string;
  readonly window: TimeWindow;
  readonly threshold: Milliseconds;
}

/** The requests of a service in a complete sample; undefined where a slice in the window is truncated. */
export function countTraced(slices: readonly Slice[], of: CountOf): TracedRequests | undefined {
  const inside = slices.filter(({ window }) => overlap(window, of.window) !== undefined);
  if (!inside.every(({ isComplete }) => isComplete)) return undefined;
  const served = servedBy(
    inside.flatMap(({ traces }) => traces),
    of.service,
    of.window,
  );
  const slow = served.filter(({ duration }) => duration > toUs(of.threshold));
  return { all: served.length, slow: slow.length };
}

function overlap(a: TimeWindow, b: TimeWindow): TimeWindow | undefined {
  const part = { start: epochMs(Math.max(a.start, b.start)), end: epochMs(Math.min(a.end, b.end)) };
  return part.end > part.start ? part : undefined;
}

/** A stop that is shorter is none. */
const SHORTEST_STOP: Milliseconds = MINUTE;

/**
 * The end of a window in which a service has no traces, from the last one on; undefined when they go on. A truncated slice may hide
 * later ones: only whole slices without traces prove that they stopped.
 *
 *     slices   |  truncated  |   truncated  x|  complete, none  |  complete, none  |
 *                                           |======== untraced part ================|
 */
export function untracedPart(
  slices: readonly Slice[],
  { service, window }: Omit<CountOf, 'threshold'>,
): TimeWindow | undefined {
  let [seen, hidden] = [window.start as number, window.start as number];
  for (const { window: slice, traces, isComplete } of slices) {
    const part = overlap(slice, window);
    if (part === undefined) continue;
    const own = traces.flatMap(({ spans }) => spans.filter(({ serviceName }) => serviceName === service));
    const inPart = own.filter(({ start }) => start >= toEpochUs(part.start) && start < toEpochUs(part.end));
    const last = inPart.reduce((latest, { start }) => Math.max(latest, start / 1_000), 0);
    seen = Math.max(seen, Math.floor(last));
    hidden = Math.max(hidden, isComplete ? last : part.end);
  }
  return window.end - hidden < SHORTEST_STOP ? undefined : { start: epochMs(seen), end: window.end };
}

/** What both sides say of the end of a window without traces. */
export interface TraceStop {
  /** From the last trace on; of the whole window when it has none. */
  readonly since: EpochMs | undefined;
  readonly requests: number;
  /** The share of requests that were traced before; undefined where it is not known, or none were. */
  readonly tracedBefore: number | undefined;
}

/** With fewer expected traces in the untraced time, that there are none can be chance (probability e^-10). */
const EXPECTED_TRACES = 10;
/** The share that is assumed where there are no traces at all: Istio's default sampling. */
const LEAST_TRACED = 0.01;

/** Warns that the traces of a service stop while its requests go on. */
export function stopWarning(
  service: string,
  { since, requests, tracedBefore }: TraceStop,
): Phrase | undefined {
  const traced = tracedBefore ?? (since === undefined ? LEAST_TRACED : 0);
  if (requests * traced < EXPECTED_TRACES) return undefined;
  const counted = `Prometheus counts about ${count(rounded(requests), 'request')}`;
  return since === undefined
    ? [`There are no traces of ${service} in this time. ${counted}.`]
    : [`The traces of ${service} stop at `, { at: since }, `. ${counted} since then.`];
}

/**
 * The sides disagree when the share of slow requests of one is so many times that of the other, and not by chance. Estimated
 * numbers of traces are wrong by up to as much again.
 */
const DISAGREE = { factor: 2, probability: 0.001 };
/** With fewer slow requests by metrics, the traces cannot contradict them. */
const FEWEST_SLOW = 20;

/** How exactly the slow requests of both sides are counted. */
interface CountedHow extends Pick<LatencyObjective, 'family' | 'isApproximate'> {
  /** The number of traces is extrapolated. */
  readonly isEstimate: boolean;
}

/** Warns that the share of slow requests in traces contradicts the histogram, and with it the quantile from it. */
export function contradiction(coverage: TraceCoverage, how: CountedHow): Phrase | undefined {
  const { requests, traced, slow } = coverage;
  if (slow === undefined || requests <= 0 || traced <= 0) return undefined;
  const given = { ...coverage, slow };
  return fewerInTraces(given, how) ?? moreInTraces(given, how);
}

type WithSlow = TraceCoverage & { readonly slow: NonNullable<TraceCoverage['slow']> };

function fewerInTraces(
  { requests, traced, threshold, slow }: WithSlow,
  { isEstimate }: CountedHow,
): Phrase | undefined {
  if (slow.isAtLeast || slow.requests < FEWEST_SLOW) return undefined;
  const [inMetrics, inTraces] = [
    { count: slow.requests, of: requests },
    { count: slow.traced, of: traced },
  ];
  const [metricShare, tracedShare] = [slow.requests / requests, slow.traced / traced];
  const isLess = metricShare >= tracedShare * DISAGREE.factor * (isEstimate ? 2 : 1);
  if (!isLess || !isMoreThanByChance(inMetrics, inTraces, DISAGREE.probability)) return undefined;
  return [
    `Prometheus and traces disagree: about ${share(metricShare)} of requests are slower than ${bound(threshold)} by the histogram, ${share(tracedShare)} by the traces (${about(slow.traced)} of ${about(traced)}). Slow requests are not traced, or the histogram counts other requests.`,
  ];
}

function moreInTraces(
  { threshold, slow }: WithSlow,
  { family, isApproximate }: CountedHow,
): Phrase | undefined {
  // A bucket bound above the threshold counts fewer; a native histogram interpolates.
  if (isApproximate === true || family.histogram === 'native') return undefined;
  if (slow.traced < FEWEST_SLOW || slow.traced < slow.requests * DISAGREE.factor) return undefined;
  return [
    `Prometheus and traces disagree: the traces show at least ${count(Math.round(slow.traced), 'request')} slower than ${bound(threshold)}, the histogram counts about ${about(slow.requests)}. Quantiles of the histogram are too low.`,
  ];
}

/** From so few slow traces on, and up to this share, a comparison stands on a small part of what was slow. */
const FEW_TRACED = { traces: 10, share: 0.5 };

/** Whether few of the slow requests were traced, so that the comparison may be of a special part of them. */
export const isThinlyTraced = ({ slow }: TraceCoverage): boolean =>
  slow !== undefined &&
  slow.requests >= FEWEST_SLOW &&
  !slow.isAtLeast &&
  slow.traced < FEW_TRACED.traces &&
  slow.traced < slow.requests * FEW_TRACED.share;

/** `40 of about 1,200 requests slower than 500 ms were traced (3.3%).` */
export function coverageText({ requests, traced, threshold, slow }: TraceCoverage): string {
  if (slow === undefined || slow.requests < 1)
    return `About ${share(Math.min(1, traced / requests))} of about ${count(rounded(requests), 'request')} were traced.`;
  const part = Math.min(1, slow.traced / slow.requests);
  const found = `${slow.isAtLeast ? 'At least ' : ''}${about(slow.traced)} of about ${count(rounded(slow.requests), 'request')}`;
  return `${found} slower than ${bound(threshold)} were traced (${share(part)}).`;
}

const about = (value: number): string => grouped(rounded(value));

const rounded = (value: number): number => Number(value < 100 ? Math.round(value) : value.toPrecision(2));
