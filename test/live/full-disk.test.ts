import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type DemoWorld, startDemoWorld } from '../../demo/demo-world.ts';
import { SHOP_RULES } from '../../demo/rules.ts';
import { SLASH_COMMANDS } from '../../src/commands/table.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { ms } from '../../src/lib/units.ts';
import { canLimitFiles, limitFiles } from '../support/full-disk.ts';
import { botIn, opsUrl, type Program, startProgram, until } from '../support/program.ts';
import { NO_FAULTS } from '../support/stage.ts';

let folder: string;
let world: DemoWorld;
let program: Program | undefined;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tailwatch-full-disk-'));
  world = await startDemoWorld({
    clock: systemClock,
    commands: SLASH_COMMANDS,
    history: ms(60_000),
    script: NO_FAULTS,
  });
  await writeFile(join(folder, 'rules.yaml'), SHOP_RULES);
});
afterEach(async () => {
  program?.child.kill('SIGKILL');
  await program?.exit;
  await world.close();
  await rm(folder, { recursive: true, force: true });
});

test.skipIf(!canLimitFiles)(
  'the bot is not ready while its disk is full, and goes on by itself after that',
  async () => {
    const bot = startProgram([], botIn(world, folder));
    program = bot;
    await until('the start', () => bot.output().includes('"msg":"started"'));
    const readiness = async () => await (await fetch(`${opsUrl(bot)}/readyz`)).text();
    await until('an evaluation', async () => (await readiness()).includes('ok evaluation'));
    limitFiles(bot.child.pid, 1);
    await until('the failure', async () => (await readiness()).includes('store: not open'));
    limitFiles(bot.child.pid, 'unlimited');
    await until('the recovery', () => bot.output().includes('the embedded store can be written again'));
    await until('the next evaluation', async () => !(await readiness()).includes('not ready'));
    expect(bot.output().match(/the embedded store cannot be written; retrying/g)).toHaveLength(1);

    bot.child.kill('SIGTERM');
    expect(await bot.exit).toBe(0);
  },
);
