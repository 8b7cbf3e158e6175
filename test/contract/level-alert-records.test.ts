import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Alert, RuleGroupState, RuleState } from '../../src/alerts/alert.ts';
import { decodeRecord, encodeRecord } from '../../src/alerts/record-codec.ts';
import { ms } from '../../src/lib/units.ts';
import {
  type GroupRecord,
  packGroup,
  unpackGroup,
  type WrittenGroup,
} from '../../src/store/level/group-states.ts';
import { openLevelStore } from '../../src/store/level/open-level-store.ts';
import { anAlert, aRule } from '../support/builders.ts';
import { makeTempDir } from '../support/temp-store.ts';
import { at, GROUP } from './store/fixtures.ts';

const alertOf = (n: number, over: Partial<Alert> = {}): Alert =>
  anAlert({ fingerprint: `f${n}`, alertId: `f${n}-1`, seenAt: at(1), ...over });

function ruleState(evalTime: number, alerts: readonly Alert[]): RuleState {
  return { rule: aRule(), alerts, health: { kind: 'ok' }, evaluatedAt: at(evalTime) };
}

const groupState = (evalTime: number, ...rules: readonly (readonly Alert[])[]): RuleGroupState => ({
  evalTime: at(evalTime),
  rules: Object.fromEntries(rules.map((alerts, index) => [`rule ${index}`, ruleState(evalTime, alerts)])),
});

describe('a group in the embedded store', () => {
  let dir: string;
  let dispose: () => Promise<void>;

  beforeEach(async () => {
    ({ dir, dispose } = await makeTempDir());
  });
  afterEach(() => dispose());

  /** Does something to the folder behind the store's back. */
  async function inFolder<T>(work: (level: ClassicLevel) => Promise<T>): Promise<T> {
    const level = new ClassicLevel(join(dir, 'db'));
    try {
      return await work(level);
    } finally {
      await level.close();
    }
  }

  const recordsOnDisk = () =>
    inFolder(async (level) => {
      const rows = await level.iterator({ gt: 'alert!', lt: 'alert"' }).all();
      return new Map(rows.map(([key, text]) => [key.slice('alert!'.length), JSON.parse(text) as Alert]));
    });

  /** Writes states one after the other, and reads the last one in a store that is opened anew. */
  async function readBack(...states: readonly RuleGroupState[]): Promise<RuleGroupState | undefined> {
    const store = await openLevelStore({ dir });
    for (const state of states) {
      expect(await store.applyEvaluation({ group: GROUP, state, messages: [] })).toBe('applied');
      expect(await store.loadGroup(GROUP)).toEqual(state);
    }
    await store.close();
    const again = await openLevelStore({ dir });
    const read = await again.loadGroup(GROUP);
    await again.close();
    return read;
  }

  describe('is read back as it was last written', () => {
    const first = alertOf(1);
    const second = alertOf(2, { value: 0.5 });
    const { annotations: _texts, ...rest } = first;
    const changes: readonly [string, readonly Alert[]][] = [
      ['when nothing is new but the time', [first, second]],
      ['with another value and another peak', [{ ...first, value: 9, peak: 9 }, second]],
      ['with a value that JSON has no word for', [{ ...first, value: Number.NaN, peak: Infinity }, second]],
      ['when an alert was not seen this time', [{ ...first, seenAt: at(0), missedTicks: 1 }, second]],
      [
        'with a field it did not have',
        [{ ...first, pausedFor: ms(5), suppressed: { kind: 'time', by: 'x', since: at(1) } }, second],
      ],
      ['without a field it had', [{ ...alertOf(1), resolvedAt: at(2), state: 'resolved' }, second]],
      ['with other texts', [{ ...rest, annotations: { summary: 'slower', __proto__x: 'y' } }, second]],
      ['when an alert is gone', [second]],
      ['when one comes before the others', [alertOf(0), first, second]],
      ['when all are gone', []],
      ['when an alert begins anew', [{ ...first, alertId: 'f1-2', activeAt: at(2) }, second]],
    ];
    it.each(changes)('%s', async (_title, alerts) => {
      const seen = alerts.map((alert) => (alert.seenAt === at(1) ? { ...alert, seenAt: at(2) } : alert));
      const states = [groupState(1, [first, second]), groupState(2, seen), groupState(3, seen)];
      expect(await readBack(...states)).toEqual(states.at(-1));
      expect([...(await recordsOnDisk()).keys()]).toEqual(alerts.map(({ alertId }) => alertId).sort());
    });
  });

  it('is read back as it was, whatever became of its alerts from one evaluation to the next', async () => {
    const anyAlert = fc
      .record(
        {
          n: fc.nat(4),
          run: fc.nat(2),
          // JSON has no -0.
          value: fc.double().map((value) => (value === 0 ? 0 : value)),
          peak: fc.constantFrom(1, 2, Number.NaN),
          seen: fc.nat(6),
          missedTicks: fc.nat(2),
          pausedFor: fc.constantFrom(ms(0), ms(30)),
          annotations: fc.dictionary(fc.constantFrom('summary', 'runbook', '__proto__'), fc.string()),
          noDataSince: fc.constant(at(1)),
          alsoSlow: fc.array(fc.constantFrom('a', 'b'), { maxLength: 2 }),
          shownValue: fc.constantFrom(1, Number.POSITIVE_INFINITY),
        },
        { requiredKeys: ['n', 'run', 'value', 'peak', 'seen', 'missedTicks', 'annotations'] },
      )
      .map(
        ({ n, run, seen, ...over }): Alert =>
          alertOf(n, { ...over, alertId: `f${n}-${run}`, seenAt: at(seen) }),
      );
    const anyAlerts = fc.uniqueArray(anyAlert, { selector: ({ fingerprint }) => fingerprint, maxLength: 5 });
    const inRule = (rule: number, alerts: readonly Alert[]): readonly Alert[] =>
      alerts.map((alert) => ({ ...alert, alertId: `${rule}${alert.alertId}` }));
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(anyAlerts, anyAlerts), { minLength: 1, maxLength: 6 }),
        async (ticks) => {
          const disk = new Map<string, string>();
          let known: WrittenGroup | undefined;
          for (const [n, [one, two]] of ticks.entries()) {
            const state = groupState(n + 1, inRule(0, one), inRule(1, two));
            const { record, written, operations } = packGroup(state, known);
            for (const operation of operations) {
              if (operation.type === 'del') disk.delete(operation.key);
              else disk.set(operation.key, encodeRecord(operation.value));
            }
            const read = await unpackGroup(
              decodeRecord(encodeRecord(record)) as GroupRecord,
              async (alertIds) => alertIds.map((alertId) => decodeRecord(disk.get(alertId) ?? '') as Alert),
            );
            expect(read.state).toEqual(state);
            expect(disk.size).toBe(one.length + two.length);
            known = n % 2 === 0 ? written : read;
          }
        },
      ),
    );
  });

  it('does not write an alert again of which only the value and the time moved', async () => {
    const first = alertOf(1, { value: 1, peak: 1 });
    const later = { ...first, value: 7, peak: 7, seenAt: at(2), annotations: { summary: '7 s' } };
    await readBack(groupState(1, [first]), groupState(2, [later]));
    expect((await recordsOnDisk()).get('f1-1')).toMatchObject({ annotations: first.annotations });
  });

  it('does not write an alert again because of a field that is there and undefined', async () => {
    const first = { ...alertOf(1, { value: 1 }), pausedFor: undefined, alsoSlow: undefined };
    const later: Alert = {
      ...alertOf(1),
      value: 7,
      seenAt: at(2),
      pausedFor: undefined,
      suppressed: undefined,
      annotations: { summary: '7 s' },
    };
    await readBack(groupState(1, [first]), groupState(2, [later]));
    expect((await recordsOnDisk()).get('f1-1')).toMatchObject({ annotations: first.annotations });
  });

  it('that is removed leaves nothing behind', async () => {
    const store = await openLevelStore({ dir });
    await store.applyEvaluation({ group: GROUP, state: groupState(1, [alertOf(1)]), messages: [] });
    await store.applyEvaluation({ group: 'other', state: groupState(1, [alertOf(2)]), messages: [] });
    await store.removeGroup(GROUP);
    expect(await store.groups()).toEqual(['other']);
    await store.close();
    expect([...(await recordsOnDisk()).keys()]).toEqual(['f2-1']);
  });
});
