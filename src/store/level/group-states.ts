import type { Alert, RuleGroupState } from '../../alerts/alert.ts';
import { UpstreamError } from '../../lib/errors.ts';
import { type AlertRecords, type GroupRecord, packGroup, unpackGroup } from './alert-records.ts';
import type { Database, Operation } from './database.ts';

/** What to write, and what to do once it is written. */
export interface StateChange {
  readonly operations: readonly Operation[];
  readonly done: () => void;
}

/**
 * The states of groups as they were last read or written. The folder belongs to this process alone, so what it wrote last
 * is what is there: a group of ten thousand alerts is not read and decoded again at every tick.
 *
 * From a change on until it is done nothing is known of its group: a write that fails may have reached the disk all the
 * same. Changes and loads must not overlap.
 */
export interface GroupStates {
  /** The state, where it is known without reading. */
  known(group: string): RuleGroupState | undefined;
  load(group: string): Promise<RuleGroupState | undefined>;
  put(group: string, state: RuleGroupState): Promise<StateChange>;
  remove(group: string): Promise<StateChange>;
}

/** A state, and the records of its alerts as they are on disk. */
interface Known {
  readonly state: RuleGroupState;
  readonly records: AlertRecords;
}

const NO_RECORDS: AlertRecords = [];

function missing(alertId: string): never {
  throw new UpstreamError({
    system: 'store',
    code: 'bad-answer',
    message: `A record in the store is missing: the alert ${alertId}.`,
    advice: 'Look whether another program writes to the same store; restore it from a copy.',
  });
}

type StatesDatabase = Pick<Database, 'get' | 'getMany' | 'isOpen'>;

async function read(database: StatesDatabase, group: string): Promise<Known | undefined> {
  const record = (await database.get('group', group)) as GroupRecord | undefined;
  if (record === undefined) return undefined;
  return await unpackGroup(record, async (alertIds) => {
    const found = (await database.getMany('alert', alertIds)) as readonly (Alert | undefined)[];
    return found.map((alert, place) => alert ?? missing(alertIds[place] ?? ''));
  });
}

export function createGroupStates(database: StatesDatabase): GroupStates {
  const groups = new Map<string, Known>();

  const look = async (group: string): Promise<Known | undefined> => {
    const kept = groups.get(group);
    if (kept !== undefined && database.isOpen()) return kept;
    const found = await read(database, group);
    if (found !== undefined) groups.set(group, found);
    return found;
  };

  return {
    known: (group) => (database.isOpen() ? groups.get(group)?.state : undefined),
    load: async (group) => (await look(group))?.state,
    put: async (group, state) => {
      const written = (await look(group))?.records ?? NO_RECORDS;
      const { record, records, operations } = packGroup(state, written);
      groups.delete(group);
      return {
        operations: [{ type: 'put', table: 'group', key: group, value: record }, ...operations],
        done: () => void groups.set(group, { state, records }),
      };
    },
    remove: async (group) => {
      const written = (await look(group))?.records ?? NO_RECORDS;
      groups.delete(group);
      const alerts = written.map(({ alertId }): Operation => ({ type: 'del', table: 'alert', key: alertId }));
      return { operations: [{ type: 'del', table: 'group', key: group }, ...alerts], done: () => undefined };
    },
  };
}
