import type { Alert, RuleGroupState, RuleState } from '../../alerts/alert.ts';
import { UpstreamError } from '../../lib/errors.ts';
import type { EpochMs } from '../../lib/units.ts';
import type { Database, Operation } from './database.ts';

/*
 * Hardly anything changes in an active alert from one evaluation to the next, and there may be ten thousand of them.
 * The group's record, which every evaluation replaces, holds only the fields of each alert that changed. The alert has
 * a record of its own, which is written when any other field changes.
 *
 *   group!GROUP      ... "alerts": [["ALERT_ID", { "value": 0.21, "peak": 0.3 }], ["ALERT_ID", {}], ...]
 *   alert!ALERT_ID   the alert as it was when its record was written
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

/** An alert in its group's record: what differs from its own record. Without `seenAt` it was seen at the last evaluation. */
type AlertRow = readonly [alertId: string, changed: Partial<Changing>];

/** A group's state without what the alerts' own records hold. */
export interface GroupRecord extends Omit<RuleGroupState, 'rules'> {
  readonly rules: Readonly<
    Record<string, Omit<RuleState, 'alerts'> & { readonly alerts: readonly AlertRow[] }>
  >;
}

/** Alerts as their records hold them, in the order of a state's alerts. */
export type AlertRecords = readonly Alert[];

/** Fields of an alert are small, and mostly the same object. */
const isSame = (a: unknown, b: unknown): boolean =>
  Object.is(a, b) ||
  (typeof a === 'object' && typeof b === 'object' && JSON.stringify(a) === JSON.stringify(b));

/** Whether the record holds every field of the alert except those that change. A field may be there and undefined. */
function isRecorded(alert: Alert, record: Alert): boolean {
  // Runs ten thousand times in a tick: `for in` makes no list of names.
  for (const each in alert) {
    const name = each as keyof Alert;
    if (!CHANGING.has(name) && !isSame(alert[name], record[name])) return false;
  }
  // The group's record does not show which fields the alert no longer has.
  for (const each in record) {
    const name = each as keyof Alert;
    if (alert[name] === undefined && record[name] !== undefined) return false;
  }
  return true;
}

function changedFields(alert: Alert, record: Alert, evaluatedAt: EpochMs | undefined): Partial<Changing> {
  const changed: { -readonly [Name in keyof Changing]?: Changing[Name] } = {};
  if (alert.seenAt !== evaluatedAt) changed.seenAt = alert.seenAt;
  if (!Object.is(alert.value, record.value)) changed.value = alert.value;
  if (!Object.is(alert.peak, record.peak)) changed.peak = alert.peak;
  if (alert.missedTicks !== record.missedTicks) changed.missedTicks = alert.missedTicks;
  if (alert.pausedFor !== undefined && alert.pausedFor !== record.pausedFor)
    changed.pausedFor = alert.pausedFor;
  if (alert.annotations !== record.annotations) changed.annotations = alert.annotations;
  return changed;
}

/** Finds an alert's record: mostly at the same index, as the list of alerts seldom changes. */
function finder(written: AlertRecords): (alertId: string, index: number) => Alert | undefined {
  let byAlertId: ReadonlyMap<string, Alert> | undefined;
  return (alertId, index) => {
    const there = written[index];
    if (there?.alertId === alertId) return there;
    byAlertId ??= new Map(written.map((record) => [record.alertId, record]));
    return byAlertId.get(alertId);
  };
}

/** The alerts of records that no alert has any more. */
function removedFrom(written: AlertRecords, records: AlertRecords): readonly string[] {
  if (written.every(({ alertId }, index) => records[index]?.alertId === alertId)) return [];
  const kept = new Set(records.map(({ alertId }) => alertId));
  return written.map(({ alertId }) => alertId).filter((alertId) => !kept.has(alertId));
}

/**
 * Splits a state into records, given the alerts' records that are on disk. `records` are those of the alerts once
 * `operations` are written.
 */
export function packGroup(
  state: RuleGroupState,
  written: AlertRecords,
): {
  readonly record: GroupRecord;
  readonly records: AlertRecords;
  readonly operations: readonly Operation[];
} {
  const find = finder(written);
  const records: Alert[] = [];
  const operations: Operation[] = [];
  const rowOf = (alert: Alert, evaluatedAt: EpochMs | undefined): AlertRow => {
    const { alertId } = alert;
    const known = find(alertId, records.length);
    const record = known !== undefined && isRecorded(alert, known) ? known : alert;
    if (record === alert) operations.push({ type: 'put', table: 'alert', key: alertId, value: alert });
    records.push(record);
    return [alertId, changedFields(alert, record, evaluatedAt)];
  };
  const rules = Object.entries(state.rules).map(([key, rule]) => {
    const alerts = rule.alerts.map((alert) => rowOf(alert, rule.evaluatedAt));
    return [key, { ...rule, alerts }] as const;
  });
  for (const key of removedFrom(written, records)) operations.push({ type: 'del', table: 'alert', key });
  return { record: { ...state, rules: Object.fromEntries(rules) }, records, operations };
}

/** Joins a group's record with those of its alerts; `read` returns them in the order of the ids. */
export async function unpackGroup(
  group: GroupRecord,
  read: (alertIds: readonly string[]) => Promise<AlertRecords>,
): Promise<{ readonly state: RuleGroupState; readonly records: AlertRecords }> {
  const rows = Object.values(group.rules).flatMap(({ alerts }) => alerts);
  const records = await read(rows.map(([alertId]) => alertId));
  let index = 0;
  const alertOf = ([, changed]: AlertRow, evaluatedAt: EpochMs | undefined): Alert => {
    const record = records[index++] as Alert;
    return { ...record, ...(evaluatedAt === undefined ? {} : { seenAt: evaluatedAt }), ...changed };
  };
  const rules = Object.entries(group.rules).map(([key, rule]) => {
    const alerts = rule.alerts.map((row) => alertOf(row, rule.evaluatedAt));
    return [key, { ...rule, alerts }] as const;
  });
  return { state: { ...group, rules: Object.fromEntries(rules) }, records };
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

/** A state, and the records of its alerts as they are on disk. */
type KnownGroup = Awaited<ReturnType<typeof unpackGroup>>;

function missing(alertId: string): never {
  throw new UpstreamError({
    system: 'store',
    code: 'bad-answer',
    message: `The store has no record of alert ${alertId}.`,
    advice: 'Check whether another program writes to the same store; restore it from a backup.',
  });
}

type StatesDatabase = Pick<Database, 'get' | 'getMany' | 'isOpen'>;

async function read(database: StatesDatabase, group: string): Promise<KnownGroup | undefined> {
  const record = (await database.get('group', group)) as GroupRecord | undefined;
  if (record === undefined) return undefined;
  return await unpackGroup(record, async (alertIds) => {
    const found = (await database.getMany('alert', alertIds)) as readonly (Alert | undefined)[];
    return found.map((alert, index) => alert ?? missing(alertIds[index] ?? ''));
  });
}

export function createGroupStates(database: StatesDatabase): GroupStates {
  const groups = new Map<string, KnownGroup>();

  const lookUp = async (group: string): Promise<KnownGroup | undefined> => {
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
      const { record, records, operations } = packGroup(state, (await lookUp(group))?.records ?? []);
      groups.delete(group);
      return {
        operations: [{ type: 'put', table: 'group', key: group, value: record }, ...operations],
        done: () => void groups.set(group, { state, records }),
      };
    },
    remove: async (group) => {
      const written = (await lookUp(group))?.records ?? [];
      groups.delete(group);
      const alerts = written.map(({ alertId }): Operation => ({ type: 'del', table: 'alert', key: alertId }));
      return { operations: [{ type: 'del', table: 'group', key: group }, ...alerts], done: () => undefined };
    },
  };
}
