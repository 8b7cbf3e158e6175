import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

/** The default suite: unit, contract and end-to-end tests on the embedded parts. No service is needed. */
export default defineConfig({
  test: {
    include: ['test/{unit,contract,e2e}/**/*.test.{ts,tsx}'],
    environment: 'node',
    // What is random is drawn from one seed, the order of the tests from the one that each run prints: --sequence.seed repeats it.
    setupFiles: ['test/support/seed.ts'],
    // No test measures time: this only ends one that hangs, also on a machine with much else to do.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    expect: { poll: { timeout: 50_000 } },
    pool: 'threads',
    // No module keeps state of its own, so none is loaded anew for each file: that would be a third of the time.
    isolate: false,
    // More than there are cores: some tests wait for another process or a socket, and a core should not wait with them.
    maxWorkers: Math.ceil(availableParallelism() * 1.5),
    restoreMocks: true,
    unstubEnvs: true,
    sequence: { shuffle: true },
  },
});
