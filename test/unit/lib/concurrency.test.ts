import { describe, expect, it } from 'vitest';
import { nextTurn } from '../../../src/lib/clock.ts';
import { allSteps, createTurns, type Steps, stepsInTurns } from '../../../src/lib/concurrency.ts';
import { limitQueries } from '../../../src/lib/metrics-source.ts';
import { createFakeMetricsSource } from '../../support/fake-metrics-source.ts';
import { START } from '../../support/virtual-clock.ts';

/** Jobs of three steps each, begun in order, and what they did in each turn of the event loop. */
async function turnsOf(sizeOfTurn: number, sizes: readonly number[]): Promise<readonly string[]> {
  const turns = createTurns(sizeOfTurn);
  const done: string[][] = [[]];
  let isRunning = true;
  const turn = (): void => {
    done.push([]);
    if (isRunning) setImmediate(turn);
  };
  setImmediate(turn);
  await Promise.all(
    sizes.map(async (size, index) => {
      const nextStep = turns.begin();
      for (const step of ['a', 'b', 'c']) {
        await nextStep(size);
        done.at(-1)?.push(`${index}${step}`);
      }
    }),
  );
  isRunning = false;
  return done.filter(({ length }) => length > 0).map((steps) => steps.join(' '));
}

describe('turns of the event loop', () => {
  it('do small steps at once', async () => {
    expect(await turnsOf(100, [10, 10])).toEqual(['0a 1a 0b 1b 0c 1c']);
  });

  it('have at most one step that fills them', async () => {
    expect(await turnsOf(100, [100])).toEqual(['0a', '0b', '0c']);
  });

  it('go on with the job that began first, so that it ends before the next one', async () => {
    expect(await turnsOf(100, [100, 100])).toEqual(['0a', '0b', '0c', '1a', '1b', '1c']);
  });

  it('do several steps that fill them together', async () => {
    expect(await turnsOf(100, [50, 50, 50])).toEqual(['0a 1a', '0b 1b', '0c 1c', '2a 2b', '2c']);
  });
});

describe('a source with a limit of queries', () => {
  it('sends so many at the same time, and none that was cancelled while it waited', async () => {
    let [running, most, sent] = [0, 0, 0];
    const instant = async () => {
      sent += 1;
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
      return [];
    };
    const limited = limitQueries({ ...createFakeMetricsSource(), instant }, 2);
    const cancelled = new AbortController();
    const query = { expr: 'up', at: START };
    const answers = Array.from({ length: 5 }, (_, index) =>
      limited.instant(query, index === 4 ? cancelled.signal : undefined),
    );
    cancelled.abort(new Error('too late'));
    await expect(answers[4]).rejects.toThrow('too late');
    await Promise.all(answers.slice(0, 4));
    expect({ most, sent }).toEqual({ most: 2, sent: 4 });
  });
});

describe('work in steps', () => {
  function* summed(sizes: readonly number[], seen: string[]): Steps<number> {
    let sum = 0;
    for (const size of sizes) {
      yield size;
      seen.push(`step of ${size}`);
      sum += size;
    }
    return sum;
  }

  it('has the same result at once and in turns, between which other work runs', async () => {
    const seen: string[] = [];
    expect(allSteps(summed([3, 4, 5], seen))).toBe(12);
    expect(seen).toEqual(['step of 3', 'step of 4', 'step of 5']);
    seen.length = 0;
    const other = nextTurn().then(() => seen.push('other work'));
    expect(await stepsInTurns(summed([3, 4, 5], seen), createTurns(6).begin())).toBe(12);
    await other;
    expect(seen).toEqual(['step of 3', 'step of 4', 'other work', 'step of 5']);
  });
});
