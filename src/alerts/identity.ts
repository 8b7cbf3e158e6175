import { fingerprintOf, hashTexts, type LabelPair, type Labels, sortedLabels } from '../lib/labels.ts';
import type { Sample } from '../lib/metrics-source.ts';
import type { EpochMs } from '../lib/units.ts';
import type { RuleGroup, SloRule } from '../rules/rule.ts';

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

/** What follows from an element's labels and the rule's, whatever its value. */
type Identity = Omit<Breach, 'sample'>;

function identityOf(element: Labels, own: readonly LabelPair[]): Identity {
  const series = sortedLabels(element).filter(([name]) => name !== '__name__');
  const labels = merged(series, own);
  return {
    fingerprint: fingerprintOf(labels),
    labels: Object.fromEntries(labels),
    series: Object.fromEntries(series),
  };
}

/** How many elements of the last result one of this result is compared with. */
const LOOKED_AT = 4;

/** An element of a result with what was worked out for it. */
interface Identified {
  readonly element: Labels;
  /** The rule's own labels, their templates expanded for it. */
  readonly own: readonly LabelPair[];
  readonly identity: Identity;
}

function isSameElement(known: Identified, element: Labels, own: readonly LabelPair[]): boolean {
  const names = Object.keys(element);
  return (
    names.length === Object.keys(known.element).length &&
    names.every((name) => known.element[name] === element[name]) &&
    own.every(([, value], index) => known.own[index]?.[1] === value)
  );
}

/**
 * The elements of a rule's last result. A breach lasts for many evaluations, and its labels need not be sorted, hashed
 * and laid out anew in each.
 */
const lastResults = new WeakMap<SloRule, readonly Identified[]>();

/**
 * Finds the identities of a result's elements, those of the last result first. A source gives its elements in the same
 * order again and again: what follows the element that was found last is looked at, past those that are gone.
 */
function createIdentifier(rule: SloRule, expand: ExpandTemplate) {
  const before = lastResults.get(rule) ?? [];
  const now: Identified[] = [];
  lastResults.set(rule, now);
  const template = ownLabelsOf(rule);
  let next = 0;
  const find = (element: Labels, own: readonly LabelPair[]): Identity | undefined => {
    for (let place = next; place < next + LOOKED_AT; place++) {
      const known = before[place];
      if (known === undefined) return undefined;
      if (!isSameElement(known, element, own)) continue;
      next = place + 1;
      return known.identity;
    }
    return undefined;
  };
  return (sample: Sample): Identity => {
    const own = template.map(
      ([name, text]): LabelPair => [name, name === ALERT_NAME ? text : expand(text, sample)],
    );
    const identity = find(sample.labels, own) ?? identityOf(sample.labels, own);
    now.push({ element: sample.labels, own, identity });
    return identity;
  };
}

type Breaches = ReadonlyMap<string, Breach>;

/**
 * The breaches that elements stand for. Their labels are the element's without `__name__`, overwritten by the rule's with
 * their templates expanded, then `alertname`; an empty label is no label. Templates see the element's labels, not the
 * rule's. Source: prometheus rules/alerting.go, AlertingRule.Eval.
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
export function alertIdOf(
  at: { readonly group: Pick<RuleGroup, 'id'>; readonly rule: Pick<SloRule, 'key'> },
  print: string,
  activeAt: EpochMs,
): string {
  return `${hashTexts([at.group.id, at.rule.key, print])}-${activeAt / 1_000}`;
}
