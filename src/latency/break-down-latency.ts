import type { Labels } from '../lib/labels.ts';
import type { MetricsSource, Sample } from '../lib/metrics-source.ts';
import { flagsInWords } from '../lib/response-flags.ts';
import type { Truncated } from '../lib/truncated.ts';
import type { EpochMs, Milliseconds } from '../lib/units.ts';
import { bucketRatesBy, equalityMatchers, meanBySideExpr } from '../rules/queries.ts';
import type { LatencyFamily } from '../rules/rule.ts';
import {
  atSource,
  type BreakdownLabels,
  breakdownLabels,
  hasTwoSides,
  isFailureCode,
  labelNames,
  labelText,
} from './breakdown.ts';
import type { QuantileEstimate } from './figures.ts';
import { bucketsOf, estimateOf, inMs } from './measure-latency.ts';

/** Most rows of each; of the outcomes so many for being frequent, the rest for being failures. */
const SHOWN = { versions: 5, outcomes: 6, frequent: 3 } as const;
/** Counts of the two ends further apart than this are of different requests: callers without a proxy, or calls that never arrived. */
const SAME_REQUESTS = 0.02;

/** Which service's latency, in which histogram, over which time. */
export interface BreakdownQuestion {
  readonly family: LatencyFamily;
  readonly matchLabels: Labels;
  readonly at: EpochMs;
  readonly window: Milliseconds;
}

/**
 * A service's latency by version, by how requests ended, and as both ends of its calls saw it: at most three queries,
 * whatever the number of versions and codes. Undefined for a histogram whose labels are not known. Throws
 * `UpstreamError`.
 */
export async function breakDownLatency(
  { instant }: Pick<MetricsSource, 'instant'>,
  question: BreakdownQuestion,
  signal?: AbortSignal,
): Promise<LatencyBreakdown | undefined> {
  const { family, matchLabels, at, window } = question;
  const labels = breakdownLabels(family);
  if (labels === undefined || family.histogram === 'native') return undefined;
  const reading = { window, by: labelNames(labels), matchers: [equalityMatchers(matchLabels)] };
  const ask = (expr: string) => instant({ expr, at }, signal);
  const isTwoSided = hasTwoSides(family);
  const [own, callers, means] = await Promise.all([
    ask(bucketRatesBy(family, reading)),
    isTwoSided ? ask(bucketRatesBy(atSource(family), reading)) : [],
    isTwoSided ? ask(meanBySideExpr(family, matchLabels, { window })) : [],
  ]);
  const destination = { family, labels, samples: own };
  const source = { family, labels, samples: callers };
  const isNotified = rateOf(callers) > 0 && rateOf(own) > 0;
  const sides = isNotified ? sidesOf({ source, destination }, means) : undefined;
  return {
    versions: versionsOf(destination),
    outcomes: endedAs({ source, destination }),
    sides,
  };
}

/** One side's buckets, each labelled with all that tells requests apart. */
interface Side {
  readonly family: LatencyFamily;
  readonly labels: BreakdownLabels;
  readonly samples: readonly Sample[];
}

/** Requests per second: those under the infinite bound. */
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

/** Nothing unless there are two versions: one is the service. */
function versionsOf({ family, labels, samples }: Side): LatencyBreakdown['versions'] {
  const total = rateOf(samples);
  const slices = grouped(samples, (each) => labelText(each, labels.version)).map(
    ([version, group]): VersionSlice => {
      const [p50, p99] = [quantile(family, 0.5, group), quantile(family, 0.99, group)];
      const failed = group.filter((sample) => isFailureCode(labelText(sample.labels, labels.code)));
      return {
        version,
        share: rateOf(group) / total,
        p50,
        p99,
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

/** What never reached the service is known to its callers alone; what a retry made good, to the service alone. */
function endedAs({
  source,
  destination,
}: {
  readonly source: Side;
  readonly destination: Side;
}): LatencyBreakdown['outcomes'] {
  const seen = outcomesOf(source);
  if (seen.rows.length > 0) return { ...seen, side: 'source' };
  const isCaller = destination.family.selector === atSource(destination.family).selector;
  return { ...outcomesOf(destination), side: isCaller ? 'source' : 'destination' };
}

/** Nothing unless requests ended in more than one way. */
function outcomesOf({ family, labels, samples }: Side): Omit<LatencyBreakdown['outcomes'], 'side'> {
  const total = rateOf(samples);
  const keyOf = (each: Labels): string =>
    [labels.code, labels.grpcStatus, labels.flags].map((names) => labelText(each, names)).join('\0');
  const slices = grouped(samples, keyOf).map(([key, group]): OutcomeSlice => {
    const [code = '', grpcStatus = '', flags = ''] = key.split('\0');
    const p99 = quantile(family, 0.99, group);
    return {
      code,
      grpcStatus,
      flags: flagsInWords(flags),
      isFailure: isFailureCode(code),
      share: rateOf(group) / total,
      p99,
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
  const [p50, p99] = [quantile(family, 0.5, samples), quantile(family, 0.99, samples)];
  return {
    requestsPerSecond: rateOf(samples),
    p50,
    p99,
  };
}

/** The requests that one version of a service answered. */
export interface VersionSlice {
  readonly version: string;
  /** Of all requests to the service, 0 to 1. */
  readonly share: number;
  readonly p50?: QuantileEstimate;
  readonly p99?: QuantileEstimate;
  /** Absent when the metric does not tell failures apart. */
  readonly errorShare?: number;
}

/** The requests that ended in one way. */
export interface OutcomeSlice {
  /** `200`, `503`; empty when there was none. */
  readonly code: string;
  /** gRPC's own status; empty for other protocols. */
  readonly grpcStatus: string;
  /** Envoy's response flags in words; empty for none. */
  readonly flags: string;
  readonly isFailure: boolean;
  readonly share: number;
  readonly p99?: QuantileEstimate;
}

/** What one end of the calls to a service measured. */
export interface SideLatency {
  readonly p50?: QuantileEstimate;
  readonly p99?: QuantileEstimate;
  readonly requestsPerSecond: number;
}

/** A service's latency, notified apart. A list is empty where there is nothing to tell apart. */
export interface LatencyBreakdown {
  readonly versions: Truncated<VersionSlice>;
  readonly outcomes: Truncated<OutcomeSlice> & {
    /** Who saw them: what never reached the service is known to its callers alone. */
    readonly side: 'source' | 'destination';
  };
  /** Present where both ends of the calls are measured. */
  readonly sides?: {
    readonly source: SideLatency;
    readonly destination: SideLatency;
    /** What network and proxies took of a request on average; absent when the two ends counted different requests. */
    readonly meanBetween?: Milliseconds;
  };
}
