import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Size, Ticks } from './growth-tick.ts';
import { spread } from './measure.ts';

const SIZES: readonly Size[] = [
  { groups: 10, services: 10 },
  { groups: 100, services: 10 },
  { groups: 1_000, services: 10 },
];
/** Few rules with many services. */
const WIDE: Size = { groups: 10, services: 5_000 };

const INHIBITIONS: readonly Size['inhibition'][] = [undefined, 'inhibit_rules', 'call graph'];

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const TICK = 'test/bench/growth-tick.ts';
const run = promisify(execFile);

/** As the program runs: what runs TypeScript as it is gives each function a name, which costs as much as a tick. */
async function compiled(): Promise<string> {
  const folder = join(ROOT, 'dist', 'bench');
  await mkdir(folder, { recursive: true });
  const config = {
    extends: join(ROOT, 'tsconfig.json'),
    compilerOptions: { noEmit: false, rootDir: ROOT, outDir: folder },
    files: [join(ROOT, TICK)],
    include: [],
  };
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config));
  await run(join(ROOT, 'node_modules', '.bin', 'tsc'), ['-p', folder]);
  return join(folder, TICK.replace(/ts$/, 'js'));
}

async function ticksOf(program: string, size: Size): Promise<Ticks> {
  const { stdout } = await run(process.execPath, [program, JSON.stringify(size)]);
  return JSON.parse(stdout) as Ticks;
}

async function rowOf(program: string, size: Size) {
  const { walls, cpus, stalls, rss } = await ticksOf(program, size);
  const firing = size.groups * size.services;
  const cpu = cpus.toSorted((a, b) => a - b)[cpus.length >> 1] ?? 0;
  return {
    groups: size.groups,
    firing,
    inhibition: size.inhibition ?? '',
    'wall ms a tick': spread(walls),
    'CPU ms a tick': spread(cpus),
    'CPU us an alert': Math.round((cpu * 1_000) / firing),
    'longest stall, CPU ms': spread(stalls),
    'RSS MB': Math.round(rss),
  };
}

/**
 * How the cost of a tick grows with groups and alerts, all of them firing, with the embedded store and without the time of
 * Prometheus. Linear: the cost for an alert stays the same.
 */
export async function benchGrowth(): Promise<void> {
  const program = await compiled();
  console.log(`\none tick of all groups, every alert firing (load ${loadavg()[0]?.toFixed(1)})`);
  const rows = [];
  for (const inhibition of INHIBITIONS)
    for (const size of SIZES) rows.push(await rowOf(program, { ...size, inhibition }));
  console.table(rows);
  console.log('goals: 2,000 ms a tick of 1,000 groups, stall 100 ms');
  console.log('\none tick of few groups with many services');
  console.table([await rowOf(program, WIDE)]);
  console.log('goals: stall 100 ms, 400 MB');
}
