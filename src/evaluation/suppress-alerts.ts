import type { Alert, RuleGroupState, Suppression } from '../alerts/alert.ts';
import type { Clock } from '../lib/clock.ts';
import { between, type EpochMs, type Milliseconds, ms, SECOND } from '../lib/units.ts';
import { namespaceOf, serviceOf } from '../messages/alert-subject.ts';
import type { Store } from '../messages/store.ts';
import type { CallGraph } from '../policy/inhibition.ts';
import { createInhibitionIndex, type InhibitionIndex, type InhibitRule } from '../policy/inhibition.ts';
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
import { isOwnGroup, type SloRule } from '../rules/rule.ts';
import type { CallGraphAt } from './call-graph-query.ts';

/** Alerts by a key, and below it by their owner. */
type AlertsByKey = Map<string, Map<string, readonly OtherAlert[]>>;

/** What one owner has below each key. */
type OwnKeys = ReadonlyMap<string, readonly OtherAlert[]>;

/**
 * The alerts of many owners (rule groups). Finds those that inhibition by the call graph needs for the alerts of one owner,
 * without looking at all: thousands of groups are evaluated at the same time.
 */
export interface AlertIndex {
  /** Replaces the alerts of an owner. Costs as much as the owner has alerts. */
  set(owner: string, alerts: readonly OtherAlert[]): void;
  /** The number of alerts of all other owners that are not resolved. */
  activeExcept(owner: string): number;
  /**
   * The alerts of other owners that decide about these: those of the services that can be reached from theirs over
   * services with alerts, those that suppressed one of them, and those that they suppressed.
   */
  related(owner: string, own: readonly OtherAlert[], calls?: CallGraph): readonly OtherAlert[];
}

const KEYS: Readonly<Record<'service' | 'alertId' | 'cause', (each: OtherAlert) => string | undefined>> = {
  service: ({ service }) => service,
  alertId: ({ alert }) => alert.alertId,
  cause: ({ alert: { suppressed } }) => suppressed?.alertId,
};

function byKey(
  alerts: readonly OtherAlert[],
  keyOf: (each: OtherAlert) => string | undefined,
): Map<string, OtherAlert[]> {
  const found = new Map<string, OtherAlert[]>();
  for (const each of alerts) {
    const key = keyOf(each);
    if (key === undefined) continue;
    const same = found.get(key);
    if (same === undefined) found.set(key, [each]);
    else same.push(each);
  }
  return found;
}

/** Alerts of all owners by one key. */
function createByKey(keyOf: (each: OtherAlert) => string | undefined) {
  const all: AlertsByKey = new Map();
  const keysOf = new Map<string, OwnKeys>();
  return {
    set: (owner: string, alerts: readonly OtherAlert[]): void => {
      const now = byKey(alerts, keyOf);
      for (const key of keysOf.get(owner)?.keys() ?? []) {
        if (now.has(key)) continue;
        const owners = all.get(key);
        owners?.delete(owner);
        if (owners?.size === 0) all.delete(key);
      }
      for (const [key, same] of now) {
        const owners = all.get(key) ?? new Map<string, readonly OtherAlert[]>();
        // An owner that stays keeps its place: of several causes the same one is taken again.
        all.set(key, owners.set(owner, same));
      }
      if (now.size === 0) keysOf.delete(owner);
      else keysOf.set(owner, now);
    },
    of: (key: string, except: string): readonly OtherAlert[] =>
      [...(all.get(key) ?? [])].flatMap(([owner, alerts]) => (owner === except ? [] : alerts)),
  };
}

type ByKey = ReturnType<typeof createByKey>;

/** The alerts of other owners about the services that these are about, or that those call over services with alerts. */
function reachable(
  byService: ByKey,
  { owner, own, calls }: { owner: string; own: readonly OtherAlert[]; calls: CallGraph | undefined },
): readonly OtherAlert[] {
  const found: OtherAlert[] = [];
  const mine = new Set(own.flatMap(({ service }) => service ?? []));
  const seen = new Set(mine);
  // Grows while it is walked through.
  for (const service of seen) {
    const others = byService.of(service, owner);
    found.push(...others);
    if (others.length === 0 && !mine.has(service)) continue;
    for (const callee of calls?.get(service) ?? []) seen.add(callee);
  }
  return found;
}

const isActive = ({ alert }: OtherAlert): boolean => alert.state !== 'resolved';

/** An index without alerts. */
export function createAlertIndex(): AlertIndex {
  const byService = createByKey(KEYS.service);
  const byId = createByKey(KEYS.alertId);
  const byCause = createByKey(KEYS.cause);
  const active = new Map<string, number>();
  let allActive = 0;
  return {
    set: (owner, alerts) => {
      for (const each of [byService, byId, byCause]) each.set(owner, alerts);
      const count = alerts.filter(isActive).length;
      allActive += count - (active.get(owner) ?? 0);
      if (count === 0) active.delete(owner);
      else active.set(owner, count);
    },
    activeExcept: (owner) => allActive - (active.get(owner) ?? 0),
    related: (owner, own, calls) => {
      const about = reachable(byService, { owner, own, calls });
      const causes = [...own, ...about].flatMap(({ alert }) => alert.suppressed?.alertId ?? []);
      return [
        ...new Set([
          ...about,
          ...causes.flatMap((alertId) => byId.of(alertId, owner)),
          ...own.flatMap(({ alert }) => byCause.of(alert.alertId, owner)),
        ]),
      ];
    },
  };
}

/** The alerts of all rule groups, shared by the evaluations of all of them: the inhibition context. */
export interface OtherGroupStates {
  /** Brings the states up to date. */
  refresh(): Promise<void>;
  /** The alerts of all groups after their last evaluations, indexed for inhibition by the call graph. */
  alerts(): AlertIndex;
  /** The firing alerts of all groups, indexed by these rules. */
  inhibition(rules: readonly InhibitRule[]): InhibitionIndex;
  /** Stores the state of a group that was evaluated here, which saves reading it. */
  note(group: string, state: RuleGroupState): void;
}

/**
 * The maximum age of a state that another replica wrote. Without this cache every tick of a group with a firing alert
 * reads every group; with it one replica reads each group once and then has the states from its own evaluations.
 */
const MAX_AGE: Milliseconds = ms(2 * SECOND);

/** A group's state, and when it was read or noted. */
interface KnownGroup {
  readonly state: RuleGroupState | undefined;
  readonly at: EpochMs;
}

const alertsIn = (state: RuleGroupState | undefined): readonly OtherAlert[] =>
  state === undefined ? [] : Object.values(state.rules).flatMap(otherAlertsOf);

const firingIn = (state: RuleGroupState | undefined): readonly Alert[] =>
  state === undefined ? [] : Object.values(state.rules).flatMap(({ alerts }) => alerts.filter(isFiring));

/** An index with the alerts of all known groups. */
function filled<Each, Index extends { set(group: string, alerts: readonly Each[]): void }>(
  index: Index,
  known: ReadonlyMap<string, KnownGroup>,
  alertsOf: (state: RuleGroupState | undefined) => readonly Each[],
): Index {
  for (const [group, { state }] of known) index.set(group, alertsOf(state));
  return index;
}

/**
 * States from the store, cached for `MAX_AGE`, and indexes of their alerts, built when they are needed. A group's part of
 * them is replaced when its state is: the cost of a tick follows from the group's own alerts, not from those of all groups.
 */
export function createOtherGroupStates(options: {
  readonly store: Pick<Store, 'groups' | 'loadGroup'>;
  readonly clock: Pick<Clock, 'now'>;
}): OtherGroupStates {
  const { store, clock } = options;
  const known = new Map<string, KnownGroup>();
  let index: { readonly rules: readonly InhibitRule[]; readonly of: InhibitionIndex } | undefined;
  let alertIndex: AlertIndex | undefined;
  let refreshing: { readonly at: EpochMs; readonly done: Promise<void> } | undefined;

  function keep(group: string, state: RuleGroupState | undefined): void {
    index?.of.set(group, firingIn(state));
    alertIndex?.set(group, alertsIn(state));
    known.set(group, { state, at: clock.now() });
  }

  async function read(): Promise<void> {
    const ids = new Set(await store.groups());
    for (const id of known.keys()) {
      if (ids.has(id)) continue;
      known.delete(id);
      index?.of.set(id, []);
      alertIndex?.set(id, []);
    }
    const due = [...ids].filter((id) => {
      const at = known.get(id)?.at;
      return !isOwnGroup(id) && (at === undefined || between(at, clock.now()) >= MAX_AGE);
    });
    await Promise.all(
      due.map(async (id) => {
        const before = known.get(id);
        const state = await store.loadGroup(id);
        // A state that was noted meanwhile is newer.
        if (known.get(id) === before) keep(id, state);
      }),
    );
  }

  return {
    refresh: () => {
      const now = clock.now();
      if (refreshing === undefined || between(refreshing.at, now) >= MAX_AGE) {
        const started = { at: now, done: read() };
        refreshing = started;
        // A read that failed is repeated by the next evaluation.
        started.done.catch(() => {
          if (refreshing === started) refreshing = undefined;
        });
      }
      return refreshing.done;
    },
    alerts: () => {
      alertIndex ??= filled(createAlertIndex(), known, alertsIn);
      return alertIndex;
    },
    inhibition: (rules) => {
      if (index?.rules !== rules)
        index = { rules, of: filled(createInhibitionIndex(rules), known, firingIn) };
      return index.of;
    },
    note: keep,
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
  readonly states: Omit<OtherGroupStates, 'note'>;
  readonly notifications?: NotificationOptions;
  /** What suppresses an alert elsewhere; absent: nothing. */
  readonly suppressedElsewhere?: (alert: Alert) => Suppression | undefined;
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

const isFiring = ({ state }: Alert): boolean => state === 'firing';

/** Loads the other alerts and the call graph, where the policy depends on them. */
async function inhibitionContext(
  { states, notifications }: SuppressOptions & { readonly notifications: NotificationOptions },
  policy: NotificationPolicy,
  { group, evalTime, queryTime, own }: GroupTick & { readonly own: readonly OtherAlert[] },
): Promise<InhibitionContext> {
  const { localTime, callGraphAt } = notifications;
  const { inhibitRules, inhibitsByCallGraph } = policy;
  const firing = own.map(({ alert }) => alert).filter(isFiring);
  const inhibits = inhibitRules.length > 0 || inhibitsByCallGraph;
  if (!inhibits || firing.length === 0) return { evalTime, localTime, otherAlerts: own };
  await states.refresh();
  const inhibition = inhibitRules.length === 0 ? undefined : states.inhibition(inhibitRules);
  inhibition?.set(group, firing);
  const inhibitorOf = (alert: Alert) => inhibition?.inhibitorOf(alert, group);
  if (!inhibitsByCallGraph) return { evalTime, localTime, otherAlerts: own, inhibitorOf };
  const index = states.alerts();
  const active = own.filter(({ alert }) => alert.state !== 'resolved').length + index.activeExcept(group);
  const calls = active > 1 ? await callGraphAt(queryTime) : undefined;
  const otherAlerts = [...own, ...index.related(group, own, calls)].map((each) =>
    withCurrentSuppression(each, policy, { evalTime, localTime }),
  );
  return { evalTime, localTime, otherAlerts, inhibitorOf, calls };
}

function withSuppression(
  other: OtherAlert,
  suppressionOf: (other: OtherAlert) => Suppression | undefined,
): OtherAlert {
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

const asTheyAre = ({ alerts }: RuleAlerts): SuppressedAlerts => ({ alerts, changed: new Set() });

/** Whether the policy suppresses alerts at all: most do so now and then, and a group may have thousands of alerts. */
const suppressesAny = ({
  silences,
  maintenance,
  inhibitRules,
  inhibitsByCallGraph,
}: NotificationPolicy): boolean =>
  inhibitsByCallGraph || [silences, maintenance, inhibitRules].some(({ length }) => length > 0);

/** Whether an earlier evaluation suppressed it, or had it explain others: that may end. */
const isTouched = ({ suppressed, alsoSlow }: Alert): boolean =>
  suppressed !== undefined || alsoSlow !== undefined;

/** Decides for all alerts of a group what suppresses their messages. Keeps the order of rules and alerts. */
export async function suppressAlerts(
  { states, notifications, suppressedElsewhere }: SuppressOptions,
  tick: GroupTick,
  rules: readonly RuleAlerts[],
): Promise<readonly SuppressedAlerts[]> {
  if (notifications === undefined) return rules.map(asTheyAre);
  const policy = rules.some(({ alerts }) => alerts.some(isFiring))
    ? await (notifications.currentPolicy ?? notifications.policy)()
    : notifications.policy();
  const isQuiet = suppressedElsewhere === undefined && !suppressesAny(policy);
  if (isQuiet && !rules.some(({ alerts }) => alerts.some(isTouched))) return rules.map(asTheyAre);
  const byRule = rules.map(otherAlertsOf);
  const own = byRule.flat();
  const context = await inhibitionContext({ states, notifications }, policy, { ...tick, own });
  const suppressionHere = createSuppression(policy, context);
  const suppressionOf = (other: OtherAlert) => suppressionHere(other) ?? suppressedElsewhere?.(other.alert);
  const suppressed = byRule.map((alerts) => alerts.map((each) => withSuppression(each, suppressionOf)));
  const inhibited = inhibitedByCause([...suppressed.flat(), ...context.otherAlerts.slice(own.length)]);
  return rules.map(({ alerts: before }, index) => {
    const alerts = (suppressed[index] ?? []).map(({ alert }) => withAlsoSlow(alert, inhibited));
    const changed = alerts.filter((alert, i) => isSuppressionChanged(alert, before[i] ?? alert));
    return { alerts, changed: new Set(changed.map(({ fingerprint }) => fingerprint)) };
  });
}
