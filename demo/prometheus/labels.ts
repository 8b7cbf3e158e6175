/** A label set in canonical form: names in rising order, no empty values. Two sets are equal when their keys are. */
export interface Labels {
  readonly pairs: readonly (readonly [name: string, value: string])[];
  /** Identity of the set: a string that no other label set has. */
  readonly key: string;
}

/** The label that carries the metric name. */
export const METRIC_NAME = '__name__';

/** The upper bound of a classic histogram bucket. */
export const BUCKET_BOUND = 'le';

// Two characters that UTF-8 text cannot be confused by: the parts of a key cannot be read in two ways.
const AFTER_NAME = '\u0000';
const AFTER_VALUE = '\u0001';

/** The empty label set. */
export const NO_LABELS: Labels = { pairs: [], key: '' };

function fromSortedPairs(pairs: Labels['pairs']): Labels {
  if (pairs.length === 0) return NO_LABELS;
  let key = '';
  for (const [name, value] of pairs) key += name + AFTER_NAME + value + AFTER_VALUE;
  return { pairs, key };
}

const byName = (a: readonly [string, string], b: readonly [string, string]): number => (a[0] < b[0] ? -1 : 1);

/** The canonical form of a plain record. A label with an empty value is the same as no label, as in Prometheus. */
export function labelsOf(record: Readonly<Record<string, string>>): Labels {
  return fromSortedPairs(
    Object.entries(record)
      .filter(([, value]) => value !== '')
      .sort(byName),
  );
}

/** The value of a label, or '' when the set does not have it. */
export function labelValue(labels: Labels, name: string): string {
  for (const pair of labels.pairs) if (pair[0] === name) return pair[1];
  return '';
}

/** The set without the named labels. */
export function withoutLabels(labels: Labels, names: readonly string[]): Labels {
  return fromSortedPairs(labels.pairs.filter(([name]) => !names.includes(name)));
}

/** The set reduced to the named labels. */
export function onlyLabels(labels: Labels, names: readonly string[]): Labels {
  return fromSortedPairs(labels.pairs.filter(([name]) => names.includes(name)));
}

/** The set with one label set to `value`, or removed when `value` is ''. */
export function withLabel(labels: Labels, name: string, value: string): Labels {
  const rest = labels.pairs.filter(([other]) => other !== name);
  return fromSortedPairs(value === '' ? rest : [...rest, [name, value] as const].sort(byName));
}

/** The set without the metric name: what arithmetic and every function leaves of a series' labels. */
export const withoutMetricName = (labels: Labels): Labels => withoutLabels(labels, [METRIC_NAME]);

/** The set as a plain record, for JSON. */
export const toRecord = (labels: Labels): Record<string, string> => Object.fromEntries(labels.pairs);

/** The set as Prometheus writes it in error messages: `{__name__="up", job="shop"}`. */
export const formatLabels = (labels: Labels): string =>
  `{${labels.pairs.map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(', ')}}`;

/** The set as Prometheus writes it in its pages: `up{job="shop"}`. */
export function formatMetric(labels: Labels): string {
  const name = labelValue(labels, METRIC_NAME);
  const rest = withoutMetricName(labels);
  return rest.pairs.length === 0 && name !== '' ? name : `${name}${formatLabels(rest)}`;
}

/** Compares two sets label by label, as Prometheus orders series. */
export function compareLabels(a: Labels, b: Labels): number {
  const shared = Math.min(a.pairs.length, b.pairs.length);
  for (let i = 0; i < shared; i++) {
    const [aName, aValue] = a.pairs[i] as readonly [string, string];
    const [bName, bValue] = b.pairs[i] as readonly [string, string];
    if (aName !== bName) return aName < bName ? -1 : 1;
    if (aValue !== bValue) return aValue < bValue ? -1 : 1;
  }
  return a.pairs.length - b.pairs.length;
}
