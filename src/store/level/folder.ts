import { open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';

const FILE = 'holder.json';

const holderSchema = z.object({ pid: z.number().int().positive(), host: z.string(), since: z.string() });

/** The process that has a folder open. LevelDB's lock keeps others out; this names it. */
type Holder = z.infer<typeof holderSchema>;

/** Records that this process holds the folder. */
export async function writeHolder(dir: string, since: number): Promise<void> {
  const holder: Holder = { pid: process.pid, host: hostname(), since: new Date(since).toISOString() };
  const temporary = join(dir, `${FILE}.${process.pid}`);
  await writeFile(temporary, `${JSON.stringify(holder)}\n`);
  await rename(temporary, join(dir, FILE));
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

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it runs, as another user.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** A sentence that names the holder of a folder, as far as its record and the process table show. */
export async function describeHolder(dir: string): Promise<string> {
  const holder = await readHolder(dir);
  if (holder === undefined) return `The folder ${dir} is in use by another process.`;
  const { pid, host, since } = holder;
  if (host !== hostname()) {
    return `The folder ${dir} is in use by process ${pid} on host ${host}, since ${since}.`;
  }
  if (isRunning(pid)) return `The folder ${dir} is in use by process ${pid} on this host, since ${since}.`;
  // Containers that share a volume do not share their process numbers.
  return `The folder ${dir} is locked, but its holder since ${since}, process ${pid}, does not run on this host: another container may share the folder.`;
}

/** About what LevelDB writes when it opens a folder. */
const PROBE_BYTES = 65_536;

/** Checks that a file can be written to the folder. LevelDB would stay closed if it were opened on a full disk. */
export async function probeFolder(dir: string): Promise<void> {
  const path = join(dir, 'probe');
  try {
    const file = await open(path, 'w');
    try {
      await file.writeFile(Buffer.alloc(PROBE_BYTES));
      await file.sync();
    } finally {
      await file.close();
    }
  } finally {
    await rm(path, { force: true });
  }
}
