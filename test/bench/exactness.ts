import { STORAGES, type Trial, trials } from '../support/exactness.ts';

const quantile = (values: readonly number[], q: number): number =>
  [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * q))] ?? 0;

const isWrong = ({ result, expected }: Trial): boolean =>
  result.isComplete &&
  JSON.stringify(result.rows.map(({ duration }) => duration)) !== JSON.stringify(expected);

function rowOf(behaviour: string, all: readonly Trial[]): Readonly<Record<string, unknown>> {
  const searches = all.map(({ result }) => result.searches);
  const moved = all.map((trial) => trial.moved);
  return {
    storage: behaviour,
    populations: all.length,
    exact: all.filter(({ result }) => result.isComplete).length,
    WRONG: all.filter(isWrong).length,
    'searches, median': quantile(searches, 0.5),
    'at most': Math.max(...searches),
    'traces moved, median': quantile(moved, 0.5),
    'moved at most': Math.max(...moved),
  };
}

async function table(
  title: string,
  options: Omit<Parameters<typeof trials>[0], 'behaviours'>,
): Promise<void> {
  const byStorage = new Map<string, Trial[]>(STORAGES.map((behaviour) => [behaviour, []]));
  for await (const trial of trials({ ...options, behaviours: STORAGES })) {
    byStorage.get(trial.behaviour)?.push(trial);
    if (isWrong(trial)) console.error('WRONG', trial.behaviour, trial.seed, trial.shape, trial.count);
  }
  console.log(`\n${title}; seed ${options.seed}`);
  console.table([...byStorage].map(([behaviour, all]) => rowOf(behaviour, all)));
}

/** The five slowest of random populations, against brute force, on every storage. */
export async function benchExactness(): Promise<void> {
  const seed = Number(process.env['BENCH_SEED'] ?? 1);
  for (const limit of [20, 40]) {
    await table(`200 populations of up to 500,000 traces, ${limit} a search`, {
      runs: 200,
      maxCount: 500_000,
      seed,
      limit,
    });
  }
  await table('12 populations of 500,000 traces, 20 a search', {
    runs: 12,
    minCount: 500_000,
    maxCount: 500_000,
    seed,
    limit: 20,
  });
}
