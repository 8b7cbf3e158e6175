import { defineConfig } from 'vitest/config';

/** The live suite: the same program against real Prometheus, Redis and a real browser. */
export default defineConfig({
  test: {
    include: ['test/live/**/*.test.ts'],
    environment: 'node',
    testTimeout: 120_000,
    hookTimeout: 120_000,
    fileParallelism: false,
  },
});
