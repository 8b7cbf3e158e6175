import type { Labels } from '../lib/labels.ts';
import type { MetricsSource, Sample } from '../lib/metrics-source.ts';
import { before, type EpochMs, formatDuration, type Milliseconds, ms, ratio } from '../lib/units.ts';
import { PRESETS } from '../rules/presets.ts';
import { equalityMatchers, promqlSelector } from '../rules/promql.ts';
import { bucketRatesExpr, errorShareExpr, meanBySideExpr } from '../rules/queries.ts';
import type { LatencyFamily } from '../rules/rule.ts';
import { atSource, breakDownLatency, type LatencyBreakdown } from './breakdown.ts';
import { bucketsOf, estimateOf, type QuantileEstimate } from './figures.ts';

/** Istio's histogram, which each call is in twice: as its caller and as the called service measured it. */
const FAMILY = PRESETS.istio.family;

/** The labels of the two ends of a call, and of their namespaces. */
export const CALL_ENDS = {
  caller: { service: 'source_canonical_service', namespace: 'source_workload_namespace' },
  callee: { service: 'destination_service_name', namespace: 'destination_service_namespace' },
} as const;

/** The series of calls as one end reports them, one for each histogram. */
export const callSelector = (reporter: 'source' | 'destination', matchLabels: Labels): string =>
  promqlSelector(`${FAMILY.metric}_count`, [`reporter="${reporter}"`, equalityMatchers(matchLabels)]);

/** Calls from one service to another as one end measured them. What is missing was not measured. */
export interface CallSide {
  readonly quantiles: readonly QuantileEstimate[];
  readonly mean?: Milliseconds;
  readonly requestsPerSecond?: number;
  readonly errorShare?: number;
}

/** Calls from one service to another at one time. Only means can be subtracted: their difference is network, proxies and retries. */
export interface CallFigures {
  readonly caller: CallSide;
  readonly callee: CallSide;
  readonly meanDifference?: Milliseconds;
}

/** Which calls, and when. */
export interface CallQuery {
  readonly matchLabels: Labels;
  readonly at: EpochMs;
  readonly window: Milliseconds;
}

type Metrics = Pick<MetricsSource, 'instant'>;

const QUANTILES = [ratio(0.5), ratio(0.99)];

/** The figures of both ends. Throws `UpstreamError`. */
export async function callFigures(
  metrics: Metrics,
  query: CallQuery,
  signal?: AbortSignal,
): Promise<CallFigures> {
  const { matchLabels, at, window } = query;
  const [caller, callee, means] = await Promise.all([
    sideOf(metrics, { ...query, family: atSource(FAMILY) }, signal),
    sideOf(metrics, { ...query, family: FAMILY }, signal),
    metrics.instant({ expr: meanBySideExpr(FAMILY, matchLabels, { window }), at }, signal),
  ]);
  const meanAt = (reporter: string): Milliseconds | undefined => {
    const value = means.find(({ labels }) => labels['reporter'] === reporter)?.value;
    return value === undefined || Number.isNaN(value) ? undefined : ms(value);
  };
  const [waited, took] = [meanAt('source'), meanAt('destination')];
  return {
    caller: { ...caller, mean: waited },
    callee: { ...callee, mean: took },
    meanDifference: waited === undefined || took === undefined ? undefined : ms(waited - took),
  };
}

async function sideOf(
  metrics: Metrics,
  { family, matchLabels, at, window }: CallQuery & { readonly family: LatencyFamily },
  signal: AbortSignal | undefined,
): Promise<CallSide> {
  const errors = errorShareExpr({ family }, matchLabels, { window });
  const [rates, failed] = await Promise.all([
    metrics.instant({ expr: bucketRatesExpr({ family }, matchLabels, { window }), at }, signal),
    errors === undefined ? [] : metrics.instant({ expr: errors, at }, signal),
  ]);
  const buckets = bucketsOf(rates);
  const errorShare = failed[0]?.value;
  return {
    quantiles: QUANTILES.flatMap((quantile) => estimateOf(family, quantile, buckets) ?? []),
    requestsPerSecond: buckets.find(({ le }) => le === Number.POSITIVE_INFINITY)?.count,
    errorShare: errorShare === undefined || Number.isNaN(errorShare) ? undefined : errorShare,
  };
}

/** Status codes and response flags of the calls, as the caller saw them. Throws `UpstreamError`. */
export async function callOutcomes(
  metrics: Metrics,
  query: CallQuery,
  signal?: AbortSignal,
): Promise<LatencyBreakdown['outcomes'] | undefined> {
  return (await breakDownLatency(metrics, { ...query, family: FAMILY }, signal))?.outcomes;
}

/** The calls between a service and another one, and how much longer they take than before. */
export interface CallGrowth {
  /** `callee`: the service calls it. */
  readonly end: 'caller' | 'callee';
  readonly service: string;
  readonly mean: Milliseconds;
  /** An hour before; absent without calls then. */
  readonly meanBefore?: Milliseconds;
  readonly requestsPerSecond: number;
}

/** A service, as both ends of calls name it, and when. */
export interface GrowthQuery {
  readonly service: string;
  readonly namespace?: string;
  readonly at: EpochMs;
  readonly window: Milliseconds;
  /** How long before. */
  readonly ago: Milliseconds;
}

/** The services that a service calls and that call it, the largest growth of the mean duration first. Throws `UpstreamError`. */
export async function callGrowth(
  metrics: Metrics,
  query: GrowthQuery,
  signal?: AbortSignal,
): Promise<readonly CallGrowth[]> {
  const ends = await Promise.all(
    (['callee', 'caller'] as const).map((end) => growthOf(metrics, { ...query, end }, signal)),
  );
  const growth = ({ mean, meanBefore }: CallGrowth): number => mean - (meanBefore ?? mean);
  return ends
    .flat()
    .sort((a, b) => growth(b) - growth(a) || b.mean - a.mean || (a.service < b.service ? -1 : 1));
}

async function growthOf(
  metrics: Metrics,
  { service, namespace, at, window, ago, end }: GrowthQuery & { readonly end: CallGrowth['end'] },
  signal: AbortSignal | undefined,
): Promise<readonly CallGrowth[]> {
  const own = CALL_ENDS[end === 'callee' ? 'caller' : 'callee'];
  const matchLabels = {
    [own.service]: service,
    ...(namespace === undefined ? {} : { [own.namespace]: namespace }),
  };
  const other = CALL_ENDS[end];
  // What the service waited for, and what it took.
  const reporter = end === 'callee' ? 'source' : 'destination';
  const summed = (suffix: string): string => {
    const selector = promqlSelector(`${FAMILY.metric}${suffix}`, [
      `reporter="${reporter}"`,
      equalityMatchers(matchLabels),
    ]);
    return `sum by (${other.service}, ${other.namespace}) (rate(${selector}[${formatDuration(window)}]))`;
  };
  const mean = `${summed('_sum')} / ${summed('_count')}`;
  const [now, then, rates] = await Promise.all([
    metrics.instant({ expr: mean, at }, signal),
    metrics.instant({ expr: mean, at: before(at, ago) }, signal),
    metrics.instant({ expr: summed('_count'), at }, signal),
  ]);
  const identityOf = ({ labels }: Sample): string =>
    JSON.stringify([labels[other.service], labels[other.namespace]]);
  const valueOf = (samples: readonly Sample[], identity: string): number | undefined => {
    const value = samples.find((sample) => identityOf(sample) === identity)?.value;
    return value === undefined || Number.isNaN(value) ? undefined : value;
  };
  const measured = now.filter(({ labels, value }) => {
    const name = labels[other.service] ?? '';
    return name !== '' && name !== 'unknown' && !Number.isNaN(value);
  });
  const nameOf = nameAmong(
    measured.map(({ labels }) => labels[other.service] ?? ''),
    other,
  );
  return measured.map((sample): CallGrowth => {
    const identity = identityOf(sample);
    const meanBefore = valueOf(then, identity);
    return {
      end,
      service: nameOf(sample.labels),
      mean: ms(sample.value),
      meanBefore: meanBefore === undefined ? undefined : ms(meanBefore),
      requestsPerSecond: valueOf(rates, identity) ?? 0,
    };
  });
}

/** A service by its name, with its namespace where several of these have it: their calls are never added up. */
function nameAmong(
  names: readonly string[],
  { service, namespace }: (typeof CALL_ENDS)[CallGrowth['end']],
): (labels: Labels) => string {
  const isShared = (name: string): boolean => names.filter((each) => each === name).length > 1;
  return (labels) => {
    const name = labels[service] ?? '';
    const within = labels[namespace] ?? '';
    return isShared(name) && within !== '' ? `${name}.${within}` : name;
  };
}
