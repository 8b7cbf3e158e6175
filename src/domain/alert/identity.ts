import { fingerprint, hashTexts, type Labels, sortedLabels } from '../labels.ts';
import type { RuleGroup, SloRule } from '../slo/rule.ts';
import type { EpochMs } from '../units.ts';
import type { Sample } from './alert.ts';

/** Expands a template with the labels and the value of one element of a result. Never throws. */
export type ExpandTemplate = (
  text: string,
  data: { readonly labels: Labels; readonly value: number },
) => string;

/** One element of a rule's result as an alert sees it. */
export interface Breach {
  readonly fingerprint: string;
  /** The alert's labels. */
  readonly labels: Labels;
  /** The element's own labels, without `__name__`. */
  readonly series: Labels;
  /** The element as it came: what templates see. */
  readonly sample: Sample;
}

/** The labels of an element without its metric name and without empty ones: what comparing expressions leaves. */
export function seriesOf(labels: Labels): Labels {
  return Object.fromEntries(sortedLabels(labels).filter(([name]) => name !== '__name__'));
}

/**
 * The breach an element stands for. Its labels are the element's without `__name__`, overwritten by the rule's with
 * their templates expanded, then `alertname`; an empty label is no label. Templates see the element's labels, not the
 * rule's. Source: prometheus rules/alerting.go, AlertingRule.Eval.
 */
export function breachOf(rule: SloRule, sample: Sample, expand: ExpandTemplate): Breach {
  const series = seriesOf(sample.labels);
  const labels: Record<string, string> = { ...series };
  for (const [name, text] of Object.entries(rule.labels)) {
    labels[name] = expand(text, sample);
  }
  labels['alertname'] = rule.name;
  const kept = Object.fromEntries(sortedLabels(labels));
  return { fingerprint: fingerprint(kept), labels: kept, series, sample };
}

/** All breaches of a result by fingerprint; undefined when two elements end up with the same labels. */
export function breachesOf(
  rule: SloRule,
  samples: readonly Sample[],
  expand: ExpandTemplate,
): ReadonlyMap<string, Breach> | undefined {
  const breaches = new Map<string, Breach>();
  for (const sample of samples) {
    const breach = breachOf(rule, sample, expand);
    if (breaches.has(breach.fingerprint)) return undefined;
    breaches.set(breach.fingerprint, breach);
  }
  return breaches;
}

/**
 * Identity of one run of an alert. Group and rule are part of it, because two rules may give the same labels; each run
 * has its own message all the same.
 */
export function episodeOf(
  at: { readonly group: Pick<RuleGroup, 'id'>; readonly rule: Pick<SloRule, 'key'> },
  print: string,
  activeAt: EpochMs,
): string {
  return `${hashTexts([at.group.id, at.rule.key, print])}-${activeAt / 1_000}`;
}
