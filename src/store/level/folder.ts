import { constants } from 'node:fs';
import { open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
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

/** Who has a folder open by its record, without trying its lock: nobody, a process of this host, or one of another. */
export async function holderOf(dir: string): Promise<'nobody' | 'here' | 'elsewhere'> {
  const holder = await readHolder(dir);
  if (holder === undefined) return 'nobody';
  if (holder.host !== hostname()) return 'elsewhere';
  return isRunning(holder.pid) ? 'here' : 'nobody';
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

/** LevelDB leaves files with other names alone, and a folder that is moved aside takes it along. */
const WRITE_COUNT_FILE = 'WRITES';

/** The file with the number of writes, beside the database. */
export interface WriteCount {
  /**
   * Not synced: after a power failure the number may be too low, but never too high. Without space on the disk the old
   * number stays.
   */
  set(count: number): Promise<void>;
  close(): Promise<void>;
}

export async function openWriteCount(folder: string): Promise<WriteCount> {
  const file = await open(join(folder, WRITE_COUNT_FILE), constants.O_RDWR | constants.O_CREAT);
  return {
    set: async (count) => {
      await file.write(`${String(count).padStart(16, '0')}\n`, 0).catch(() => undefined);
    },
    close: () => file.close(),
  };
}

/** The recorded number of writes; undefined when none is recorded. */
export async function readWriteCount(folder: string): Promise<number | undefined> {
  const text = await readFile(join(folder, WRITE_COUNT_FILE), 'utf8').catch(() => '');
  return /^\d{16}\n$/.test(text) ? Number(text) : undefined;
}

/** Whether a folder has LevelDB's files except for the one that names the others. */
export async function lacksCurrent(folder: string): Promise<boolean> {
  const files = await readdir(folder).catch((): string[] => []);
  return !files.includes('CURRENT') && files.some((file) => /^MANIFEST-|\.ldb$/.test(file));
}

/** Renames a folder and returns its new name. */
export async function setAside(folder: string): Promise<string> {
  const time = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, '');
  const renamed = `${folder}.damaged-${time}`;
  await rename(folder, renamed);
  return renamed;
}
