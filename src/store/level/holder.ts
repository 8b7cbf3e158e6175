import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';

const FILE = 'holder.json';

const holderSchema = z.object({ pid: z.number().int().positive(), host: z.string(), since: z.string() });

/** The process that has a folder open. LevelDB's lock keeps others out; this says who to ask. */
export type Holder = z.infer<typeof holderSchema>;

/** Notes that this process holds the folder. */
export async function writeHolder(dir: string, since: number): Promise<void> {
  const holder: Holder = { pid: process.pid, host: hostname(), since: new Date(since).toISOString() };
  const draft = join(dir, `${FILE}.${process.pid}`);
  await writeFile(draft, `${JSON.stringify(holder)}\n`);
  await rename(draft, join(dir, FILE));
}

export async function removeHolder(dir: string): Promise<void> {
  await rm(join(dir, FILE), { force: true });
}

async function readHolder(dir: string): Promise<Holder | undefined> {
  try {
    return holderSchema.parse(JSON.parse(await readFile(join(dir, FILE), 'utf8')));
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it lives, under another user.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** A sentence that says who holds a folder, as far as the note in it and the process table tell. */
export async function describeHolder(dir: string): Promise<string> {
  const holder = await readHolder(dir);
  if (holder === undefined) return `The folder ${dir} is in use by another process.`;
  const { pid, host, since } = holder;
  if (host !== hostname()) {
    return `The folder ${dir} is in use by process ${pid} on host ${host}, since ${since}.`;
  }
  if (isAlive(pid)) return `The folder ${dir} is in use by process ${pid} on this host, since ${since}.`;
  // Containers that share a volume do not share their process numbers.
  return `The folder ${dir} is locked, but process ${pid}, which noted itself there at ${since}, does not run here: another container may share the folder.`;
}
