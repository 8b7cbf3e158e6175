import { readdir, readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openLevelStore } from '../../src/store/level/open-level-store.ts';
import { drain, startWriter } from '../support/level-process.ts';
import { isFullRun } from '../support/runs.ts';
import { makeTempDir } from '../support/temp-store.ts';
import { at, GROUP } from './store/fixtures.ts';

const WRITER = new URL('../support/level-writer.ts', import.meta.url);

/** What a killed writer had said: the last evaluation time that was applied, and what was completed. */
function readAcknowledged(lines: readonly string[]): { applied: number; completed: readonly string[] } {
  const said = (what: string) =>
    lines.filter((line) => line.startsWith(`${what} `)).map((line) => line.slice(what.length + 1));
  return { applied: Number(said('applied').at(-1) ?? 0), completed: said('completed') };
}

describe('the embedded store when its process is killed in the middle of its writes', () => {
  let dir: string;
  let dispose: () => Promise<void>;

  beforeEach(async () => {
    ({ dir, dispose } = await makeTempDir());
  });

  afterEach(async () => {
    await dispose();
  });

  it('loses no acknowledged write, and applies each write completely or not at all', async () => {
    const lines: string[] = [];
    for (const count of isFullRun ? [40, 151, 90] : [40, 90]) {
      const writer = startWriter(WRITER, dir);
      await writer.said(count);
      lines.push(...(await writer.kill()));
    }
    const { applied, completed } = readAcknowledged(lines);

    const store = await openLevelStore({ dir });
    const evalTime = (((await store.loadGroup(GROUP))?.evalTime ?? 0) - at(0)) / 1_000;
    // One write may have been on disk without its acknowledgement having been read.
    expect(evalTime).toBeGreaterThanOrEqual(applied);
    expect(evalTime).toBeLessThanOrEqual(applied + 1);

    const waiting = new Set(await drain(store));
    for (const id of completed) {
      expect(waiting.has(id), `${id} was completed`).toBe(false);
      expect(await store.shownMessage(id)).toBeDefined();
    }
    for (let n = 1; n <= evalTime + 1; n++) {
      for (const name of ['a', 'b', 'c']) {
        const id = `${n}${name}`;
        const isShown = (await store.shownMessage(id)) !== undefined;
        expect(
          waiting.has(id) || isShown,
          `message ${id} of evaluation time ${n} while the state is at ${evalTime}`,
        ).toBe(n <= evalTime);
        expect(waiting.has(id) && isShown, `${id} both waiting and shown`).toBe(false);
      }
    }
    await store.close();
  });

  it('refuses a second process, names the holder of the folder, and accepts it afterwards', async () => {
    const writer = startWriter(WRITER, dir);
    await writer.said(1);
    const error: unknown = await openLevelStore({ dir }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      system: 'store',
      code: 'bad-request',
      message: expect.stringMatching(
        new RegExp(`^The folder ${dir} is in use by process ${writer.child.pid} on this host, since 20`),
      ),
      advice: 'Stop that process, or set DATA_DIR to another folder.',
    });
    await writer.kill();
    const store = await openLevelStore({ dir });
    expect(store.isOpen()).toBe(true);
    await store.close();
  });

  it('refuses a second store of the same process as well', async () => {
    const store = await openLevelStore({ dir });
    await expect(openLevelStore({ dir })).rejects.toThrow(`in use by process ${process.pid} on this host`);
    await store.close();
  });

  it('records the holder of the folder, and removes the record when it is closed', async () => {
    const store = await openLevelStore({ dir });
    const note: unknown = JSON.parse(await readFile(join(dir, 'holder.json'), 'utf8'));
    expect(note).toMatchObject({ pid: process.pid, host: hostname() });
    await store.close();
    expect(await readdir(dir)).toEqual(['db']);
  });

  it('refuses a folder of a newer version, and does not change it', async () => {
    await (await openLevelStore({ dir })).close();
    const level = new ClassicLevel(join(dir, 'db'));
    await level.put('meta!version', '99');
    await level.close();
    await expect(openLevelStore({ dir })).rejects.toMatchObject({
      code: 'bad-request',
      message: `The folder ${dir} was written by a newer version (found format 99, expected 6).`,
    });
    const again = new ClassicLevel(join(dir, 'db'));
    expect(await again.get('meta!version')).toBe('99');
    await again.close();
  });

  it('does not try for ever where no folder can be made', async () => {
    await expect(openLevelStore({ dir: '/proc/tailwatch/data' })).rejects.toMatchObject({
      message: expect.stringMatching(/^The embedded store in \/proc\/tailwatch\/data failed: ENOENT/),
    });
  });

  it('names the folder and the reason when it cannot be created', async () => {
    await expect(openLevelStore({ dir: '/dev/null/data' })).rejects.toMatchObject({
      system: 'store',
      code: 'unavailable',
      message: expect.stringMatching(
        /^The embedded store in \/dev\/null\/data failed: \/dev\/null is a file, not a folder/,
      ),
    });
  });
});
