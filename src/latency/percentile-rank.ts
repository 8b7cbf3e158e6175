import type { Clock } from '../lib/clock.ts';
import { withDeadline } from '../lib/deadline.ts';
import { UpstreamError } from '../lib/errors.ts';
import { type Bucket, histogramRank } from '../lib/histogram.ts';
import type { MetricsSource, Sample } from '../lib/metrics-source.ts';
import {
  between,
  type EpochMs,
  epochMs,
  HOUR,
  type Microseconds,
  type Milliseconds,
  ms,
  toMs,
} from '../lib/units.ts';
import type { RuleSet } from '../rules/file/rule-file.ts';
import { PRESETS } from '../rules/presets.ts';
import { anyOfMatcher } from '../rules/promql.ts';
import { bucketRatesBy } from '../rules/queries.ts';
import type { LatencyFamily } from '../rules/rule.ts';
import { atSource } from './breakdown.ts';
import { bucketsOf, estimateOf, inMs } from './figures.ts';

/** A request as one service measured it: a latency histogram of the service counted it once. */
export interface ServerSpan {
  readonly service: string;
  readonly duration: Microseconds;
  /** Number of the service's spans on the critical path; this is the longest of them. */
  readonly spans: number;
  /**
   * What measured it: the proxy beside the service (or a waypoint before it), a gateway, or the application itself. A mesh
   * measures at its proxies; an application's own span starts a little later and ends a little earlier.
   */
  readonly measuredBy: 'proxy' | 'waypoint' | 'gateway' | 'application';
  /** Istio's canonical service and namespace, where a proxy's span has them. */
  readonly canonicalService?: string;
  readonly namespace?: string;
}

/** The percentile rank of a request in one service, as an interval: the histogram's buckets allow no more. */
export interface ServicePercentile extends Pick<ServerSpan, 'service' | 'duration' | 'spans'> {
  /** The share of requests that were faster: at least, and at most. */
  readonly atLeast: number;
  readonly atMost: number;
  /** The bucket of the duration; `high` is absent above the highest bound. */
  readonly low: Milliseconds;
  readonly high?: Milliseconds;
  /** The upper bound of the bucket with the median; absent above the highest bound. */
  readonly medianUpTo?: Milliseconds;
  /** The approximate number of requests it is compared with. */
  readonly requests: number;
  /** `source`: measured by a gateway for its own calls, because nothing measures it as a destination. */
  readonly side: 'source' | 'destination';
  /** The span is the application's own, and the histogram its proxy's, whose durations are a little longer. */
  readonly isOwnSpan: boolean;
}

/** The percentile rank of a request in each service of its critical path, from the outermost service inwards. */
export interface PercentileRanks {
  /** Which hour it is compared with: the last one, the one before its end, or the one before the breach that it is part of. */
  readonly period: 'last-hour' | 'before-end' | 'before-breach';
  /** Services without a latency histogram are left out. */
  readonly rows: readonly ServicePercentile[];
  /** The reason why there are no rows, when Prometheus did not respond. */
  readonly notices: readonly string[];
}

/** A request, and when it is looked at. */
export interface RequestToRank {
  readonly spans: readonly ServerSpan[];
  readonly ended: EpochMs;
  readonly now: EpochMs;
  /** When the breach began that the request is part of: among the slow requests of a breach, a slow one is not unusual. */
  readonly breachStart?: EpochMs;
}

/** Ranks requests. An `UpstreamError` of Prometheus becomes a notice. */
export type RankRequest = (request: RequestToRank, signal?: AbortSignal) => Promise<PercentileRanks>;

const WINDOW = HOUR;
/** An answer waits for the ranks no longer than this. */
const DEADLINE = ms(2_500);
/** The request itself is in the histogram after the next scrape. */
const SCRAPED_AFTER = ms(30_000);

/**
 * Ranks a request by the latency histograms of one hour: one grouped query per histogram that rules use, or Istio's
 * without rules. The hour is the last one, for an older request the one that ends with it, and for a request in a breach
 * the one before that, where there is data of it.
 */
export function createRankRequest({
  metrics,
  rules,
  clock,
}: {
  readonly metrics: Pick<MetricsSource, 'instant'>;
  readonly rules: () => Pick<RuleSet, 'objectives'>;
  readonly clock: Clock;
}): RankRequest {
  return async (request, signal) => {
    const { spans } = request;
    const [usual, ...beforeBreach] = hoursOf(request);
    const queries = familiesOf(rules()).map((family) => ({ family, expr: queryOf(family, spans) }));
    const rowsAt = async (at: EpochMs, either: AbortSignal): Promise<readonly ServicePercentile[]> => {
      const histograms = await Promise.all(
        queries.map(async ({ family, expr }) => ({
          family,
          samples: expr === undefined ? [] : await metrics.instant({ expr, at }, either),
        })),
      );
      return spans.flatMap((span) => rankOf(span, histograms) ?? []);
    };
    try {
      return await withDeadline(
        { clock, duration: DEADLINE, system: 'prometheus', signal },
        async (either): Promise<PercentileRanks> => {
          for (const { period, at } of beforeBreach) {
            const rows = await rowsAt(at, either);
            if (rows.length > 0) return { period, rows, notices: [] };
          }
          return { period: usual.period, rows: await rowsAt(usual.at, either), notices: [] };
        },
      );
    } catch (error) {
      if (!(error instanceof UpstreamError)) throw error;
      return { period: usual.period, rows: [], notices: [`No percentile rank: ${error.message}`] };
    }
  };
}

interface HourToRank {
  readonly period: PercentileRanks['period'];
  /** Its end. */
  readonly at: EpochMs;
}

/** The hour that a request is usually compared with, and the one before the breach that it is part of. */
function hoursOf({
  ended,
  now,
  breachStart,
}: RequestToRank): readonly [HourToRank, ...(readonly HourToRank[])] {
  const usual: HourToRank =
    between(ended, now) < WINDOW
      ? { period: 'last-hour', at: now }
      : { period: 'before-end', at: epochMs(Math.min(now, ended + SCRAPED_AFTER)) };
  return breachStart === undefined || breachStart >= ended
    ? [usual]
    : [usual, { period: 'before-breach', at: breachStart }];
}

function familiesOf({ objectives }: Pick<RuleSet, 'objectives'>): readonly LatencyFamily[] {
  const found = new Map(objectives.map(({ family }) => [`${family.metric}{${family.selector}}`, family]));
  return found.size === 0 ? [PRESETS.istio.family] : [...found.values()];
}

/** The labels of a mesh's histogram for the workload that a span's service is named after, without their prefix. */
const MESH = { service: 'canonical_service', namespace: 'workload_namespace' } as const;

/** Whether it is Istio's histogram, with a series for each end of a call. */
const isOfMesh = ({ serviceLabel }: LatencyFamily): boolean => serviceLabel.startsWith('destination_');

/** Istio names a span's service `<app>.<namespace>`; its proxies may also record both as attributes. */
function identityOf({ service, canonicalService, namespace }: ServerSpan): {
  readonly name: string;
  readonly namespace: string | undefined;
} {
  if (canonicalService !== undefined) return { name: canonicalService, namespace };
  const [name = service, ...rest] = service.split('.');
  return { name, namespace: rest[0] };
}

/** A gateway is never a destination: its measurements are in the series of its own calls. */
const sideOf = ({ measuredBy }: ServerSpan): 'source' | 'destination' =>
  measuredBy === 'gateway' ? 'source' : 'destination';

function queryOf(family: LatencyFamily, spans: readonly ServerSpan[]): string | undefined {
  if (spans.length === 0) return undefined;
  if (!isOfMesh(family)) {
    const names = [...new Set(spans.map(({ service }) => service))];
    return bucketRatesBy(family, {
      window: WINDOW,
      by: [family.serviceLabel],
      matchers: [anyOfMatcher(family.serviceLabel, names)],
    });
  }
  const sides = (['destination', 'source'] as const).flatMap((side) => {
    const ofSide = spans.filter((span) => sideOf(span) === side);
    const names = [...new Set(ofSide.map((span) => identityOf(span).name))];
    if (names.length === 0) return [];
    const label = `${side}_${MESH.service}`;
    return [
      bucketRatesBy(side === 'source' ? atSource(family) : family, {
        window: WINDOW,
        by: [label, `${side}_${MESH.namespace}`],
        matchers: [anyOfMatcher(label, names)],
      }),
    ];
  });
  return sides.join(' or ');
}

interface HistogramSamples {
  readonly family: LatencyFamily;
  readonly samples: readonly Sample[];
}

/** By the first histogram with data of the service; undefined when there is none. */
function rankOf(span: ServerSpan, histograms: readonly HistogramSamples[]): ServicePercentile | undefined {
  for (const histogram of histograms) {
    const { family } = histogram;
    const scale = family.unit === 's' ? 1_000 : 1;
    const buckets = bucketsFor(span, histogram);
    const rank = histogramRank(toMs(span.duration) / scale, buckets);
    if (rank === undefined) continue;
    const { service, duration, spans } = span;
    return {
      service,
      duration,
      spans,
      atLeast: rank.atLeast,
      atMost: rank.atMost,
      low: inMs(family, rank.low),
      high: rank.high === undefined ? undefined : inMs(family, rank.high),
      medianUpTo: estimateOf(family, 0.5, buckets)?.high,
      requests: Math.round(rank.total * (WINDOW / 1_000)),
      side: isOfMesh(family) ? sideOf(span) : 'destination',
      isOwnSpan: isOfMesh(family) && span.measuredBy === 'application',
    };
  }
  return undefined;
}

/** A name without a namespace only counts when it is unique. */
function bucketsFor(span: ServerSpan, { family, samples }: HistogramSamples): readonly Bucket[] {
  if (!isOfMesh(family)) {
    return bucketsOf(samples.filter(({ labels }) => labels[family.serviceLabel] === span.service));
  }
  const side = sideOf(span);
  const { name, namespace } = identityOf(span);
  const namespaceOf = ({ labels }: Sample): string => labels[`${side}_${MESH.namespace}`] ?? '';
  const named = samples.filter(({ labels }) => labels[`${side}_${MESH.service}`] === name);
  const own = namespace === undefined ? named : named.filter((sample) => namespaceOf(sample) === namespace);
  return new Set(own.map(namespaceOf)).size > 1 ? [] : bucketsOf(own);
}
