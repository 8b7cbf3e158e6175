import type { Chance } from './promql-samples.ts';

/** Between scrapes of the generated mesh, in ms. */
export const SCRAPE = 15_000;

/** Some of Istio's bounds, in ms: enough for quantiles on either side of the objective's 500 ms. */
const BOUNDS = [25, 100, 250, 500, 1_000, 5_000, Number.POSITIVE_INFINITY] as const;

/** Requests to a service per scrape, and the share of them that is slower than 500 ms. */
export interface Traffic {
  readonly requests: number;
  readonly slow: number;
}

/** What a service's counters get at one scrape. Undefined: it is not scraped. */
export type TrafficAt = (scrape: number) => Traffic | 'restart' | undefined;

/** One series by its samples on the scrape grid; undefined where there is none. */
export interface GridSeries {
  readonly labels: Readonly<Record<string, string>>;
  readonly values: readonly (number | undefined)[];
}

/** How many of a scrape's requests are in each bucket, not cumulated: half under 25 ms, the slow ones between 500 ms and 5 s. */
function spread({ requests, slow }: Traffic): readonly number[] {
  const late = Math.round(requests * slow);
  const fast = requests - late;
  const half = Math.floor(fast / 2);
  const later = Math.floor(late / 3);
  return [half, fast - half, 0, 0, late - later, later, 0];
}

/** The latency histogram of one service as a sidecar exports it: cumulative buckets and the count, on the scrape grid. */
export function latencySeries(
  service: { readonly name: string; readonly le: (bound: number) => string },
  scrapes: number,
  traffic: TrafficAt,
): readonly GridSeries[] {
  const metric = 'istio_request_duration_milliseconds';
  const base = { reporter: 'destination', destination_service_name: service.name };
  const counts = BOUNDS.map(() => 0);
  const buckets: (number | undefined)[][] = BOUNDS.map(() => []);
  const total: (number | undefined)[] = [];
  for (let scrape = 0; scrape < scrapes; scrape++) {
    const now = traffic(scrape);
    if (now === 'restart') counts.fill(0);
    else if (now !== undefined) for (const [i, n] of spread(now).entries()) counts[i] = (counts[i] ?? 0) + n;
    let sum = 0;
    for (const [i, count] of counts.entries()) {
      sum += count;
      buckets[i]?.push(now === undefined ? undefined : sum);
    }
    total.push(now === undefined ? undefined : sum);
  }
  return [
    ...BOUNDS.map((bound, i) => ({
      labels: { __name__: `${metric}_bucket`, ...base, le: service.le(bound) },
      values: buckets[i] ?? [],
    })),
    { labels: { __name__: `${metric}_count`, ...base }, values: total },
  ];
}

/** Traffic that wanders: slow spells, quiet spells, counter resets, and gaps up to four minutes long. */
export function randomTraffic(chance: Chance): TrafficAt {
  let slow = 0;
  let gap = 0;
  let isQuiet = false;
  return () => {
    if (chance.with(0.08)) slow = chance.with(0.5) ? 0 : chance.pick([0.005, 0.01, 0.02, 0.3, 1]);
    if (chance.with(0.05)) isQuiet = chance.with(0.4);
    if (gap === 0 && chance.with(0.02)) gap = 1 + chance.below(16);
    if (gap > 0) {
      gap -= 1;
      return undefined;
    }
    if (chance.with(0.01)) return 'restart';
    return { requests: isQuiet ? 0 : 50 + chance.below(400), slow };
  };
}
