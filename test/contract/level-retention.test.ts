import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DAY, HOUR, MINUTE, ms } from '../../src/lib/units.ts';
import type { Store } from '../../src/messages/store.ts';
import { openLevelStore } from '../../src/store/level/open-level-store.ts';
import { makeTempDir } from '../support/temp-store.ts';
import { createVirtualClock, type VirtualClock } from '../support/virtual-clock.ts';
import { anEntry, aRef, at, GROUP, state } from './store/fixtures.ts';

describe('what the embedded store remembers, and for how long', () => {
  let dir: string;
  let dispose: () => Promise<void>;
  let clock: VirtualClock;
  let store: Store;

  beforeEach(async () => {
    ({ dir, dispose } = await makeTempDir());
    clock = createVirtualClock();
    store = await openLevelStore({ dir, clock });
  });

  afterEach(async () => {
    await store.close();
    await dispose();
  });

  const reopen = async (): Promise<void> => {
    await store.close();
    store = await openLevelStore({ dir, clock });
  };

  /** The keys on disk; the store is closed for it and opened again. */
  const keysOnDisk = async (prefix: string): Promise<readonly string[]> => {
    await store.close();
    const level = new ClassicLevel(join(dir, 'db'));
    const keys = await level.keys({ gte: prefix, lt: `${prefix}\uffff` }).all();
    await level.close();
    store = await openLevelStore({ dir, clock });
    return keys;
  };

  const complete = async (id: string, seconds: number): Promise<void> => {
    const entries = [anEntry(id, { alertId: `ep-${id}` })];
    await store.applyEvaluation({ group: GROUP, state: state(at(seconds)), entries });
    await store.completeEntry({ id, ref: { ...aRef(`ep-${id}`), editedAt: clock.now() } });
  };

  it('a claim until its time is up', async () => {
    const claim = (seconds: number) => store.claimTick({ group: GROUP, evalTime: at(seconds), ttl: MINUTE });
    await claim(0);
    await clock.advance(MINUTE - 1);
    expect(await claim(0)).toBe(false);
    await clock.advance(1);
    await claim(60);
    expect(await keysOnDisk('tick!')).toEqual([`tick!${GROUP}!${at(60)}`]);
    expect(await claim(0)).toBe(true);
  });

  it('a completed id for a day', async () => {
    await complete('old', 1);
    await clock.advance(DAY - HOUR);
    await complete('new', 2);
    expect(await keysOnDisk('done!')).toEqual(['done!new', 'done!old']);
    await clock.advance(2 * HOUR);
    await complete('newest', 3);
    expect(await keysOnDisk('done!')).toEqual(['done!new', 'done!newest']);
  });

  it('where a message is, for ninety days after its last edit', async () => {
    await complete('one', 1);
    await clock.advance(ms(90 * DAY) - 1);
    await reopen();
    expect(await store.messageRef('ep-one')).toBeDefined();
    await clock.advance(1);
    await reopen();
    expect(await store.messageRef('ep-one')).toBeUndefined();
  });

  it('what people did, as long as the message they did it on, or ninety days without one', async () => {
    const act = (alertId: string) =>
      store.recordAction({
        alertId,
        kind: 'acknowledged',
        act: { by: 'U0ANN', at: clock.now() },
        entries: [],
      });
    await act('ep-kept');
    await act('ep-alone');
    await clock.advance(ms(80 * DAY));
    await complete('kept', 1);
    await clock.advance(ms(10 * DAY));
    await reopen();
    expect([...(await store.actions(['ep-kept', 'ep-alone'])).keys()]).toEqual(['ep-kept']);
    await clock.advance(ms(80 * DAY));
    await reopen();
    expect(await store.actions(['ep-kept'])).toEqual(new Map());
  });

  it('an entry that waits, for ever', async () => {
    await store.applyEvaluation({ group: GROUP, state: state(at(1)), entries: [anEntry('e1')] });
    await clock.advance(365 * DAY);
    await reopen();
    expect((await store.outbox()).depth).toBe(1);
  });
});
