import { describe, expect, it } from 'vitest';
import { worseOf } from '../../../src/alerts/step-alert.ts';

describe('worseOf', () => {
  it.each([
    ['the higher one for >', '>', 1, 2, 2],
    ['the higher one for >=', '>=', 2, 1, 2],
    ['the lower one for <', '<', 1, 2, 1],
    ['the lower one for <=', '<=', 2, 1, 1],
    ['the higher one without a comparison', undefined, 1, 2, 2],
    ['the other one for NaN', '>', Number.NaN, 2, 2],
    ['the one that was there for NaN', '<', 1, Number.NaN, 1],
    ['infinity', '>', 1, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY],
  ] as const)('is %s', (_, comparison, a, b, worse) => {
    expect(worseOf(comparison, a, b)).toBe(worse);
  });
});
