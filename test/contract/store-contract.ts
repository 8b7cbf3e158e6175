import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { NotificationKind, OutboxEntry, Store } from '../../src/app/ports.ts';
import type { Alert, GroupState } from '../../src/domain/alert/alert.ts';
import { after, type EpochMs, epochMs, MINUTE, ms, SECOND } from '../../src/domain/units.ts';
import { anAlert, aRule } from '../support/builders.ts';
import { START } from '../support/virtual-clock.ts';

/** A place where a store keeps its things: opened as often as a test likes, thrown away at the end. */
export interface StoreHome {
  open(): Promise<Store>;
  dispose(): Promise<void>;
}

const GROUP = 'rules.yaml;checkout';
const LEASE = ms(30 * SECOND);
const at = (seconds: number): EpochMs => after(START, ms(seconds * 1_000));

function state(slot: EpochMs, alerts: readonly Alert[] = []): GroupState {
  const rule = aRule();
  return { slot, rules: { [rule.key]: { rule, alerts, health: { kind: 'ok' }, evaluatedAt: slot } } };
}

interface EntryOptions {
  readonly episode?: string;
  readonly kind?: NotificationKind;
  readonly notBefore?: EpochMs;
}

function anEntry(id: string, { episode = 'ep-1', kind = 'firing', notBefore = START }: EntryOptions = {}) {
  const entry: OutboxEntry = {
    id,
    episode,
    kind,
    group: GROUP,
    alert: anAlert({ episode }),
    rule: aRule(),
    createdAt: notBefore,
    notBefore,
    attempt: 0,
  };
  return entry;
}

const aRef = (episode: string, messageTs = '1763647200.000100') => ({
  episode,
  channelId: 'C0123456789',
  messageTs,
  contentHash: 'abc',
  postedAt: START,
  editedAt: START,
});

/** What every store must do. `makeHome` gives a fresh, empty place for each test. */
export function describeStore(name: string, makeHome: () => Promise<StoreHome>): void {
  describe(`${name} keeps the store's contract`, () => {
    let home: StoreHome;
    let store: Store;
    let slot = START;

    beforeEach(async () => {
      home = await makeHome();
      store = await home.open();
      slot = START;
    });

    afterEach(async () => {
      await store.close();
      await home.dispose();
    });

    const reopen = async (): Promise<void> => {
      await store.close();
      store = await home.open();
    };

    /** Adds entries by the next evaluation. */
    const add = async (...entries: readonly OutboxEntry[]): Promise<void> => {
      slot = after(slot, SECOND);
      expect(await store.applyEvaluation({ group: GROUP, state: state(slot), entries })).toBe('applied');
    };

    const take = async (now: EpochMs) => await store.takeEntry({ now, lease: LEASE });
    const takenId = async (now: EpochMs) => (await take(now))?.id;

    describe('claims', () => {
      const claim = (over: { group?: string; slot?: EpochMs } = {}) =>
        store.claimTick({ group: GROUP, slot: START, ttl: MINUTE, ...over });

      it('gives a tick to exactly one of many who ask at once', async () => {
        const answers = await Promise.all(Array.from({ length: 20 }, () => claim()));
        expect(answers.filter(Boolean)).toHaveLength(1);
      });

      it('keeps ticks of other groups and other slots apart', async () => {
        expect(await claim()).toBe(true);
        expect(await claim({ group: 'rules.yaml;cart' })).toBe(true);
        expect(await claim({ slot: at(30) })).toBe(true);
        expect(await claim()).toBe(false);
      });

      it('remembers a claim over a restart', async () => {
        expect(await claim()).toBe(true);
        await reopen();
        expect(await claim()).toBe(false);
      });
    });

    describe('state', () => {
      it('has none of a group that was never applied', async () => {
        expect(await store.loadGroup(GROUP)).toBeUndefined();
        expect(await store.groups()).toEqual([]);
      });

      it('gives back what was applied, numbers that JSON does not know included, over a restart too', async () => {
        const alerts = [
          anAlert({ value: Number.NaN, peak: Number.POSITIVE_INFINITY }),
          anAlert({ labels: { alertname: 'ä "quoted" ☕\n', service: '' }, value: -0.1 + 0.3 }),
        ];
        await store.applyEvaluation({ group: GROUP, state: state(START, alerts), entries: [] });
        expect(await store.loadGroup(GROUP)).toEqual(state(START, alerts));
        await reopen();
        expect(await store.loadGroup(GROUP)).toEqual(state(START, alerts));
      });

      it('lists every group that has state, whatever its name', async () => {
        const names = [GROUP, 'a b;ü', 'dir/rules.yaml;x!y:{z}', 'rules.yaml;checkout2'];
        for (const group of names) {
          await store.applyEvaluation({ group, state: state(START), entries: [] });
        }
        expect([...(await store.groups())].sort()).toEqual([...names].sort());
      });

      it('forgets a removed group, and only that one', async () => {
        await store.applyEvaluation({ group: GROUP, state: state(START), entries: [] });
        await store.applyEvaluation({ group: 'other', state: state(START), entries: [] });
        await store.removeGroup(GROUP);
        expect(await store.loadGroup(GROUP)).toBeUndefined();
        expect(await store.groups()).toEqual(['other']);
      });

      it.each([
        ['the same slot', 60, 'stale'],
        ['an earlier slot', 59, 'stale'],
        ['a later slot', 61, 'applied'],
      ] as const)('answers an evaluation of %s as it should', async (_, seconds, answer) => {
        const first = state(at(60));
        await store.applyEvaluation({ group: GROUP, state: first, entries: [] });
        const second = state(at(seconds), [anAlert()]);
        const entries = [anEntry('late')];
        expect(await store.applyEvaluation({ group: GROUP, state: second, entries })).toBe(answer);
        const isApplied = answer === 'applied';
        expect(await store.loadGroup(GROUP)).toEqual(isApplied ? second : first);
        expect((await store.outbox()).depth).toBe(isApplied ? 1 : 0);
      });

      it('applies one of many evaluations of a slot that come at once', async () => {
        const answers = await Promise.all(
          Array.from({ length: 10 }, (_, i) =>
            store.applyEvaluation({ group: GROUP, state: state(START), entries: [anEntry(`e${i}`)] }),
          ),
        );
        expect(answers.filter((answer) => answer === 'applied')).toHaveLength(1);
        expect((await store.outbox()).depth).toBe(1);
      });
    });

    describe('outbox', () => {
      it('is empty at first', async () => {
        expect(await take(START)).toBeUndefined();
        expect(await store.outbox()).toEqual({ depth: 0 });
      });

      it('gives an entry back as it was added, with its attempt counted and its lease', async () => {
        const entry = anEntry('e1');
        await add(entry);
        expect(await take(at(1))).toEqual({ ...entry, attempt: 1, leasedUntil: after(at(1), LEASE) });
      });

      it('tells depth and age of what waits', async () => {
        await add(anEntry('e1', { notBefore: at(5) }), anEntry('e2', { episode: 'ep-2', notBefore: at(9) }));
        expect(await store.outbox()).toEqual({ depth: 2, oldestAt: at(5) });
        await take(at(10));
        await store.completeEntry({ id: 'e1' });
        expect(await store.outbox()).toEqual({ depth: 1, oldestAt: at(9) });
      });

      it('gives the entries of different episodes in the order they were added', async () => {
        await add(anEntry('b', { episode: 'ep-b' }), anEntry('a', { episode: 'ep-a' }));
        await add(anEntry('c', { episode: 'ep-c' }));
        expect([await takenId(at(1)), await takenId(at(1)), await takenId(at(1))]).toEqual(['b', 'a', 'c']);
        expect(await take(at(1))).toBeUndefined();
      });

      it('holds back what is not due', async () => {
        await add(anEntry('later', { notBefore: at(10) }), anEntry('now', { episode: 'ep-2' }));
        expect(await takenId(at(9))).toBe('now');
        expect(await takenId(at(9))).toBeUndefined();
        expect(await takenId(at(10))).toBe('later');
      });

      it('gives the entries of one episode one after the other, never two at once', async () => {
        await add(anEntry('fired'), anEntry('ended', { kind: 'resolved' }));
        expect(await takenId(at(1))).toBe('fired');
        expect(await takenId(at(1))).toBeUndefined();
        await store.completeEntry({ id: 'fired' });
        expect(await takenId(at(1))).toBe('ended');
      });

      it('lets nothing of an episode overtake an entry that was put off', async () => {
        await add(
          anEntry('fired'),
          anEntry('ended', { kind: 'resolved' }),
          anEntry('x', { episode: 'ep-x' }),
        );
        await take(at(1));
        await store.postponeEntry({ id: 'fired', notBefore: at(20) });
        expect([await takenId(at(19)), await takenId(at(19))]).toEqual(['x', undefined]);
        expect(await take(at(20))).toMatchObject({ id: 'fired', attempt: 2 });
      });

      it('gives each entry to one of many who ask at once', async () => {
        await add(...Array.from({ length: 5 }, (_, i) => anEntry(`e${i}`, { episode: `ep-${i}` })));
        const taken = await Promise.all(Array.from({ length: 12 }, () => takenId(at(1))));
        expect(taken.filter((id) => id !== undefined).sort()).toEqual(['e0', 'e1', 'e2', 'e3', 'e4']);
      });

      it('gives an entry whose lease ran out again, as uncertain since it was taken', async () => {
        await add(anEntry('e1'));
        await take(at(1));
        expect(await take(at(30))).toBeUndefined();
        expect(await take(at(31))).toMatchObject({ id: 'e1', attempt: 2, uncertainSince: at(1) });
      });

      it('gives an entry that was in hand when the process ended as uncertain, once its lease is over', async () => {
        await add(anEntry('e1'));
        await take(at(1));
        await reopen();
        expect(await take(at(31))).toMatchObject({ id: 'e1', attempt: 2, uncertainSince: at(1) });
      });

      it('keeps the first uncertainty through later attempts', async () => {
        await add(anEntry('e1'));
        await take(at(1));
        await store.postponeEntry({ id: 'e1', notBefore: at(2), uncertainSince: at(1) });
        expect(await take(at(2))).toMatchObject({ attempt: 2, uncertainSince: at(1) });
        await store.postponeEntry({ id: 'e1', notBefore: at(3) });
        expect(await take(at(3))).toMatchObject({ attempt: 3, uncertainSince: at(1) });
      });

      it('puts an entry off without uncertainty when the attempt certainly failed', async () => {
        await add(anEntry('e1'));
        await take(at(1));
        await store.postponeEntry({ id: 'e1', notBefore: at(2) });
        const taken = await take(at(2));
        expect(taken?.id).toBe('e1');
        expect(taken).not.toHaveProperty('uncertainSince');
      });

      it('adds an id once, and never again after it was completed, over a restart too', async () => {
        await add(anEntry('e1'));
        await add(anEntry('e1'));
        expect((await store.outbox()).depth).toBe(1);
        await take(at(1));
        await store.completeEntry({ id: 'e1' });
        await add(anEntry('e1'));
        await reopen();
        await add(anEntry('e1'));
        expect(await store.outbox()).toEqual({ depth: 0 });
      });

      it('drops a refresh that nobody has taken when something newer of its episode comes', async () => {
        await add(anEntry('r1', { kind: 'refresh' }), anEntry('other', { kind: 'refresh', episode: 'ep-2' }));
        await add(anEntry('r2', { kind: 'refresh' }));
        expect((await store.outbox()).depth).toBe(2);
        await add(anEntry('ended', { kind: 'resolved' }));
        expect([await takenId(at(9)), await takenId(at(9)), await takenId(at(9))]).toEqual([
          'other',
          'ended',
          undefined,
        ]);
      });

      it('keeps a refresh that was taken, and everything that is no refresh', async () => {
        await add(anEntry('r1', { kind: 'refresh' }));
        await take(at(1));
        await add(anEntry('n1', { kind: 'no-data' }));
        await add(anEntry('r2', { kind: 'refresh' }));
        expect((await store.outbox()).depth).toBe(3);
        for (const id of ['r1', 'n1', 'r2']) {
          await store.completeEntry({ id });
          await take(at(40));
        }
        expect((await store.outbox()).depth).toBe(0);
      });

      it('completes an entry, keeps its message and adds what follows in one go', async () => {
        await add(anEntry('e1'));
        await take(at(1));
        const follow = [anEntry('e1:enrich', { kind: 'refresh' })];
        await store.completeEntry({ id: 'e1', ref: aRef('ep-1'), follow });
        await reopen();
        expect(await store.messageRef('ep-1')).toEqual(aRef('ep-1'));
        expect(await takenId(at(1))).toBe('e1:enrich');
      });

      it('lets the first completion count', async () => {
        await add(anEntry('e1'));
        await take(at(1));
        await store.completeEntry({ id: 'e1', ref: aRef('ep-1', '1.000001') });
        await store.completeEntry({ id: 'e1', ref: aRef('ep-1', '2.000002'), follow: [anEntry('f')] });
        expect((await store.messageRef('ep-1'))?.messageTs).toBe('1.000001');
        expect((await store.outbox()).depth).toBe(0);
      });

      it('takes putting off an entry that is gone for nothing', async () => {
        await add(anEntry('e1'));
        await take(at(1));
        await store.completeEntry({ id: 'e1' });
        await store.postponeEntry({ id: 'e1', notBefore: at(2) });
        expect(await store.outbox()).toEqual({ depth: 0 });
      });

      it('keeps everything over a restart, in order', async () => {
        await add(anEntry('a'), anEntry('b', { kind: 'resolved' }), anEntry('c', { episode: 'ep-2' }));
        await reopen();
        expect(await takenId(at(1))).toBe('a');
        expect(await takenId(at(1))).toBe('c');
        await store.completeEntry({ id: 'a' });
        await add(anEntry('d', { episode: 'ep-3' }));
        expect([await takenId(at(1)), await takenId(at(1))]).toEqual(['b', 'd']);
      });
    });

    it('has no message reference of an episode that was never posted', async () => {
      expect(await store.messageRef('ep-none')).toBeUndefined();
    });

    it('replaces a message reference by a later one', async () => {
      await add(anEntry('e1'), anEntry('e2', { kind: 'refresh' }));
      await store.completeEntry({ id: 'e1', ref: aRef('ep-1', '1.000001') });
      const edited = { ...aRef('ep-1', '1.000001'), contentHash: 'def', permalink: 'https://x.example/p1' };
      await store.completeEntry({ id: 'e2', ref: edited });
      expect(await store.messageRef('ep-1')).toEqual(edited);
    });

    it('is open until it is closed, and closes twice', async () => {
      expect(store.isOpen()).toBe(true);
      await store.close();
      expect(store.isOpen()).toBe(false);
      await store.close();
      await expect(store.loadGroup(GROUP)).rejects.toMatchObject({ name: 'UpstreamError', system: 'store' });
      store = await home.open();
    });

    it('fences with a slot far in the future as well', async () => {
      const far = epochMs(Date.UTC(2100, 0));
      await store.applyEvaluation({ group: GROUP, state: state(far), entries: [] });
      expect(await store.applyEvaluation({ group: GROUP, state: state(at(1)), entries: [] })).toBe('stale');
    });
  });
}
