import { describe, expect, it } from 'vitest';
import type { DesiredMessage, RestoredMessage } from '../../../src/messages/store.ts';
import { anAlert, aRule } from '../../support/builders.ts';
import { START } from '../../support/virtual-clock.ts';
import { aLine, anUpdate, aShown, at, type Bench, GROUP, LEASE, state } from './fixtures.ts';

const desired = (key: string): DesiredMessage => ({
  group: GROUP,
  alert: anAlert({ alertId: key }),
  rule: aRule(),
  asOf: START,
});

const restored = (key: string): RestoredMessage => ({
  shown: aShown(key),
  desired: desired(key),
  lineKeys: [`${key}:no-data:1`],
});

/** A store that was lost, and what is found in Slack for it. */
export function describeRestore(bench: Bench): void {
  describe('restoring', () => {
    const found = (over: Partial<Parameters<typeof bench.store.restore>[0]> = {}) => ({
      at: at(5),
      groups: [{ group: GROUP, state: state(START, [anAlert()]) }],
      messages: [restored('a'), restored('b')],
      updates: [],
      ...over,
    });

    it('is done by exactly one of many, and remembered over a restart', async () => {
      expect(await bench.store.isRestored()).toBe(false);
      const done = await Promise.all(Array.from({ length: 3 }, () => bench.store.restore(found())));
      expect(done.filter(Boolean)).toHaveLength(1);
      await bench.reopen();
      expect(await bench.store.isRestored()).toBe(true);
      expect(await bench.store.loadGroup(GROUP)).toEqual(state(START, [anAlert()]));
      expect(await bench.store.groups()).toEqual([GROUP]);
    });

    it('knows where messages are, and that their threads have their lines', async () => {
      await bench.store.restore(found());
      expect(await bench.store.shownMessage('a')).toEqual(aShown('a'));
      expect((await bench.store.pendingMessages()).depth).toBe(0);
      const line = { ...aLine('a:no-data:1'), key: 'a:no-data:1' };
      await bench.add(anUpdate('a', { isNew: undefined, desired: undefined, line }));
      expect((await bench.store.pendingMessages()).depth).toBe(0);
      await bench.add(anUpdate('a', { isNew: undefined, desired: undefined, isTouched: true }));
      expect(await bench.store.claimMessage({ now: at(60), lease: LEASE })).toMatchObject({
        key: 'a',
        shown: aShown('a'),
        desired: desired('a'),
        lines: [],
        revision: 1,
        syncedRevision: 0,
      });
    });

    it('updates the messages that it restores in the same write', async () => {
      const line = aLine('b:resolved');
      await bench.store.restore(found({ updates: [anUpdate('b', { isNew: undefined, line })] }));
      expect(await bench.claim(at(60))).toMatchObject({ key: 'b', lines: [line], shown: aShown('b') });
    });

    it('takes the messages that a partial restore lacks, once, over a restart too', async () => {
      await bench.store.restore(found({ isPartial: true, messages: [restored('a')] }));
      expect([await bench.store.isRestored(), await bench.store.partialSince()]).toEqual([true, at(5)]);
      await bench.reopen();
      const late = { at: at(60), groups: [], messages: [restored('b')], updates: [] };
      expect(await bench.store.restore(late)).toBe(false);
      expect(await bench.store.restore({ ...late, completes: at(4) })).toBe(false);
      expect(await bench.store.restore({ ...late, completes: at(5) })).toBe(true);
      expect(await bench.store.restore({ ...late, completes: at(5) })).toBe(false);
      expect(await bench.store.partialSince()).toBeUndefined();
      expect(await bench.store.shownMessage('b')).toEqual(aShown('b'));
      expect(await bench.store.loadGroup(GROUP)).toEqual(state(START, [anAlert()]));
    });

    it('refuses evaluations of a store that must be restored first', async () => {
      const change = { group: GROUP, state: state(at(30)), messages: [] };
      await bench.store.isRestored();
      await expect(bench.store.applyEvaluation(change)).rejects.toMatchObject({ code: 'unavailable' });
      await bench.store.restore(found());
      expect(await bench.store.applyEvaluation(change)).toBe('applied');
    });
  });
}
