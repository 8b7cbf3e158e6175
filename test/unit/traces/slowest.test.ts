import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { epochMs, type TimeWindow, us } from '../../../src/lib/units.ts';
import {
  absorb,
  isComplete,
  nextSearch,
  type RankedTrace,
  type SlowestState,
  slowestOf,
  startSlowest,
} from '../../../src/traces/slowest.ts';
import { runsOf } from '../../support/runs.ts';

/** A trace as the backend has it: when its span starts, what it is found by, and what it is ranked by. */
interface Stored {
  readonly traceId: string;
  readonly startUs: number;
  /** Longest matching span: what the backend's duration filter sees. */
  readonly longest: number;
  /** At most `longest`. */
  readonly rank: number;
}

const inside = ({ start, end }: TimeWindow, { startUs }: Stored): boolean =>
  startUs >= start * 1_000 && startUs <= end * 1_000;

/** Picks an arbitrary subset: `order` shuffles the population before the limit cuts it. */
function run(
  population: readonly Stored[],
  options: {
    k: number;
    limit: number;
    order: readonly number[];
    budget: number;
    floor?: number;
    window: TimeWindow;
  },
) {
  let state: SlowestState<RankedTrace> = startSlowest({
    count: options.k,
    window: options.window,
    floor: us(options.floor ?? 0),
  });
  for (let ask = nextSearch(state); ask !== undefined; ask = nextSearch(state)) {
    if (state.searches === options.budget) break;
    const { window, minDuration, widening } = ask;
    const limit = options.limit * widening;
    const salt = options.order[state.searches % options.order.length] ?? 0;
    const matching = population
      .filter((stored) => inside(window, stored) && stored.longest >= minDuration)
      .map((stored, i) => ({ stored, key: ((i + 1) * 2_654_435_761 * (salt + 1)) % 4_294_967_291 }))
      .sort((a, b) => a.key - b.key)
      .map(({ stored }) => stored);
    const given = matching.slice(0, limit);
    state = absorb(state, {
      ranked: given.map(({ traceId, rank }) => ({ traceId, duration: us(rank) })),
      received: given.length,
      isComplete: given.length < limit,
    });
  }
  return state;
}

const bruteForce = (population: readonly Stored[], k: number, floor = 0): readonly number[] =>
  population
    .map(({ rank }) => rank)
    .filter((rank) => rank >= floor)
    .sort((a, b) => b - a)
    .slice(0, k);

const durationsOf = (state: SlowestState<RankedTrace>): readonly number[] =>
  slowestOf(state).map(({ duration }) => duration);

const window: TimeWindow = { start: epochMs(1_000_000), end: epochMs(1_600_000) };
const span = (window.end - window.start) * 1_000;

/** Many durations are equal, as when timeouts clip them; some client spans outlast the server span. */
const storedArbitrary = fc.record({
  at: fc.integer({ min: 0, max: span }),
  rank: fc.oneof(
    fc.integer({ min: 0, max: 2_000_000 }),
    fc.constantFrom(30_000, 250_000, 250_001, 1_000_000),
  ),
  extra: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.integer({ min: 0, max: 500_000 })),
});

const populationArbitrary = (max: number) =>
  fc.array(storedArbitrary, { maxLength: max }).map((items) =>
    items.map(
      ({ at, rank, extra }, i): Stored => ({
        traceId: i.toString(16).padStart(32, '0'),
        startUs: window.start * 1_000 + at,
        longest: rank + extra,
        rank,
      }),
    ),
  );

describe('the rising threshold', () => {
  it('equals brute force whenever it is complete, whatever subset the backend returns', () => {
    let proven = 0;
    let searches = 0;
    fc.assert(
      fc.property(
        populationArbitrary(400),
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 0, max: 40 }),
        fc.array(fc.nat(1_000), { minLength: 1, maxLength: 8 }),
        fc.constantFrom(0, 0, 200_000),
        (population, k, more, order, floor) => {
          const state = run(population, { k, limit: k + more, order, budget: 200, floor, window });
          if (!isComplete(state)) return;
          proven += 1;
          searches += state.searches;
          expect(durationsOf(state)).toEqual(bruteForce(population, k, floor));
          // What the completeness counts: everything from there on was seen.
          const known = state.seen.filter(({ duration }) => duration >= state.completeFrom).length;
          expect(known).toBe(
            population.filter(({ rank }) => rank >= Math.max(floor, state.completeFrom)).length,
          );
        },
      ),
      { numRuns: runsOf(300) },
    );
    expect(proven).toBeGreaterThan(runsOf(300) * 0.96);
    expect(searches / proven).toBeLessThan(12);
  });

  it('finds what brute force finds at a limit as small as what is wanted, given time', () => {
    fc.assert(
      fc.property(
        populationArbitrary(120),
        fc.integer({ min: 1, max: 5 }),
        fc.nat(1_000),
        (population, k, salt) => {
          const state = run(population, { k, limit: k, order: [salt, salt + 7], budget: 2_000, window });
          if (isComplete(state)) expect(durationsOf(state)).toEqual(bruteForce(population, k));
        },
      ),
      { numRuns: runsOf(200) },
    );
  });

  const logNormal = (count: number): readonly Stored[] => {
    let seed = 42;
    const random = (): number => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
      return (seed + 0.5) / 2_147_483_648;
    };
    return Array.from({ length: count }, (_, i) => {
      const normal = Math.sqrt(-2 * Math.log(random())) * Math.cos(2 * Math.PI * random());
      const rank = Math.round(80_000 * Math.exp(0.7 * normal));
      return {
        traceId: String(i),
        startUs: window.start * 1_000 + Math.floor(random() * span),
        longest: rank,
        rank,
      };
    });
  };

  it.each([
    [2_000, 8],
    [50_000, 10],
  ])('needs few searches in %d ordinary traces: at most %d', (count, most) => {
    const population = logNormal(count);
    const state = run(population, { k: 5, limit: 40, order: [1, 2, 3, 4, 5], budget: 16, window });
    expect(isComplete(state)).toBe(true);
    expect(durationsOf(state)).toEqual(bruteForce(population, 5));
    expect(state.searches).toBeLessThanOrEqual(most);
  });

  const cases: Readonly<Record<string, { population: readonly Stored[]; k: number; proven: boolean }>> = {
    'nothing at all is complete after one search': { population: [], k: 5, proven: true },
    'fewer than wanted is complete after one search': { population: logNormal(3), k: 5, proven: true },
    'all of one duration, more than a search gives': {
      population: logNormal(500).map((stored) => ({ ...stored, longest: 1_000, rank: 1_000 })),
      k: 5,
      proven: true,
    },
    'more than a search gives in one millisecond, found by longer client spans only': {
      population: logNormal(600).map((stored) => ({
        ...stored,
        startUs: window.start * 1_000 + 5,
        longest: 9_000_000,
        rank: 10,
      })),
      k: 5,
      proven: false,
    },
  };
  it.each(Object.entries(cases))('%s', (_, { population, k, proven }) => {
    const state = run(population, { k, limit: 40, order: [3], budget: 400, window });
    expect(isComplete(state)).toBe(proven);
    expect(durationsOf(state)).toEqual(bruteForce(population, k));
  });

  it('raises the limit when answers are full of traces that do not match, instead of splitting the window', () => {
    // A third of the traces are found by a client span that outlasts every server span.
    const population = logNormal(300).map((stored, i) =>
      i % 3 === 0 ? { ...stored, longest: 90_000_000 } : stored,
    );
    const state = run(population, { k: 5, limit: 40, order: [2, 4], budget: 100, window });
    expect(isComplete(state)).toBe(true);
    expect(durationsOf(state)).toEqual(bruteForce(population, 5));
    expect(state.searches).toBeLessThanOrEqual(8);
    expect(state.widening).toBeGreaterThan(1);
  });

  it('raises the limit while the threshold rises, since few matches make it rise slowly', () => {
    // One in two hundred waits for another service's span ten times as long, which is all that Badger looks at.
    const population = logNormal(50_000).map((stored, i) =>
      i % 200 === 0 ? { ...stored, longest: stored.rank * 10 } : stored,
    );
    const state = run(population, { k: 5, limit: 20, order: [2, 4, 6, 8, 10], budget: 100, window });
    expect(isComplete(state)).toBe(true);
    expect(durationsOf(state)).toEqual(bruteForce(population, 5));
    expect(state.searches).toBeLessThanOrEqual(8);
  });

  it('does not lose a span that starts between the last microsecond of one half and the first of the other', () => {
    const middle = 1_300_000;
    const population = [
      ...logNormal(200),
      { traceId: 'edge', startUs: middle * 1_000 + 500, longest: 90_000_000, rank: 90_000_000 },
    ];
    const state = run(population, { k: 1, limit: 1, order: [1, 5, 9], budget: 5_000, window });
    expect(isComplete(state)).toBe(true);
    expect(slowestOf(state)[0]?.traceId).toBe('edge');
  });

  it('searches from the threshold again when it jumped too high', () => {
    const all = [100, 90, 80, 70, 60, 50, 40, 30, 20, 10].map((rank, n) => ({
      traceId: String(n),
      duration: us(rank),
    }));
    const from = (min: number) => all.filter(({ duration }) => duration >= min);
    let state = startSlowest<RankedTrace>({ count: 4, window, floor: us(0) });
    // Cut: four arbitrary ones, the second best of which took 60.
    state = absorb(state, { ranked: [all[0]!, all[4]!, all[7]!, all[9]!], received: 4, isComplete: false });
    expect(nextSearch(state)?.minDuration).toBe(60);
    state = absorb(state, { ranked: from(60), received: 3, isComplete: true });
    expect(isComplete(state)).toBe(true);
    expect(slowestOf(state).map(({ duration }) => duration)).toEqual([100, 90, 80, 70]);

    let other = startSlowest<RankedTrace>({ count: 4, window, floor: us(0) });
    other = absorb(other, { ranked: [all[0]!, all[1]!, all[8]!, all[9]!], received: 4, isComplete: false });
    expect(nextSearch(other)?.minDuration).toBe(90);
    other = absorb(other, { ranked: from(90), received: 2, isComplete: true });
    expect(isComplete(other)).toBe(false);
    expect(nextSearch(other)).toMatchObject({ window, minDuration: 11 });
    other = absorb(other, { ranked: from(11), received: 3, isComplete: true });
    expect(isComplete(other)).toBe(true);
    expect(slowestOf(other).map(({ duration }) => duration)).toEqual([100, 90, 80, 70]);
  });

  it('stays complete when nothing is open: a late answer changes nothing', () => {
    const state = run([], { k: 1, limit: 2, order: [0], budget: 5, window });
    expect(
      absorb(state, { ranked: [{ traceId: 'x', duration: us(5) }], received: 1, isComplete: true }),
    ).toBe(state);
  });
});
