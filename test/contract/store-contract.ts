import { describe, expect, it } from 'vitest';
import { describeEvidence } from './store/evidence.ts';
import { GROUP, type StoreHome, useBench } from './store/fixtures.ts';
import { describeLedger } from './store/ledger.ts';
import { describeMessages } from './store/messages.ts';
import { describePeople } from './store/people.ts';
import { describeRestore } from './store/restore.ts';
import { describeState } from './store/state.ts';

/** What every store must do. `makeHome` gives a fresh, empty place for each test. */
export function describeStore(name: string, makeHome: () => Promise<StoreHome>): void {
  describe(`${name} keeps the store's contract`, () => {
    const bench = useBench(makeHome);
    describeState(bench);
    describeMessages(bench);
    describePeople(bench);
    describeRestore(bench);
    describeLedger(bench);
    describeEvidence(bench);

    it('is open until it is closed, closes twice, and then refuses', async () => {
      const { store } = bench;
      expect(store.isOpen()).toBe(true);
      await store.close();
      expect(store.isOpen()).toBe(false);
      await store.close();
      await expect(store.loadGroup(GROUP)).rejects.toMatchObject({ name: 'UpstreamError', system: 'store' });
      await bench.reopen();
    });
  });
}
