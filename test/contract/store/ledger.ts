import { describe, expect, it } from 'vitest';
import { DAY } from '../../../src/lib/units.ts';
import type { LedgerEntry } from '../../../src/messages/ledger.ts';
import { at, type Bench } from './fixtures.ts';

const entry = (seconds: number, over: Partial<LedgerEntry> = {}): LedgerEntry => ({
  at: at(seconds),
  kind: 'posted',
  what: 'Slow checkout',
  ...over,
});

/** What was posted and who did what. */
export function describeLedger(bench: Bench): void {
  describe('the ledger', () => {
    it('gives its entries since an instant, the newest first, over a restart too', async () => {
      await bench.store.appendLedger([entry(1), entry(3, { kind: 'acknowledged', by: 'U1' })]);
      await bench.store.appendLedger([entry(2)]);
      await bench.reopen();
      expect(await bench.store.ledger({ since: at(2) })).toEqual([
        entry(3, { kind: 'acknowledged', by: 'U1' }),
        entry(2),
      ]);
    });

    it('holds an entry once, however often it is written', async () => {
      await bench.store.appendLedger([entry(1)]);
      await bench.store.appendLedger([entry(1), entry(1, { what: 'Slow cart' })]);
      expect(await bench.store.ledger({ since: at(0) })).toHaveLength(2);
    });

    it('forgets what is older than ninety days', async () => {
      await bench.store.appendLedger([entry((-91 * DAY) / 1_000)]);
      await bench.store.appendLedger([entry(1)]);
      await bench.reopen();
      expect(await bench.store.ledger({ since: at(-1e9) })).toEqual([entry(1)]);
    });
  });
}
