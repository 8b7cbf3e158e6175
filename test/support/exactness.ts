import type { StorageKind } from '../../demo/jaeger/storage.ts';
import { createRandom, type Random } from '../../demo/mesh/random.ts';
import { createJaegerTraceSource } from '../../src/jaeger/jaeger-trace-source.ts';
import { epochMs, type TimeWindow } from '../../src/lib/units.ts';
import { createFindSlowest, type SlowestResult } from '../../src/traces/find-slowest.ts';
import { createSimulatedJaeger, type SimulatedTrace } from './simulated-jaeger.ts';
import { createVirtualClock } from './virtual-clock.ts';

/** An hour that is not a full one: Cassandra's buckets reach beyond it on both sides. */
const WINDOW: TimeWindow = {
  start: epochMs(Date.UTC(2026, 10, 20, 11, 20, 0, 250)),
  end: epochMs(Date.UTC(2026, 10, 20, 12, 20, 0, 750)),
};
const MINUTE = 60_000_000;

/** How long the requests of a population take, by how far in the window they begin (0 to 1). */
const SHAPES: Readonly<Record<string, (random: Random, at: number) => number>> = {
  ordinary: (random) => random.logNormal(80_000, 0.8),
  'an incident': (random, at) => random.logNormal(80_000, 0.5) * (at > 0.4 && at < 0.45 ? 20 : 1),
  'slower and slower': (random, at) => random.logNormal(40_000, 0.6) * (1 + 5 * at),
  'faster and faster': (random, at) => random.logNormal(40_000, 0.6) * (6 - 5 * at),
  'whole tens of milliseconds': (random) => Math.ceil(random.logNormal(8, 0.6)) * 10_000,
  'a timeout that many reach': (random) => Math.min(250_000, random.logNormal(120_000, 0.8)),
};

/** Traces of an hour and half an hour around it; some wait for a slower caller of their own or another service. */
function populationOf(count: number, shape: string, random: Random): readonly SimulatedTrace[] {
  const [from, to] = [WINDOW.start * 1_000 - 30 * MINUTE, WINDOW.end * 1_000 + 30 * MINUTE];
  const durationOf = SHAPES[shape] ?? (() => 0);
  return Array.from({ length: count }, () => {
    const at = random.next();
    const own = Math.max(1, Math.round(durationOf(random, at)));
    return {
      start: Math.floor(from + at * (to - from)),
      own,
      // Now and then a call that is not waited for outlasts the request.
      client: random.next() < 0.5 ? 0 : Math.round(own * (random.next() < 0.001 ? 3 : 0.6)),
      other: Math.round(random.next() < 0.000_5 ? own * 10 : own * 0.5),
    };
  });
}

const COUNT = 5;

/** What brute force finds: the server spans that begin in the window, longest first. */
const bruteForce = (population: readonly SimulatedTrace[]): readonly number[] =>
  population
    .filter(({ start }) => start >= WINDOW.start * 1_000 && start <= WINDOW.end * 1_000)
    .map(({ own }) => own)
    .sort((a, b) => b - a)
    .slice(0, COUNT);

/** One search on one population. */
export interface Trial {
  readonly behaviour: StorageKind;
  readonly seed: number;
  readonly shape: string;
  readonly count: number;
  readonly result: SlowestResult;
  readonly moved: number;
  readonly expected: readonly number[];
}

export interface ExactnessOptions {
  readonly behaviours: readonly StorageKind[];
  readonly runs: number;
  /** 10 unless given. */
  readonly minCount?: number;
  readonly maxCount: number;
  readonly seed: number;
  /** Traces per search. */
  readonly limit: number;
}

/** Populations of `minCount` to `maxCount` traces, each size as likely as one ten times as large. */
export async function* trials(options: ExactnessOptions): AsyncGenerator<Trial> {
  const { behaviours, runs, minCount = 10, maxCount, seed, limit } = options;
  const shapes = Object.keys(SHAPES);
  for (let run = 0; run < runs; run++) {
    const random = createRandom(seed + run);
    const count = Math.round(minCount * (maxCount / minCount) ** random.next());
    const shape = shapes[run % shapes.length] ?? '';
    const population = populationOf(count, shape, random);
    const expected = bruteForce(population);
    for (const behaviour of behaviours) {
      const jaeger = createSimulatedJaeger(population, { behaviour, random });
      const traces = createJaegerTraceSource({ http: jaeger.http });
      const clock = createVirtualClock(epochMs(WINDOW.end + 300_000));
      const find = createFindSlowest({ traces, clock, limit });
      const result = await find({ service: 'checkout', window: WINDOW, count: COUNT });
      yield { behaviour, seed: seed + run, shape, count, result, moved: jaeger.moved(), expected };
    }
  }
}

/** Every storage that the bot is meant for. */
export const STORAGES: readonly StorageKind[] = [
  'memory',
  'clickhouse',
  'elasticsearch',
  'badger',
  'cassandra',
  'tempo',
  'victoria-traces',
];
