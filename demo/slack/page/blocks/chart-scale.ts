/** The marks of a value axis: evenly spaced round numbers, lowest first, that hold every value. */
export function axisMarks(values: readonly number[], wanted = 4): readonly number[] {
  const low = Math.min(0, ...values);
  // Without any height, one unit.
  const high = Math.max(0, ...values) || (low === 0 ? 1 : 0);
  const step = roundStep((high - low) / wanted);
  const first = Math.floor(low / step);
  const last = Math.max(Math.ceil(high / step), first + 1);
  // Counted in whole steps, so that 0.1 + 0.2 never shows as 0.30000000000000004.
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

/** The smallest of 1, 2, 2.5, 5, 10 times a power of ten that is not below `least`. */
function roundStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  return power * ([1, 2, 2.5, 5].find((factor) => factor * power >= least * 0.999) ?? 10);
}

/** A value as an axis shows it: thousands grouped, at most four significant digits below a thousand. */
export function axisLabel(value: number): string {
  return new Intl.NumberFormat('en-US', { maximumFractionDigits: Math.abs(value) >= 1_000 ? 0 : 3 }).format(
    value,
  );
}

/** Which of `count` category labels to write so that at most `most` stand under the axis; first and last are among them. */
export function labelledIndexes(count: number, most = 6): readonly number[] {
  if (count <= most) return Array.from({ length: count }, (_, i) => i);
  const gaps = most - 1;
  return Array.from({ length: most }, (_, i) => Math.round((i * (count - 1)) / gaps));
}
