import { describe, expect, it } from 'vitest';
import type { RuleGroupState } from '../../src/alerts/alert.ts';
import { epochMs } from '../../src/lib/units.ts';
import { createGroupStates } from '../../src/store/level/group-states.ts';
import { openTempStore } from '../support/temp-store.ts';
import { START } from '../support/virtual-clock.ts';

const stateAt = (evalTime: number): RuleGroupState => ({ evalTime: epochMs(evalTime), rules: {} });

/** A database that holds one state, and counts how often it is read. */
function aDatabase(stored: RuleGroupState | undefined) {
  let reads = 0;
  let isOpen = true;
  return {
    database: {
      get: async () => {
        reads += 1;
        return stored;
      },
      getMany: async () => [],
      isOpen: () => isOpen,
    },
    reads: () => reads,
    close: () => {
      isOpen = false;
    },
  };
}

describe('the state of a group', () => {
  it('is read from disk once, and from then on known', async () => {
    const { database, reads } = aDatabase(stateAt(1));
    const states = createGroupStates(database);
    expect(states.known('g')).toBeUndefined();
    expect(await states.load('g')).toEqual(stateAt(1));
    const { done } = await states.put('g', stateAt(2));
    done();
    expect(states.known('g')).toEqual(stateAt(2));
    expect(await states.load('g')).toEqual(stateAt(2));
    expect(reads()).toBe(1);
  });

  it('is read from disk again after a write whose outcome is not known', async () => {
    const { database } = aDatabase(stateAt(1));
    const states = createGroupStates(database);
    const first = await states.put('g', stateAt(2));
    first.done();
    await states.put('g', stateAt(3));
    expect(states.known('g')).toBeUndefined();
    expect(await states.load('g')).toEqual(stateAt(1));
  });

  it('is not given from memory once the store is closed', async () => {
    const { database, reads, close } = aDatabase(stateAt(1));
    const states = createGroupStates(database);
    await states.load('g');
    close();
    expect(states.known('g')).toBeUndefined();
    await states.load('g');
    expect(reads()).toBe(2);
  });

  it('that was removed is gone', async () => {
    const { store, dispose } = await openTempStore();
    await store.applyEvaluation({ group: 'g', state: stateAt(START), messages: [] });
    await store.removeGroup('g');
    expect(await store.loadGroup('g')).toBeUndefined();
    await dispose();
  });
});

it('actions are found among thousands of alerts without any', async () => {
  const { store, dispose } = await openTempStore();
  const action = { by: 'U1', at: START };
  await store.recordAction({ alertId: 'ep-4000', kind: 'acknowledged', action, messages: [] });
  const alertIds = Array.from({ length: 5_000 }, (_, i) => `ep-${i}`);
  expect(await store.actions(alertIds)).toEqual(new Map([['ep-4000', { acknowledged: action }]]));
  await dispose();
});
