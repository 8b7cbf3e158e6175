import type { Alert } from '../alerts/alert.ts';
import { createRedactLabels, createRedactText } from '../lib/redact.ts';
import type { SloRule } from '../rules/rule.ts';
import type { DesiredMessage, ThreadLine } from './store.ts';

/** Removes secrets from what a message and its thread show. State and evidence keep the labels as they are. */
export interface RedactMessage {
  desired(desired: DesiredMessage): DesiredMessage;
  line(line: ThreadLine): ThreadLine;
}

/**
 * Redacts labels, annotations, and texts that are made of them, as attributes of spans are redacted. An alert whose labels
 * have a secret in them is marked as unlabeled: its message does not carry its labels to continue it by them.
 */
export function createRedactMessage(patterns: readonly string[]): RedactMessage {
  const labelsOf = createRedactLabels(patterns);
  const text = createRedactText(patterns);

  function alertOf(alert: Alert): Alert {
    const { suppressed, alsoSlow } = alert;
    const labels = labelsOf(alert.labels);
    const series = labelsOf(alert.series);
    const isSame = labels === alert.labels && series === alert.series;
    return {
      ...alert,
      labels,
      series,
      annotations: labelsOf(alert.annotations),
      isUnlabeled: isSame ? alert.isUnlabeled : true,
      suppressed: suppressed && { ...suppressed, by: text(suppressed.by) },
      alsoSlow: alsoSlow?.map(text),
    };
  }

  const ruleOf = (rule: SloRule): SloRule => ({
    ...rule,
    labels: labelsOf(rule.labels),
    annotations: labelsOf(rule.annotations),
  });

  return {
    desired: (desired) => ({
      ...desired,
      alert: alertOf(desired.alert),
      rule: ruleOf(desired.rule),
      alertGroup: desired.alertGroup && {
        ...desired.alertGroup,
        rows: desired.alertGroup.rows.map((row) => ({ ...row, name: text(row.name) })),
      },
    }),
    line: (line) => ({
      ...line,
      alert: alertOf(line.alert),
      rule: ruleOf(line.rule),
      text: line.text === undefined ? undefined : text(line.text),
    }),
  };
}
