import { expect, it } from 'vitest';
import { fuzzBodies } from '../../support/fuzz-bodies.ts';
import { runsOf } from '../../support/runs.ts';
import { SEED } from '../../support/seed.ts';

/** Ten times ten thousand more: `npm run bench -- fuzz`. */
it('a damaged body is a trace to explain, or refused: never a crash, a hang or a wrong sum', () => {
  const { bodies, refused, traces, failures } = fuzzBodies({ count: runsOf(3_000), seed: SEED });
  expect(failures).toEqual([]);
  // Enough comes through to be worth the trial.
  expect(refused).toBeLessThan(bodies * 0.8);
  expect(traces).toBeGreaterThan(bodies * 0.3);
});
