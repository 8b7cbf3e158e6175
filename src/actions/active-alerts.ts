import type { Alert, AlertGroup } from '../alerts/alert.ts';
import type { EpochMs } from '../lib/units.ts';
import { sharedEntries } from '../messages/alert-group-plan.ts';
import { entriesOf } from '../messages/alert-messages.ts';
import type { OutboxEntry, SilenceUpdate, Store } from '../messages/store.ts';
import { loadWithActions } from '../messages/with-actions.ts';
import type { SloRule } from '../rules/rule.ts';

/** An alert as the last evaluation and people left it, and where it belongs. */
export interface ActiveAlert {
  readonly group: string;
  readonly rule: SloRule;
  /** Of the evaluation that wrote it. */
  readonly evalTime: EpochMs;
  readonly alert: Alert;
  /** Those of its rule that last: it may share their messages. */
  readonly alertGroups?: readonly AlertGroup[] | undefined;
}

type Reading = Pick<Store, 'groups' | 'loadGroup' | 'actions'>;

/** All alerts of all groups, those that are over and not forgotten yet included. */
export async function knownAlerts(store: Reading): Promise<readonly ActiveAlert[]> {
  const groups = await store.groups();
  const states = await Promise.all(
    groups.map(async (group) => ({ group, state: await loadWithActions(store, group) })),
  );
  return states.flatMap(({ group, state }) =>
    Object.values(state?.rules ?? {}).flatMap(({ rule, alerts, alertGroups }) =>
      // The bot's own watch over what it asks is nobody's to silence.
      (rule.about === undefined ? alerts : []).map((alert) => ({
        group,
        rule,
        evalTime: state?.evalTime ?? alert.seenAt,
        alert,
        alertGroups,
      })),
    ),
  );
}

/** An alert that a person did something about. */
interface ActionTarget {
  readonly of: ActiveAlert;
  /** With what the person did. */
  readonly alert: Alert;
}

/** What an act tells in the messages of its alerts. */
interface Notification {
  /** What tells this act from others on the same alert. */
  readonly name: string;
  readonly notified?: SilenceUpdate;
}

const placeOf = ({ group, rule }: ActiveAlert) => ({ group: { id: group }, rule });

/** The alerts of each rule that has alertGroups: they may share messages. */
function sharing(acted: readonly ActionTarget[]) {
  const byAlertGroups = new Map<
    readonly AlertGroup[],
    { readonly of: ActiveAlert; readonly alerts: Alert[] }
  >();
  for (const { of, alert } of acted) {
    if (of.alertGroups === undefined) continue;
    const same = byAlertGroups.get(of.alertGroups) ?? { of, alerts: [] };
    same.alerts.push(alert);
    byAlertGroups.set(of.alertGroups, same);
  }
  return [...byAlertGroups].map(([alertGroups, { of, alerts }]) => ({ alertGroups, of, alerts }));
}

/**
 * Notifications of an act, for every message of its alerts. They carry the evaluation time of the state that the person saw, not
 * the time of the act: an evaluation that is under way meanwhile is newer and must win.
 */
export function actionEntries(
  acted: readonly ActionTarget[],
  { name, notified }: Notification,
): readonly OutboxEntry[] {
  const news = notified === undefined ? {} : { notified };
  const own = acted.flatMap(({ of, alert }) =>
    entriesOf(placeOf(of), of.evalTime, { alert, kind: 'act' }).map((entry) => ({
      ...entry,
      ...news,
      id: `${entry.alertId}:${name}`,
    })),
  );
  const shared = sharing(acted).flatMap(({ of, alerts, alertGroups }) => {
    // What is notified to the thread that many alerts share is notified once, whichever of them it is about.
    const what = notified === undefined ? [name, ...alerts.map(({ alertId }) => alertId)].join(':') : name;
    return sharedEntries(placeOf(of), of.evalTime, { alerts, alertGroups }).map((entry) => ({
      ...entry,
      ...news,
      id: `${entry.alertId}:${what}`,
    }));
  });
  return [...own, ...shared];
}

/** Notifications of an end that a person made: each message takes its final form. */
export function endEntries(of: ActiveAlert, alert: Alert): readonly OutboxEntry[] {
  return entriesOf(placeOf(of), of.evalTime, { alert, kind: 'resolved' });
}
