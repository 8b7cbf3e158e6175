import type { Clock } from '../lib/clock.ts';
import { withDeadline } from '../lib/deadline.ts';
import { UpstreamError } from '../lib/errors.ts';
import type { MetricsSource } from '../lib/metrics-source.ts';
import { type EpochMs, type Milliseconds, ms, type Ratio, ratio } from '../lib/units.ts';

/**
 * Envoy's own counters of tracing decisions, one per reason and request (conn_manager_impl.cc, chargeTracingStats). Istio's proxies
 * export them when `proxyStatsMatcher` includes them; by default they do not, and then the share is not known.
 */
const TRACED = ['random_sampling', 'service_forced', 'client_enabled'] as const;
const NOT_TRACED = 'not_traceable';

/** One missing counter is no decision of its sort; all missing, and the fraction is 0/0, which is no share. */
const rateOf = (reasons: readonly string[]): string =>
  reasons.map((reason) => `(sum(rate(envoy_http_tracing_${reason}[1h])) or vector(0))`).join(' + ');

const SHARE = `(${rateOf(TRACED)}) / (${rateOf([...TRACED, NOT_TRACED])})`;
/** It is one sentence of an answer. */
const DEADLINE: Milliseconds = ms(2_000);

/** The share of the last hour's requests that the proxies decided to trace; undefined when their metrics do not tell. */
export function createSampledShare(options: {
  readonly metrics: Pick<MetricsSource, 'instant'>;
  readonly clock: Clock;
}): (now: EpochMs, signal?: AbortSignal) => Promise<Ratio | undefined> {
  const { metrics, clock } = options;
  return async (now, signal) => {
    try {
      const samples = await withDeadline(
        { clock, duration: DEADLINE, system: 'prometheus', signal },
        (either) => metrics.instant({ expr: SHARE, at: now }, either),
      );
      const share = samples[0]?.value ?? Number.NaN;
      return share >= 0 && share <= 1 ? ratio(share) : undefined;
    } catch (error) {
      if (error instanceof UpstreamError) return undefined;
      throw error;
    }
  };
}
