import type { Alert } from '../alerts/alert.ts';
import { sortedLabels } from '../lib/labels.ts';
import type { RuleAlerts } from '../policy/suppress.ts';
import type { RuleAt, SloRule } from '../rules/rule.ts';
import { messagesOf, postedTo } from './alert-messages.ts';

/** The severity that calls somebody now. */
const URGENT = 'page';

/**
 * What two rules must have in common to be about the same objective: its histogram, quantile and threshold where both
 * have one (an SLO of the short form and its burn rates), else the alert's name.
 */
function objectiveOf({ name, objective }: SloRule): string {
  if (objective === undefined) return name;
  const { family, quantile, threshold } = objective;
  return JSON.stringify([family.metric, family.selector, quantile, threshold]);
}

const subjectOf = (alert: Alert, rule: SloRule): string =>
  JSON.stringify([objectiveOf(rule), sortedLabels(alert.series)]);

const isUrgent = ({ labels }: Alert): boolean => labels['severity'] === URGENT;

/** The messages of open alerts of a group that are less urgent, by what they are about. */
function openMessages(group: RuleAt['group'], rules: readonly RuleAlerts[]): ReadonlyMap<string, string> {
  const messages = new Map<string, string>();
  for (const { rule, alerts } of rules)
    for (const alert of alerts) {
      if (alert.state !== 'firing' || isUrgent(alert)) continue;
      const [message] = messagesOf(alert, postedTo({ group, rule }, alert));
      if (message !== undefined) messages.set(subjectOf(alert, rule), message);
    }
  return messages;
}

/**
 * Finds the message that an urgent alert escalates: of a less urgent alert of its group, about the same objective and
 * the same subject, that is open already. Asked for the few alerts that are posted now, so it looks only when asked.
 */
export function createEscalation(
  group: RuleAt['group'],
  rules: readonly RuleAlerts[],
): (rule: SloRule) => (alert: Alert) => string | undefined {
  let open: ReadonlyMap<string, string> | undefined;
  return (rule) => (alert) => {
    if (!isUrgent(alert) || rules.length < 2) return undefined;
    open ??= openMessages(group, rules);
    return open.get(subjectOf(alert, rule));
  };
}
