import { readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openLevelStore } from '../../src/store/level/open-level-store.ts';
import { anAlert } from '../support/builders.ts';
import { startWriter } from '../support/level-process.ts';
import { isFullRun } from '../support/runs.ts';
import { createSpyLogger, type SpyLogger } from '../support/spies.ts';
import { makeTempDir } from '../support/temp-store.ts';
import { anUpdate, at, GROUP, state } from './store/fixtures.ts';

const WRITER = new URL('../support/level-writer.ts', import.meta.url);

describe('a damaged folder of the embedded store', () => {
  let dir: string;
  let dispose: () => Promise<void>;
  let logger: SpyLogger;

  beforeEach(async () => {
    ({ dir, dispose } = await makeTempDir());
    logger = createSpyLogger();
  });
  afterEach(() => dispose());

  const open = () => openLevelStore({ dir, logger });
  const file = (name: string): string => join(dir, 'db', name);

  async function largest(pattern: RegExp): Promise<string> {
    const names = (await readdir(join(dir, 'db'))).filter((name) => pattern.test(name));
    const sizes = await Promise.all(names.map(async (name) => (await readFile(file(name))).length));
    return file(names[sizes.indexOf(Math.max(...sizes))] ?? '');
  }

  /** A store with some writes, closed. */
  async function fill(writes = 20): Promise<void> {
    const store = await openLevelStore({ dir });
    for (let n = 1; n <= writes; n++) {
      const alerts = [anAlert({ alertId: `ep-${n}` }), anAlert({ alertId: `ep-${n + 1}` })];
      const messages = [anUpdate(`${n}`)];
      await store.applyEvaluation({ group: GROUP, state: state(at(n), alerts), messages });
    }
    await store.close();
  }

  /** Changes a byte at a share of a file's length. */
  async function flip(path: string, share: number): Promise<void> {
    const bytes = await readFile(path);
    const index = Math.floor(bytes.length * share);
    bytes[index] = (bytes[index] ?? 0) ^ 0xff;
    await writeFile(path, bytes);
  }

  const inFolder = async (work: (level: ClassicLevel) => Promise<unknown>): Promise<void> => {
    const level = new ClassicLevel(join(dir, 'db'));
    await work(level);
    await level.close();
  };

  const damages: Readonly<Record<string, () => Promise<void>>> = {
    'a byte flipped in the middle of the log': async () => flip(await largest(/\.log$/), 0.5),
    'a byte flipped at the start of the log': async () => flip(await largest(/\.log$/), 0.01),
    'an emptied log': async () => truncate(await largest(/\.log$/)),
    'a missing log': async () => rm(await largest(/\.log$/)),
    'a missing CURRENT': () => rm(file('CURRENT')),
    'a CURRENT that names another file': () => writeFile(file('CURRENT'), 'MANIFEST-999999\n'),
    'an emptied manifest': async () => truncate(await largest(/^MANIFEST-/)),
    'a byte flipped in the manifest': async () => flip(await largest(/^MANIFEST-/), 0.3),
    'a record changed by another program': () =>
      inFolder((level) => level.put('alert!ep-20', '{"alertId":"ep-20"}')),
    'a record deleted by another program': () => inFolder((level) => level.del('alert!ep-20')),
    'a record added by another program': () => inFolder((level) => level.put('alert!x', '{}')),
    'a missing state record': () => inFolder((level) => level.del('meta!state')),
  };

  it.each(Object.entries(damages))('%s: is moved aside with a log line', async (_, damage) => {
    await fill();
    await damage();
    const store = await open();
    expect(store.isOpen()).toBe(true);
    expect(await store.groups()).toEqual([]);
    expect((await store.pendingMessages()).depth).toBe(0);
    const moved = (await readdir(dir)).find((name) => name.startsWith('db.damaged-'));
    expect(moved).toMatch(/^db\.damaged-\d{8}T\d{6}Z$/);
    expect(logger.lines).toEqual([
      {
        level: 'error',
        message: 'the embedded store was damaged: moved aside, starting with an empty one',
        fields: { folder: join(dir, moved ?? ''), reason: expect.stringMatching(/\w+/) },
      },
    ]);
    await store.close();
    await (await open()).close();
    expect(logger.lines).toHaveLength(1);
  });

  it.each([0.1, 0.3, 0.5, 0.7, 0.9])(
    'a byte flipped in a table at %d is detected, or changes no record',
    async (share) => {
      await fill();
      const intact = await openLevelStore({ dir });
      const expected = await intact.loadGroup(GROUP);
      await intact.close();
      // Opening turns the log into a table.
      await (await openLevelStore({ dir })).close();
      await flip(await largest(/\.ldb$/), share);
      const store = await open();
      const isDetected = logger.messages('error').length === 1;
      expect(await store.loadGroup(GROUP)).toEqual(isDetected ? undefined : expected);
      expect((await store.pendingMessages()).depth).toBe(isDetected ? 0 : 20);
      await store.close();
    },
  );

  it('is not a folder whose process was killed at any moment', async () => {
    for (const count of isFullRun ? [5, 30, 77] : [30]) {
      const writer = startWriter(WRITER, dir);
      await writer.said(count);
      await writer.kill();
      const store = await open();
      expect((await store.groups()).length).toBe(1);
      await store.close();
    }
    expect(logger.lines).toEqual([]);
  });

  it('is not a new folder, and not one that was removed as a whole', async () => {
    await fill();
    await rm(join(dir, 'db'), { recursive: true });
    const store = await open();
    expect(await store.groups()).toEqual([]);
    expect(logger.lines).toEqual([]);
    await store.close();
  });
});
