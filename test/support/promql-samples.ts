import type { WrittenSample } from './real-prometheus.ts';

/** A seeded source of chance (mulberry32): the same seed gives the same sequence everywhere. */
export interface Chance {
  /** A number in [0, 1). */
  next(): number;
  /** A whole number in [0, limit). */
  below(limit: number): number;
  pick<T>(values: readonly T[]): T;
  /** True with the given probability. */
  with(probability: number): boolean;
}

export function createChance(seed: number): Chance {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
  const below = (limit: number): number => Math.floor(next() * limit);
  return {
    next,
    below,
    pick: (values) => values[below(values.length)] as (typeof values)[number],
    with: (probability) => next() < probability,
  };
}

/** Envoy's default bounds, the buckets of Istio's latency histograms. */
const ISTIO_BOUNDS = [
  '0.5',
  '1',
  '5',
  '10',
  '25',
  '50',
  '100',
  '250',
  '500',
  '1000',
  '2500',
  '5000',
  '10000',
  '30000',
  '60000',
  '300000',
  '600000',
  '1800000',
  '3600000',
  '+Inf',
] as const;

/** Where the generated samples begin: a whole number of two-hour blocks, so that they lie in one block. */
export const FIRST = 1_700_006_400_000;
const SCRAPE = 15_000;
const SCRAPES = 200;
export const LAST = FIRST + SCRAPE * (SCRAPES - 1);

type LabelRecord = Readonly<Record<string, string>>;

/** The instants at which one target was scraped: jittered, with gaps, starting late or ending early at times. */
function scrapeTimes(chance: Chance): readonly number[] {
  const exact = chance.with(0.5);
  const begins = chance.with(0.2) ? chance.below(SCRAPES / 2) : 0;
  const ends = chance.with(0.2) ? SCRAPES - chance.below(SCRAPES / 3) : SCRAPES;
  const times: number[] = [];
  for (let i = begins; i < ends; i++) {
    if (chance.with(0.01)) i += chance.below(40);
    if (chance.with(0.03)) continue;
    times.push(FIRST + i * SCRAPE + (exact ? 0 : chance.below(900)));
  }
  return times;
}

function* counter(chance: Chance, labels: LabelRecord, times: readonly number[]): Generator<WrittenSample> {
  let value = chance.with(0.3) ? 0 : chance.below(100_000);
  for (const t of times) {
    value = chance.with(0.01) ? chance.below(20) : value + (chance.with(0.2) ? 0 : chance.below(400));
    yield { labels, t, value };
  }
}

function* gauge(chance: Chance, labels: LabelRecord, times: readonly number[]): Generator<WrittenSample> {
  let value = chance.next() * 1_000 - 300;
  for (const t of times) {
    value += (chance.next() - 0.5) * 50;
    yield { labels, t, value: chance.with(0.01) ? Number.NaN : value };
  }
}

function* level(chance: Chance, labels: LabelRecord, times: readonly number[]): Generator<WrittenSample> {
  for (const t of times) yield { labels, t, value: chance.below(6) };
}

function* histogram(chance: Chance, labels: LabelRecord, times: readonly number[]): Generator<WrittenSample> {
  const counts = ISTIO_BOUNDS.map(() => 0);
  const missing = chance.with(0.1) ? ISTIO_BOUNDS.length - 1 : -1;
  const series: WrittenSample[][] = ISTIO_BOUNDS.map(() => []);
  const totals: WrittenSample[] = [];
  const centre = 4 + chance.below(6);
  for (const t of times) {
    if (chance.with(0.008)) counts.fill(0);
    for (let n = chance.with(0.1) ? 0 : chance.below(30); n > 0; n--) {
      const bucket = Math.min(
        ISTIO_BOUNDS.length - 1,
        Math.max(0, centre + chance.below(5) - chance.below(5)),
      );
      counts[bucket] = (counts[bucket] as number) + 1;
    }
    let total = 0;
    ISTIO_BOUNDS.forEach((le, i) => {
      total += counts[i] as number;
      if (i !== missing)
        series[i]?.push({
          labels: { ...labels, __name__: `${labels['__name__']}_bucket`, le },
          t,
          value: total,
        });
    });
    totals.push({ labels: { ...labels, __name__: `${labels['__name__']}_count` }, t, value: total });
  }
  for (const samples of [...series, totals]) yield* samples;
}

/** Counters with resets, gauges with NaN, small levels, Istio histograms: a mesh's worth of series, every one with its own faults. */
export function* generateSamples(chance: Chance): Generator<WrittenSample> {
  for (const service of ['cart', 'checkout', 'payments', 'auth']) {
    for (const pod of ['a', 'b', 'c']) {
      const times = scrapeTimes(chance);
      for (const code of ['200', '404', '503']) {
        yield* counter(chance, { __name__: 'requests_total', service, pod, code }, times);
      }
      yield* gauge(chance, { __name__: 'memory_megabytes', service, pod }, times);
      yield* level(chance, { __name__: 'queue_depth', service, pod }, times);
    }
    const info = { __name__: 'service_info', service, version: chance.pick(['v1', 'v2']), team: 'shop' };
    for (const t of scrapeTimes(chance)) yield { labels: info, t, value: 1 };
    for (const reporter of ['source', 'destination']) {
      const labels = {
        __name__: 'istio_request_duration_milliseconds',
        destination_service_name: service,
        reporter,
      };
      yield* histogram(chance, labels, scrapeTimes(chance));
    }
  }
}
