import { beforeEach, describe, expect, it } from 'vitest';
import type { Alert, RuleGroupState } from '../../../src/alerts/alert.ts';
import { OUTAGE_GROUP } from '../../../src/evaluation/source-outage.ts';
import { createOtherGroupStates, type OtherGroupStates } from '../../../src/evaluation/suppress-alerts.ts';
import { anAlert, aRule } from '../../support/builders.ts';
import { evalTimeAt } from '../../support/timeline.ts';
import { createVirtualClock, type VirtualClock } from '../../support/virtual-clock.ts';

/** A state with one firing alert, which says the tick. */
const stateOf = (tick: number, state: Alert['state'] = 'firing'): RuleGroupState => ({
  evalTime: evalTimeAt(tick),
  rules: {
    r: {
      rule: aRule(),
      alerts: [anAlert({ alertId: `t${tick}`, state, labels: { service: 'checkout', severity: 'page' } })],
      health: { kind: 'ok' },
    },
  },
});

describe('the alerts of other groups', () => {
  let clock: VirtualClock;
  let stored: Map<string, RuleGroupState>;
  let read: string[];
  let states: OtherGroupStates;
  const othersOf = async (group: string): Promise<readonly string[]> => {
    await states.refresh();
    const own = { alert: anAlert({ alertId: 'own' }), rule: aRule(), service: 'checkout' };
    return states
      .alerts()
      .related(group, [own])
      .map(({ alert }) => alert.alertId);
  };
  beforeEach(() => {
    clock = createVirtualClock();
    stored = new Map([
      ['a', stateOf(1)],
      ['b', stateOf(2)],
      [OUTAGE_GROUP.id, stateOf(3)],
    ]);
    read = [];
    states = createOtherGroupStates({
      store: {
        groups: async () => [...stored.keys()],
        loadGroup: async (id) => {
          read.push(id);
          return stored.get(id);
        },
      },
      clock,
    });
  });

  it('are those of all rule groups except this one', async () => {
    expect(await othersOf('a')).toEqual(['t2']);
    expect(await othersOf('c')).toEqual(['t1', 't2']);
  });

  it('are read once every two seconds, however many groups ask', async () => {
    await othersOf('c');
    await clock.advance(1_999);
    await Promise.all(['a', 'b', 'c'].map(othersOf));
    expect(read).toEqual(['a', 'b']);
    stored.set('b', stateOf(9));
    await clock.advance(1);
    expect(await othersOf('c')).toEqual(['t1', 't9']);
  });

  it('are not read for groups that were evaluated here', async () => {
    await othersOf('c');
    states.note('a', stateOf(7));
    expect(await othersOf('c')).toEqual(['t7', 't2']);
    expect(read).toEqual(['a', 'b']);
  });

  it('are removed with their group', async () => {
    await othersOf('c');
    stored.delete('a');
    await clock.advance(2_000);
    expect(await othersOf('c')).toEqual(['t2']);
    stored.set('a', stateOf(4));
    await clock.advance(2_000);
    expect(await othersOf('c')).toEqual(['t2', 't4']);
  });

  it('are read again after a read that failed', async () => {
    const failing = createOtherGroupStates({
      store: {
        groups: async () => {
          read.push('groups');
          if (read.length === 1) throw new Error('no answer');
          return [];
        },
        loadGroup: async () => undefined,
      },
      clock,
    });
    await expect(failing.refresh()).rejects.toThrow('no answer');
    await failing.refresh();
    expect(read).toEqual(['groups', 'groups']);
  });

  it('are indexed for inhibition as their states change', async () => {
    const rules = [
      {
        source: [{ label: 'severity', operator: '=', value: 'page' } as const],
        target: [{ label: 'severity', operator: '=', value: 'ticket' } as const],
        equal: [],
      },
    ];
    const target = { alertId: 'target', labels: { severity: 'ticket' } };
    const inhibitor = (): string | undefined => states.inhibition(rules).inhibitorOf(target, 'c')?.alertId;
    await states.refresh();
    expect(inhibitor()).toBe('t1');
    states.note('a', stateOf(7));
    expect(inhibitor()).toBe('t7');
    states.note('a', stateOf(8, 'resolved'));
    expect(inhibitor()).toBe('t2');
    stored.delete('b');
    await clock.advance(2_000);
    await states.refresh();
    expect(inhibitor()).toBe('t1');
  });
});
