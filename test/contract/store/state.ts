import { describe, expect, it } from 'vitest';
import { type EpochMs, epochMs, MINUTE } from '../../../src/lib/units.ts';
import { anAlert } from '../../support/builders.ts';
import { START } from '../../support/virtual-clock.ts';
import { anUpdate, at, type Bench, GROUP, state } from './fixtures.ts';

/** Claims of ticks and the state of groups. */
export function describeState(bench: Bench): void {
  describe('claims', () => {
    const claim = (over: { group?: string; evalTime?: EpochMs } = {}) =>
      bench.store.claimTick({ group: GROUP, evalTime: START, ttl: MINUTE, ...over });

    it('gives a tick to exactly one of many who ask at once', async () => {
      const answers = await Promise.all(Array.from({ length: 20 }, () => claim()));
      expect(answers.filter(Boolean)).toHaveLength(1);
    });

    it('keeps ticks of other groups and other evaluation times apart', async () => {
      expect(await claim()).toBe(true);
      expect(await claim({ group: 'rules.yaml;cart' })).toBe(true);
      expect(await claim({ evalTime: at(30) })).toBe(true);
      expect(await claim()).toBe(false);
    });

    it('remembers a claim over a restart', async () => {
      expect(await claim()).toBe(true);
      await bench.reopen();
      expect(await claim()).toBe(false);
    });
  });

  describe('state', () => {
    it('has none of a group that was never applied', async () => {
      expect(await bench.store.loadGroup(GROUP)).toBeUndefined();
      expect(await bench.store.groups()).toEqual([]);
    });

    it('gives back what was applied, numbers that JSON does not know included, over a restart too', async () => {
      const alerts = [
        anAlert({ value: Number.NaN, peak: Number.POSITIVE_INFINITY }),
        anAlert({ labels: { alertname: 'ä "quoted" ☕\n', service: '' }, value: -0.1 + 0.3 }),
      ];
      await bench.store.applyEvaluation({ group: GROUP, state: state(START, alerts), messages: [] });
      expect(await bench.store.loadGroup(GROUP)).toEqual(state(START, alerts));
      await bench.reopen();
      expect(await bench.store.loadGroup(GROUP)).toEqual(state(START, alerts));
    });

    it('lists every group that has state, whatever its name', async () => {
      const names = [GROUP, 'a b;ü', 'dir/rules.yaml;x!y:{z}', 'rules.yaml;checkout2'];
      for (const group of names) {
        await bench.store.applyEvaluation({ group, state: state(START), messages: [] });
      }
      expect([...(await bench.store.groups())].sort()).toEqual([...names].sort());
    });

    it('forgets a removed group, and only that one', async () => {
      await bench.store.applyEvaluation({ group: GROUP, state: state(START), messages: [] });
      await bench.store.applyEvaluation({ group: 'other', state: state(START), messages: [] });
      await bench.store.removeGroup(GROUP);
      expect(await bench.store.loadGroup(GROUP)).toBeUndefined();
      expect(await bench.store.groups()).toEqual(['other']);
    });

    it.each([
      ['the same evalTime', 60, 'stale'],
      ['an earlier evalTime', 59, 'stale'],
      ['a later evalTime', 61, 'applied'],
    ] as const)('answers an evaluation of %s as it should', async (_, seconds, answer) => {
      const first = state(at(60));
      await bench.store.applyEvaluation({ group: GROUP, state: first, messages: [] });
      const second = state(at(seconds), [anAlert()]);
      const messages = [anUpdate('late')];
      expect(await bench.store.applyEvaluation({ group: GROUP, state: second, messages })).toBe(answer);
      const isApplied = answer === 'applied';
      expect(await bench.store.loadGroup(GROUP)).toEqual(isApplied ? second : first);
      expect((await bench.store.pendingMessages()).depth).toBe(isApplied ? 1 : 0);
    });

    it('applies one of many evaluations of an evaluation time that come at once', async () => {
      const answers = await Promise.all(
        Array.from({ length: 10 }, (_, i) =>
          bench.store.applyEvaluation({ group: GROUP, state: state(START), messages: [anUpdate(`e${i}`)] }),
        ),
      );
      expect(answers.filter((answer) => answer === 'applied')).toHaveLength(1);
      expect((await bench.store.pendingMessages()).depth).toBe(1);
    });

    it('fences with an evaluation time far in the future as well', async () => {
      const far = epochMs(Date.UTC(2100, 0));
      await bench.store.applyEvaluation({ group: GROUP, state: state(far), messages: [] });
      const earlier = { group: GROUP, state: state(at(1)), messages: [] };
      expect(await bench.store.applyEvaluation(earlier)).toBe('stale');
    });

    it('replaces a later evaluation time that is named, and no other one', async () => {
      const change = { group: GROUP, state: state(at(1), [anAlert()]), messages: [anUpdate('taken-over')] };
      await bench.store.applyEvaluation({ group: GROUP, state: state(at(3_600)), messages: [] });
      expect(await bench.store.applyEvaluation({ ...change, replaces: at(3_599) })).toBe('stale');
      expect(await bench.store.applyEvaluation({ ...change, replaces: at(3_600) })).toBe('applied');
      expect(await bench.store.loadGroup(GROUP)).toEqual(change.state);
      expect((await bench.store.pendingMessages()).depth).toBe(1);
    });

    it('applies a state only after the one that it follows', async () => {
      const none = epochMs(0);
      const apply = (seconds: number, follows: EpochMs) =>
        bench.store.applyEvaluation({ group: GROUP, state: state(at(seconds)), messages: [], follows });
      expect(await apply(60, at(1))).toBe('stale');
      expect(await apply(60, none)).toBe('applied');
      expect(await apply(61, none)).toBe('stale');
      const both = await Promise.all([apply(61, at(60)), apply(62, at(60))]);
      expect(both.filter((answer) => answer === 'applied')).toHaveLength(1);
      // Still fenced by its own time.
      const { evalTime } = (await bench.store.loadGroup(GROUP)) ?? state(none);
      expect(await apply(59, evalTime)).toBe('stale');
    });
  });
}
