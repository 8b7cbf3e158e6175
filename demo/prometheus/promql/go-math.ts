/** The places where Go's math package, which Prometheus calculates with, and JavaScript's Math disagree. */

/** Go: 1 to any power and any base to the power 0 is 1; JavaScript says NaN for `1 ** NaN` and `1 ** Infinity`. */
export function pow(base: number, exponent: number): number {
  if (base === 1) return 1;
  if (base === -1 && Math.abs(exponent) === Infinity) return 1;
  return base ** exponent;
}

/** Go: +Inf wins over NaN. */
export const max = (a: number, b: number): number =>
  a === Infinity || b === Infinity ? Infinity : Math.max(a, b);

/** Go: -Inf wins over NaN. */
export const min = (a: number, b: number): number =>
  a === -Infinity || b === -Infinity ? -Infinity : Math.min(a, b);

/** A sum that carries its rounding error along (Kahan's method in Neumaier's form), as Prometheus 3 adds. */
export interface CompensatedSum {
  sum: number;
  error: number;
}

export function add(total: CompensatedSum, value: number): void {
  const next = total.sum + value;
  if (Math.abs(next) === Infinity) total.error = 0;
  else if (Math.abs(total.sum) >= Math.abs(value)) total.error += total.sum - next + value;
  else total.error += value - next + total.sum;
  total.sum = next;
}

export const totalOf = ({ sum, error }: CompensatedSum): number => sum + error;

/** A stretch of numbers: the indexes from `from` up to `to` (exclusive). */
export interface Stretch {
  readonly values: ArrayLike<number>;
  readonly from: number;
  readonly to: number;
}

/** The arithmetic mean with compensation; of values whose plain sum overflows, the moving mean. */
export function mean(stretch: Stretch): number {
  const { values, from, to } = stretch;
  const total: CompensatedSum = { sum: 0, error: 0 };
  for (let i = from; i < to; i++) add(total, values[i] as number);
  return Number.isFinite(total.sum) ? totalOf(total) / (to - from) : movingMean(stretch, true);
}

/** The mean found by moving it towards each value in turn, which does not overflow. */
export function movingMean({ values, from, to }: Stretch, compensated: boolean): number {
  const moving: CompensatedSum = { sum: values[from] as number, error: 0 };
  for (let i = from + 1; i < to; i++) {
    const value = values[i] as number;
    const count = i - from + 1;
    // An infinite mean stays as it is, whatever finite value or equal infinity comes: subtracting would make it NaN.
    if (Math.abs(moving.sum) === Infinity && (Number.isFinite(value) || value === moving.sum)) continue;
    const change = value / count - moving.sum / count;
    if (compensated) add(moving, change);
    else moving.sum += change;
  }
  return totalOf(moving);
}
