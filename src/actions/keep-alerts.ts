import { withActs } from '../alerts/acts.ts';
import type { Acts, Alert, PersonsAct } from '../alerts/alert.ts';
import type { Logger } from '../lib/logger.ts';
import type { EpochMs } from '../lib/units.ts';
import type { OutboxEntry, Store } from '../messages/store.ts';
import { actEntries, endEntries, knownAlerts, type Standing } from './standing-alerts.ts';

/** What acting on alerts needs. */
export interface KeepAlertsOptions {
  readonly store: Pick<Store, 'groups' | 'loadGroup' | 'acts' | 'recordAct'>;
  readonly logger: Logger;
}

/** What a person asks to do about one run of an alert. */
export interface ActRequest {
  readonly episode: string;
  /** A Slack user id. */
  readonly by: string;
  readonly now: EpochMs;
  readonly comment?: string;
}

/** What came of it. */
export type ActOutcome =
  | { readonly kind: 'done'; readonly alert: Alert; readonly act: PersonsAct }
  /** Somebody did it before: the same person perhaps. */
  | { readonly kind: 'already'; readonly alert: Alert; readonly act: PersonsAct }
  /** The alert is over. */
  | { readonly kind: 'over'; readonly alert: Alert }
  /** It only began to breach: nobody was told of it. */
  | { readonly kind: 'pending'; readonly alert: Alert }
  /** There is data, so the data ends it and no person. */
  | { readonly kind: 'has-data'; readonly alert: Alert }
  /** No such alert is known any more. */
  | { readonly kind: 'unknown' };

/** What people do about alerts. Every method throws `UpstreamError` when the store does not answer. */
export interface KeepAlerts {
  /** A person takes an alert; the first one has it. Its state goes on as ever. */
  acknowledge(request: ActRequest): Promise<ActOutcome>;
  /** A person says that an alert without data is over. */
  end(request: ActRequest): Promise<ActOutcome>;
  /** Alerts that fire, with what people did about them; the longest first. */
  firing(): Promise<readonly Standing[]>;
}

/** Why nothing can be done about an alert; undefined when something can. */
function refusalOf(alert: Alert): ActOutcome | undefined {
  if (alert.state === 'resolved') return { kind: 'over', alert };
  return alert.state === 'pending' ? { kind: 'pending', alert } : undefined;
}

/** What people do about alerts, kept beside their states and shown in their messages at once. */
export function createKeepAlerts({ store, logger }: KeepAlertsOptions): KeepAlerts {
  const find = async (episode: string): Promise<Standing | undefined> =>
    (await knownAlerts(store)).find(({ alert }) => alert.episode === episode);

  async function record(
    { alert }: Standing,
    kind: keyof Acts,
    { act, entries }: { act: PersonsAct; entries: readonly OutboxEntry[] },
  ): Promise<ActOutcome> {
    const { episode } = alert;
    const kept = (await store.recordAct({ episode, kind, act, entries }))[kind] ?? act;
    const isFirst = kept.by === act.by && kept.at === act.at;
    if (isFirst) logger.info('a person acted on an alert', { act: kind, by: act.by, episode });
    return { kind: isFirst ? 'done' : 'already', alert: withActs(alert, { [kind]: kept }), act: kept };
  }

  async function acknowledge(request: ActRequest): Promise<ActOutcome> {
    const standing = await find(request.episode);
    if (standing === undefined) return { kind: 'unknown' };
    const { alert } = standing;
    const refusal = refusalOf(alert);
    if (refusal !== undefined) return refusal;
    if (alert.acknowledged !== undefined) return { kind: 'already', alert, act: alert.acknowledged };
    const act = actOf(request);
    const acted = { of: standing, alert: withActs(alert, { acknowledged: act }) };
    const entries = actEntries([acted], { name: 'acknowledged' });
    return await record(standing, 'acknowledged', { act, entries });
  }

  async function end(request: ActRequest): Promise<ActOutcome> {
    const standing = await find(request.episode);
    if (standing === undefined) return { kind: 'unknown' };
    const { alert } = standing;
    if (alert.ended !== undefined) return { kind: 'already', alert, act: alert.ended };
    const refusal = refusalOf(alert);
    if (refusal !== undefined) return refusal;
    if (alert.noDataSince === undefined) return { kind: 'has-data', alert };
    const act = actOf(request);
    const entries = endEntries(standing, withActs(alert, { ended: act }));
    return await record(standing, 'ended', { act, entries });
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

const actOf = ({ by, now, comment }: ActRequest): PersonsAct => ({
  by,
  at: now,
  comment: comment === undefined || comment === '' ? undefined : comment,
});
