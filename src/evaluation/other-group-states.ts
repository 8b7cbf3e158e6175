import type { RuleGroupState } from '../alerts/alert.ts';
import type { Clock } from '../lib/clock.ts';
import { between, type EpochMs, type Milliseconds, ms, SECOND } from '../lib/units.ts';
import type { Store } from '../messages/store.ts';
import { SOURCES } from './sources-group.ts';

/** The states of all groups, for deciding what holds an alert back. */
export interface OtherGroupStates {
  /** Those of all rule groups but one, as they were after their last evaluations. */
  others(group: string): Promise<readonly RuleGroupState[]>;
  /** What was evaluated here needs no reading. */
  note(group: string, state: RuleGroupState): void;
}

/**
 * What another replica wrote is seen this late at most. Without a cache every tick of a group with a firing alert reads
 * every group; with it one replica reads each of them once, and then knows them by its own evaluations.
 */
const FRESH_FOR: Milliseconds = ms(2 * SECOND);

interface Read {
  readonly state: RuleGroupState | undefined;
  readonly at: EpochMs;
}

/** States from the store, each kept for a moment, and brought up to date by what is evaluated here. */
export function createOtherGroupStates(deps: {
  readonly store: Pick<Store, 'groups' | 'loadGroup'>;
  readonly clock: Pick<Clock, 'now'>;
}): OtherGroupStates {
  const { store, clock } = deps;
  const known = new Map<string, Read>();

  async function stateOf(group: string): Promise<RuleGroupState | undefined> {
    const read = known.get(group);
    if (read !== undefined && between(read.at, clock.now()) < FRESH_FOR) return read.state;
    const at = clock.now();
    const state = await store.loadGroup(group);
    known.set(group, { state, at });
    return state;
  }

  return {
    others: async (group) => {
      const ids = await store.groups();
      for (const id of known.keys()) if (!ids.includes(id)) known.delete(id);
      const wanted = ids.filter((id) => id !== group && id !== SOURCES.id);
      const states = await Promise.all(wanted.map(stateOf));
      return states.filter((state) => state !== undefined);
    },
    note: (group, state) => void known.set(group, { state, at: clock.now() }),
  };
}
