import { expect, it } from 'vitest';
import { parseCommand } from '../../../src/commands/commands.ts';
import { fuzzCommands } from '../../support/fuzz-commands.ts';
import { pastedText } from '../../support/fuzz-pasted.ts';
import { createChance } from '../../support/promql-samples.ts';
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

it('of any pasted line exactly its id is looked up, and all of several are offered', () => {
  const chance = createChance(SEED);
  const failures: {
    readonly text: string;
    readonly ids: readonly string[];
    readonly found: readonly string[];
  }[] = [];
  for (let i = 0; i < count / 3; i += 1) {
    const { text, ids } = pastedText(chance);
    const parsed = parseCommand('/trace', text);
    const found = idsOf(parsed);
    const isRight = parsed.ok ? found.join() === ids.join() : ids.every((id) => found.includes(id));
    if (!isRight) failures.push({ text, ids, found });
  }
  expect(failures.slice(0, 3)).toEqual([]);
}, 600_000);

/** The ids that a text stands for: of its command, or of all commands that are offered or suggested. */
function idsOf(parsed: ReturnType<typeof parseCommand>): readonly string[] {
  if (!parsed.ok)
    return (parsed.choices ?? [parsed.suggestion ?? ''])
      .filter((choice) => !choice.startsWith('/trace compare'))
      .flatMap((choice) =>
        choice === '' ? [] : idsOf(parseCommand('/trace', choice.slice('/trace '.length))),
      );
  const { command } = parsed;
  if (command.kind === 'trace') return [`trace ${command.traceId}`];
  return command.kind === 'request' ? [`request ${command.requestId}`] : [command.kind];
}
