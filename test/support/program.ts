import { type ChildProcess, spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
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

/** The program as a person starts it, in an environment of its own. */
export function startProgram(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  entry = 'src/main.ts',
): Program {
  const child = spawn(process.execPath, ['--import', 'tsx', entry, ...args], { env });
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
