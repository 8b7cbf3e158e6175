import { describe, expect, it } from 'vitest';
import { STORAGES, type Trial, trials } from '../support/exactness.ts';
import { runsOf } from '../support/runs.ts';
import { SEED } from '../support/seed.ts';

const RUNS = runsOf(200);

const durationsOf = ({ result }: Trial): readonly number[] => result.rows.map(({ duration }) => duration);

/** The same with 500,000 traces and all measured figures: `npm run bench -- exactness`. */
describe('over random populations, the answer equals brute force whenever it is complete', () => {
  it.each(STORAGES)('on %s', async (behaviour) => {
    const all: Trial[] = [];
    const options = { behaviours: [behaviour], runs: RUNS, maxCount: 5_000, seed: SEED, limit: 20 };
    for await (const trial of trials(options)) all.push(trial);
    for (const trial of all) {
      const { seed, shape, count } = trial;
      if (!trial.result.isComplete) {
        expect(trial.result.completeness).toMatch(/^Incomplete: /);
        continue;
      }
      expect({ seed, shape, count, found: durationsOf(trial) }).toEqual({
        seed,
        shape,
        count,
        found: trial.expected,
      });
    }
    expect(all).toHaveLength(RUNS);
    expect(all.filter(({ result }) => result.isComplete).length).toBeGreaterThan(RUNS * 0.95);
  });
});
