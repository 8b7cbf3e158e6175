import type { Clock } from '../lib/clock.ts';
import { withDeadline } from '../lib/deadline.ts';
import { UpstreamError } from '../lib/errors.ts';
import type { Phrase } from '../lib/format.ts';
import type { MetricsSource } from '../lib/metrics-source.ts';
import { between, epochMs, type Milliseconds, ms, SECOND, type TimeWindow, toUs } from '../lib/units.ts';
import type { TraceSource } from '../traces/trace-source.ts';
import { justOver, type Slice, windowBefore } from './cohorts.ts';
import type { WhyQuery, WhySlow } from './collect.ts';
import {
  comparableObjective,
  contradiction,
  countServed,
  countTraced,
  type MeasuredObjective,
  requestsExpr,
  settledPart,
  slowExpr,
  stopWarning,
  type TraceCoverage,
  untracedPart,
} from './coverage.ts';

/** What counting requests in metrics and in traces needs. */
export interface FindCoverageOptions {
  readonly metrics: Pick<MetricsSource, 'instant'>;
  readonly traces: Pick<TraceSource, 'search'>;
  readonly clock: Clock;
}

/** The requests that were explained, with the sample of all their traces. */
type Explained = Pick<WhyQuery, 'service' | 'window' | 'objective'> & Pick<WhySlow, 'sample'>;

type Found = Pick<WhySlow, 'coverage' | 'warnings'>;

const DEADLINE: Milliseconds = ms(3 * SECOND);
/** From this share on it is not said that some requests are not traced: the counts differ by as much at their ends. */
const NEARLY_ALL = 0.9;

/** How many of the requests that metrics count are in traces, and how the two contradict each other; nothing when either fails. */
export async function findCoverage(
  options: FindCoverageOptions,
  { service, window: whole, objective: given, sample }: Explained,
  signal: AbortSignal | undefined,
): Promise<Found> {
  const { clock } = options;
  const objective = given && comparableObjective(given, service);
  const window = settledPart(whole, clock.now());
  if (objective === undefined || window === undefined || sample === undefined) return {};
  const limit = { clock, duration: DEADLINE, system: 'prometheus', signal } as const;
  try {
    return await withDeadline(limit, (either) =>
      coverageOf(options, { service, objective, window, sample }, either),
    );
  } catch (error) {
    if (!(error instanceof UpstreamError)) throw error;
    return {};
  }
}

/** The requests of a service in a time, by its metric. */
interface Requests {
  readonly service: string;
  readonly objective: MeasuredObjective;
  readonly window: TimeWindow;
}

async function coverageOf(
  options: FindCoverageOptions,
  of: Requests & { readonly sample: readonly Slice[] },
  signal: AbortSignal,
): Promise<Found> {
  const { service, objective, window, sample } = of;
  const untraced = untracedPart(sample, { service, window });
  if (untraced !== undefined) {
    const warning = await stopOf(options, { ...of, untraced }, signal);
    if (warning !== undefined) return { warnings: [warning] };
  }
  const requests = await requestsIn(options, of, signal);
  if (requests <= 0) return {};
  const { threshold } = objective;
  const counted = countTraced(sample, { service, window, threshold });
  const [traced, slow] = await Promise.all([
    counted?.all ?? estimateTraced(options, { ...of, requests }, signal),
    slowOf(options, { ...of, requests, counted: counted?.slow }, signal),
  ]);
  if (traced === undefined || traced === 0) return {};
  const coverage = { requests, traced, threshold, slow };
  const warning = contradiction(coverage, { ...objective, isEstimate: counted === undefined });
  if (warning !== undefined) return { coverage, warnings: [warning] };
  return traced < requests * NEARLY_ALL ? { coverage } : {};
}

async function requestsIn(
  { metrics }: Pick<FindCoverageOptions, 'metrics'>,
  { objective, window: { start, end } }: Requests,
  signal: AbortSignal,
): Promise<number> {
  const expr = requestsExpr(objective, between(start, end));
  const [sample] = await metrics.instant({ expr, at: end }, signal);
  return sample === undefined || !Number.isFinite(sample.value) ? 0 : sample.value;
}

/** What the requests in the part without traces, and the traces before it, say about it. */
async function stopOf(
  options: FindCoverageOptions,
  { untraced, ...of }: Requests & { readonly untraced: TimeWindow },
  signal: AbortSignal,
): Promise<Phrase | undefined> {
  const window = { start: windowBefore(of.window).start, end: untraced.start };
  const [requests, requestsBefore] = await Promise.all([
    requestsIn(options, { ...of, window: untraced }, signal),
    requestsIn(options, { ...of, window }, signal),
  ]);
  const before = { ...of, window, requests: requestsBefore };
  const traced = requestsBefore > 0 ? await estimateTraced(options, before, signal) : undefined;
  return stopWarning(of.service, {
    since: untraced.start > of.window.start ? untraced.start : undefined,
    requests,
    tracedBefore: traced === undefined || traced === 0 ? undefined : traced / requestsBefore,
  });
}

type Counted = Requests & { readonly requests: number };

/** Searches for a share of traced requests, each of a longer time, until so many were found. */
const SHARE = { searches: 4, limit: 100, firstRequests: 60, fewest: 10, enough: 40, mostGrowth: 5 };

/**
 * How many requests of a service are traced, extrapolated from the end of the window. A backend returns any of the matching traces,
 * so only a search that is complete counts them: the first one is so short that it is, whatever the share.
 */
async function estimateTraced(
  { traces }: Pick<FindCoverageOptions, 'traces'>,
  { service, window, requests }: Counted,
  signal: AbortSignal,
): Promise<number | undefined> {
  const whole = between(window.start, window.end);
  let length = Math.min(whole, (whole * SHARE.firstRequests) / requests);
  let estimate: number | undefined;
  for (let searches = 0; searches < SHARE.searches; searches++) {
    const part = { start: epochMs(Math.floor(window.end - length)), end: window.end };
    const found = await traces.search({ service, window: part, limit: SHARE.limit }, signal);
    if (!found.isComplete) return estimate;
    const served = countServed(found.traces, { service, window: part });
    if (served >= SHARE.fewest || length >= whole) estimate = (served * whole) / length;
    if (served >= SHARE.enough || length >= whole) return estimate;
    length = Math.min(whole, length * Math.min(SHARE.mostGrowth, SHARE.enough / Math.max(served, 1)));
  }
  return estimate;
}

/** Slow traces that are searched to count them. */
const COUNTED_TRACES = 100;
/** With fewer slow requests they are not searched. */
const FEWEST_COUNTED = 20;

/** The slow requests by metrics, and those in traces: `counted` where the sample is complete, otherwise from a search for them. */
async function slowOf(
  { metrics, traces }: FindCoverageOptions,
  { service, objective, window, requests, counted }: Counted & { readonly counted: number | undefined },
  signal: AbortSignal,
): Promise<TraceCoverage['slow']> {
  const expr = slowExpr(objective, between(window.start, window.end));
  const [sample] = await metrics.instant({ expr, at: window.end }, signal);
  if (sample === undefined || !Number.isFinite(sample.value)) return undefined;
  const slow = Math.max(0, sample.value) * requests;
  if (counted !== undefined) return { requests: slow, traced: counted, isAtLeast: false };
  const minDuration = justOver(toUs(objective.threshold));
  const found = await traces.search({ service, window, minDuration, limit: COUNTED_TRACES }, signal);
  const traced = countServed(found.traces, { service, window, minDuration });
  if (Math.max(slow, traced) < FEWEST_COUNTED) return undefined;
  return { requests: slow, traced, isAtLeast: !found.isComplete };
}
