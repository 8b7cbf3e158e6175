import { expect, it } from 'vitest';
import { fuzzCommands } from '../../support/fuzz-commands.ts';
import { SEED } from '../../support/seed.ts';
import { open } from './bench.ts';

/** The number of texts; .ci/run uses 100,000. */
const count = Number(process.env['TAILWATCH_FUZZ'] ?? 3_000);

it('any text is answered with a message that Slack takes', async () => {
  const { answer } = open();
  const { answers, slowestMs, failures } = await fuzzCommands((command, text) => answer(command, text), {
    count,
    seed: SEED,
  });
  console.log(
    `${count} texts, seed ${SEED}: ${JSON.stringify(answers)}, slowest ${Math.round(slowestMs)} ms`,
  );
  expect(failures).toEqual([]);
  // The texts reach every kind of answer, not only the usage.
  for (const kind of [
    'usage',
    'trace',
    'request',
    'slowest',
    'why',
    'nothing',
    'latency',
    'slo-status',
    'unknown-service',
  ])
    expect(answers[kind], kind).toBeGreaterThan(count / 2_000);
}, 600_000);
