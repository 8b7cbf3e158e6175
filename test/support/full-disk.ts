import { execFileSync, spawnSync } from 'node:child_process';

/** Whether `limitFiles` can do its work here. */
export const canLimitFiles = spawnSync('prlimit', ['--version']).status === 0;

/** Limits how large a file a process may write, in bytes: to LevelDB it is a disk that is full. */
export function limitFiles(pid: number | undefined, bytes: number | 'unlimited'): void {
  execFileSync('prlimit', [`--pid=${pid}`, `--fsize=${bytes}:unlimited`]);
}
