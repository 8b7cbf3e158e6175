import { fingerprintOf, hashTexts, type LabelPair, type Labels, sortedLabels } from '../labels.ts';
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

const ALERT_NAME = 'alertname';

/** A rule's own labels in order, `alertname` among them, which always wins. */
function ownLabelsOf(rule: SloRule): readonly LabelPair[] {
  const known = ownLabels.get(rule);
  if (known !== undefined) return known;
  // Empty ones stay: they take the element's label away.
  const pairs = Object.entries({ ...rule.labels, [ALERT_NAME]: rule.name }).sort(([a], [b]) =>
    a < b ? -1 : 1,
  );
  ownLabels.set(rule, pairs);
  return pairs;
}

/** Sorted once for each rule, not for each of its thousands of breaches. */
const ownLabels = new WeakMap<SloRule, readonly LabelPair[]>();

/** Two sorted lists as one. Of a label in both, `over` has its way; an empty value takes the label away. */
function merged(under: readonly LabelPair[], over: readonly LabelPair[]): readonly LabelPair[] {
  const pairs: LabelPair[] = [];
  let next = 0;
  for (const pair of over) {
    for (let one = under[next]; one !== undefined && one[0] < pair[0]; one = under[next]) {
      pairs.push(one);
      next++;
    }
    if (under[next]?.[0] === pair[0]) next++;
    if (pair[1] !== '') pairs.push(pair);
  }
  while (next < under.length) pairs.push(under[next++] as LabelPair);
  return pairs;
}

/**
 * The breach an element stands for. Its labels are the element's without `__name__`, overwritten by the rule's with
 * their templates expanded, then `alertname`; an empty label is no label. Templates see the element's labels, not the
 * rule's. Source: prometheus rules/alerting.go, AlertingRule.Eval.
 */
export function breachOf(rule: SloRule, sample: Sample, expand: ExpandTemplate): Breach {
  const series = sortedLabels(sample.labels).filter(([name]) => name !== '__name__');
  const own = ownLabelsOf(rule).map(
    ([name, text]): LabelPair => [name, name === ALERT_NAME ? text : expand(text, sample)],
  );
  const labels = merged(series, own);
  return {
    fingerprint: fingerprintOf(labels),
    labels: Object.fromEntries(labels),
    series: Object.fromEntries(series),
    sample,
  };
}

type Breaches = ReadonlyMap<string, Breach>;

function computeBreaches(
  rule: SloRule,
  samples: readonly Sample[],
  expand: ExpandTemplate,
): Breaches | undefined {
  const breaches = new Map<string, Breach>();
  for (const sample of samples) {
    const breach = breachOf(rule, sample, expand);
    if (breaches.has(breach.fingerprint)) return undefined;
    breaches.set(breach.fingerprint, breach);
  }
  return breaches;
}

/** The breaches of a result: looked at to decide what to ask more, and once more to step the rule. */
const lastBreaches = new WeakMap<
  readonly Sample[],
  { readonly rule: SloRule; readonly expand: ExpandTemplate; readonly breaches: Breaches | undefined }
>();

/** All breaches of a result by fingerprint; undefined when two elements end up with the same labels. */
export function breachesOf(
  rule: SloRule,
  samples: readonly Sample[],
  expand: ExpandTemplate,
): Breaches | undefined {
  const last = lastBreaches.get(samples);
  if (last?.rule === rule && last.expand === expand) return last.breaches;
  const breaches = computeBreaches(rule, samples, expand);
  lastBreaches.set(samples, { rule, expand, breaches });
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
