import type { Alert, AlertActions, RuleGroupState, RuleState } from '../alerts/alert.ts';
import { acknowledgedAfter, withActions } from '../alerts/alert.ts';
import { UpstreamError } from '../lib/errors.ts';
import type { EpochMs } from '../lib/units.ts';
import { unsuppressed } from '../policy/suppress.ts';
import type { DesiredMessage, SilenceUpdate, Store } from './store.ts';

/** Where actions and states are read from. */
export type ActionsStore = Pick<Store, 'loadGroup' | 'actions'>;

/**
 * People's actions on some alerts. A record that cannot be read counts as missing: the alert is notified as if nobody had
 * acted on it. A store that does not respond is an error.
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

/** A message with the actions and the silence that its evaluation did not know of. */
export async function withLatestActions(
  store: Pick<Store, 'actions'>,
  desired: DesiredMessage,
  silence: SilenceUpdate | undefined,
): Promise<DesiredMessage> {
  const { alert, alertGroup, asOf } = desired;
  if (alertGroup === undefined) {
    const actions = (await readActions(store, [alert.alertId])).get(alert.alertId);
    return { ...desired, alert: withSilence(withActions(alert, actions), silence, asOf) };
  }
  const actions = await readActions(
    store,
    alertGroup.rows.map(({ alertId }) => alertId),
  );
  const rows = alertGroup.rows.map((row) => {
    const acknowledged = acknowledgedAfter(row, actions.get(row.alertId) ?? {});
    return acknowledged === row.acknowledged ? row : { ...row, acknowledged };
  });
  return { ...desired, alertGroup: { ...alertGroup, rows } };
}

/** An evaluation that began before a silence was made or ended does not know of it. */
function withSilence(alert: Alert, update: SilenceUpdate | undefined, asOf: EpochMs): Alert {
  if (update === undefined || update.at < asOf || alert.state === 'resolved') return alert;
  const { what, id, by, at: since, until, comment = '' } = update;
  if (what === 'silenced' && alert.suppressed === undefined)
    return { ...alert, suppressed: { kind: 'silence', by: comment, since, until, silence: { id, by } } };
  return what === 'unsilenced' && alert.suppressed?.silence?.id === id ? unsuppressed(alert) : alert;
}

/** Alerts that a person can have acted on: pending ones are shown to nobody. */
const alertIdsOf = (state: RuleGroupState): readonly string[] =>
  Object.values(state.rules).flatMap(({ alerts }) =>
    alerts.filter(({ firedAt }) => firedAt !== undefined).map(({ alertId }) => alertId),
  );

/** A group's state with people's actions on its alerts. */
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
