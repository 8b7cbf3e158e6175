import type { Alert } from '../alerts/alert.ts';
import type { RuleStep } from '../alerts/step-rule.ts';
import { errorMessage } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import type { Sample } from '../lib/metrics-source.ts';
import { labelsApart } from '../messages/alert-subject.ts';
import { anyOfMatcher, promqlLabel, promqlSelector } from '../rules/promql.ts';
import { countMetricOf } from '../rules/queries.ts';
import type { LatencyObjective, SloRule } from '../rules/rule.ts';

/** More services than this that begin to fire share a message, whose rows name all labels. */
const MAX_NAMESAKES = 10;

/** The series of the services of these alerts, by the labels of the objective: one query. */
function seriesOfServices(
  { family, by, without }: LatencyObjective,
  alerts: readonly Alert[],
): string | undefined {
  const { serviceLabel = '' } = family;
  const services = new Set(alerts.flatMap(({ series }) => series[serviceLabel] ?? []));
  const hasOthers = without !== undefined || by.some((label) => label !== serviceLabel);
  if (alerts.length === 0 || !hasOthers || services.size > MAX_NAMESAKES) return undefined;
  const matchers = services.size > 0 ? [anyOfMatcher(serviceLabel, [...services])] : [];
  const series = promqlSelector(countMetricOf(family), [family.selector, ...matchers]);
  const grouping = without === undefined ? `by (${labelList(by)})` : `without (${labelList(without)})`;
  return `group ${grouping} (${series})`;
}

const labelList = (labels: readonly string[]): string => labels.map(promqlLabel).join(', ');

/** What the look-up needs. */
interface NamesakeOptions {
  readonly logger: Logger;
  /** Sends a query for the evaluation time; it ends in time for the evaluation. */
  readonly query: (expr: string) => Promise<readonly Sample[]>;
}

/**
 * Adds to the alerts that fire now in which labels other series of their services differ: those do not breach, so the
 * result of the rule does not have them. Never throws: an alert is notified without them.
 */
export async function withNamesakes(
  { logger, query }: NamesakeOptions,
  { objective, name }: SloRule,
  { next, transitions }: RuleStep,
): Promise<RuleStep> {
  const firing = transitions.filter(({ kind }) => kind === 'firing').map(({ alert }) => alert);
  const expr = objective === undefined ? undefined : seriesOfServices(objective, firing);
  if (objective === undefined || expr === undefined) return { next, transitions };
  try {
    const known = (await query(expr)).map(({ labels }) => labels);
    const apart = new Map(
      firing.map((alert) => [alert.fingerprint, labelsApart(objective, alert, known)] as const),
    );
    const named = (alert: Alert): Alert => {
      const labels = apart.get(alert.fingerprint) ?? [];
      return labels.length === 0 ? alert : { ...alert, apart: labels };
    };
    return { next: { ...next, alerts: next.alerts.map(named) }, transitions };
  } catch (error) {
    logger.debug('other series could not be looked for', { rule: name, reason: errorMessage(error) });
    return { next, transitions };
  }
}
