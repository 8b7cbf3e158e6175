/** Whether the expensive suites run in full, as in `.ci/run`: `TAILWATCH_RUNS=full`. */
export const isFullRun = process.env['TAILWATCH_RUNS'] === 'full';

/** The number of random cases of an expensive suite: all of them in a full run, else a fifth. */
export const runsOf = (full: number): number => (isFullRun ? full : Math.ceil(full / 5));
