import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Store } from '../../src/messages/store.ts';
import { at, LEASE } from '../contract/store/fixtures.ts';

/** A process that writes to an embedded store and says what came of it. */
export interface Writer {
  readonly child: ChildProcess;
  /** Ends once so many lines have been said in all. */
  said(count: number): Promise<void>;
  /** Asks one that waits for it for one more write, and gives what it says then. */
  write(): Promise<string>;
  /** Kills it as it stands and gives everything it had said. */
  kill(): Promise<readonly string[]>;
}

/** Starts a program that writes to the store in a folder. */
export function startWriter(program: URL, dir: string): Writer {
  const child = spawn(process.execPath, ['--import', 'tsx', program.pathname, dir], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines: string[] = [];
  const reader = createInterface({ input: child.stdout });
  reader.on('line', (line) => lines.push(line));
  return {
    child,
    said: async (count) => {
      while (lines.length < count) await once(reader, 'line');
    },
    write: async () => {
      const count = lines.length;
      child.stdin.write('\n');
      while (lines.length === count) await once(reader, 'line');
      return lines[count] ?? '';
    },
    kill: async () => {
      const closed = once(reader, 'close');
      child.kill('SIGKILL');
      await closed;
      return lines;
    },
  };
}

/** The key of every message that is not shown yet, claimed. */
export async function drain(store: Store): Promise<readonly string[]> {
  const keys: string[] = [];
  for (;;) {
    const message = await store.claimMessage({ now: at(1e7), lease: LEASE });
    if (message === undefined) return keys;
    keys.push(message.key);
  }
}
