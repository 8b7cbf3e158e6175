import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DAY, MINUTE, ms } from '../../src/lib/units.ts';
import type { Store } from '../../src/messages/store.ts';
import { openLevelStore } from '../../src/store/level/open-level-store.ts';
import { makeTempDir } from '../support/temp-store.ts';
import { createVirtualClock, type VirtualClock } from '../support/virtual-clock.ts';
import { anUpdate, aShown, at, GROUP, LEASE, state } from './store/fixtures.ts';

describe('the retention of the embedded store', () => {
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

  /** Shows a message in its final form. */
  const complete = async (key: string, seconds: number): Promise<void> => {
    await store.applyEvaluation({ group: GROUP, state: state(at(seconds)), messages: [anUpdate(key)] });
    const message = await store.claimMessage({ now: clock.now(), lease: LEASE });
    const shown = { ...aShown(key), editedAt: clock.now() };
    const token = message?.token ?? 0;
    const done = { lineKeys: [], failures: 0, dueAt: at(0), syncedRevision: 1, isFinal: true };
    await store.settleMessage({ key, token, shown, ...done });
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

  it('where a message is, for ninety days after its last edit', async () => {
    await complete('one', 1);
    await clock.advance(ms(90 * DAY) - 1);
    await reopen();
    expect(await store.shownMessage('one')).toBeDefined();
    await clock.advance(1);
    await reopen();
    expect(await store.shownMessage('one')).toBeUndefined();
  });

  it('no longer while the process runs', async () => {
    await complete('one', 1);
    await clock.advance(ms(90 * DAY));
    await store.claimTick({ group: GROUP, evalTime: clock.now(), ttl: MINUTE });
    // Calls come one after the other: this one after the deletion.
    await store.claimTick({ group: GROUP, evalTime: at(0), ttl: MINUTE });
    expect(await store.shownMessage('one')).toBeUndefined();
  });

  it('what people did, as long as the message they did it on, or ninety days without one', async () => {
    const act = (alertId: string) =>
      store.recordAction({
        alertId,
        kind: 'acknowledged',
        action: { by: 'U0ANN', at: clock.now() },
        messages: [],
      });
    await act('ep-kept');
    await act('ep-alone');
    await clock.advance(ms(80 * DAY));
    await complete('ep-kept', 1);
    await clock.advance(ms(10 * DAY));
    await reopen();
    expect([...(await store.actions(['ep-kept', 'ep-alone'])).keys()]).toEqual(['ep-kept']);
    await clock.advance(ms(80 * DAY));
    await reopen();
    expect(await store.actions(['ep-kept'])).toEqual(new Map());
  });

  it('a message that is not shown, without a limit', async () => {
    await store.applyEvaluation({ group: GROUP, state: state(at(1)), messages: [anUpdate('m')] });
    await clock.advance(365 * DAY);
    await reopen();
    expect((await store.pendingMessages()).depth).toBe(1);
  });
});
