/** Natural logarithms of factorials, extended as they are needed. */
const logFactorials: number[] = [0];

function logFactorial(n: number): number {
  for (let i = logFactorials.length; i <= n; i++)
    logFactorials.push((logFactorials[i - 1] ?? 0) + Math.log(i));
  return logFactorials[n] ?? 0;
}

const logChoose = (n: number, k: number): number => logFactorial(n) - logFactorial(k) - logFactorial(n - k);

/** How often something was seen in two sets. */
export interface SeenInTwo {
  readonly a: number;
  readonly ofA: number;
  readonly b: number;
  readonly ofB: number;
}

/**
 * The probability of seeing something at least this much more often in set A than in set B by chance: Fisher's exact test, one
 * sided.
 *
 *              with   without
 *     set A     a      ofA - a
 *     set B     b      ofB - b
 */
export function fisherExact({ a, ofA, b, ofB }: SeenInTwo): number {
  const seen = a + b;
  const all = logChoose(ofA + ofB, seen);
  let sum = 0;
  for (let x = a; x <= Math.min(seen, ofA); x++)
    if (seen - x <= ofB) sum += Math.exp(logChoose(ofA, x) + logChoose(ofB, seen - x) - all);
  return Math.min(1, sum);
}
