import { fuzzBodies } from '../support/fuzz-bodies.ts';

/** Damaged bodies through the readers and the whole analysis. `BENCH_FUZZ` says how many, `BENCH_SEED` which ones. */
export async function benchFuzz(): Promise<void> {
  const count = Number(process.env['BENCH_FUZZ'] ?? 100_000);
  const seed = Number(process.env['BENCH_SEED'] ?? 1);
  const startedAt = performance.now();
  const { failures, slowestMs, ...report } = fuzzBodies({ count, seed, hangMs: 1_000 });
  console.log(`\ndamaged bodies, seed ${seed}`);
  console.table({
    ...report,
    'slowest ms': Math.round(slowestMs),
    'all s': Math.round((performance.now() - startedAt) / 1_000),
    FAILED: failures.length,
  });
  for (const { error, body } of failures) console.error(error, body.slice(0, 2_000));
  if (failures.length > 0) process.exitCode = 1;
}
