import { atSource } from '../latency/breakdown.ts';
import { bucketsOf, inMs } from '../latency/figures.ts';
import type { Clock } from '../lib/clock.ts';
import { withDeadline } from '../lib/deadline.ts';
import { UpstreamError } from '../lib/errors.ts';
import { type Bucket, histogramRank } from '../lib/histogram.ts';
import type { Labels } from '../lib/labels.ts';
import type { MetricsSource } from '../lib/metrics-source.ts';
import { between, type EpochMs, HOUR, type Microseconds, type Milliseconds, ms, toMs } from '../lib/units.ts';
import type { RuleSet } from '../rules/file/rule-file.ts';
import { PRESETS } from '../rules/presets.ts';
import { anyOfMatcher } from '../rules/promql.ts';
import { bucketRatesBy } from '../rules/queries.ts';
import type { LatencyFamily } from '../rules/rule.ts';
import type { ServerSpan } from './server-spans.ts';

/** Tells where requests stand among the others of their services. Never throws for what Prometheus answers. */
export type RankRequest = (
  asked: { readonly spans: readonly ServerSpan[]; readonly ended: EpochMs; readonly now: EpochMs },
  signal?: AbortSignal,
) => Promise<PercentileRanks>;

/** What holding a request against all others of its services needs. */
export interface RankRequestOptions {
  readonly metrics: Pick<MetricsSource, 'instant'>;
  readonly rules: () => Pick<RuleSet, 'objectives'>;
  readonly clock: Clock;
  /** An answer waits for this no longer. 2.5 s unless given. */
  readonly deadline?: Milliseconds;
}

const WINDOW = HOUR;
const DEFAULT_DEADLINE = ms(2_500);
/** The request itself is in the histogram after the scrape that follows its end. */
const SCRAPED = ms(30_000);

/**
 * Looks every service of a request up in the latency histogram of an hour: one grouped query for each histogram that
 * rules use, Istio's without rules. The hour is the last one, or for an older request the one that ends with it.
 */
export function createRankRequest(options: RankRequestOptions): RankRequest {
  const { metrics, rules, clock, deadline: duration = DEFAULT_DEADLINE } = options;
  return async ({ spans, ended, now }, signal) => {
    const isRecent = between(ended, now) < WINDOW;
    const at = isRecent ? now : (Math.min(now, ended + SCRAPED) as EpochMs);
    const nothing: PercentileRanks = { isRecent, rows: [], notices: [] };
    const asked = familiesOf(rules()).map((family) => ({ family, expr: questionOf(family, spans) }));
    try {
      const answers = await withDeadline({ clock, duration, system: 'prometheus', signal }, (either) =>
        Promise.all(
          asked.map(async ({ family, expr }) => ({
            family,
            samples: expr === undefined ? [] : await metrics.instant({ expr, at }, either),
          })),
        ),
      );
      return { ...nothing, rows: spans.flatMap((span) => percentilesOf(span, answers) ?? []) };
    } catch (error) {
      if (!(error instanceof UpstreamError)) throw error;
      return {
        ...nothing,
        notices: [`Where it stands among other requests is not known: ${error.message}`],
      };
    }
  };
}

function familiesOf({ objectives }: Pick<RuleSet, 'objectives'>): readonly LatencyFamily[] {
  const found = new Map(objectives.map(({ family }) => [`${family.metric}{${family.selector}}`, family]));
  return found.size === 0 ? [PRESETS.istio.family] : [...found.values()];
}

/** How a mesh's histogram names a service: by its workload, which is what a span's service is named after. */
const MESH = { service: 'canonical_service', namespace: 'workload_namespace' } as const;

/** Whether it is Istio's, with a series for each end of a call. */
const isOfMesh = ({ serviceLabel }: LatencyFamily): boolean => serviceLabel.startsWith('destination_');

/** Istio joins app label and namespace for a span's service, unless its proxy says both. */
function identityOf({ service, canonicalService, namespace }: ServerSpan): {
  readonly name: string;
  readonly namespace: string | undefined;
} {
  if (canonicalService !== undefined) return { name: canonicalService, namespace };
  const [name = service, ...rest] = service.split('.');
  return { name, namespace: rest[0] };
}

/** A gateway is nobody's destination: what it measured is in the series of the calls it made. */
const sideOf = ({ measuredBy }: ServerSpan): 'source' | 'destination' =>
  measuredBy === 'gateway' ? 'source' : 'destination';

function questionOf(family: LatencyFamily, spans: readonly ServerSpan[]): string | undefined {
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
    const names = [
      ...new Set(spans.filter((span) => sideOf(span) === side).map((span) => identityOf(span).name)),
    ];
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

interface AnswerOf {
  readonly family: LatencyFamily;
  readonly samples: Awaited<ReturnType<MetricsSource['instant']>>;
}

/** Where the first histogram that knows the service puts it; undefined when none does. */
function percentilesOf(span: ServerSpan, answers: readonly AnswerOf[]): ServicePercentile | undefined {
  for (const { family, samples } of answers) {
    const buckets = bucketsFor(span, family, samples);
    const scale = family.unit === 's' ? 1_000 : 1;
    const rank = histogramRank(toMs(span.duration) / scale, buckets);
    if (rank === undefined) continue;
    return {
      service: span.service,
      duration: span.duration,
      spans: span.spans,
      atLeast: rank.atLeast,
      atMost: rank.atMost,
      low: inMs(family, rank.low),
      high: rank.high === undefined ? undefined : inMs(family, rank.high),
      requests: Math.round(rank.total * (WINDOW / 1_000)),
      side: isOfMesh(family) ? sideOf(span) : 'destination',
      isOwnSpan: isOfMesh(family) && span.measuredBy === 'application',
    };
  }
  return undefined;
}

/** A name without a namespace counts only where it is no other's as well. */
function bucketsFor(
  span: ServerSpan,
  family: LatencyFamily,
  samples: AnswerOf['samples'],
): readonly Bucket[] {
  if (!isOfMesh(family))
    return bucketsOf(samples.filter(({ labels }) => labels[family.serviceLabel] === span.service));
  const side = sideOf(span);
  const { name, namespace } = identityOf(span);
  const namespaceOf = (labels: Labels): string => labels[`${side}_${MESH.namespace}`] ?? '';
  const named = samples.filter(({ labels }) => labels[`${side}_${MESH.service}`] === name);
  const own =
    namespace === undefined ? named : named.filter(({ labels }) => namespaceOf(labels) === namespace);
  return new Set(own.map(({ labels }) => namespaceOf(labels))).size > 1 ? [] : bucketsOf(own);
}

/** Where a request stands among all of one service, as that service's latency histogram knows it: between two shares. */
export interface ServicePercentile {
  readonly service: string;
  readonly duration: Microseconds;
  /** How many spans the service has on the way; the longest is the one that is placed. */
  readonly spans: number;
  /** The shares of requests that were faster: certainly, and at most. */
  readonly atLeast: number;
  readonly atMost: number;
  /** The bucket that the duration falls into; `high` is absent above the highest bound. */
  readonly low: Milliseconds;
  readonly high?: Milliseconds;
  /** Among how many requests, about. */
  readonly requests: number;
  /** `source`: as a gateway measured its own calls, since nobody measures it as a destination. */
  readonly side: 'source' | 'destination';
  /** The span is the application's own, and the histogram its proxy's: a little longer than what is compared with it. */
  readonly isOwnSpan: boolean;
}

/** Where a request stands at each service of its critical path, from the outside in. */
export interface PercentileRanks {
  /** Compared with the last hour; otherwise with the hour up to the request's end. */
  readonly isRecent: boolean;
  /** Services whose latency is not measured are left out. */
  readonly rows: readonly ServicePercentile[];
  /** Why nothing is known, when Prometheus did not answer. */
  readonly notices: readonly string[];
}
