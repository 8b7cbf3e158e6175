import type { Alert, AlertActions, RuleGroupState, RuleState } from '../alerts/alert.ts';
import { withActions } from '../alerts/alert.ts';
import { UpstreamError } from '../lib/errors.ts';
import { unsuppressed } from '../policy/suppress.ts';
import type { AlertGroupSnapshot, OutboxEntry, Store } from './store.ts';

/** Where actions and states are read from. */
export type ActionsStore = Pick<Store, 'loadGroup' | 'actions'>;

/**
 * What people did about some alerts. A record that cannot be read counts as not there: the alert is notified as if nobody
 * had touched it, which is a message too many and never one too few. A store that does not answer is an error as ever.
 */
async function readActions(
  store: Pick<Store, 'actions'>,
  alertIds: readonly string[],
): Promise<ReadonlyMap<string, AlertActions>> {
  if (alertIds.length === 0) return new Map();
  try {
    return await store.actions(alertIds);
  } catch (error) {
    if (error instanceof UpstreamError && error.code === 'bad-answer') return new Map();
    throw error;
  }
}

/**
 * An entry with what people did about its alert until now, whatever was known when it was decided. An `act` shows the
 * alert as the last evaluation left it: it was decided between two of them.
 */
export async function asItStands<Entry extends OutboxEntry>(
  store: ActionsStore,
  entry: Entry,
): Promise<Entry> {
  if (entry.alertGroup !== undefined) return await currentAlertGroup(store, entry, entry.alertGroup);
  const latest = entry.kind === 'act' ? await latestOf(store, entry) : entry;
  const actions = (await readActions(store, [entry.alert.alertId])).get(entry.alert.alertId);
  return actions === undefined ? latest : { ...latest, alert: withActions(latest.alert, actions) };
}

/** The same for many alerts that share a message. The next evaluation brings what else is new. */
async function currentAlertGroup<Entry extends OutboxEntry>(
  store: ActionsStore,
  entry: Entry,
  alertGroup: AlertGroupSnapshot,
): Promise<Entry> {
  const actions = await readActions(
    store,
    alertGroup.rows.map(({ alertId }) => alertId),
  );
  const rows = alertGroup.rows.map((row) => {
    const acknowledged = actions.get(row.alertId)?.acknowledged;
    return acknowledged === undefined ? row : { ...row, acknowledged };
  });
  return { ...entry, alertGroup: { ...alertGroup, rows } };
}

async function latestOf<Entry extends OutboxEntry>(store: ActionsStore, entry: Entry): Promise<Entry> {
  const state = await store.loadGroup(entry.group);
  if (state === undefined || state.evalTime <= entry.createdAt) return entry;
  const alert = Object.values(state.rules)
    .flatMap(({ alerts }) => alerts)
    .find(({ alertId }) => alertId === entry.alert.alertId);
  return alert === undefined
    ? entry
    : { ...entry, alert: withSilence(alert, entry), createdAt: state.evalTime };
}

/** An evaluation that was under way when a silence began or ended knows nothing of that: the act is the newer word. */
function withSilence(alert: Alert, { notified, alert: decided }: OutboxEntry): Alert {
  if (notified?.what === 'silenced' && alert.suppressed === undefined && decided.suppressed !== undefined)
    return alert.state === 'resolved' ? alert : { ...alert, suppressed: decided.suppressed };
  if (notified?.what !== 'unsilenced' || alert.suppressed?.silence?.id !== notified.id) return alert;
  return unsuppressed(alert);
}

/** Alerts that a person can have acted on: what only began to breach has been shown to nobody. */
const alertIdsOf = (state: RuleGroupState): readonly string[] =>
  Object.values(state.rules).flatMap(({ alerts }) =>
    alerts.filter(({ firedAt }) => firedAt !== undefined).map(({ alertId }) => alertId),
  );

/** A group's state with what people did about its alerts. */
export async function loadWithActions(
  store: ActionsStore,
  group: string,
): Promise<RuleGroupState | undefined> {
  const state = await store.loadGroup(group);
  if (state === undefined) return undefined;
  const actions = await readActions(store, alertIdsOf(state));
  if (actions.size === 0) return state;
  const rules = Object.entries(state.rules).map(([key, rule]): [string, RuleState] => [
    key,
    { ...rule, alerts: rule.alerts.map((alert) => withActions(alert, actions.get(alert.alertId))) },
  ]);
  return { ...state, rules: Object.fromEntries(rules) };
}
