import { beforeEach, describe, expect, it } from 'vitest';
import type { RuleGroupState } from '../../../src/alerts/alert.ts';
import { OUTAGE_GROUP } from '../../../src/evaluation/source-outage.ts';
import { createOtherGroupStates, type OtherGroupStates } from '../../../src/evaluation/suppress-alerts.ts';
import { evalTimeAt } from '../../support/timeline.ts';
import { createVirtualClock, type VirtualClock } from '../../support/virtual-clock.ts';

const stateOf = (tick: number): RuleGroupState => ({ evalTime: evalTimeAt(tick), rules: {} });

describe('the states of other groups', () => {
  let clock: VirtualClock;
  let stored: Map<string, RuleGroupState>;
  let read: string[];
  let states: OtherGroupStates;
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
    expect(await states.others('a')).toEqual([stateOf(2)]);
    expect(await states.others('c')).toEqual([stateOf(1), stateOf(2)]);
  });

  it('are read once every two seconds', async () => {
    await states.others('c');
    await clock.advance(1_999);
    await states.others('c');
    expect(read).toEqual(['a', 'b']);
    stored.set('b', stateOf(9));
    await clock.advance(1);
    expect(await states.others('c')).toEqual([stateOf(1), stateOf(9)]);
  });

  it('are not read for groups that were evaluated here', async () => {
    await states.others('c');
    states.note('a', stateOf(7));
    expect(await states.others('c')).toEqual([stateOf(7), stateOf(2)]);
    expect(read).toEqual(['a', 'b']);
  });

  it('are removed with their group', async () => {
    await states.others('c');
    stored.delete('a');
    expect(await states.others('c')).toEqual([stateOf(2)]);
    stored.set('a', stateOf(4));
    expect(await states.others('c')).toEqual([stateOf(2), stateOf(4)]);
  });
});
