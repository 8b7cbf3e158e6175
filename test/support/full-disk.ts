import { execFileSync, spawnSync } from 'node:child_process';

/** Part of util-linux: on every Debian. */
const PRLIMIT = '/usr/bin/prlimit';

/** Whether `limitFiles` can do its work here. */
export const canLimitFiles = spawnSync(PRLIMIT, ['--version']).status === 0;

/** Limits how large a file a process may write, in bytes: to LevelDB it is a disk that is full. */
export function limitFiles(pid: number | undefined, bytes: number | 'unlimited'): void {
  execFileSync(PRLIMIT, [`--pid=${pid}`, `--fsize=${bytes}:unlimited`]);
}
