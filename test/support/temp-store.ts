import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../../src/lib/clock.ts';
import type { Store } from '../../src/messages/store.ts';
import { openLevelStore } from '../../src/store/level/open-level-store.ts';
import { recording } from './decided.ts';

/** A folder of its own for one test. */
export async function makeTempDir(): Promise<{
  readonly dir: string;
  readonly dispose: () => Promise<void>;
}> {
  const dir = await mkdtemp(join(tmpdir(), 'tailwatch-'));
  return { dir, dispose: () => rm(dir, { recursive: true, force: true }) };
}

/** The embedded store in a temporary folder; `dispose` closes it and removes the folder. */
export async function openTempStore(
  clock?: Pick<Clock, 'now'>,
): Promise<{ readonly store: Store; readonly dir: string; readonly dispose: () => Promise<void> }> {
  const { dir, dispose } = await makeTempDir();
  const store = recording(await openLevelStore({ dir, ...(clock === undefined ? {} : { clock }) }));
  return {
    store,
    dir,
    dispose: async () => {
      await store.close();
      await dispose();
    },
  };
}
