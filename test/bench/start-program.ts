import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { startDemoWorld } from '../../demo/demo-world.ts';
import { SLASH_COMMANDS } from '../../src/commands/table.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { MINUTE } from '../../src/lib/units.ts';
import { botIn, buildProgram, startProgram } from '../support/program.ts';
import { freePort } from '../support/real-prometheus.ts';
import { NO_FAULTS } from '../support/stage.ts';
import { spread } from './measure.ts';

const ROUNDS = 8;
const IDLE = 5_000;
const GIVE_UP = 60_000;

const RULES =
  'slos: [{ name: latency, preset: istio, objective: { quantile: 0.99, below: 500ms, window: 1m } }]\n';

const residentMb = (pid: number): number =>
  Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1_000;

async function isReady(url: string): Promise<boolean> {
  return await fetch(url).then(
    ({ status }) => status === 200,
    () => false,
  );
}

/** How long the built program takes until it is ready, and the memory that it has then and a little later. */
export async function benchStart(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'tailwatch-start-'));
  const entry = await buildProgram(folder);
  const world = await startDemoWorld({
    clock: systemClock,
    commands: SLASH_COMMANDS,
    history: MINUTE,
    script: NO_FAULTS,
  });
  const [ready, memory]: [number[], number[]] = [[], []];
  try {
    for (let round = 0; round < ROUNDS; round++) {
      const own = join(folder, `round-${round}`);
      const rules = join(folder, 'rules.yaml');
      await writeFile(rules, RULES);
      const port = await freePort();
      const startedAt = performance.now();
      const { child, output, exit } = startProgram(
        [],
        { ...botIn(world, folder), DATA_DIR: own, RULES_FILE: rules, OPS_PORT: `${port}` },
        entry,
      );
      while (!(await isReady(`http://127.0.0.1:${port}/readyz`))) {
        if (performance.now() - startedAt > GIVE_UP) throw new Error(output());
        await wait(10);
      }
      ready.push(performance.now() - startedAt);
      await wait(IDLE);
      memory.push(residentMb(child.pid ?? 0));
      child.kill();
      await exit;
    }
  } finally {
    await world.close();
    await rm(folder, { recursive: true });
  }
  console.log('\nthe built program');
  console.table([
    { what: 'start to /readyz 200, ms', measured: spread(ready), goal: 1_500 },
    { what: 'memory when idle, MB', measured: spread(memory), goal: 160 },
  ]);
}
