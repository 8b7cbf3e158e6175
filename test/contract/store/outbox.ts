import { describe, expect, it } from 'vitest';
import { after } from '../../../src/lib/units.ts';
import { START } from '../../support/virtual-clock.ts';
import { anEntry, aRef, at, type Bench, LEASE } from './fixtures.ts';

/** The queue of notifications and where their messages are. */
export function describeOutbox(bench: Bench): void {
  describe('outbox', () => {
    it('is empty at first', async () => {
      expect(await bench.take(START)).toBeUndefined();
      expect(await bench.store.outbox()).toEqual({ depth: 0 });
    });

    it('gives an entry back as it was added, with its attempt counted and its lease', async () => {
      const entry = anEntry('e1');
      await bench.add(entry);
      expect(await bench.take(at(1))).toEqual({ ...entry, attempt: 1, leasedUntil: after(at(1), LEASE) });
    });

    it('tells depth and age of what waits', async () => {
      await bench.add(
        anEntry('e1', { notBefore: at(5) }),
        anEntry('e2', { alertId: 'ep-2', notBefore: at(9) }),
      );
      expect(await bench.store.outbox()).toEqual({ depth: 2, oldestAt: at(5) });
      await bench.take(at(10));
      await bench.store.completeEntry({ id: 'e1' });
      expect(await bench.store.outbox()).toEqual({ depth: 1, oldestAt: at(9) });
    });

    it('gives the entries of different alerts in the order they were added', async () => {
      await bench.add(anEntry('b', { alertId: 'ep-b' }), anEntry('a', { alertId: 'ep-a' }));
      await bench.add(anEntry('c', { alertId: 'ep-c' }));
      expect([await bench.takenId(at(1)), await bench.takenId(at(1)), await bench.takenId(at(1))]).toEqual([
        'b',
        'a',
        'c',
      ]);
      expect(await bench.take(at(1))).toBeUndefined();
    });

    it('holds back what is not due', async () => {
      await bench.add(anEntry('later', { notBefore: at(10) }), anEntry('now', { alertId: 'ep-2' }));
      expect(await bench.takenId(at(9))).toBe('now');
      expect(await bench.takenId(at(9))).toBeUndefined();
      expect(await bench.takenId(at(10))).toBe('later');
    });

    it('gives the entries of one alert one after the other, never two at once', async () => {
      await bench.add(anEntry('fired'), anEntry('ended', { kind: 'resolved' }));
      expect(await bench.takenId(at(1))).toBe('fired');
      expect(await bench.takenId(at(1))).toBeUndefined();
      await bench.store.completeEntry({ id: 'fired' });
      expect(await bench.takenId(at(1))).toBe('ended');
    });

    it('lets nothing of an alert overtake an entry that was put off', async () => {
      await bench.add(
        anEntry('fired'),
        anEntry('ended', { kind: 'resolved' }),
        anEntry('x', { alertId: 'ep-x' }),
      );
      await bench.take(at(1));
      await bench.store.postponeEntry({ id: 'fired', notBefore: at(20) });
      expect([await bench.takenId(at(19)), await bench.takenId(at(19))]).toEqual(['x', undefined]);
      expect(await bench.take(at(20))).toMatchObject({ id: 'fired', attempt: 2 });
    });

    it('gives each entry to one of many who ask at once', async () => {
      await bench.add(...Array.from({ length: 5 }, (_, i) => anEntry(`e${i}`, { alertId: `ep-${i}` })));
      const taken = await Promise.all(Array.from({ length: 12 }, () => bench.takenId(at(1))));
      expect(taken.filter((id) => id !== undefined).sort()).toEqual(['e0', 'e1', 'e2', 'e3', 'e4']);
    });

    it('gives an entry whose lease ran out again, as unknown since it was taken', async () => {
      await bench.add(anEntry('e1'));
      await bench.take(at(1));
      expect(await bench.take(at(30))).toBeUndefined();
      expect(await bench.take(at(31))).toMatchObject({ id: 'e1', attempt: 2, unknownSince: at(1) });
    });

    it('gives an entry that was in hand when the process ended as unknown, once its lease is over', async () => {
      await bench.add(anEntry('e1'));
      await bench.take(at(1));
      await bench.reopen();
      expect(await bench.take(at(31))).toMatchObject({ id: 'e1', attempt: 2, unknownSince: at(1) });
    });

    it('keeps the first uncertainty through later attempts', async () => {
      await bench.add(anEntry('e1'));
      await bench.take(at(1));
      await bench.store.postponeEntry({ id: 'e1', notBefore: at(2), unknownSince: at(1) });
      expect(await bench.take(at(2))).toMatchObject({ attempt: 2, unknownSince: at(1) });
      await bench.store.postponeEntry({ id: 'e1', notBefore: at(3) });
      expect(await bench.take(at(3))).toMatchObject({ attempt: 3, unknownSince: at(1) });
    });

    it('puts an entry off without uncertainty when the attempt certainly failed', async () => {
      await bench.add(anEntry('e1'));
      await bench.take(at(1));
      await bench.store.postponeEntry({ id: 'e1', notBefore: at(2) });
      const taken = await bench.take(at(2));
      expect(taken?.id).toBe('e1');
      expect(taken).not.toMatchObject({ unknownSince: expect.anything() });
    });

    it('does not let a late holder put off an entry that has been taken again', async () => {
      await bench.add(anEntry('e1'));
      const first = await bench.take(at(1));
      const second = await bench.take(at(31));
      await bench.store.postponeEntry({ id: 'e1', notBefore: at(32), attempt: first?.attempt ?? 0 });
      expect(await bench.take(at(33))).toBeUndefined();
      await bench.store.postponeEntry({ id: 'e1', notBefore: at(34), attempt: second?.attempt ?? 0 });
      expect(await bench.take(at(34))).toMatchObject({ attempt: 3 });
    });

    it('adds an id once, and never again after it was completed, over a restart too', async () => {
      await bench.add(anEntry('e1'));
      await bench.add(anEntry('e1'));
      expect((await bench.store.outbox()).depth).toBe(1);
      await bench.take(at(1));
      await bench.store.completeEntry({ id: 'e1' });
      await bench.add(anEntry('e1'));
      await bench.reopen();
      await bench.add(anEntry('e1'));
      expect(await bench.store.outbox()).toEqual({ depth: 0 });
    });

    it('drops a refresh that nobody has taken when something newer of its alert comes', async () => {
      await bench.add(
        anEntry('r1', { kind: 'refresh' }),
        anEntry('other', { kind: 'refresh', alertId: 'ep-2' }),
      );
      await bench.add(anEntry('r2', { kind: 'refresh' }));
      expect((await bench.store.outbox()).depth).toBe(2);
      await bench.add(anEntry('ended', { kind: 'resolved' }));
      expect([await bench.takenId(at(9)), await bench.takenId(at(9)), await bench.takenId(at(9))]).toEqual([
        'other',
        'ended',
        undefined,
      ]);
    });

    it('keeps a refresh that was taken, and everything that is no refresh', async () => {
      await bench.add(anEntry('r1', { kind: 'refresh' }));
      await bench.take(at(1));
      await bench.add(anEntry('n1', { kind: 'no-data' }));
      await bench.add(anEntry('r2', { kind: 'refresh' }));
      expect((await bench.store.outbox()).depth).toBe(3);
      for (const id of ['r1', 'n1', 'r2']) {
        await bench.store.completeEntry({ id });
        await bench.take(at(40));
      }
      expect((await bench.store.outbox()).depth).toBe(0);
    });

    it('completes an entry, keeps its message and adds what follows in one go', async () => {
      await bench.add(anEntry('e1'));
      await bench.take(at(1));
      const follow = [anEntry('e1:enrich', { kind: 'refresh' })];
      await bench.store.completeEntry({ id: 'e1', ref: aRef('ep-1'), follow });
      await bench.reopen();
      expect(await bench.store.messageRef('ep-1')).toEqual(aRef('ep-1'));
      expect(await bench.takenId(at(1))).toBe('e1:enrich');
    });

    it('lets the first completion count', async () => {
      await bench.add(anEntry('e1'));
      await bench.take(at(1));
      await bench.store.completeEntry({ id: 'e1', ref: aRef('ep-1', '1.000001') });
      await bench.store.completeEntry({ id: 'e1', ref: aRef('ep-1', '2.000002'), follow: [anEntry('f')] });
      expect((await bench.store.messageRef('ep-1'))?.messageTs).toBe('1.000001');
      expect((await bench.store.outbox()).depth).toBe(0);
    });

    it('takes putting off an entry that is gone for nothing', async () => {
      await bench.add(anEntry('e1'));
      await bench.take(at(1));
      await bench.store.completeEntry({ id: 'e1' });
      await bench.store.postponeEntry({ id: 'e1', notBefore: at(2) });
      expect(await bench.store.outbox()).toEqual({ depth: 0 });
    });

    it('keeps everything over a restart, in order', async () => {
      await bench.add(anEntry('a'), anEntry('b', { kind: 'resolved' }), anEntry('c', { alertId: 'ep-2' }));
      await bench.reopen();
      expect(await bench.takenId(at(1))).toBe('a');
      expect(await bench.takenId(at(1))).toBe('c');
      await bench.store.completeEntry({ id: 'a' });
      await bench.add(anEntry('d', { alertId: 'ep-3' }));
      expect([await bench.takenId(at(1)), await bench.takenId(at(1))]).toEqual(['b', 'd']);
    });
  });

  it('has no message reference of an alert that was never posted', async () => {
    expect(await bench.store.messageRef('ep-none')).toBeUndefined();
  });

  it('replaces a message reference by a later one', async () => {
    await bench.add(anEntry('e1'), anEntry('e2', { kind: 'refresh' }));
    await bench.store.completeEntry({ id: 'e1', ref: aRef('ep-1', '1.000001') });
    const edited = { ...aRef('ep-1', '1.000001'), contentHash: 'def', permalink: 'https://x.example/p1' };
    await bench.store.completeEntry({ id: 'e2', ref: edited });
    expect(await bench.store.messageRef('ep-1')).toEqual(edited);
  });
}
