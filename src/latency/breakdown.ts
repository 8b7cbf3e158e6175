import type { Truncated } from '../lib/format.ts';
import type { Labels } from '../lib/labels.ts';
import type { MetricsSource, Sample } from '../lib/metrics-source.ts';
import { flagsInWords } from '../lib/response-flags.ts';
import type { EpochMs, Milliseconds } from '../lib/units.ts';
import { PRESETS } from '../rules/presets.ts';
import { equalityMatchers } from '../rules/promql.ts';
import { bucketRatesBy, meanBySideExpr } from '../rules/queries.ts';
import type { LatencyFamily } from '../rules/rule.ts';
import { bucketsOf, estimateOf, inMs, type QuantileEstimate } from './figures.ts';

/** The labels of a histogram by which its requests are broken down; of several names the first that is set counts. */
export interface BreakdownLabels {
  readonly version: readonly string[];
  readonly code: readonly string[];
  readonly grpcStatus: readonly string[];
  /** Envoy's response flags. */
  readonly flags: readonly string[];
}

const ISTIO: BreakdownLabels = {
  version: ['destination_version', 'destination_canonical_revision'],
  code: ['response_code'],
  grpcStatus: ['grpc_response_status'],
  flags: ['response_flags'],
};

const none: BreakdownLabels = { version: [], code: [], grpcStatus: [], flags: [] };

/** The labels that the histogram of a preset has (sources: see the presets); undefined for any other metric. */
function breakdownLabels({ metric, serviceLabel }: LatencyFamily): BreakdownLabels | undefined {
  switch (metric) {
    case PRESETS.istio.family.metric:
      // Of the calls of a gateway, the version is the gateway's own.
      return serviceLabel.startsWith('source_')
        ? { ...ISTIO, version: ['source_version', 'source_canonical_revision'] }
        : ISTIO;
    case PRESETS['otel-http'].family.metric:
      return { ...none, version: ['service_version'], code: ['http_response_status_code'] };
    case PRESETS['otel-http-utf8'].family.metric:
      return { ...none, version: ['service.version'], code: ['http.response.status_code'] };
    case PRESETS.spanmetrics.family.metric:
      return { ...none, version: ['service_version'], code: ['status_code'] };
    default:
      return undefined;
  }
}

/** All label names of a breakdown, for the grouping of one query. */
const labelNames = (labels: BreakdownLabels): readonly string[] => Object.values(labels).flat();

/** The first value of these labels that is set. Istio writes `unknown` for a value it does not know. */
const labelText = (labels: Labels, names: readonly string[]): string =>
  names.map((name) => labels[name] ?? '').find((value) => value !== '' && value !== 'unknown') ?? '';

/** Whether a response code counts as an error of the service: 5xx, or what a span is marked with. */
const isFailureCode = (code: string): boolean => /^5\d\d$/.test(code) || code === 'STATUS_CODE_ERROR';

/** Whether the histogram is a mesh's, which records each call at its destination and at its source. */
export const hasTwoSides = ({ selector }: LatencyFamily): boolean =>
  selector === PRESETS.istio.family.selector;

/** The same histogram, recorded by the proxies of the callers. */
export const atSource = (family: LatencyFamily): LatencyFamily => ({
  ...family,
  selector: 'reporter="source"',
});

/** Maximum rows; of the outcomes, the most frequent ones first, then failures. */
const SHOWN = { versions: 5, outcomes: 6, frequent: 3 } as const;
/** When the counts of both sides differ by more than this, they are of different requests: callers without a proxy, or calls that never arrived. */
const SAME_REQUESTS = 0.02;

/** The service, its histogram, and the time. */
export interface BreakdownQuery {
  readonly family: LatencyFamily;
  readonly matchLabels: Labels;
  readonly at: EpochMs;
  readonly window: Milliseconds;
}

/**
 * A service's latency by version, by outcome, and as measured on both sides of its calls: at most three queries,
 * whatever the number of versions and codes. Undefined for a histogram with unknown labels. Throws `UpstreamError`.
 */
export async function breakDownLatency(
  { instant }: Pick<MetricsSource, 'instant'>,
  query: BreakdownQuery,
  signal?: AbortSignal,
): Promise<LatencyBreakdown | undefined> {
  const { family, matchLabels, at, window } = query;
  const labels = breakdownLabels(family);
  if (labels === undefined || family.histogram === 'native') return undefined;
  const grouping = { window, by: labelNames(labels), matchers: [equalityMatchers(matchLabels)] };
  const run = (expr: string) => instant({ expr, at }, signal);
  const isTwoSided = hasTwoSides(family);
  const [own, callers, means] = await Promise.all([
    run(bucketRatesBy(family, grouping)),
    isTwoSided ? run(bucketRatesBy(atSource(family), grouping)) : [],
    isTwoSided ? run(meanBySideExpr(family, matchLabels, { window })) : [],
  ]);
  const destination = { family, labels, samples: own };
  const source = { family, labels, samples: callers };
  const isMeasuredTwice = rateOf(callers) > 0 && rateOf(own) > 0;
  return {
    versions: versionsOf(destination),
    outcomes: outcomesOf({ source, destination }),
    sides: isMeasuredTwice ? sidesOf({ source, destination }, means) : undefined,
  };
}

/** The buckets of one side, grouped by all labels of the breakdown. */
interface Side {
  readonly family: LatencyFamily;
  readonly labels: BreakdownLabels;
  readonly samples: readonly Sample[];
}

/** Requests per second: the rate of the infinite bucket. */
const rateOf = (samples: readonly Sample[]): number =>
  samples.reduce(
    (sum, { labels, value }) => (labels['le'] === '+Inf' && Number.isFinite(value) ? sum + value : sum),
    0,
  );

function grouped(
  samples: readonly Sample[],
  keyOf: (labels: Labels) => string,
): readonly (readonly [string, readonly Sample[]])[] {
  const groups = new Map<string, Sample[]>();
  for (const sample of samples) {
    const key = keyOf(sample.labels);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [sample]);
    else group.push(sample);
  }
  return [...groups].filter(([, group]) => rateOf(group) > 0);
}

const quantile = (family: LatencyFamily, at: number, samples: readonly Sample[]) =>
  estimateOf(family, at, bucketsOf(samples));

/** Empty for a single version: that is the service itself. */
function versionsOf({ family, labels, samples }: Side): LatencyBreakdown['versions'] {
  const total = rateOf(samples);
  const slices = grouped(samples, (each) => labelText(each, labels.version)).map(
    ([version, group]): VersionSlice => {
      const failed = group.filter((sample) => isFailureCode(labelText(sample.labels, labels.code)));
      return {
        version,
        share: rateOf(group) / total,
        p50: quantile(family, 0.5, group),
        p99: quantile(family, 0.99, group),
        errorShare: labels.code.length === 0 ? undefined : rateOf(failed) / rateOf(group),
      };
    },
  );
  const named = slices.filter(({ version }) => version !== '');
  if (named.length < 2) return { rows: [], hidden: 0 };
  const rows = [...slices].sort(byShare).slice(0, SHOWN.versions);
  return { rows, hidden: slices.length - rows.length };
}

const byShare = (a: { readonly share: number }, b: { readonly share: number }): number => b.share - a.share;

/** The callers also see requests that never reached the service; the service also sees those that a retry replaced. */
function outcomesOf({
  source,
  destination,
}: {
  readonly source: Side;
  readonly destination: Side;
}): LatencyBreakdown['outcomes'] {
  const seen = outcomesOfSide(source);
  if (seen.rows.length > 0) return { ...seen, side: 'source' };
  const isCaller = destination.family.selector === atSource(destination.family).selector;
  return { ...outcomesOfSide(destination), side: isCaller ? 'source' : 'destination' };
}

/** Empty for a single outcome. */
function outcomesOfSide({ family, labels, samples }: Side): Omit<LatencyBreakdown['outcomes'], 'side'> {
  const total = rateOf(samples);
  const keyOf = (each: Labels): string =>
    [labels.code, labels.grpcStatus, labels.flags].map((names) => labelText(each, names)).join('\0');
  const slices = grouped(samples, keyOf).map(([key, group]): OutcomeSlice => {
    const [code = '', grpcStatus = '', flags = ''] = key.split('\0');
    return {
      code,
      grpcStatus,
      flags: flagsInWords(flags),
      isFailure: isFailureCode(code),
      share: rateOf(group) / total,
      p99: quantile(family, 0.99, group),
    };
  });
  if (slices.length < 2 || slices.every(({ code, flags }) => code === '' && flags === '')) {
    return { rows: [], hidden: 0 };
  }
  const ranked = [...slices].sort(byShare);
  const frequent = new Set(ranked.slice(0, SHOWN.frequent));
  const failures = ranked.filter((slice) => slice.isFailure && !frequent.has(slice));
  const others = ranked.filter((slice) => !slice.isFailure && !frequent.has(slice));
  const rows = [...frequent, ...failures, ...others].slice(0, SHOWN.outcomes).sort(byShare);
  return { rows, hidden: slices.length - rows.length };
}

function sidesOf(
  { source, destination }: { readonly source: Side; readonly destination: Side },
  means: readonly Sample[],
): LatencyBreakdown['sides'] {
  const [seen, own] = [sideOf(source), sideOf(destination)];
  const meanOf = (reporter: string): number | undefined =>
    means.find(({ labels }) => labels['reporter'] === reporter)?.value;
  const [outside, inside] = [meanOf('source'), meanOf('destination')];
  const isSame =
    Math.abs(seen.requestsPerSecond - own.requestsPerSecond) <= own.requestsPerSecond * SAME_REQUESTS;
  const between = outside === undefined || inside === undefined ? Number.NaN : outside - inside;
  return {
    source: seen,
    destination: own,
    meanBetween: isSame && between >= 0 ? inMs(destination.family, between) : undefined,
  };
}

function sideOf({ family, samples }: Side): SideLatency {
  return {
    requestsPerSecond: rateOf(samples),
    p50: quantile(family, 0.5, samples),
    p99: quantile(family, 0.99, samples),
  };
}

/** The requests that one version of a service answered. */
export interface VersionSlice {
  readonly version: string;
  /** Of all requests to the service, 0 to 1. */
  readonly share: number;
  readonly p50?: QuantileEstimate;
  readonly p99?: QuantileEstimate;
  /** Absent when the metric has no label for failures. */
  readonly errorShare?: number;
}

/** The requests with one outcome. */
export interface OutcomeSlice {
  /** The status code: `200`, `503`; empty when there was none. */
  readonly code: string;
  /** gRPC's own status; empty for other protocols. */
  readonly grpcStatus: string;
  /** Envoy's response flags in words; empty for none. */
  readonly flags: string;
  readonly isFailure: boolean;
  readonly share: number;
  readonly p99?: QuantileEstimate;
}

/** The latency as measured on one side of the calls. */
export interface SideLatency {
  readonly p50?: QuantileEstimate;
  readonly p99?: QuantileEstimate;
  readonly requestsPerSecond: number;
}

/** A service's latency, broken down. A list is empty when it would have a single row. */
export interface LatencyBreakdown {
  readonly versions: Truncated<VersionSlice>;
  readonly outcomes: Truncated<OutcomeSlice> & {
    /** The side that measured them. */
    readonly side: 'source' | 'destination';
  };
  /** Present when both sides of the calls are measured. */
  readonly sides?: {
    readonly source: SideLatency;
    readonly destination: SideLatency;
    /** The mean time in network and proxies; absent when the two sides counted different requests. */
    readonly meanBetween?: Milliseconds;
  };
}
