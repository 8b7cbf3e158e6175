import { describe, expect, it } from 'vitest';
import { after, ms, SECOND } from '../../../src/lib/units.ts';
import type { Settlement } from '../../../src/messages/store.ts';
import { START } from '../../support/virtual-clock.ts';
import { aLine, anUpdate, aShown, at, type Bench, LEASE } from './fixtures.ts';

/** The records of messages: what they are to show, what they show, and who works on them. */
export function describeMessages(bench: Bench): void {
  const settle = (over: Partial<Settlement> & Pick<Settlement, 'key' | 'token'>): Promise<boolean> =>
    bench.store.settleMessage({
      shown: aShown(over.key),
      lineKeys: [],
      failures: 0,
      dueAt: at(0),
      syncedRevision: 1,
      isFinal: false,
      ...over,
    });
  const depth = async (): Promise<number> => (await bench.store.pendingMessages()).depth;

  describe('messages', () => {
    it('are none at first', async () => {
      expect(await bench.claim(START)).toBeUndefined();
      expect(await bench.store.pendingMessages()).toEqual({ depth: 0 });
      expect(await bench.store.shownMessage('m')).toBeUndefined();
    });

    it('are claimed as they were decided', async () => {
      const update = anUpdate('m');
      await bench.add(update);
      expect(await bench.claim(at(1))).toMatchObject({
        key: 'm',
        token: 1,
        desired: update.desired,
        lines: [],
        failures: 0,

        revision: 1,
        syncedRevision: 0,
      });
    });

    it('are counted while they are not shown, with the age of the oldest', async () => {
      await bench.add(anUpdate('a', { at: at(5) }), anUpdate('b', { at: at(9) }));
      expect(await bench.store.pendingMessages()).toEqual({ depth: 2, oldestAt: at(5) });
      expect(await bench.claim(at(10))).toMatchObject({ key: 'a' });
      expect(await settle({ key: 'a', token: 1 })).toBe(true);
      expect(await bench.store.pendingMessages()).toEqual({ depth: 1, oldestAt: at(9) });
    });

    it('are claimed in the order in which they are due, and not before', async () => {
      await bench.add(anUpdate('b', { at: at(2) }), anUpdate('a', { at: at(1) }));
      await bench.add(anUpdate('c', { at: at(0), notBefore: at(30) }));
      const keys = [];
      for (const now of [3, 3, 3, 30]) keys.push((await bench.claim(at(now)))?.key);
      expect(keys).toEqual(['a', 'b', undefined, 'c']);
    });

    it('are given to one of many who claim at once', async () => {
      await bench.add(...Array.from({ length: 5 }, (_, i) => anUpdate(`m${i}`)));
      const claimed = await Promise.all(Array.from({ length: 12 }, () => bench.claim(at(1))));
      const keys = claimed.flatMap((message) => message?.key ?? []);
      expect(keys.sort()).toEqual(['m0', 'm1', 'm2', 'm3', 'm4']);
    });

    it('show the newest of what was decided: the older is replaced', async () => {
      for (const asOf of [at(1), at(2), at(3)]) await bench.add(anUpdate('m', { asOf }));
      expect(await depth()).toBe(1);
      expect(await bench.claim(at(9))).toMatchObject({ desired: { asOf: at(3) }, revision: 3 });
      expect(await bench.claim(at(9))).toBeUndefined();
    });

    it('that nobody knows are only begun by an update that is new', async () => {
      await bench.add(anUpdate('m', { isNew: undefined }), { key: 'm', at: START, isTouched: true });
      await bench.add({ key: 'm', at: START, line: aLine('m:no-data:1') });
      expect(await depth()).toBe(0);
    });

    it('keep their lines in order, each once, over a restart too', async () => {
      await bench.add(anUpdate('m'));
      for (const [index, key] of ['m:b', 'm:a', 'm:b'].entries())
        await bench.add({ key: 'm', at: at(index), line: aLine(key, at(index)) });
      await bench.reopen();
      const message = await bench.claim(at(60));
      expect(message?.lines.map(({ key }) => key)).toEqual(['m:b', 'm:a']);
      await settle({ key: 'm', token: message?.token ?? 0, lineKeys: ['m:b'] });
      await bench.add({ key: 'm', at: at(9), line: aLine('m:b') });
      expect((await bench.claim(at(61)))?.lines.map(({ key }) => key)).toEqual(['m:a']);
    });

    it('are over when they show what they are to show, over a restart too', async () => {
      await bench.add(anUpdate('m'));
      await bench.claim(at(1));
      expect(await settle({ key: 'm', token: 1 })).toBe(true);
      await bench.reopen();
      expect(await bench.claim(at(99))).toBeUndefined();
      expect(await bench.store.shownMessage('m')).toEqual(aShown('m'));
    });

    it('are due again when something changes, with where they are', async () => {
      await bench.add(anUpdate('m'));
      await bench.claim(at(1));
      await settle({ key: 'm', token: 1 });
      await bench.add({ key: 'm', at: at(5), isTouched: true });
      expect(await bench.claim(at(5))).toMatchObject({
        token: 2,
        shown: aShown('m'),
        revision: 2,
        syncedRevision: 1,
      });
    });

    it('that change while they are worked on are due again afterwards, and not before', async () => {
      await bench.add(anUpdate('m'));
      await bench.claim(at(1));
      await bench.add(anUpdate('m', { asOf: at(2) }), { key: 'm', at: at(2), line: aLine('m:x') });
      expect(await bench.claim(at(3))).toBeUndefined();
      await settle({ key: 'm', token: 1, dueAt: at(4) });
      expect(await bench.claim(at(4))).toMatchObject({
        desired: { asOf: at(2) },
        lines: [{ key: 'm:x' }],
        syncedRevision: 1,
        revision: 2,
      });
    });

    it('that could not be shown are due when their holder says', async () => {
      await bench.add(anUpdate('m'));
      await bench.claim(at(1));
      await settle({ key: 'm', token: 1, shown: undefined, syncedRevision: 0, failures: 3, dueAt: at(20) });
      expect(await bench.claim(at(19))).toBeUndefined();
      expect(await bench.claim(at(20))).toMatchObject({ failures: 3, token: 2 });
      expect(await bench.store.shownMessage('m')).toBeUndefined();
    });

    it('in their final form are only remembered where they are; a late line finds them', async () => {
      await bench.add(anUpdate('m'));
      await bench.claim(at(1));
      await settle({ key: 'm', token: 1, isFinal: true, lineKeys: ['m:resolved'] });
      await bench.reopen();
      expect(await bench.store.shownMessage('m')).toEqual(aShown('m'));
      await bench.add({ key: 'm', at: at(60), line: aLine('m:resolved') });
      await bench.add({ key: 'm', at: at(60), line: aLine('m:flapping') });
      const message = await bench.claim(at(60));
      expect(message).toMatchObject({ key: 'm', shown: aShown('m'), lines: [{ key: 'm:flapping' }] });
      expect(message?.desired).toBeUndefined();
    });

    it('remember the last silence', async () => {
      const silence = { what: 'silenced', id: 's', by: 'U0ANN', at: at(1) } as const;
      await bench.add(anUpdate('m'));
      await bench.add({ key: 'm', at: at(1), line: { ...aLine('m:silenced:s'), kind: 'silence', silence } });
      await bench.claim(at(2));
      await settle({ key: 'm', token: 1, lineKeys: ['m:silenced:s'] });
      await bench.add(anUpdate('m', { asOf: at(3) }));
      expect(await bench.claim(at(4))).toMatchObject({ silence, lines: [] });
    });
  });

  describe('leases', () => {
    const attempt = { key: 'm', since: at(2) };

    it('end: the message is claimed again, with a higher token and the attempt that was recorded', async () => {
      await bench.add(anUpdate('m'));
      await bench.claim(at(1));
      expect(await bench.store.renewLease({ key: 'm', token: 1, until: at(32), attempt })).toBe(true);
      expect(await bench.claim(at(31))).toBeUndefined();
      expect(await bench.claim(at(32))).toMatchObject({ token: 2, attempt });
    });

    it('are over when the process has ended, once their time is', async () => {
      await bench.add(anUpdate('m'));
      await bench.claim(at(1));
      await bench.store.renewLease({ key: 'm', token: 1, until: at(31), attempt });
      await bench.reopen();
      expect(await bench.claim(at(31))).toMatchObject({ token: 2, attempt });
    });

    it('are renewed without forgetting the attempt', async () => {
      await bench.add(anUpdate('m'));
      await bench.claim(at(1));
      await bench.store.renewLease({ key: 'm', token: 1, until: at(31), attempt });
      expect(await bench.store.renewLease({ key: 'm', token: 1, until: at(60) })).toBe(true);
      expect(await bench.claim(at(59))).toBeUndefined();
      expect(await bench.claim(at(60))).toMatchObject({ attempt });
    });

    it('that were lost renew nothing and settle nothing', async () => {
      await bench.add(anUpdate('m'));
      await bench.claim(at(1));
      await bench.claim(after(at(1), LEASE));
      expect(await bench.store.renewLease({ key: 'm', token: 1, until: at(90) })).toBe(false);
      expect(await settle({ key: 'm', token: 1 })).toBe(false);
      expect(await bench.store.shownMessage('m')).toBeUndefined();
      expect(await settle({ key: 'm', token: 2 })).toBe(true);
      expect(await depth()).toBe(0);
    });

    it('settle an attempt whose outcome is known, and keep one whose is not', async () => {
      await bench.add(anUpdate('m'));
      await bench.claim(at(1));
      await settle({ key: 'm', token: 1, shown: undefined, syncedRevision: 0, attempt, dueAt: at(3) });
      expect(await bench.claim(at(3))).toMatchObject({ attempt });
      await settle({ key: 'm', token: 2, shown: undefined, syncedRevision: 0, dueAt: at(4) });
      expect((await bench.claim(at(4)))?.attempt).toBeUndefined();
    });

    it('of one message do not concern another', async () => {
      await bench.add(anUpdate('a'), anUpdate('b'));
      const first = await bench.claim(at(1));
      expect((await bench.claim(after(at(1), ms(SECOND))))?.key).not.toBe(first?.key);
    });
  });
}
