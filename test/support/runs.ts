/** Whether the expensive suites run in full, as in `.ci/run`: `TAILWATCH_RUNS=full`. */
export const isFullRun = process.env['TAILWATCH_RUNS'] === 'full';

/** The cases of an expensive suite that has cheaper tests of its own, too: all of them in a full run, else the first. */
export const casesOf = <Case>(cases: readonly Case[]): readonly Case[] =>
  isFullRun ? cases : cases.slice(0, 1);

/** The number of random cases of an expensive suite: all of them in a full run, else a tenth. */
export const runsOf = (full: number): number => (isFullRun ? full : Math.ceil(full / 10));

/** The spans of a very large trace: enough to overflow the stack of a recursion, and to make a quadratic step slow. */
export const MANY_SPANS = isFullRun ? 100_000 : 20_000;
