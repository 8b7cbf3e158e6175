import { describe, expect, it } from 'vitest';
import type { UserAction } from '../../../src/alerts/alert.ts';
import { after, before, DAY, HOUR, ms } from '../../../src/lib/units.ts';
import type { StoredSilence } from '../../../src/policy/silence.ts';
import { START } from '../../support/virtual-clock.ts';
import { anUpdate, aShown, at, type Bench, GROUP, state } from './fixtures.ts';

const ANN = { by: 'U0ANN', at: at(1) };
const BOB = { by: 'U0BOB', at: at(2), comment: 'the source was retired' };

const aSilence = (over: Partial<StoredSilence> = {}): StoredSilence => ({
  id: '5ca1ab1e',
  matchers: [{ label: 'service', operator: '=~', value: 'a|"ü"\\' }],
  startsAt: START,
  endsAt: after(START, HOUR),
  createdBy: 'U0ANN',
  comment: 'moving the database',
  createdAt: START,
  ...over,
});

/** What people did: actions on an alert, and silences. */
export function describePeople(bench: Bench): void {
  const depth = async (): Promise<number> => (await bench.store.pendingMessages()).depth;

  describe('actions', () => {
    const acknowledge = (action = ANN, messages = [anUpdate('ep-1')]) =>
      bench.store.recordAction({ alertId: 'ep-1', kind: 'acknowledged', action, messages });

    it('keeps an act and what tells of it, over a restart too', async () => {
      expect(await acknowledge()).toEqual({ acknowledged: ANN });
      await bench.reopen();
      expect(await bench.store.actions(['ep-1', 'ep-2', 'ep-1'])).toEqual(
        new Map([['ep-1', { acknowledged: ANN }]]),
      );
      expect((await bench.claim(at(5)))?.key).toBe('ep-1');
    });

    it('lets the first of a kind count, and adds nothing for a later one', async () => {
      await acknowledge();
      expect(await acknowledge(BOB, [anUpdate('again')])).toEqual({ acknowledged: ANN });
      expect(await depth()).toBe(1);
    });

    it('lets a withdrawal delete the acknowledgement, once, and the next one count', async () => {
      const withdraw = (action: UserAction, messages = [anUpdate('withdrawn')]) =>
        bench.store.recordAction({ alertId: 'ep-1', kind: 'unacknowledged', action, messages });
      await acknowledge();
      expect(await withdraw(BOB)).toEqual({ unacknowledged: BOB });
      expect(await withdraw({ by: 'U0EVE', at: at(3) }, [anUpdate('again')])).toEqual({
        unacknowledged: BOB,
      });
      expect(await depth()).toBe(2);
      const again = { by: 'U0BOB', at: at(4) };
      expect(await acknowledge(again)).toEqual({ acknowledged: again, unacknowledged: BOB });
      const last = { by: 'U0EVE', at: at(5) };
      expect(await withdraw(last)).toEqual({ unacknowledged: last });
      expect(await bench.store.actions(['ep-1'])).toEqual(new Map([['ep-1', { unacknowledged: last }]]));
    });

    it('lets one of many who act at once be the first', async () => {
      const all = await Promise.all(
        Array.from({ length: 10 }, (_, i) => acknowledge({ by: `U${i}`, at: at(i) }, [anUpdate(`ep-${i}`)])),
      );
      expect(new Set(all.map(({ acknowledged }) => acknowledged?.by)).size).toBe(1);
      expect(await depth()).toBe(1);
    });

    it('keeps different kinds and different alerts beside each other', async () => {
      await acknowledge();
      await bench.store.recordAction({ alertId: 'ep-2', kind: 'closed', action: BOB, messages: [] });
      const both = await bench.store.recordAction({
        alertId: 'ep-1',
        kind: 'closed',
        action: BOB,
        messages: [],
      });
      expect(both).toEqual({ acknowledged: ANN, closed: BOB });
      expect(await bench.store.actions(['ep-1', 'ep-2'])).toEqual(
        new Map([
          ['ep-1', both],
          ['ep-2', { closed: BOB }],
        ]),
      );
    });

    it('survives an evaluation that replaces the state, and the end of its message', async () => {
      await acknowledge();
      await bench.store.applyEvaluation({ group: GROUP, state: state(at(60)), messages: [] });
      await bench.claim(at(60));
      await bench.store.settleMessage({
        key: 'ep-1',
        token: 1,
        shown: aShown('ep-1'),
        lineKeys: [],
        failures: 0,
        dueAt: at(0),
        syncedRevision: 1,
        isFinal: true,
      });
      expect(await bench.store.actions(['ep-1'])).toEqual(new Map([['ep-1', { acknowledged: ANN }]]));
    });

    it('knows nothing of alerts that nobody touched', async () => {
      expect(await bench.store.actions([])).toEqual(new Map());
      expect(await bench.store.actions(['ep-1'])).toEqual(new Map());
    });
  });

  describe('silences', () => {
    const add = (silence: StoredSilence, messages = [anUpdate(`notified-${silence.id}`)]) =>
      bench.store.addSilence({ silence, messages });
    const ids = async (since = before(START, HOUR)) =>
      (await bench.store.silences(since)).map(({ id }) => id);

    it('keeps a silence as it was made and what tells of it, over a restart too', async () => {
      expect(await add(aSilence())).toEqual(aSilence());
      await bench.reopen();
      expect(await bench.store.silences(START)).toEqual([aSilence()]);
      expect(await depth()).toBe(1);
    });

    it('keeps the first of an id, however often it is sent', async () => {
      await add(aSilence());
      const again = await add(aSilence({ comment: 'another' }), [anUpdate('ep-2')]);
      expect(again).toEqual(aSilence());
      expect(await depth()).toBe(1);
    });

    it('lists those that run, are to come, or ended not long ago, the oldest first', async () => {
      await add(aSilence({ id: 'run', createdAt: at(3) }));
      await add(aSilence({ id: 'over', endsAt: at(60), createdAt: at(1) }));
      await add(aSilence({ id: 'coming', startsAt: at(600), createdAt: at(2) }));
      expect(await ids(START)).toEqual(['over', 'coming', 'run']);
      expect(await ids(at(60))).toEqual(['coming', 'run']);
    });

    it('ends a silence once, by the first who asks', async () => {
      await add(aSilence(), []);
      const ended = { ...aSilence(), endsAt: BOB.at, ended: BOB };
      const end = (act = BOB, id = 'x') =>
        bench.store.endSilence({ id: '5ca1ab1e', ended: act, messages: [anUpdate(id)] });
      expect(await end()).toEqual(ended);
      expect(await end({ ...BOB, by: 'U0ANN', at: at(9) }, 'y')).toEqual(ended);
      expect(await depth()).toBe(1);
      await bench.reopen();
      expect(await bench.store.silences(START)).toEqual([ended]);
      expect(await ids(BOB.at)).toEqual([]);
    });

    it('leaves alone what is over, and says so of what never was', async () => {
      await add(aSilence({ endsAt: at(1) }), []);
      const end = (id: string) => bench.store.endSilence({ id, ended: BOB, messages: [anUpdate('x')] });
      expect(await end('5ca1ab1e')).toEqual(aSilence({ endsAt: at(1) }));
      expect(await end('nobody')).toBeUndefined();
      expect(await depth()).toBe(0);
    });

    it('forgets what ended thirty days before another is made, and only that', async () => {
      const month = ms(30 * DAY);
      await add(aSilence({ id: 'old', endsAt: at(0) }), []);
      await add(aSilence({ id: 'recent', endsAt: at(1) }), []);
      await bench.store.endSilence({ id: 'recent', ended: { by: 'U0ANN', at: START }, messages: [] });
      await add(aSilence({ id: 'late', endsAt: at(2) }), []);
      const made = after(START, month);
      await add(aSilence({ id: 'new', createdAt: made, endsAt: after(made, HOUR) }), []);
      expect(await ids()).toEqual(['late', 'new']);
    });
  });
}
