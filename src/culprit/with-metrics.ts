import type { Clock } from '../lib/clock.ts';
import { createLimiter } from '../lib/concurrency.ts';
import { withDeadline } from '../lib/deadline.ts';
import { UpstreamError } from '../lib/errors.ts';
import type { Phrase } from '../lib/format.ts';
import type { Links } from '../lib/links.ts';
import type { MetricsSource, Series } from '../lib/metrics-source.ts';
import { between, epochMs, type Milliseconds, ms, SECOND, type TimeWindow, toUs } from '../lib/units.ts';
import type { TraceSource } from '../traces/trace-source.ts';
import { justOver, windowBefore } from './cohorts.ts';
import type { ExplainSlowness, WhyQuery, WhySlow } from './collect.ts';
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
  type TracedRequests,
  untracedPart,
} from './coverage.ts';
import {
  chooseSignals,
  type MetricSignal,
  type SignalCheck,
  type SignalQuery,
  signalChecks,
} from './signals.ts';

/** What comparing the result of traces with metrics needs. */
export interface WithMetricsOptions {
  readonly metrics: Pick<MetricsSource, 'instant' | 'range'>;
  readonly traces: Pick<TraceSource, 'search'>;
  readonly links: Pick<Links, 'graph'>;
  readonly clock: Clock;
}

/** For all queries together: a person waits for the culprit, and metrics only support it. */
const DEADLINE: Milliseconds = ms(3 * SECOND);
const CONCURRENCY = 4;

/** Explains slowness with what metrics say about it. A Prometheus that fails costs the lines from it, and nothing else. */
export function createExplainWithMetrics(
  explain: ExplainSlowness,
  options: WithMetricsOptions,
): ExplainSlowness {
  return async (query, signal) => {
    const why = await explain(query, signal);
    const [signals, coverage] = await Promise.all([
      findSignals(options, why, signal),
      findCoverage(options, { query, why }, signal),
    ]);
    return { ...why, signals, ...coverage };
  };
}

/** The signals that support the culprit, each with the query behind it; none where no culprit is named. */
async function findSignals(
  { metrics, links, clock }: WithMetricsOptions,
  why: WhySlow,
  signal: AbortSignal | undefined,
): Promise<readonly Phrase[]> {
  const { result, slow, normal } = why;
  if (result.kind !== 'compared' || result.confidence === 'unclear') return [];
  const [candidate] = result.candidates;
  if (candidate === undefined) return [];
  const checks = signalChecks({ candidate, window: slow.window, normal: normal.window });
  const found: (MetricSignal | undefined)[] = checks.map(() => undefined);
  const limiter = createLimiter(CONCURRENCY);
  const limit = { clock, duration: DEADLINE, system: 'prometheus', signal } as const;
  await withDeadline(limit, async (either) => {
    await Promise.all(
      checks.map(async (check, i) => {
        found[i] = await resultOf(check, (query) => limiter.run(() => run(metrics, query, either)));
      }),
    );
  }).catch(ignoreOutage);
  const graphed = graphWindow(slow.window, normal.window);
  return chooseSignals(found).map(({ text, at, expr }) => {
    const url = links.graph({ expr, window: graphed });
    return [url === undefined ? text : { text, url }, ...(at === undefined ? [] : [' ', { at }])];
  });
}

/** Of a query that fails there is no signal; those of the other checks stay. */
async function resultOf(
  { queries, read }: SignalCheck,
  runQuery: (query: SignalQuery) => Promise<readonly Series[]>,
): Promise<MetricSignal | undefined> {
  try {
    return read(await Promise.all(queries.map(runQuery)));
  } catch (error) {
    return ignoreOutage(error);
  }
}

async function run(
  metrics: WithMetricsOptions['metrics'],
  { expr, at, range }: SignalQuery,
  signal: AbortSignal,
): Promise<readonly Series[]> {
  if (range !== undefined)
    return await metrics.range({ expr, window: { start: range.start, end: at }, step: range.step }, signal);
  const samples = await metrics.instant({ expr, at }, signal);
  return samples.map(({ labels, value }) => ({ labels, points: [{ at, value }] }));
}

function ignoreOutage(error: unknown): undefined {
  if (!(error instanceof UpstreamError)) throw error;
  return undefined;
}

/** Both windows side by side, also where the traces of a day earlier were compared. */
const graphWindow = ({ start, end }: TimeWindow, normal: TimeWindow): TimeWindow => ({
  start: epochMs(Math.max(start - (end - start), Math.min(normal.start, start))),
  end,
});

/** Slow traces that are searched to count them. */
const COUNTED_TRACES = 100;
/** With fewer slow requests on both sides they are not counted. */
const FEWEST_COUNTED = 20;

/** From this share on it is not said that some requests are not traced: the counts differ by as much at their ends. */
const NEARLY_ALL = 0.9;

interface Compared {
  readonly query: WhyQuery;
  readonly why: WhySlow;
}

/** How many of the requests that metrics count are in traces, and how the two contradict each other. */
async function findCoverage(
  options: WithMetricsOptions,
  { query, why: { sampled } }: Compared,
  signal: AbortSignal | undefined,
): Promise<Pick<WhySlow, 'coverage' | 'warnings'>> {
  const { clock } = options;
  const { service } = query;
  const objective = query.objective && comparableObjective(query.objective, service);
  const window = settledPart(query.window, clock.now());
  if (objective === undefined || window === undefined || sampled === undefined) return {};
  const limit = { clock, duration: DEADLINE, system: 'prometheus', signal } as const;
  const found = await withDeadline(limit, (either) =>
    coverageOf(options, { service, objective, window, sampled }, either),
  ).catch(ignoreOutage);
  return found ?? {};
}

interface CoverageOf {
  readonly service: string;
  readonly objective: MeasuredObjective;
  readonly window: TimeWindow;
  readonly sampled: NonNullable<WhySlow['sampled']>;
}

async function coverageOf(
  options: WithMetricsOptions,
  of: CoverageOf,
  signal: AbortSignal,
): Promise<Pick<WhySlow, 'coverage' | 'warnings'>> {
  const { service, objective, window, sampled } = of;
  const requests = await requestsIn(options, { objective, window }, signal);
  const untraced = untracedPart(sampled.slow, { service, window });
  if (untraced !== undefined) {
    const warning = await stopOf(options, { ...of, untraced }, signal);
    if (warning !== undefined) return { warnings: [warning] };
  }
  const traced = countTraced(sampled.slow, { service, window, threshold: objective.threshold });
  if (requests <= 0 || traced === undefined || traced.all === 0) return {};
  const slow = await slowOf(options, { ...of, requests, traced }, signal);
  const coverage = { requests, traced: traced.all, threshold: objective.threshold, slow };
  const warning = contradiction(coverage, { ...objective, isEstimate: traced.isEstimate });
  if (warning !== undefined) return { coverage, warnings: [warning] };
  return traced.all < requests * NEARLY_ALL ? { coverage } : {};
}

const requestsIn = async (
  { metrics }: Pick<WithMetricsOptions, 'metrics'>,
  { objective, window: { start, end } }: Pick<CoverageOf, 'objective' | 'window'>,
  signal: AbortSignal,
): Promise<number> => {
  const [sample] = await metrics.instant(
    { expr: requestsExpr(objective, between(start, end)), at: end },
    signal,
  );
  return sample === undefined || !Number.isFinite(sample.value) ? 0 : sample.value;
};

/** What the requests in the untraced part, and the traces before it, say about it. */
async function stopOf(
  options: WithMetricsOptions,
  { service, objective, window, sampled, untraced }: CoverageOf & { readonly untraced: TimeWindow },
  signal: AbortSignal,
): Promise<Phrase | undefined> {
  const before = { start: windowBefore(window).start, end: untraced.start };
  const earlier = countTraced([...sampled.normal, ...sampled.slow], {
    service,
    window: before,
    threshold: objective.threshold,
  });
  const [requests, requestsBefore] = await Promise.all([
    requestsIn(options, { objective, window: untraced }, signal),
    requestsIn(options, { objective, window: before }, signal),
  ]);
  return stopWarning(service, {
    since: untraced.start > window.start ? untraced.start : undefined,
    requests,
    tracedBefore:
      earlier === undefined || earlier.all === 0 || requestsBefore === 0
        ? undefined
        : earlier.all / requestsBefore,
  });
}

/** The slow requests by metrics, and those in traces: from the sample where it is complete, otherwise from a search for them. */
async function slowOf(
  { metrics, traces }: WithMetricsOptions,
  {
    service,
    objective,
    window,
    requests,
    traced,
  }: CoverageOf & { readonly requests: number; readonly traced: TracedRequests },
  signal: AbortSignal,
): Promise<TraceCoverage['slow']> {
  const expr = slowExpr(objective, between(window.start, window.end));
  const [sample] = await metrics.instant({ expr, at: window.end }, signal);
  if (sample === undefined || !Number.isFinite(sample.value)) return undefined;
  const slow = Math.max(0, sample.value) * requests;
  if (!traced.isEstimate) return { requests: slow, traced: traced.slow, isAtLeast: false };
  if (Math.max(slow, traced.slow) < FEWEST_COUNTED) return undefined;
  const minDuration = justOver(toUs(objective.threshold));
  const found = await traces.search({ service, window, minDuration, limit: COUNTED_TRACES }, signal);
  const count = countServed(found.traces, { service, window, minDuration });
  return { requests: slow, traced: count, isAtLeast: !found.isComplete };
}
