import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { cp, mkdir, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { DemoWorld } from '../../demo/demo-world.ts';
import { environmentOf } from './stage.ts';

/** An environment without settings of anybody. */
export const CLEAN = { PATH: process.env['PATH'], HOME: tmpdir() };

/** A program that was started. */
export interface Program {
  readonly child: ChildProcess;
  /** What it has written so far, to either stream. */
  readonly output: () => string;
  readonly exit: Promise<number | null>;
}

/**
 * Builds the program in a folder, after a change of its sources there: it starts in a third of the time that the sources
 * take, and stays the same while somebody edits them. Gives its entry.
 */
export async function buildProgram(
  folder: string,
  change: (sources: string) => Promise<void> = async () => {},
): Promise<string> {
  const repository = join(import.meta.dirname, '../..');
  await mkdir(folder, { recursive: true });
  await cp(join(repository, 'src'), join(folder, 'src'), { recursive: true });
  for (const name of ['package.json', 'tsconfig.json', 'tsconfig.build.json'])
    await cp(join(repository, name), join(folder, name));
  await symlink(join(repository, 'node_modules'), join(folder, 'node_modules'));
  await change(join(folder, 'src'));
  const tsc = join(repository, 'node_modules/.bin/tsc');
  await promisify(execFile)(tsc, ['-p', 'tsconfig.build.json', '--noCheck'], { cwd: folder });
  return join(folder, 'dist/main.js');
}

/** The program as a person starts it, in an environment of its own. */
export function startProgram(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  entry = 'src/main.ts',
): Program {
  const loader = entry.endsWith('.ts') ? ['--import', 'tsx'] : [];
  const child = spawn(process.execPath, [...loader, entry, ...args], { env });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const exit = new Promise<number | null>((resolve) => child.on('exit', (code) => resolve(code)));
  return { child, output: () => output, exit };
}

/** What the bot needs to run in a world, with its rules and its data in a folder. */
export const botIn = (world: DemoWorld, folder: string) => ({
  ...CLEAN,
  ...environmentOf(world),
  SLACK_APP_TOKEN: world.appToken,
  RULES_FILE: join(folder, 'rules.yaml'),
  DATA_DIR: join(folder, 'data'),
});

/** Where its operators' port is, once it has started. */
export const opsUrl = ({ output }: Program): string =>
  `http://127.0.0.1:${/"opsPort":(\d+)/.exec(output())?.[1] ?? ''}`;

/** Shorter than a test may take, so that its failure says what it waited for. */
const GIVE_UP_MS = 50_000;

/** Waits for what another process does. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + GIVE_UP_MS;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`${what}: it did not come`);
    await wait(20);
  }
}
