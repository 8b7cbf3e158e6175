import type { Alert } from '../alerts/alert.ts';
import type { Labels } from '../lib/labels.ts';
import type { SloRule } from '../rules/rule.ts';
import { NAMESPACE_LABELS, serviceOf } from './alert-subject.ts';

/** Labels whose values are names that a person knows without the label, the most specific ones first. */
const NAMES = [
  'pod',
  'deployment',
  'statefulset',
  'daemonset',
  'cronjob',
  'job_name',
  'horizontalpodautoscaler',
  'persistentvolumeclaim',
  'node',
  'instance',
  'device',
  'mountpoint',
] as const;

/** Names of what the ones before are parts of. */
const PLACES: readonly string[] = ['container', ...NAMESPACE_LABELS, 'cluster'];

/** Labels of the scrape and of Kubernetes' bookkeeping. They are shown only where nothing else differs. */
const BOOKKEEPING =
  /^(?:__.*|job|endpoint|prometheus|prometheus_replica|uid|id|image|image_id|image_spec|container_id|metrics_path|scheme|alertname|severity)$/;

/** The order in which labels are used to tell alerts apart: names, other labels, places, bookkeeping. */
function rankOf(label: string, labels: Labels): number {
  if (BOOKKEEPING.test(label) || (label === 'instance' && labels['pod'] !== undefined)) return 1_000;
  const name = NAMES.findIndex((each) => each === label);
  if (name >= 0) return name;
  const place = PLACES.indexOf(label);
  return place < 0 ? NAMES.length : NAMES.length + 1 + place;
}

/** The labels of an alert by their rank; labels of the same rank by name. */
const ranked = (labels: Labels): readonly string[] =>
  Object.keys(labels)
    .filter((name) => labels[name] !== '')
    .sort((a, b) => rankOf(a, labels) - rankOf(b, labels) || (a < b ? -1 : 1));

/**
 * The labels that together tell alerts of one rule apart, names before places; empty for a single alert. Linear in
 * the number of alerts.
 */
export function distinguishingLabels(alerts: readonly Alert[]): readonly string[] {
  const names = ranked(Object.assign({}, ...alerts.map(({ labels }) => labels)));
  let keys = alerts.map(() => '');
  let distinct = 1;
  const chosen: string[] = [];
  for (const name of names) {
    if (distinct === alerts.length) break;
    const longer = alerts.map(({ labels }, i) => `${keys[i]}\n${labels[name] ?? ''}`);
    const found = new Set(longer).size;
    if (found <= distinct) continue;
    chosen.push(name);
    keys = longer;
    distinct = found;
  }
  return chosen;
}

/** Labels in a headline, besides those that tell the alert apart. */
const SHOWN = 3;

const isName = (label: string): boolean => NAMES.some((each) => each === label) || PLACES.includes(label);

/**
 * What an alert is about besides its service, for its headline: the labels that tell it apart from others of its rule
 * (`apart`); of a rule without a latency objective also the first few of its series. `checkout-7d9f, code=503`.
 */
export function distinction(alert: Alert, rule: SloRule, apart: readonly string[] = []): readonly string[] {
  const service = serviceOf(alert, rule);
  const own = rule.objective === undefined ? ranked(alert.series) : [];
  const usual = own.filter((name) => rankOf(name, alert.series) < 1_000).slice(0, SHOWN);
  return [...new Set([...usual, ...apart])].flatMap((name) => {
    const value = alert.labels[name] ?? '';
    if (value === '' || value === service) return [];
    return isName(name) ? value : `${name}=${value}`;
  });
}
