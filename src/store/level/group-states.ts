import type { Alert, RuleGroupState, RuleState } from '../../alerts/alert.ts';
import { UpstreamError } from '../../lib/errors.ts';
import type { Labels } from '../../lib/labels.ts';
import type { EpochMs } from '../../lib/units.ts';
import type { Database, Operation } from './database.ts';

/*
 * Hardly anything changes in an active alert from one evaluation to the next, and there may be ten thousand of them.
 * The group's record, which every evaluation replaces, holds the fields that do. The alert has a record of its own, which
 * is written when any other field changes.
 *
 *   group!GROUP      ... "alerts": { "ids": ["ALERT_ID", ...], "values": [0.21, ...], "peaks": [0.3, ...],
 *                                    "others": [[0, { "missedTicks": 1 }], ...] }
 *   alert!ALERT_ID   the alert without what the group's record holds
 */

/** The fields that change while an alert is active. */
type Changing = Pick<Alert, 'value' | 'peak' | 'seenAt' | 'missedTicks' | 'pausedFor' | 'annotations'>;

const CHANGING: ReadonlySet<string> = new Set(
  Object.keys({
    value: true,
    peak: true,
    seenAt: true,
    missedTicks: true,
    pausedFor: true,
    annotations: true,
  } satisfies Record<keyof Changing, true>),
);

/** What changed in an alert besides its value. Without `seenAt` it was seen at the last evaluation. */
type OtherChanges = Partial<Omit<Changing, 'value' | 'peak'>>;

/** The alerts of a rule in their group's record, in columns: thousands of objects would take more memory and time. */
interface AlertColumns {
  readonly ids: readonly string[];
  readonly values: readonly number[];
  readonly peaks: readonly number[];
  readonly others: readonly (readonly [index: number, changes: OtherChanges])[];
}

/** A group's state without what the alerts' own records hold. */
export interface GroupRecord extends Omit<RuleGroupState, 'rules'> {
  readonly rules: Readonly<Record<string, Omit<RuleState, 'alerts'> & { readonly alerts: AlertColumns }>>;
}

/** The record of an alert. */
type AlertRecord = Omit<Alert, Exclude<keyof Changing, 'annotations'>>;

/** A state as it is on disk. */
export interface WrittenGroup {
  readonly state: RuleGroupState;
  /** The annotations in the alerts' own records, in the order of the state's alerts. */
  readonly annotations: readonly Labels[];
}

const alertsOf = ({ rules }: RuleGroupState): readonly Alert[] =>
  Object.values(rules).flatMap(({ alerts }) => alerts);

/** Fields of an alert are small, and mostly the same object. */
const isSame = (a: unknown, b: unknown): boolean =>
  Object.is(a, b) ||
  (typeof a === 'object' && typeof b === 'object' && JSON.stringify(a) === JSON.stringify(b));

/** Whether the alert is as it was in every field except those that change. A field may be there and undefined. */
function isUnchanged(alert: Alert, before: Alert): boolean {
  // Runs ten thousand times in a tick: `for in` makes no list of names.
  for (const each in alert) {
    const name = each as keyof Alert;
    if (!CHANGING.has(name) && !isSame(alert[name], before[name])) return false;
  }
  // Its record would still hold a field that the alert no longer has.
  for (const each in before) {
    const name = each as keyof Alert;
    if (!CHANGING.has(name) && alert[name] === undefined && before[name] !== undefined) return false;
  }
  return true;
}

const recordOf = (alert: Alert): AlertRecord =>
  Object.fromEntries(
    Object.entries(alert).filter(([name]) => name === 'annotations' || !CHANGING.has(name)),
  ) as unknown as AlertRecord;

/** Undefined when nothing but the value changed, as mostly. */
function otherChanges(
  alert: Alert,
  recorded: Labels,
  evaluatedAt: EpochMs | undefined,
): OtherChanges | undefined {
  const { seenAt, missedTicks, pausedFor, annotations } = alert;
  const isSeen = seenAt === evaluatedAt;
  if (isSeen && missedTicks === 0 && pausedFor === undefined && annotations === recorded) return undefined;
  return {
    seenAt: isSeen ? undefined : seenAt,
    missedTicks: missedTicks === 0 ? undefined : missedTicks,
    pausedFor,
    annotations: annotations === recorded ? undefined : annotations,
  };
}

/** Finds where an alert was: mostly at the same index, as the list of alerts seldom changes. */
function finder(before: readonly Alert[]): (alertId: string, index: number) => number | undefined {
  let byAlertId: ReadonlyMap<string, number> | undefined;
  return (alertId, index) => {
    if (before[index]?.alertId === alertId) return index;
    byAlertId ??= new Map(before.map((alert, at) => [alert.alertId, at]));
    return byAlertId.get(alertId);
  };
}

/** The ids of alerts that are gone. */
function removedFrom(before: readonly Alert[], alerts: readonly Alert[]): readonly string[] {
  if (before.every(({ alertId }, index) => alerts[index]?.alertId === alertId)) return [];
  const kept = new Set(alerts.map(({ alertId }) => alertId));
  return before.map(({ alertId }) => alertId).filter((alertId) => !kept.has(alertId));
}

/** Splits a state into records, given the state that is on disk. `written` is the state once `operations` are written. */
export function packGroup(
  state: RuleGroupState,
  before: WrittenGroup | undefined,
): {
  readonly record: GroupRecord;
  readonly written: WrittenGroup;
  readonly operations: readonly Operation[];
} {
  const known = before === undefined ? [] : alertsOf(before.state);
  const find = finder(known);
  const annotations: Labels[] = [];
  const operations: Operation[] = [];
  /** The annotations in the alert's record, which is written where anything else changed. */
  const recordedOf = (alert: Alert): Labels => {
    const index = find(alert.alertId, annotations.length);
    const last = index === undefined ? undefined : known[index];
    if (index !== undefined && last !== undefined && isUnchanged(alert, last))
      return before?.annotations[index] ?? alert.annotations;
    operations.push({ type: 'put', table: 'alert', key: alert.alertId, value: recordOf(alert) });
    return alert.annotations;
  };
  const columnsOf = ({ alerts, evaluatedAt }: RuleState): AlertColumns => {
    const others: [number, OtherChanges][] = [];
    for (const [index, alert] of alerts.entries()) {
      const recorded = recordedOf(alert);
      annotations.push(recorded);
      const changes = otherChanges(alert, recorded, evaluatedAt);
      if (changes !== undefined) others.push([index, changes]);
    }
    return {
      ids: alerts.map(({ alertId }) => alertId),
      values: alerts.map(({ value }) => value),
      peaks: alerts.map(({ peak }) => peak),
      others,
    };
  };
  const rules = Object.entries(state.rules).map(
    ([key, rule]) => [key, { ...rule, alerts: columnsOf(rule) }] as const,
  );
  for (const key of removedFrom(known, alertsOf(state)))
    operations.push({ type: 'del', table: 'alert', key });
  return {
    record: { ...state, rules: Object.fromEntries(rules) },
    written: { state, annotations },
    operations,
  };
}

/** Joins a group's record with those of its alerts; `read` returns them in the order of the ids. */
export async function unpackGroup(
  group: GroupRecord,
  read: (alertIds: readonly string[]) => Promise<readonly AlertRecord[]>,
): Promise<WrittenGroup> {
  const records = await read(Object.values(group.rules).flatMap(({ alerts }) => alerts.ids));
  let next = 0;
  const alertsIn = (
    { ids, values, peaks, others }: AlertColumns,
    evaluatedAt: EpochMs | undefined,
  ): readonly Alert[] => {
    const changes = new Map(others);
    return ids.map((_, index) => {
      const seen = evaluatedAt === undefined ? undefined : { seenAt: evaluatedAt };
      const changing = { value: values[index], peak: peaks[index], missedTicks: 0, ...seen };
      return { ...records[next++], ...changing, ...changes.get(index) } as Alert;
    });
  };
  const rules = Object.entries(group.rules).map(
    ([key, rule]) => [key, { ...rule, alerts: alertsIn(rule.alerts, rule.evaluatedAt) }] as const,
  );
  return {
    state: { ...group, rules: Object.fromEntries(rules) },
    annotations: records.map((record) => record.annotations),
  };
}

/** What to write, and what to do once it is written. */
interface StateChange {
  readonly operations: readonly Operation[];
  readonly done: () => void;
}

/**
 * The states of groups as they were last read or written. The folder belongs to this process alone, so what it wrote last
 * is what is on disk: a group of ten thousand alerts is not read and decoded again at every tick.
 *
 * Between a change and its `done` the group's state counts as unknown, because a write that fails may have reached the
 * disk. Changes and loads must not overlap.
 */
export interface GroupStates {
  /** The state, if it is known without reading. */
  known(group: string): RuleGroupState | undefined;
  load(group: string): Promise<RuleGroupState | undefined>;
  put(group: string, state: RuleGroupState): Promise<StateChange>;
  remove(group: string): Promise<StateChange>;
}

function missing(alertId: string): never {
  throw new UpstreamError({
    system: 'store',
    code: 'bad-answer',
    message: `The store has no record of alert ${alertId}.`,
    advice: 'Check whether another program writes to the same store; restore it from a backup.',
  });
}

type StatesDatabase = Pick<Database, 'get' | 'getMany' | 'isOpen'>;

async function read(database: StatesDatabase, group: string): Promise<WrittenGroup | undefined> {
  const record = (await database.get('group', group)) as GroupRecord | undefined;
  if (record === undefined) return undefined;
  return await unpackGroup(record, async (alertIds) => {
    const found = (await database.getMany('alert', alertIds)) as readonly (AlertRecord | undefined)[];
    return found.map((record, index) => record ?? missing(alertIds[index] ?? ''));
  });
}

export function createGroupStates(database: StatesDatabase): GroupStates {
  const groups = new Map<string, WrittenGroup>();

  const lookUp = async (group: string): Promise<WrittenGroup | undefined> => {
    const known = groups.get(group);
    if (known !== undefined && database.isOpen()) return known;
    const found = await read(database, group);
    if (found !== undefined) groups.set(group, found);
    return found;
  };

  return {
    known: (group) => (database.isOpen() ? groups.get(group)?.state : undefined),
    load: async (group) => (await lookUp(group))?.state,
    put: async (group, state) => {
      const { record, written, operations } = packGroup(state, await lookUp(group));
      groups.delete(group);
      return {
        operations: [{ type: 'put', table: 'group', key: group, value: record }, ...operations],
        done: () => void groups.set(group, written),
      };
    },
    remove: async (group) => {
      const written = await lookUp(group);
      groups.delete(group);
      const alerts = (written === undefined ? [] : alertsOf(written.state)).map(
        ({ alertId }): Operation => ({ type: 'del', table: 'alert', key: alertId }),
      );
      return { operations: [{ type: 'del', table: 'group', key: group }, ...alerts], done: () => undefined };
    },
  };
}
