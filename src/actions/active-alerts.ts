import type { Alert, AlertGroup } from '../alerts/alert.ts';
import type { EpochMs } from '../lib/units.ts';
import { sharedMessages } from '../messages/alert-group-plan.ts';
import { messageOf, postedTo, threadLine } from '../messages/alert-messages.ts';
import type { MessageUpdate, SilenceUpdate, Store } from '../messages/store.ts';
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

/** The rule that an active alert belongs to, with its alerts that share messages. */
function sharing(alerts: readonly ActiveAlert[]) {
  const byGroups = new Map<readonly AlertGroup[], { readonly of: ActiveAlert; readonly alerts: Alert[] }>();
  for (const of of alerts) {
    if (of.alertGroups === undefined) continue;
    const same = byGroups.get(of.alertGroups) ?? { of, alerts: [] };
    same.alerts.push(of.alert);
    byGroups.set(of.alertGroups, same);
  }
  return [...byGroups].map(([alertGroups, known]) => ({ alertGroups, ...known }));
}

const contextOf = ({ group, rule }: ActiveAlert) => ({ group: { id: group }, rule });

/** Key of every message of an alert, its own and in several channels. */
const ownMessages = (of: ActiveAlert): readonly string[] =>
  postedTo(contextOf(of), of.alert).flatMap(({ alertGroup }, index) =>
    alertGroup === undefined ? [messageOf(of.alert, index)] : [],
  );

/**
 * Updates of every message of some alerts after an action: each is rendered again with what the store knows of it. With
 * `silence` the thread gets a line, once per message however many of its alerts it is about.
 */
export function actionUpdates(
  alerts: readonly ActiveAlert[],
  { at, silence }: { readonly at: EpochMs; readonly silence?: SilenceUpdate },
): readonly MessageUpdate[] {
  const update = (key: string, { alert, rule }: ActiveAlert): MessageUpdate => ({
    key,
    isTouched: true,
    at,
    line:
      silence === undefined
        ? undefined
        : { key: `${key}:${silence.what}:${silence.id}`, kind: 'silence', at, alert, rule, silence },
  });
  const own = alerts.flatMap((of) => ownMessages(of).map((key) => update(key, of)));
  const shared = sharing(alerts).flatMap(({ of, alerts: members, alertGroups }) =>
    sharedMessages(members, alertGroups).map(({ key, isReply }) =>
      isReply ? { key, isTouched: true, at } : update(key, of),
    ),
  );
  return [...own, ...shared];
}

/** Updates after a person closed an alert: each of its messages takes its final form, and its thread says so. */
export function closeUpdates(of: ActiveAlert, closed: Alert, at: EpochMs): readonly MessageUpdate[] {
  return ownMessages(of).map((key) => ({
    key,
    isTouched: true,
    at,
    line: threadLine(contextOf(of), at, { kind: 'resolved', alert: closed, message: key }),
  }));
}
