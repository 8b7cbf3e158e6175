import {
  type Alert,
  type AlertActions,
  type AlertGroup,
  type UserAction,
  withActions,
} from '../alerts/alert.ts';
import type { Logger } from '../lib/logger.ts';
import type { EpochMs } from '../lib/units.ts';
import { messageOf, postedTo, threadLine } from '../messages/alert-messages.ts';
import { alertInLedger, type Ledger, NO_LEDGER } from '../messages/ledger.ts';
import { sharedMessages } from '../messages/plan-groups.ts';
import type { MessageUpdate, SilenceUpdate, Store, ThreadLine } from '../messages/store.ts';
import { loadWithActions } from '../messages/with-actions.ts';
import type { SloRule } from '../rules/rule.ts';

/** An alert with the actions on it, its rule and its group. */
export interface ActiveAlert {
  readonly group: string;
  readonly rule: SloRule;
  readonly alert: Alert;
  /** The active alert groups of its rule: it may share their messages. */
  readonly alertGroups?: readonly AlertGroup[];
}

/** All alerts of all groups, recently resolved ones included. */
async function allAlerts(
  store: Pick<Store, 'groups' | 'loadGroup' | 'actions'>,
): Promise<readonly ActiveAlert[]> {
  const groups = await store.groups();
  const states = await Promise.all(
    groups.map(async (group) => ({ group, state: await loadWithActions(store, group) })),
  );
  return states.flatMap(({ group, state }) =>
    Object.values(state?.rules ?? {}).flatMap(({ rule, alerts, alertGroups }) =>
      // Users have no actions on the outage alert.
      rule.about === undefined ? alerts.map((alert) => ({ group, rule, alert, alertGroups })) : [],
    ),
  );
}

/** The firing alerts of all groups. */
export const firingAlerts = async (
  store: Pick<Store, 'groups' | 'loadGroup' | 'actions'>,
): Promise<readonly ActiveAlert[]> =>
  (await allAlerts(store)).filter(({ alert }) => alert.state === 'firing');

/** The alerts of each rule that has alert groups: they may share messages. */
function byAlertGroups(alerts: readonly ActiveAlert[]) {
  const rules = new Map<readonly AlertGroup[], { readonly first: ActiveAlert; readonly alerts: Alert[] }>();
  for (const active of alerts) {
    if (active.alertGroups === undefined) continue;
    const known = rules.get(active.alertGroups) ?? { first: active, alerts: [] };
    known.alerts.push(active.alert);
    rules.set(active.alertGroups, known);
  }
  return [...rules].map(([alertGroups, known]) => ({ alertGroups, ...known }));
}

const contextOf = ({ group, rule }: ActiveAlert) => ({ group: { id: group }, rule });

/** The keys of an alert's own messages, one for each channel. */
const ownMessages = (active: ActiveAlert): readonly string[] =>
  postedTo(contextOf(active), active.alert).flatMap(({ alertGroup }, index) =>
    alertGroup === undefined ? [messageOf(active.alert, index)] : [],
  );

/**
 * The updates of all messages of some alerts after an action. The messages are rendered again from the stored states.
 * With `silence` or `withdrawal` each thread gets one line, however many of its alerts it concerns.
 */
export function actionUpdates(
  alerts: readonly ActiveAlert[],
  {
    at,
    silence,
    withdrawal,
  }: { readonly at: EpochMs; readonly silence?: SilenceUpdate; readonly withdrawal?: UserAction },
): readonly MessageUpdate[] {
  const line = (key: string, { alert, rule }: ActiveAlert): ThreadLine | undefined => {
    const of = { at, alert, rule };
    if (silence !== undefined)
      return { ...of, key: `${key}:${silence.what}:${silence.id}`, kind: 'silence', silence };
    return withdrawal === undefined
      ? undefined
      : { ...of, key: `${key}:unacknowledged:${at}`, kind: 'unacknowledged', action: withdrawal };
  };
  const update = (key: string, active: ActiveAlert): MessageUpdate => ({
    key,
    isTouched: true,
    at,
    line: line(key, active),
  });
  const own = alerts.flatMap((active) => ownMessages(active).map((key) => update(key, active)));
  const shared = byAlertGroups(alerts).flatMap(({ first, alerts: members, alertGroups }) =>
    sharedMessages(members, alertGroups).map(({ key, isReply }) =>
      isReply ? { key, isTouched: true, at } : update(key, first),
    ),
  );
  return [...own, ...shared];
}

/** The updates of an alert's messages after it was closed: each gets its final form and a line in its thread. */
function closeUpdates(active: ActiveAlert, alert: Alert, at: EpochMs): readonly MessageUpdate[] {
  return ownMessages(active).map((key) => ({
    key,
    isTouched: true,
    at,
    line: threadLine(contextOf(active), at, { kind: 'resolved', alert, message: key }),
  }));
}

/** An action of a user on one occurrence of an alert. */
export interface ActionRequest {
  readonly alertId: string;
  /** A Slack user id. */
  readonly by: string;
  readonly now: EpochMs;
  readonly comment?: string;
}

/** The outcome of an action. */
export type ActionOutcome =
  /** `already`: the action was performed before, possibly by the same user. */
  | {
      readonly kind: 'done' | 'already';
      readonly did: keyof AlertActions;
      readonly alert: Alert;
      readonly action: UserAction;
    }
  /** `pending`: the alert has not fired. `has-data`: an alert with data cannot be closed. */
  | {
      readonly kind: 'resolved' | 'pending' | 'has-data' | 'not-acknowledged';
      readonly alert: Alert;
    }
  /** There is no such alert, or not any more. */
  | { readonly kind: 'unknown' };

/** The actions of users on alerts. Every method throws `UpstreamError` when the store does not respond. */
export interface ManageAlerts {
  /** Acknowledges an alert. Only the first acknowledgement counts; the alert is evaluated as before. */
  acknowledge(request: ActionRequest): Promise<ActionOutcome>;
  /** Withdraws the acknowledgement of a firing alert, whoever made it: the next one counts again. */
  unacknowledge(request: ActionRequest): Promise<ActionOutcome>;
  /** Closes a firing alert without data. */
  close(request: ActionRequest): Promise<ActionOutcome>;
  /** The firing alerts with the actions on them, the oldest first; tests left out. */
  firing(): Promise<readonly ActiveAlert[]>;
}

/** Why an action cannot be performed; undefined if it can. */
function rejectionOf(alert: Alert, kind: keyof AlertActions): ActionOutcome | undefined {
  const { state, noDataSince } = alert;
  const before = kind === 'unacknowledged' ? undefined : alert[kind];
  if (before !== undefined && (state === 'firing' || kind === 'closed'))
    return { kind: 'already', did: kind, alert, action: before };
  if (state !== 'firing') return { kind: state, alert };
  if (kind === 'unacknowledged')
    return alert.acknowledged === undefined ? { kind: 'not-acknowledged', alert } : undefined;
  return kind === 'closed' && noDataSince === undefined ? { kind: 'has-data', alert } : undefined;
}

/** Actions are stored separately from the states, and shown in the messages at once. */
export function createManageAlerts({
  store,
  ledger = NO_LEDGER,
  logger,
}: {
  readonly store: Pick<Store, 'groups' | 'loadGroup' | 'actions' | 'recordAction'>;
  /** Absent: actions are not recorded there. */
  readonly ledger?: Ledger;
  readonly logger: Logger;
}): ManageAlerts {
  async function perform(kind: keyof AlertActions, request: ActionRequest): Promise<ActionOutcome> {
    const { alertId, by, now: at, comment } = request;
    const active = (await allAlerts(store)).find((each) => each.alert.alertId === alertId);
    if (active === undefined) return { kind: 'unknown' };
    const { alert } = active;
    const rejection = rejectionOf(alert, kind);
    if (rejection !== undefined) return rejection;
    const action = { by, at, comment: comment === '' ? undefined : comment };
    const messages =
      kind === 'closed'
        ? closeUpdates(active, withActions(alert, { closed: action }), at)
        : actionUpdates([active], { at, withdrawal: kind === 'unacknowledged' ? action : undefined });
    const recorded = (await store.recordAction({ alertId, kind, action, messages }))[kind] ?? action;
    const isFirst = recorded.by === by && recorded.at === at;
    if (isFirst) {
      logger.info(`alert ${kind}`, { by, alertId });
      ledger.add({ at, kind, by, ...alertInLedger(alert, active.rule), outcome: action.comment });
    }
    const after = withActions(alert, { [kind]: recorded });
    return { kind: isFirst ? 'done' : 'already', did: kind, alert: after, action: recorded };
  }

  return {
    acknowledge: (request) => perform('acknowledged', request),
    unacknowledge: (request) => perform('unacknowledged', request),
    close: (request) => perform('closed', request),
    firing: async () =>
      (await firingAlerts(store))
        .filter(({ rule }) => rule.test === undefined)
        .sort((a, b) => a.alert.activeAt - b.alert.activeAt),
  };
}
