import type { GroupState } from '../../domain/alert/alert.ts';
import type { Database } from './database.ts';

/**
 * The states of groups as they were last read or written. The folder belongs to this process alone, so what it wrote last
 * is what is there: a group of ten thousand alerts is not read and decoded again at every tick.
 */
export interface GroupStates {
  load(group: string): Promise<GroupState | undefined>;
  /** After a write that succeeded. */
  keep(group: string, state: GroupState): void;
  /** After a write whose outcome is not known, and when the group is removed. */
  forget(group: string): void;
}

export function createGroupStates(database: Pick<Database, 'get' | 'isOpen'>): GroupStates {
  const known = new Map<string, GroupState>();
  return {
    async load(group) {
      const kept = known.get(group);
      if (kept !== undefined && database.isOpen()) return kept;
      const read = (await database.get('group', group)) as GroupState | undefined;
      // What was written meanwhile is newer than what was read.
      return known.get(group) ?? read;
    },
    keep: (group, state) => void known.set(group, state),
    forget: (group) => void known.delete(group),
  };
}
