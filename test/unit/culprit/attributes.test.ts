import { expect, test } from 'vitest';
import { fisherExact } from '../../../src/culprit/attributes.ts';

// Values of R: fisher.test(matrix(c(a, ofA - a, b, ofB - b), 2), alternative = "greater")$p.value
test.each([
  ['the lady tasting tea', { a: 3, ofA: 4, b: 1, ofB: 4 }, 0.2429],
  ['everything on one side', { a: 10, ofA: 10, b: 0, ofB: 10 }, 5.413e-6],
  ['the same share', { a: 5, ofA: 10, b: 5, ofB: 10 }, 0.6718],
  ['less often in A', { a: 0, ofA: 10, b: 5, ofB: 10 }, 1],
])('%s', (_, seen, expected) => {
  expect(fisherExact(seen) / expected).toBeCloseTo(1, 3);
});
