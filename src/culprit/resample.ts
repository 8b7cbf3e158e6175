import type { Steps } from '../lib/concurrency.ts';
import type { Sets } from './result.ts';
import type { CohortComparison } from './score.ts';

export const RESAMPLES = 50;
/** Cells of the table of a resample that take as long as a span. */
const CELLS_A_SPAN = 100;

/** A seeded generator of numbers from 0 to 1 (mulberry32, Tommy Ettinger, public domain). */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** How often each of `size` traces is drawn in `size` draws. */
function drawWeights(size: number, random: () => number): Uint16Array {
  const weights = new Uint16Array(size);
  for (let i = 0; i < size; i++) {
    const drawn = Math.floor(random() * size);
    weights[drawn] = (weights[drawn] ?? 0) + 1;
  }
  return weights;
}

/**
 * In how many of 50 bootstrap resamples each condition holds (Efron 1979): traces are drawn from each set, with replacement. The
 * generator is seeded: the same traces give the same count.
 */
export function* countHolding(
  { comparer, slow, normal, comparison }: Pick<Sets, 'comparer' | 'slow' | 'normal' | 'comparison'>,
  conditions: readonly ((comparison: CohortComparison) => boolean)[],
): Steps<readonly number[]> {
  const random = randomOf(slow.length * 1_000 + normal.length);
  const counts = conditions.map(() => 0);
  for (let i = 0; i < RESAMPLES; i++) {
    yield (comparison.deltas.length * (slow.length + normal.length)) / CELLS_A_SPAN;
    const weights = { slow: drawWeights(slow.length, random), normal: drawWeights(normal.length, random) };
    const resampled = comparer.compare(weights);
    conditions.forEach((holds, each) => {
      if (holds(resampled)) counts[each] = (counts[each] ?? 0) + 1;
    });
  }
  return counts;
}
