import { describe, expect, it } from 'vitest';
import { after, DAY, type EpochMs, epochMs, ms, SECOND } from '../../../src/lib/units.ts';
import { EVIDENCE_RETENTION, KEPT_ALERTS } from '../../../src/messages/store.ts';
import type { Bench } from './fixtures.ts';

/** What is kept of alerts for a look back. */
export function describeEvidence(bench: Bench): void {
  // A store that is opened deletes what is older than seven days by its own clock.
  const start = epochMs(Date.now());
  const at = (seconds: number): EpochMs => after(start, ms(seconds * SECOND));
  const keep = (alertId: string, seconds: number, data = `of-${alertId}`): Promise<void> =>
    bench.store.keepEvidence({ alertId, at: at(seconds), data });
  const kept = (alertId: string, now: EpochMs = at(200)): Promise<string | undefined> =>
    bench.store.keptEvidence({ alertId, now });

  describe('the evidence of alerts', () => {
    it('is kept over a restart, the newest of each alert', async () => {
      await keep('a-1', 1, 'b2xk');
      await keep('a-1', 2, 'id-1 id-2\nbmV3+/=');
      await bench.reopen();
      expect(await kept('a-1')).toBe('id-1 id-2\nbmV3+/=');
      expect(await kept('b-1')).toBeUndefined();
    });

    it('is not given after seven days', async () => {
      await keep('a-1', 1);
      expect(await kept('a-1', after(at(1), ms(7 * DAY - 1)))).toBe('of-a-1');
      expect(await kept('a-1', after(at(1), EVIDENCE_RETENTION))).toBeUndefined();
    });

    it('is kept of so many alerts, the newest', async () => {
      for (let i = 0; i <= KEPT_ALERTS; i += 1) await keep(`a-${i}`, i);
      expect(await kept('a-0')).toBeUndefined();
      expect(await kept('a-1')).toBe('of-a-1');
      expect(await kept(`a-${KEPT_ALERTS}`)).toBe(`of-a-${KEPT_ALERTS}`);
    });
  });
}
