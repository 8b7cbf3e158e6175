import type { Alert, AlertActions, UserAction } from '../alerts/alert.ts';
import { withActions } from '../alerts/alert.ts';
import type { Logger } from '../lib/logger.ts';
import type { EpochMs } from '../lib/units.ts';
import type { MessageUpdate, Store } from '../messages/store.ts';
import { type ActiveAlert, actionUpdates, closeUpdates, knownAlerts } from './active-alerts.ts';

/** What acting on alerts needs. */
export interface KeepAlertsOptions {
  readonly store: Pick<Store, 'groups' | 'loadGroup' | 'actions' | 'recordAction'>;
  readonly logger: Logger;
}

/** What a person asks to do about one run of an alert. */
export interface ActionRequest {
  readonly alertId: string;
  /** A Slack user id. */
  readonly by: string;
  readonly now: EpochMs;
  readonly comment?: string;
}

/** What came of it. */
export type ActionOutcome =
  | { readonly kind: 'done'; readonly alert: Alert; readonly act: UserAction }
  /** Somebody did it before: the same person perhaps. */
  | { readonly kind: 'already'; readonly alert: Alert; readonly act: UserAction }
  /** The alert is over. */
  | { readonly kind: 'over'; readonly alert: Alert }
  /** It only began to breach: nobody was notified of it. */
  | { readonly kind: 'pending'; readonly alert: Alert }
  /** There is data, so the data ends it and no person. */
  | { readonly kind: 'has-data'; readonly alert: Alert }
  /** No such alert is known any more. */
  | { readonly kind: 'unknown' };

/** What people do about alerts. Every method throws `UpstreamError` when the store does not answer. */
export interface KeepAlerts {
  /** A person takes an alert; the first one has it. Its state goes on as ever. */
  acknowledge(request: ActionRequest): Promise<ActionOutcome>;
  /** A person says that an alert without data is over. */
  end(request: ActionRequest): Promise<ActionOutcome>;
  /** Alerts that fire, with what people did about them; the longest first. */
  firing(): Promise<readonly ActiveAlert[]>;
}

/** Why nothing can be done about an alert; undefined when something can. */
function refusalOf(alert: Alert): ActionOutcome | undefined {
  if (alert.state === 'resolved') return { kind: 'over', alert };
  return alert.state === 'pending' ? { kind: 'pending', alert } : undefined;
}

/** What people do about alerts, kept beside their states and shown in their messages at once. */
export function createKeepAlerts({ store, logger }: KeepAlertsOptions): KeepAlerts {
  const find = async (alertId: string): Promise<ActiveAlert | undefined> =>
    (await knownAlerts(store)).find(({ alert }) => alert.alertId === alertId);

  async function record(
    { alert }: ActiveAlert,
    kind: keyof AlertActions,
    { act, messages }: { act: UserAction; messages: readonly MessageUpdate[] },
  ): Promise<ActionOutcome> {
    const { alertId } = alert;
    const kept = (await store.recordAction({ alertId, kind, act, messages }))[kind] ?? act;
    const isFirst = kept.by === act.by && kept.at === act.at;
    if (isFirst) logger.info('a person acted on an alert', { act: kind, by: act.by, alertId });
    return { kind: isFirst ? 'done' : 'already', alert: withActions(alert, { [kind]: kept }), act: kept };
  }

  async function acknowledge(request: ActionRequest): Promise<ActionOutcome> {
    const current = await find(request.alertId);
    if (current === undefined) return { kind: 'unknown' };
    const { alert } = current;
    const refusal = refusalOf(alert);
    if (refusal !== undefined) return refusal;
    if (alert.acknowledged !== undefined) return { kind: 'already', alert, act: alert.acknowledged };
    const act = actionOf(request);
    const messages = actionUpdates([current], { at: request.now });
    return await record(current, 'acknowledged', { act, messages });
  }

  async function end(request: ActionRequest): Promise<ActionOutcome> {
    const current = await find(request.alertId);
    if (current === undefined) return { kind: 'unknown' };
    const { alert } = current;
    if (alert.closed !== undefined) return { kind: 'already', alert, act: alert.closed };
    const refusal = refusalOf(alert);
    if (refusal !== undefined) return refusal;
    if (alert.noDataSince === undefined) return { kind: 'has-data', alert };
    const act = actionOf(request);
    const messages = closeUpdates(current, withActions(alert, { closed: act }), request.now);
    return await record(current, 'closed', { act, messages });
  }

  return {
    acknowledge,
    end,
    firing: async () =>
      (await knownAlerts(store))
        .filter(({ alert }) => alert.state === 'firing')
        .sort((a, b) => a.alert.activeAt - b.alert.activeAt),
  };
}

const actionOf = ({ by, now, comment }: ActionRequest): UserAction => ({
  by,
  at: now,
  comment: comment === undefined || comment === '' ? undefined : comment,
});
