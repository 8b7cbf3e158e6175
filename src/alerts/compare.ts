import type { Comparison } from '../rules/rule.ts';

const TESTS: Readonly<Record<Comparison, (value: number, bound: number) => boolean>> = {
  '>': (value, bound) => value > bound,
  '>=': (value, bound) => value >= bound,
  '<': (value, bound) => value < bound,
  '<=': (value, bound) => value <= bound,
  '==': (value, bound) => value === bound,
  '!=': (value, bound) => value !== bound,
};

/** Whether a value meets a comparison with a bound. NaN meets none but `!=`, as in PromQL. */
export function meets(value: number, comparison: Comparison, bound: number): boolean {
  return TESTS[comparison](value, bound);
}

/**
 * The worse of two values of one rule: the lower where low is bad (`<`, `<=`), the higher otherwise. NaN is worse than
 * nothing: the other one is taken.
 */
export function worseOf(comparison: Comparison | undefined, a: number, b: number): number {
  if (Number.isNaN(a)) return b;
  if (Number.isNaN(b)) return a;
  return comparison === '<' || comparison === '<=' ? Math.min(a, b) : Math.max(a, b);
}
