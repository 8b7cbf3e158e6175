import type { Alert, AlertGroup, Destination, PostedTo, RuleState, Transition } from '../alerts/alert.ts';
import { between, type EpochMs } from '../lib/units.ts';
import { acceptsAlerts, alertGroupIdOf, groupedAlertsOf } from '../policy/alert-group.ts';
import {
  type FlapHistories,
  flappingSuppression,
  isFarWorse,
  isFlapping,
  withFiring,
} from '../policy/flap.ts';
import type { RoutedDestination } from '../policy/route.ts';
import type { RuleAt } from '../rules/rule.ts';
import {
  isUrgent,
  type MessageContext,
  messageOf,
  messagesOf,
  messageUpdate,
  messageUpdates,
  postedTo,
  postings,
  REFRESH_MAX_INTERVAL,
  REFRESH_MIN_INTERVAL,
  type UpdateKind,
  whereRuleSays,
  withPostings,
} from './alert-messages.ts';
import { distinguishingLabels } from './alert-subject.ts';
import { createSharedLists, decideFlaps, type Outcome } from './plan-flaps.ts';
import { type NewGroupAlerts, planAlertGroups } from './plan-groups.ts';
import { planReminders } from './plan-reminders.ts';
import type { MessageUpdate } from './store.ts';

/** What is to be notified about one rule's alerts, and what is kept with a note of what was notified. */
export interface Decision {
  readonly alerts: readonly Alert[];
  readonly messages: readonly MessageUpdate[];
  /** Absent where there are none. */
  readonly alertGroups?: readonly AlertGroup[];
  readonly flaps?: FlapHistories;
}

/** Whether the message of a firing alert without a transition is due for an edit. */
function isRefreshDue(alert: Alert, evalTime: EpochMs): boolean {
  if (alert.state !== 'firing' || alert.noDataSince !== undefined) return false;
  const age = between(alert.refreshedAt ?? alert.firedAt ?? evalTime, evalTime);
  if (age < REFRESH_MIN_INTERVAL) return false;
  return age >= REFRESH_MAX_INTERVAL || !Object.is(alert.value, alert.shownValue);
}

const shown = (alert: Alert, evalTime: EpochMs): Alert => ({
  ...alert,
  refreshedAt: evalTime,
  shownValue: alert.value,
});

/** The update of an alert's messages. Its thread gets no line while it is suppressed, except for its end. */
function kindOf(
  alert: Alert,
  transitionOf: Transition['kind'] | undefined,
  isDue: boolean,
): UpdateKind | undefined {
  switch (transitionOf) {
    case 'resolved':
      return 'resolved';
    case 'no-data':
    case 'data-back':
      return alert.suppressed === undefined ? transitionOf : 'edit';
    default:
      return isDue ? 'edit' : undefined;
  }
}

/** An alert whose routes are all muted. */
const mutedByRoute = (alert: Alert, evalTime: EpochMs): Alert => ({
  ...alert,
  suppressed: { kind: 'time', by: 'its route', since: alert.firedAt ?? evalTime },
});

/** How much is notified; 0 is no limit. */
export interface NotificationLimits {
  /** More alerts than this that begin in one tick share a message. */
  readonly groupThreshold: number;
  /** Firings and ends of one alert in an hour. */
  readonly flapThreshold: number;
  /** Whether a route sets a reminder. */
  readonly hasReminders?: boolean;
}

/** What an evaluation decides on. */
export interface Evaluated {
  /** With `suppressed` as it is now. */
  readonly alerts: readonly Alert[];
  readonly transitions: readonly Transition[];
  /** Where an alert goes; absent: where its rule says. */
  readonly route?: (alert: Alert) => readonly RoutedDestination[];
  /** Fingerprints of alerts whose message shows something new besides the value. */
  readonly changed?: ReadonlySet<string>;
  /** What was kept of the rule after the evaluation before. */
  readonly known?: Pick<RuleState, 'alertGroups' | 'flaps'> | undefined;
  /** Absent: none. */
  readonly limits?: NotificationLimits;
  /** False when the queries failed: then it is unknown which alerts are stable. */
  readonly isAnswered?: boolean;
  /** The message of a less urgent alert about the same that is open already. */
  readonly escalates?: (alert: Alert) => string | undefined;
}

/** An evaluation with everything that was left out. */
interface Context extends Required<Omit<Evaluated, 'known' | 'alerts' | 'transitions'>> {
  readonly at: RuleAt & MessageContext;
  readonly evalTime: EpochMs;
  readonly transitionOf: ReadonlyMap<string, Transition['kind']>;
  readonly alertGroups: readonly AlertGroup[];
  /** Whether an alert with this fingerprint is in one of them. */
  readonly isGrouped: (fingerprint: string) => boolean;
  readonly flaps: FlapHistories;
}

function contextOf(at: RuleAt, evalTime: EpochMs, evaluated: Evaluated): Context {
  const { known, transitions } = evaluated;
  const alertGroups = known?.alertGroups ?? [];
  let grouped: ReadonlySet<string> | undefined;
  return {
    at,
    evalTime,
    route: evaluated.route ?? (() => [{ ...whereRuleSays(at), isMuted: false }]),
    changed: evaluated.changed ?? new Set(),
    limits: evaluated.limits ?? { groupThreshold: 0, flapThreshold: 0 },
    isAnswered: evaluated.isAnswered ?? true,
    escalates: evaluated.escalates ?? (() => undefined),
    transitionOf: new Map(transitions.map(({ kind, alert }) => [alert.fingerprint, kind])),
    alertGroups,
    isGrouped: (print) => {
      grouped ??= new Set(alertGroups.flatMap(groupedAlertsOf).map(({ fingerprint }) => fingerprint));
      return grouped.has(print);
    },
    flaps: known?.flaps ?? {},
  };
}

/** Of thousands of alerts nothing is new. */
const NONE: readonly never[] = [];

/** The plan of one alert, before it is known which of those that start now share a message. */
interface Plan {
  readonly alert: Alert;
  readonly posted: readonly PostedTo[];
  readonly now: readonly Destination[];
  readonly later: readonly Destination[];
  readonly kind: UpdateKind | undefined;
  readonly isFlapping: boolean;
}

/** Decided anew at every evaluation. */
function withoutFlapping(alert: Alert): Alert {
  if (alert.suppressed?.kind !== 'flapping') return alert;
  const { suppressed: _before, ...rest } = alert;
  return rest;
}

/** The alert group that an alert of this channel joins when it begins now. */
const alertGroupIn = ({ alertGroups, evalTime }: Context, { channel }: Destination): AlertGroup | undefined =>
  alertGroups.find(
    (alertGroup) => alertGroup.destination.channel === channel && acceptsAlerts(alertGroup, evalTime),
  );

/**
 * Whether its first message is suppressed as flapping. A page never is, nor a value far above the earlier peaks; joining
 * an alert group costs no message.
 */
function isSuppressed(context: Context, alert: Alert, now: readonly Destination[]): boolean {
  const { at, flaps, evalTime, limits } = context;
  if (isUrgent(alert) || isFarWorse(flaps[alert.fingerprint] ?? {}, alert.value, at.rule)) return false;
  if (now.length === 0 || now.some((each) => alertGroupIn(context, each) !== undefined)) return false;
  return isFlapping(flaps[alert.fingerprint], alert, { evalTime, limit: limits.flapThreshold });
}

function planOf(context: Context, given: Alert): Plan {
  const { at, evalTime, route, changed, transitionOf, flaps } = context;
  const alert = withoutFlapping(given);
  const posted = postedTo(at, alert);
  const open = postings(
    alert,
    posted.length === 0 || alert.awaiting !== undefined ? route(alert) : NONE,
    posted,
  );
  const known = flaps[alert.fingerprint];
  if (known !== undefined && posted.length === 0 && isSuppressed(context, alert, open.now)) {
    const history = transitionOf.get(alert.fingerprint) === 'firing' ? withFiring(known, evalTime) : known;
    const held: Alert = { ...alert, suppressed: flappingSuppression(history, alert, evalTime) };
    return { alert: held, posted, now: NONE, later: NONE, kind: undefined, isFlapping: true };
  }
  const hasOwn = posted.some(({ alertGroup }) => alertGroup === undefined);
  const isDue = hasOwn && (changed.has(alert.fingerprint) || isRefreshDue(alert, evalTime));
  const kind = posted.length === 0 ? undefined : kindOf(alert, transitionOf.get(alert.fingerprint), isDue);
  return { alert, posted, now: open.now, later: open.later, kind, isFlapping: false };
}

/** The labels that tell the alerts of the rule apart, where one of them has a message that changes. */
function apartIn(plans: readonly Plan[]): readonly string[] | undefined {
  if (!plans.some(({ kind, now }) => kind !== undefined || now.length > 0)) return undefined;
  const labels = distinguishingLabels(plans.map(({ alert }) => alert.labels));
  return labels.length === 0 ? undefined : labels;
}

/** Which of the alerts that begin now share a message, by channel. */
function groupStarting(context: Context, plans: readonly Plan[]): readonly NewGroupAlerts[] {
  const { at, evalTime, limits } = context;
  const byChannel = new Map<string | undefined, { destination: Destination; plans: Plan[] }>();
  for (const plan of plans)
    for (const destination of plan.now) {
      const known = byChannel.get(destination.channel) ?? { destination, plans: [] };
      known.plans.push(plan);
      byChannel.set(destination.channel, known);
    }
  return [...byChannel.values()].flatMap(({ destination, plans: wanting }) => {
    const open = alertGroupIn(context, destination);
    if (open === undefined && (limits.groupThreshold === 0 || wanting.length <= limits.groupThreshold))
      return [];
    const own = { group: at.group.id, rule: at.rule };
    const mentions = wanting.flatMap(({ now }) =>
      now.filter(({ channel }) => channel === destination.channel).flatMap(({ mentions }) => mentions),
    );
    return {
      alertId: open?.alertId ?? alertGroupIdOf(own, destination, evalTime),
      destination: open?.destination ?? destination,
      mentions: [...new Set(mentions)],
      alerts: new Set(wanting.map(({ alert }) => alert.fingerprint)),
    };
  });
}

/** What came of a plan. */
interface Planned extends Outcome {
  readonly updates: readonly MessageUpdate[];
}

/** The first post of an alert that is more urgent than one about the same that is open. */
const escalating = (update: MessageUpdate, escalates: string): MessageUpdate => ({
  ...update,
  desired: update.desired === undefined ? undefined : { ...update.desired, escalates },
});

/** Where an alert is posted now: to a message of its own, or to the one that it shares. */
function createPlaces(starting: readonly NewGroupAlerts[]): (plan: Plan) => readonly PostedTo[] {
  const shared = createSharedLists();
  return ({ now }) =>
    now.length === 0
      ? NONE
      : shared(
          now.map(({ channel, mentions }) => {
            const group = starting.find((each) => each.destination.channel === channel);
            return { channel, mentions, alertGroup: group?.alertId };
          }),
        );
}

/** How many firings and resolutions are notified: an alert in a group counts once, with its resolution, however often it fires again. */
function notifiedOf(context: Context, { alert, posted, kind }: Plan, places: readonly PostedTo[]): number {
  const hasOwn = [...posted, ...places].some(({ alertGroup }) => alertGroup === undefined);
  if (hasOwn) return Number(posted.length === 0 && places.length > 0) + Number(kind === 'resolved');
  return places.length === 0 || context.isGrouped(alert.fingerprint) ? 0 : 2;
}

function updatesOf(context: Context, plan: Plan, placesOf: ReturnType<typeof createPlaces>): Planned {
  const { at, evalTime, transitionOf, escalates } = context;
  const { alert, posted, later, kind, isFlapping: isHeld } = plan;
  const hasFired = transitionOf.get(alert.fingerprint) === 'firing';
  if (kind === undefined && plan.now.length === 0) {
    const kept = posted.length === 0 && later.length > 0 ? mutedByRoute(alert, evalTime) : alert;
    return { alert: kept, hasFired, isFlapping: isHeld, notified: 0, messages: NONE, updates: NONE };
  }
  const places = placesOf(plan);
  const notified = withPostings(shown(alert, evalTime), posted, { now: places, later });
  const earlier = plan.now.length === 0 ? undefined : escalates(alert);
  const firings = places.flatMap((destination, offset) => {
    if (destination.alertGroup !== undefined) return [];
    const alertId = messageOf(alert, posted.length + offset);
    const update = messageUpdate(at, evalTime, { alert: notified, kind: 'new', key: alertId, destination });
    return [earlier === undefined ? update : escalating(update, earlier)];
  });
  const edits =
    kind === undefined
      ? []
      : messageUpdates(at, evalTime, { alert: { ...notified, postedTo: posted }, kind });
  return {
    alert: notified,
    hasFired,
    isFlapping: false,
    notified: notifiedOf(context, plan, places),
    messages: messagesOf(notified, [...posted, ...places]),
    updates: [...edits, ...firings],
  };
}

/**
 * Decides what the messages of a rule's alerts are to show after an evaluation: each transition once, and an edit now and
 * then. An alert whose first message was suppressed is posted once nothing suppresses it and it still fires. Many that
 * start together share a message, and flapping alerts are notified a few times an hour. Pure.
 */
export function decideNotifications(at: RuleAt, evalTime: EpochMs, evaluated: Evaluated): Decision {
  const context = contextOf(at, evalTime, evaluated);
  const plans = evaluated.alerts.map((alert) => planOf(context, alert));
  const starting = groupStarting(context, plans);
  const distinguished = { ...context, at: { ...at, apart: apartIn(plans) } };
  const placesOf = createPlaces(starting);
  const notified = plans.map((plan) => updatesOf(distinguished, plan, placesOf));
  const alerts = notified.map(({ alert }) => alert);
  const grouped = planAlertGroups(at, evalTime, { alertGroups: context.alertGroups, alerts, starting });
  const { flaps, isAnswered, limits } = context;
  const flapped =
    limits.flapThreshold === 0
      ? { flaps: {}, messages: [] }
      : decideFlaps(at, evalTime, { flaps, outcomes: notified, isAnswered });
  const known = { alerts, alertGroups: grouped.alertGroups };
  const reminded =
    limits.hasReminders === true
      ? planReminders(at, evalTime, { ...known, route: context.route })
      : { ...known, messages: NONE };
  return {
    alerts: reminded.alerts,
    messages: [
      ...notified.flatMap(({ updates }) => updates),
      ...grouped.messages,
      ...flapped.messages,
      ...reminded.messages,
    ],
    ...(reminded.alertGroups.length === 0 ? {} : { alertGroups: reminded.alertGroups }),
    ...(Object.keys(flapped.flaps).length === 0 ? {} : { flaps: flapped.flaps }),
  };
}
