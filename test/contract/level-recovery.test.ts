import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { UpstreamError } from '../../src/lib/errors.ts';
import { after, ms, SECOND } from '../../src/lib/units.ts';
import type { Store } from '../../src/messages/store.ts';
import { type Database, openDatabase } from '../../src/store/level/database.ts';
import { createLevelStore, openLevelStore } from '../../src/store/level/open-level-store.ts';
import { anAlert } from '../support/builders.ts';
import { canLimitFiles, limitFiles } from '../support/full-disk.ts';
import { drain, startWriter } from '../support/level-process.ts';
import { createSpyLogger, type SpyLogger } from '../support/spies.ts';
import { makeTempDir } from '../support/temp-store.ts';
import { createVirtualClock, type VirtualClock } from '../support/virtual-clock.ts';
import { anUpdate, aShown, at, GROUP, LEASE, state } from './store/fixtures.ts';
import { describeStore } from './store-contract.ts';

/** What the next writes come to; the last one goes on for ever. */
type Fate = 'written' | 'lost' | 'written-and-failed';

const full = () =>
  new UpstreamError({
    system: 'store',
    code: 'unavailable',
    message: 'IO error: No space left on device',
    advice: '',
  });

/** A database on a disk whose writes fail as a test says, until it is opened anew. */
function onBadDisk(real: Database) {
  let fates: Fate[] = [];
  let isBroken = false;
  let isFull = false;
  let reopened = 0;
  const database: Database = {
    ...real,
    write: async (operations) => {
      const fate = isBroken || isFull ? 'lost' : (fates.shift() ?? 'written');
      if (fate !== 'lost') await real.write(operations);
      if (fate === 'written') return;
      isBroken = true;
      throw full();
    },
    reopen: async () => {
      reopened += 1;
      if (isFull) throw full();
      await real.reopen();
      isBroken = false;
    },
    isOpen: () => !isBroken && real.isOpen(),
  };
  return {
    database,
    next: (...coming: readonly Fate[]) => {
      fates = [...coming];
    },
    fill: () => {
      isFull = true;
    },
    free: () => {
      isFull = false;
    },
    reopened: () => reopened,
  };
}

describeStore('the embedded store on a disk on which writes fail again and again', async () => {
  const { dir, dispose } = await makeTempDir();
  return {
    open: async () => {
      const disk = onBadDisk(await openDatabase(dir));
      const fates = Array.from({ length: 200 }, (): Fate[] => ['lost', 'written', 'written']).flat();
      const store = await createLevelStore(disk.database, { dir });
      disk.next(...fates);
      return store;
    },
    dispose,
  };
});

describe('a write that fails', () => {
  let dir: string;
  let dispose: () => Promise<void>;
  let clock: VirtualClock;
  let logger: SpyLogger;
  let disk: ReturnType<typeof onBadDisk>;
  let store: Store;

  beforeEach(async () => {
    ({ dir, dispose } = await makeTempDir());
    clock = createVirtualClock();
    logger = createSpyLogger();
    disk = onBadDisk(await openDatabase(dir));
    store = await createLevelStore(disk.database, { dir, clock, logger });
  });
  afterEach(async () => {
    await store.close();
    await dispose();
  });

  const said = () => logger.lines.map(({ level }) => level);
  const take = (seconds = 0) => store.claimMessage({ now: at(seconds), lease: LEASE });
  const evaluation = (seconds: number, ...ids: readonly string[]) => ({
    group: GROUP,
    state: state(at(seconds), [anAlert({ alertId: `ep-${seconds}` })]),
    messages: ids.map((id) => anUpdate(id)),
  });

  it('is repeated after the folder was reopened, with log lines', async () => {
    disk.next('lost');
    expect(await store.applyEvaluation(evaluation(1, 'a'))).toBe('applied');
    expect(await store.loadGroup(GROUP)).toEqual(evaluation(1).state);
    expect(disk.reopened()).toBe(1);
    expect(store.isOpen()).toBe(true);
    expect(said()).toEqual(['error', 'info']);
  });

  it('that reached the disk is not repeated', async () => {
    disk.next('written-and-failed');
    expect(await store.applyEvaluation(evaluation(1, 'a', 'b'))).toBe('stale');
    expect(await store.loadGroup(GROUP)).toEqual(evaluation(1).state);
    expect([(await take())?.key, (await take())?.key, await take()]).toEqual(['a', 'b', undefined]);
  });

  it('that reached the disk and claimed a tick gives it to no caller', async () => {
    const claim = { group: GROUP, evalTime: at(1), ttl: ms(60 * SECOND) };
    disk.next('written-and-failed');
    expect(await store.claimTick(claim)).toBe(false);
    expect(await store.claimTick({ ...claim, evalTime: at(2) })).toBe(true);
  });

  it('that reached the disk and claimed a message leaves it to the next claim after its lease', async () => {
    await store.applyEvaluation(evaluation(1, 'a'));
    disk.next('written-and-failed');
    expect(await take()).toBeUndefined();
    expect(await take(29)).toBeUndefined();
    expect(await take(30)).toMatchObject({ key: 'a', token: 2 });
  });

  it.each<Fate>(['lost', 'written-and-failed'])(
    'when a message is settled (%s) leaves it settled, once',
    async (fate) => {
      await store.applyEvaluation(evaluation(1, 'a'));
      const token = (await take())?.token ?? 0;
      disk.next(fate);
      const done = { lineKeys: [], failures: 0, dueAt: at(0), syncedRevision: 1, isFinal: false };
      await store.settleMessage({ key: 'a', token, shown: aShown('a'), ...done });
      expect(await store.shownMessage('a')).toEqual(aShown('a'));
      expect(await take(60)).toBeUndefined();
    },
  );

  it('keeps leases when the folder is reopened', async () => {
    await store.applyEvaluation(evaluation(1, 'a'));
    expect((await take())?.key).toBe('a');
    disk.next('lost');
    await store.applyEvaluation(evaluation(2, 'b'));
    expect((await take(1))?.key).toBe('b');
    expect(await take(1)).toBeUndefined();
  });

  it.each<Fate>(['lost', 'written-and-failed'])(
    'when a group is removed (%s) leaves nothing of it',
    async (fate) => {
      await store.applyEvaluation(evaluation(1));
      disk.next(fate);
      await store.removeGroup(GROUP);
      expect(await store.groups()).toEqual([]);
      expect(await disk.database.keys('alert')).toEqual([]);
    },
  );

  it('reopens the folder at most every five seconds while the disk is full, and still reads it', async () => {
    await store.applyEvaluation(evaluation(1, 'a'));
    disk.fill();
    for (let second = 2; second < 12; second++) {
      await expect(store.applyEvaluation(evaluation(second, `${second}`))).rejects.toThrow('No space left');
      expect(store.isOpen()).toBe(false);
      expect(await store.loadGroup(GROUP)).toEqual(evaluation(1).state);
      await clock.advance(SECOND);
    }
    expect(disk.reopened()).toBe(2);
    expect(said()).toEqual(['error']);

    disk.free();
    expect(await store.applyEvaluation(evaluation(20, 'c'))).toBe('applied');
    expect(store.isOpen()).toBe(true);
    expect(logger.lines.at(-1)).toMatchObject({ level: 'info', fields: { afterSeconds: 10 } });
    expect([(await take())?.key, (await take())?.key, await take()]).toEqual(['a', 'c', undefined]);
  });

  it('is an error of the store when it fails once more', async () => {
    disk.next('lost', 'lost');
    await expect(store.applyEvaluation(evaluation(1, 'a'))).rejects.toMatchObject({ code: 'unavailable' });
    expect(store.isOpen()).toBe(false);
    await clock.advanceTo(after(clock.now(), ms(5 * SECOND)));
    expect(await store.applyEvaluation(evaluation(2))).toBe('applied');
    expect(await take()).toBeUndefined();
  });

  it('does not reopen a store that was closed', async () => {
    await store.close();
    await expect(store.applyEvaluation(evaluation(1))).rejects.toMatchObject({ code: 'unavailable' });
    expect(disk.reopened()).toBe(0);
    expect(said()).toEqual([]);
  });

  it('does not prevent closing the store', async () => {
    disk.fill();
    await expect(store.applyEvaluation(evaluation(1))).rejects.toThrow('No space left');
    await store.close();
    const again = await openDatabase(dir);
    expect(again.isOpen()).toBe(true);
    await again.close();
  });
});

const WRITER = new URL('../support/level-limited-writer.ts', import.meta.url);

describe.skipIf(!canLimitFiles)('a disk that is full for a while', { timeout: 60_000 }, () => {
  it('loses only the writes that failed', async () => {
    const { dir, dispose } = await makeTempDir();
    const writer = startWriter(WRITER, dir);
    const writes = async (count: number): Promise<readonly string[]> => {
      const said: string[] = [];
      while (said.length < count) said.push(await writer.write());
      return said;
    };
    const said = [...(await writes(20))];
    for (let time = 0; time < 3; time++) {
      limitFiles(writer.child.pid, 1);
      said.push(...(await writes(3)));
      limitFiles(writer.child.pid, 'unlimited');
      said.push(...(await writes(5)));
    }
    await writer.kill();

    const outcomes = said.map((line) => /^(?:applied|stale|failed not open)/.exec(line)?.[0]);
    // A write that failed and was on disk all the same is found there when the folder is opened anew: `stale`.
    const isWritten = (outcome: string | undefined): boolean => outcome === 'applied' || outcome === 'stale';
    expect(outcomes.slice(0, 20).every(isWritten)).toBe(true);
    for (const time of [0, 1, 2]) {
      const from = 20 + time * 8;
      expect(outcomes.slice(from, from + 3)).toEqual(Array.from({ length: 3 }, () => 'failed not open'));
      expect(outcomes.slice(from + 3, from + 8).every(isWritten)).toBe(true);
    }
    const written = outcomes.flatMap((outcome, index) => (isWritten(outcome) ? [index + 1] : []));
    const store = await openLevelStore({ dir });
    expect((await store.loadGroup(GROUP))?.evalTime).toBe(at(written.at(-1) ?? 0));
    expect((await drain(store)).map(Number)).toEqual(written);
    await store.close();
    await dispose();
  });
});
