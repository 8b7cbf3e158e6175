import type { Alert, RuleGroupState, RuleState } from '../../alerts/alert.ts';
import type { EpochMs } from '../../lib/units.ts';
import type { Operation } from './database.ts';

/*
 * Of an alert that goes on, hardly anything changes from one evaluation to the next, and there may be ten thousand of
 * them. The group's record, which every evaluation replaces, says of each alert only what moved. The alert itself has
 * a record of its own, which is written when anything else of it changes.
 *
 *   group!GROUP      ... "alerts": [["EPISODE", { "value": 0.21, "peak": 0.3 }], ["EPISODE", {}], ...]
 *   alert!EPISODE    the alert as it was when its record was written
 */

/** What moves while an alert goes on. */
type Moving = Pick<Alert, 'value' | 'peak' | 'seenAt' | 'missedTicks' | 'pausedFor' | 'annotations'>;

const MOVING: ReadonlySet<string> = new Set(
  Object.keys({
    value: true,
    peak: true,
    seenAt: true,
    missedTicks: true,
    pausedFor: true,
    annotations: true,
  } satisfies Record<keyof Moving, true>),
);

/** An alert in its group's record: what is not as its own record says. It was seen at the last evaluation unless it says when. */
type Row = readonly [alertId: string, moved: Partial<Moving>];

/** A group's state as its record holds it. Format 1 had the alerts in it whole. */
export interface GroupRecord extends Omit<RuleGroupState, 'rules'> {
  readonly rules: Readonly<
    Record<string, Omit<RuleState, 'alerts'> & { readonly alerts: readonly (Row | Alert)[] }>
  >;
}

/** Alerts as their records hold them, in the order of a state's alerts. */
export type AlertRecords = readonly Alert[];

const isRow = (stored: Row | Alert): stored is Row => Array.isArray(stored);

/** Parts of an alert are small, and mostly the same object. */
const isSame = (a: unknown, b: unknown): boolean =>
  Object.is(a, b) ||
  (typeof a === 'object' && typeof b === 'object' && JSON.stringify(a) === JSON.stringify(b));

/** Whether the record says everything of the alert but what moves. */
function isRecorded(alert: Alert, record: Alert): boolean {
  let names = 0;
  // Ten thousand times in a tick: without a list of names for each.
  for (const each in alert) {
    const name = each as keyof Alert;
    names += 1;
    if (MOVING.has(name) ? record[name] === undefined : !isSame(alert[name], record[name])) return false;
  }
  return names === Object.keys(record).length;
}

function movedOf(alert: Alert, record: Alert, evaluatedAt: EpochMs | undefined): Partial<Moving> {
  const moved: { -readonly [Name in keyof Moving]?: Moving[Name] } = {};
  if (alert.seenAt !== evaluatedAt) moved.seenAt = alert.seenAt;
  if (!Object.is(alert.value, record.value)) moved.value = alert.value;
  if (!Object.is(alert.peak, record.peak)) moved.peak = alert.peak;
  if (alert.missedTicks !== record.missedTicks) moved.missedTicks = alert.missedTicks;
  if (alert.pausedFor !== undefined && alert.pausedFor !== record.pausedFor)
    moved.pausedFor = alert.pausedFor;
  if (alert.annotations !== record.annotations) moved.annotations = alert.annotations;
  return moved;
}

/** A group's state as records: its own, and those of its alerts as they are once `operations` are written. */
interface Packed {
  readonly record: GroupRecord;
  readonly records: AlertRecords;
  readonly operations: readonly Operation[];
}

/** Finds an alert's record: mostly at the alert's own place, as which alerts there are seldom changes. */
function finder(written: AlertRecords): (alertId: string, place: number) => Alert | undefined {
  let byAlertId: ReadonlyMap<string, Alert> | undefined;
  return (alertId, place) => {
    const there = written[place];
    if (there?.alertId === alertId) return there;
    byAlertId ??= new Map(written.map((record) => [record.alertId, record]));
    return byAlertId.get(alertId);
  };
}

/** The alerts of records that no alert has any more. */
function goneFrom(written: AlertRecords, records: AlertRecords): readonly string[] {
  if (written.every(({ alertId }, place) => records[place]?.alertId === alertId)) return [];
  const here = new Set(records.map(({ alertId }) => alertId));
  return written.map(({ alertId }) => alertId).filter((alertId) => !here.has(alertId));
}

/** Takes a state apart into records, given those of its alerts that are written. */
export function packGroup(state: RuleGroupState, written: AlertRecords): Packed {
  const find = finder(written);
  const records: Alert[] = [];
  const operations: Operation[] = [];
  const rowOf = (alert: Alert, evaluatedAt: EpochMs | undefined): Row => {
    const { alertId } = alert;
    const known = find(alertId, records.length);
    const record = known !== undefined && isRecorded(alert, known) ? known : alert;
    if (record === alert) operations.push({ type: 'put', table: 'alert', key: alertId, value: alert });
    records.push(record);
    return [alertId, movedOf(alert, record, evaluatedAt)];
  };
  const rules = Object.entries(state.rules).map(([key, rule]) => {
    const alerts = rule.alerts.map((alert) => rowOf(alert, rule.evaluatedAt));
    return [key, { ...rule, alerts }] as const;
  });
  for (const key of goneFrom(written, records)) operations.push({ type: 'del', table: 'alert', key });
  return { record: { ...state, rules: Object.fromEntries(rules) }, records, operations };
}

/** Puts a group's state together; `read` gives the records of alerts, in their order. */
export async function unpackGroup(
  group: GroupRecord,
  read: (alertIds: readonly string[]) => Promise<AlertRecords>,
): Promise<{ readonly state: RuleGroupState; readonly records: AlertRecords }> {
  const rows = Object.values(group.rules).flatMap(({ alerts }) => alerts.filter(isRow));
  const records = await read(rows.map(([alertId]) => alertId));
  let place = 0;
  const alertOf = (stored: Row | Alert, evaluatedAt: EpochMs | undefined): Alert => {
    if (!isRow(stored)) return stored;
    const [, moved] = stored;
    const record = records[place++] as Alert;
    return { ...record, ...(evaluatedAt === undefined ? {} : { seenAt: evaluatedAt }), ...moved };
  };
  const rules = Object.entries(group.rules).map(([key, rule]) => {
    const alerts = rule.alerts.map((stored) => alertOf(stored, rule.evaluatedAt));
    return [key, { ...rule, alerts }] as const;
  });
  return { state: { ...group, rules: Object.fromEntries(rules) }, records };
}
