import type { Alert, RuleGroupState, RuleState } from '../alerts/alert.ts';
import type { NextStep } from '../lib/concurrency.ts';
import { before, type EpochMs } from '../lib/units.ts';
import { createEscalation } from '../messages/alert-messages.ts';
import { suppressedEntry } from '../messages/ledger.ts';
import { decideNotifications, type NotificationLimits } from '../messages/plan.ts';
import type { MessageUpdate } from '../messages/store.ts';
import { GROUP_THRESHOLD } from '../policy/alert-group.ts';
import { FLAP_THRESHOLD } from '../policy/flap.ts';
import { destinationsOf, hasReminders, type RoutedDestination } from '../policy/route.ts';
import type { SloRule } from '../rules/rule.ts';
import type { EvaluatedRule, Tick } from './evaluate-rule.ts';
import { type NotificationOptions, type SuppressOptions, suppressAlerts } from './suppress-alerts.ts';

/** A group at its evaluation time. */
interface DecidedTick extends Tick {
  /** Switches every difference from Prometheus off. */
  readonly isPrometheus: boolean;
  /** Called before each long step with the number of its alerts; absent: there is no pause. */
  readonly nextStep?: NextStep;
}

/** The rules of a group after an evaluation, and what their messages are to show. */
export interface DecidedGroup {
  /** By `SloRule.key`. */
  readonly rules: Readonly<Record<string, RuleState>>;
  readonly messages: readonly MessageUpdate[];
}

/** The limits on notifications. Without a policy and in Prometheus's mode there are none. */
function limitsOf(
  notifications: NotificationOptions | undefined,
  { isPrometheus }: DecidedTick,
): NotificationLimits {
  if (notifications === undefined || isPrometheus) return { groupThreshold: 0, flapThreshold: 0 };
  const { groupThreshold = GROUP_THRESHOLD, flapThreshold = FLAP_THRESHOLD, route } = notifications.policy();
  return { groupThreshold, flapThreshold, hasReminders: hasReminders(route) };
}

/** The destinations of a rule's alerts; undefined without a policy. */
function routeOf(
  notifications: NotificationOptions | undefined,
  { channel, test }: SloRule,
  at: EpochMs,
): ((alert: Alert) => readonly RoutedDestination[]) | undefined {
  if (notifications === undefined) return undefined;
  const { localTime } = notifications;
  const routing = notifications.policy();
  return ({ labels }) => {
    const destinations = destinationsOf(routing, { labels, channel }, { at, localTime });
    // A test mentions nobody unless it is requested.
    return test?.mentions === false
      ? destinations.map((destination) => ({ ...destination, mentions: [] }))
      : destinations;
  };
}

/** Decides what is suppressed, where alerts go, and what their messages are to show, for all rules of a group together. */
export async function decideGroup(
  options: SuppressOptions,
  tick: DecidedTick,
  {
    evaluated,
    previous,
  }: { readonly evaluated: readonly EvaluatedRule[]; readonly previous: RuleGroupState | undefined },
): Promise<DecidedGroup> {
  const { group, evalTime, nextStep } = tick;
  const { notifications } = options;
  await nextStep?.(evaluated.reduce((sum, { next }) => sum + next.alerts.length, 0));
  const suppressed = await suppressAlerts(
    options,
    { group: group.id, evalTime, queryTime: before(evalTime, group.queryOffset) },
    evaluated.map(({ rule, next }) => ({ rule, alerts: next.alerts })),
  );
  const ruleAlerts = evaluated.map(({ rule, next, transitions }, index) => {
    const { alerts, changed } = suppressed[index] ?? { alerts: next.alerts, changed: new Set<string>() };
    return { rule, next, transitions, alerts, changed };
  });
  const escalation = createEscalation(group, ruleAlerts);
  const rules: Record<string, RuleState> = {};
  const messages: MessageUpdate[] = [];
  for (const { rule, next, transitions, alerts, changed } of ruleAlerts) {
    await nextStep?.(alerts.length);
    const { messages: own, ...notified } = decideNotifications({ group, rule }, evalTime, {
      alerts,
      transitions,
      changed,
      known: previous?.rules[rule.key],
      limits: limitsOf(notifications, tick),
      isAnswered: next.health.kind === 'ok',
      escalates: escalation(rule),
      route: routeOf(notifications, rule, evalTime),
    });
    rules[rule.key] = { ...next, ...notified };
    messages.push(...own);
  }
  return { rules, messages };
}

/** The alerts that a silence made in Slack suppresses since this evaluation. */
export function newlySilenced(before: RuleGroupState | undefined, { rules, evalTime }: RuleGroupState) {
  return Object.entries(rules).flatMap(([key, { rule, alerts }]) => {
    if (!alerts.some(({ suppressed }) => suppressed?.silence !== undefined)) return [];
    const known = new Map(
      (before?.rules[key]?.alerts ?? []).map((alert) => [alert.alertId, alert.suppressed?.silence?.id]),
    );
    return alerts.flatMap((alert) => {
      const silence = alert.suppressed?.silence?.id;
      if (silence === undefined || known.get(alert.alertId) === silence) return [];
      return [suppressedEntry(alert, rule, { at: evalTime, silence })];
    });
  });
}
