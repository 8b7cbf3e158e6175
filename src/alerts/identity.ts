import { fingerprintOf, hashTexts, type LabelPair, type Labels, sortedLabels } from '../lib/labels.ts';
import type { Sample } from '../lib/metrics-source.ts';
import type { EpochMs } from '../lib/units.ts';
import type { RuleGroup, SloRule } from '../rules/rule.ts';

/** Expands a template with the labels and the value of one element of a query result. Never throws. */
export type ExpandTemplate = (
  text: string,
  data: { readonly labels: Labels; readonly value: number },
) => string;

/** One element of a rule's query result, with the labels of its alert. */
export interface Breach {
  readonly fingerprint: string;
  /** The alert's labels. */
  readonly labels: Labels;
  /** The element's own labels, without `__name__`. */
  readonly series: Labels;
  /** The element itself: the data of templates. */
  readonly sample: Sample;
}

/** The labels of an element without its metric name and without empty ones. */
export function seriesOf(labels: Labels): Labels {
  return Object.fromEntries(sortedLabels(labels).filter(([name]) => name !== '__name__'));
}

const ALERT_NAME = 'alertname';

/** A rule's own labels, sorted, with `alertname`, which takes precedence. */
function ownLabelsOf(rule: SloRule): readonly LabelPair[] {
  const known = ownLabels.get(rule);
  if (known !== undefined) return known;
  // Empty ones are kept: they remove the element's label.
  const pairs = Object.entries({ ...rule.labels, [ALERT_NAME]: rule.name }).sort(([a], [b]) =>
    a < b ? -1 : 1,
  );
  ownLabels.set(rule, pairs);
  return pairs;
}

/** Sorted once per rule, not for each of its thousands of breaches. */
const ownLabels = new WeakMap<SloRule, readonly LabelPair[]>();

/** Merges two sorted lists. Of a label in both, `over` takes precedence; an empty value removes the label. */
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

/** The part of a breach that depends on labels only. */
type Identity = Omit<Breach, 'sample'>;

function identityOf(element: Labels, own: readonly LabelPair[]): Identity {
  const series = sortedLabels(element).filter(([name]) => name !== '__name__');
  const labels = merged(series, own);
  return {
    fingerprint: fingerprintOf(labels),
    labels: Object.fromEntries(labels),
    // Kept as it is where nothing has to be left out, as mostly: thousands of copies take memory.
    series: series.length === Object.keys(element).length ? element : Object.fromEntries(series),
  };
}

/** A rule's own labels with their templates expanded; the same list where there are none. */
function expandedPairs(
  template: readonly LabelPair[],
  expand: (text: string) => string,
): readonly LabelPair[] {
  const texts = template.map(([name, text]) => (name === ALERT_NAME ? text : expand(text)));
  return texts.every((text, index) => text === template[index]?.[1])
    ? template
    : template.map(([name], index): LabelPair => [name, texts[index] ?? '']);
}

/** The number of elements of the last result that an element is compared with. */
const MAX_COMPARED = 4;

/** An element of a result and its identity. */
interface Identified {
  readonly element: Labels;
  /** The rule's own labels with their templates expanded for it. */
  readonly own: readonly LabelPair[];
  readonly identity: Identity;
}

function isSameElement(known: Identified, element: Labels, own: readonly LabelPair[]): boolean {
  // Runs ten thousand times in a tick: `for in` makes no list of names.
  let names = 0;
  for (const name in element) {
    if (known.element[name] !== element[name]) return false;
    names += 1;
  }
  for (const _ in known.element) names -= 1;
  return (
    names === 0 && (known.own === own || own.every(([, value], index) => known.own[index]?.[1] === value))
  );
}

/**
 * The elements of a rule's last result. A breach lasts for many evaluations: its labels are sorted and hashed once.
 */
const lastResults = new WeakMap<SloRule, readonly Identified[]>();

/**
 * Returns the identities of a result's elements, from the last result where possible. A source returns its elements in
 * the same order each time, so only the few elements after the last match are compared, which skips missing ones.
 */
function createIdentifier(rule: SloRule, expand: ExpandTemplate) {
  const before = lastResults.get(rule) ?? [];
  const now: Identified[] = [];
  lastResults.set(rule, now);
  const template = ownLabelsOf(rule);
  let next = 0;
  const find = (element: Labels, own: readonly LabelPair[]): Identified | undefined => {
    for (let index = next; index < next + MAX_COMPARED; index++) {
      const known = before[index];
      if (known === undefined) return undefined;
      if (!isSameElement(known, element, own)) continue;
      next = index + 1;
      return known;
    }
    return undefined;
  };
  return (sample: Sample): Identity => {
    const own = expandedPairs(template, (text) => expand(text, sample));
    const { labels } = sample;
    // A known element is kept: the new one, and its texts, are freed with the result.
    const found = find(labels, own) ?? { element: labels, own, identity: identityOf(labels, own) };
    now.push(found);
    return found.identity;
  };
}

type Breaches = ReadonlyMap<string, Breach>;

/**
 * The breaches of a result. Their labels are the element's without `__name__`, overwritten by the rule's with their
 * templates expanded, then `alertname`; an empty label is no label. The data of templates are the element's labels, not
 * the rule's. Source: prometheus rules/alerting.go, AlertingRule.Eval.
 */
function computeBreaches(
  rule: SloRule,
  samples: readonly Sample[],
  expand: ExpandTemplate,
): Breaches | undefined {
  const identify = createIdentifier(rule, expand);
  const breaches = new Map<string, Breach>();
  for (const sample of samples) {
    const { fingerprint, labels, series } = identify(sample);
    if (breaches.has(fingerprint)) return undefined;
    breaches.set(fingerprint, { fingerprint, labels, series, sample });
  }
  return breaches;
}

/** The breaches of the last result: used to decide whether to send the recovery query, then to step the rule. */
const lastBreaches = new WeakMap<
  readonly Sample[],
  { readonly rule: SloRule; readonly expand: ExpandTemplate; readonly breaches: Breaches | undefined }
>();

/** All breaches of a result by fingerprint; undefined when two elements have the same alert labels. */
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
 * Identity of one occurrence of an alert. Group and rule are part of it, because the alerts of two rules may have the
 * same labels.
 */
export function alertIdOf(
  at: { readonly group: Pick<RuleGroup, 'id'>; readonly rule: Pick<SloRule, 'key'> },
  fingerprint: string,
  activeAt: EpochMs,
): string {
  return [hashTexts([at.group.id, at.rule.key, fingerprint]), activeAt / 1_000].join('-');
}
