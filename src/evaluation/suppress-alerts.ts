import type { Alert, RuleGroupState } from '../alerts/alert.ts';
import type { Clock } from '../lib/clock.ts';
import { between, type EpochMs, type Milliseconds, ms, SECOND } from '../lib/units.ts';
import { namespaceOf, serviceOf } from '../messages/alert-subject.ts';
import type { Store } from '../messages/store.ts';
import {
  createSuppression,
  type InhibitionContext,
  inhibitedByCause,
  isSuppressionChanged,
  type NotificationPolicy,
  type OtherAlert,
  type RuleAlerts,
  unsuppressed,
  withCurrentSuppression,
} from '../policy/suppress.ts';
import type { LocalTimeIn } from '../policy/time-interval.ts';
import type { SloRule } from '../rules/rule.ts';
import type { CallGraphAt } from './call-graph-query.ts';
import { OUTAGE_GROUP } from './source-outage.ts';

/** The states of the other rule groups: the inhibition context. */
export interface OtherGroupStates {
  /** The states of all rule groups except this one, after their last evaluations. */
  others(group: string): Promise<readonly RuleGroupState[]>;
  /** Stores the state of a group that was evaluated here, which saves reading it. */
  note(group: string, state: RuleGroupState): void;
}

/**
 * The maximum age of a state that another replica wrote. Without this cache every tick of a group with a firing alert
 * reads every group; with it one replica reads each group once and then has the states from its own evaluations.
 */
const MAX_AGE: Milliseconds = ms(2 * SECOND);

/** States from the store, cached for `MAX_AGE`. */
export function createOtherGroupStates(options: {
  readonly store: Pick<Store, 'groups' | 'loadGroup'>;
  readonly clock: Pick<Clock, 'now'>;
}): OtherGroupStates {
  const { store, clock } = options;
  const known = new Map<string, { readonly state: RuleGroupState | undefined; readonly at: EpochMs }>();

  async function stateOf(group: string): Promise<RuleGroupState | undefined> {
    const at = clock.now();
    const cached = known.get(group);
    if (cached !== undefined && between(cached.at, at) < MAX_AGE) return cached.state;
    const state = await store.loadGroup(group);
    known.set(group, { state, at });
    return state;
  }

  return {
    others: async (group) => {
      const ids = await store.groups();
      for (const id of known.keys()) if (!ids.includes(id)) known.delete(id);
      const wanted = ids.filter((id) => id !== group && id !== OUTAGE_GROUP.id);
      const states = await Promise.all(wanted.map(stateOf));
      return states.filter((state) => state !== undefined);
    },
    note: (group, state) => void known.set(group, { state, at: clock.now() }),
  };
}

/** The policy on notifications and its data. */
export interface NotificationOptions {
  readonly policy: () => NotificationPolicy;
  readonly localTime: LocalTimeIn;
  readonly callGraphAt: CallGraphAt;
  /** The policy with what users added to it in Slack; absent: `policy`. */
  readonly currentPolicy?: () => Promise<NotificationPolicy>;
}

/** What suppression depends on. Without `notifications` every alert is notified. */
export interface SuppressOptions {
  readonly states: Pick<OtherGroupStates, 'others'>;
  readonly notifications?: NotificationOptions;
}

/** A group at its evaluation time. */
interface GroupTick {
  readonly group: string;
  readonly evalTime: EpochMs;
  /** The instant of its queries. */
  readonly queryTime: EpochMs;
}

/** The alerts of a rule with their suppressions, and the fingerprints of those whose message has to change. */
export interface SuppressedAlerts {
  readonly alerts: readonly Alert[];
  readonly changed: ReadonlySet<string>;
}

function otherAlertOf(alert: Alert, rule: SloRule): OtherAlert {
  const service = serviceOf(alert, rule);
  const namespace = namespaceOf(alert);
  const isQualified = namespace === undefined || service?.endsWith(`.${namespace}`) === true;
  const full = service === undefined || isQualified ? service : `${service}.${namespace}`;
  return { alert, rule, service: full };
}

const otherAlertsOf = ({ rule, alerts }: RuleAlerts): readonly OtherAlert[] =>
  alerts.map((alert) => otherAlertOf(alert, rule));

const isFiring = ({ alert }: OtherAlert): boolean => alert.state === 'firing';

/** Loads the other alerts and the call graph, where the policy depends on them. */
async function inhibitionContext(
  { states, notifications }: SuppressOptions & { readonly notifications: NotificationOptions },
  policy: NotificationPolicy,
  { group, evalTime, queryTime, own }: GroupTick & { readonly own: readonly OtherAlert[] },
): Promise<InhibitionContext> {
  const { localTime, callGraphAt } = notifications;
  const inhibits = policy.inhibitRules.length > 0 || policy.inhibitsByCallGraph;
  if (!inhibits || !own.some(isFiring)) return { evalTime, localTime, otherAlerts: own };
  const rules = (await states.others(group)).flatMap((state) => Object.values(state.rules));
  const otherAlerts = [...own, ...rules.flatMap(otherAlertsOf)].map((each) =>
    withCurrentSuppression(each, policy, { evalTime, localTime }),
  );
  const active = otherAlerts.filter(({ alert }) => alert.state !== 'resolved');
  const calls = policy.inhibitsByCallGraph && active.length > 1 ? await callGraphAt(queryTime) : undefined;
  return { evalTime, localTime, otherAlerts, calls };
}

function withSuppression(other: OtherAlert, suppressionOf: ReturnType<typeof createSuppression>): OtherAlert {
  const alert = unsuppressed(other.alert);
  const suppressed = alert.state === 'firing' ? suppressionOf(other) : undefined;
  return { ...other, alert: suppressed === undefined ? alert : { ...alert, suppressed } };
}

/** The alert with the services whose breaches it explains; a resolved one keeps its last ones. */
function withAlsoSlow(alert: Alert, inhibited: ReturnType<typeof inhibitedByCause>): Alert {
  if (alert.state === 'resolved') return alert;
  const alsoSlow = inhibited.get(alert.alertId);
  return alsoSlow === undefined && alert.alsoSlow === undefined ? alert : { ...alert, alsoSlow };
}

/** Decides for all alerts of a group what suppresses their messages. Keeps the order of rules and alerts. */
export async function suppressAlerts(
  { states, notifications }: SuppressOptions,
  tick: GroupTick,
  rules: readonly RuleAlerts[],
): Promise<readonly SuppressedAlerts[]> {
  if (notifications === undefined) return rules.map(({ alerts }) => ({ alerts, changed: new Set() }));
  const byRule = rules.map(otherAlertsOf);
  const own = byRule.flat();
  const policy = own.some(isFiring)
    ? await (notifications.currentPolicy ?? notifications.policy)()
    : notifications.policy();
  const context = await inhibitionContext({ states, notifications }, policy, { ...tick, own });
  const suppressionOf = createSuppression(policy, context);
  const suppressed = byRule.map((alerts) => alerts.map((each) => withSuppression(each, suppressionOf)));
  const inhibited = inhibitedByCause([...suppressed.flat(), ...context.otherAlerts.slice(own.length)]);
  return rules.map(({ alerts: before }, index) => {
    const alerts = (suppressed[index] ?? []).map(({ alert }) => withAlsoSlow(alert, inhibited));
    const changed = alerts.filter((alert, i) => isSuppressionChanged(alert, before[i] ?? alert));
    return { alerts, changed: new Set(changed.map(({ fingerprint }) => fingerprint)) };
  });
}
