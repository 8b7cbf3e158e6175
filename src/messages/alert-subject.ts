import type { Alert, NoDataReason, Suppression } from '../alerts/alert.ts';
import { type Labels, serviceLabelOf } from '../lib/labels.ts';
import { kialiApplication, type Link, type Links } from '../lib/links.ts';
import {
  after,
  before,
  between,
  type EpochMs,
  epochMs,
  HOUR,
  MINUTE,
  type Milliseconds,
  ms,
  type TimeWindow,
  toUs,
} from '../lib/units.ts';
import { promqlNumber } from '../rules/promql.ts';
import { bucketRatesBy, inFamilyUnit, objectiveLabels, quantileExpr } from '../rules/queries.ts';
import { type LatencyObjective, type ServiceSource, type SloRule, TEST_LABEL } from '../rules/rule.ts';
import type { AlertGroupSnapshot } from './store.ts';

/** The look-back of a rule that names none: the usual five minutes of Istio's and Prometheus's rules. */
const DEFAULT_WINDOW = ms(5 * MINUTE);
/** A breach begins before the evaluation that sees it: by a scrape and an evaluation at least. */
const LEAD: Milliseconds = MINUTE;
/** A longer trace search costs the tracing backend more than it shows. */
const LONGEST_WINDOW = HOUR;

/** How far back a rule looks: a breach began up to this long before its alert. */
export const lookBackOf = (rule: SloRule): Milliseconds => rule.lookback ?? DEFAULT_WINDOW;

/**
 * The time an alert is about: from shortly before its first breach to its end, or to the last value seen. Of a long
 * breach, the last hour. Of a latency objective it does not cover the whole look-back of the first breach, which may hold
 * an earlier incident.
 *
 *       lead      firing
 *     |------|===================|
 *          activeAt      resolvedAt or seenAt
 */
export function evidenceWindow(alert: Alert, rule: SloRule): TimeWindow {
  const end = alert.resolvedAt ?? alert.seenAt;
  const lookBack = lookBackOf(rule);
  const lead = rule.objective === undefined ? lookBack : ms(Math.min(LEAD, lookBack));
  const start = before(alert.activeAt, lead);
  return { start: epochMs(Math.max(start, end - LONGEST_WINDOW)), end };
}

/** A command about a service in a time window, as a person could type it. */
export const traceCommand = (kind: 'slowest' | 'why', service: string, { start, end }: TimeWindow): string =>
  `/trace ${kind} ${service} at ${new Date(start).toISOString()}/${new Date(end).toISOString()}`;

/** Kubernetes' name of a service is `checkout.shop.svc.cluster.local`, the mesh's and tracing's `checkout.shop`. */
const withoutClusterDomain = (service: string): string =>
  service.replace(/^([^.]+\.[^.]+)\.svc(?:\..*)?$/, '$1');

/** The label of an alert that names its service. */
function serviceLabelIn({ labels }: Alert, source: ServiceSource): string | undefined {
  const has = (label: string | undefined): boolean => label !== undefined && (labels[label] ?? '') !== '';
  if (source.from === 'label' && has(source.label)) return source.label;
  const otherwise = source.from === 'series' && has(source.otherwise) ? source.otherwise : undefined;
  return serviceLabelOf(Object.keys(labels)) ?? otherwise;
}

/** The service of an alert, read where its rule says; undefined when nothing names one. */
export function serviceOf(
  alert: Alert,
  { service: source = { from: 'series' } }: SloRule,
): string | undefined {
  if (source.from === 'none') return undefined;
  const label = serviceLabelIn(alert, source);
  const named = label === undefined ? undefined : alert.labels[label];
  const service = named ?? (source.from === 'matcher' ? source.value : undefined);
  return service === undefined || service === '' ? undefined : withoutClusterDomain(service);
}

/**
 * Labels that name a service's namespace: Istio's, OpenTelemetry's, then common ones. Where Prometheus renamed a series' own
 * label to `exported_namespace`, `namespace` is that of the scrape target.
 */
const NAMESPACE_LABELS = [
  'destination_service_namespace',
  'destination_workload_namespace',
  'service.namespace',
  'service_namespace',
  'k8s.namespace.name',
  'k8s_namespace_name',
  'exported_namespace',
  'namespace',
] as const;

/** The namespace of an alert's service; undefined when no label names one. */
export function namespaceOf(alert: Alert): string | undefined {
  const label = NAMESPACE_LABELS.find((name) => (alert.labels[name] ?? '') !== '');
  return label === undefined ? undefined : alert.labels[label];
}

/** An alert's name in a table row: its service, and the label values that distinguish it from others of its rule. */
export function nameOf(alert: Alert, rule: SloRule): string {
  const service = serviceOf(alert, rule);
  const others = Object.entries(alert.series)
    .filter(([name, value]) => value !== service && value !== '' && name !== TEST_LABEL)
    .map(([, value]) => value);
  if (service === undefined) return others.join(' ') || rule.name;
  return others.length === 0 ? service : `${service} (${others.join(' ')})`;
}

/** The state that a message shows. */
export function statusOf(alert: Alert): 'firing' | 'no-data' | 'resolved' {
  if (alert.state === 'resolved') return 'resolved';
  return alert.noDataSince === undefined ? 'firing' : 'no-data';
}

/** When an alert began to fire. */
export const firedAtOf = ({ firedAt, activeAt }: Alert): EpochMs => firedAt ?? activeAt;

/** Whether an end says that the service is well; otherwise the rule just stopped being evaluated. */
export const isRecovery = ({ resolveReason }: Pick<Alert, 'resolveReason'>): boolean =>
  resolveReason === 'recovered' || resolveReason === 'no-longer-breaching';

const SUPPRESSIONS: Readonly<Record<Suppression['kind'], string>> = {
  silence: 'Silenced by',
  maintenance: 'Maintenance:',
  time: 'Muted by',
  inhibited: 'Inhibited by',
  'call-graph': 'Probably caused by',
  flapping: 'Flapping:',
};

/** What suppresses an alert; of a silence made in Slack without the person and the comment. */
export const suppressionText = ({ kind, by, silence }: Suppression): string =>
  silence === undefined ? `${SUPPRESSIONS[kind]} ${by}` : SUPPRESSIONS[kind];

/** Why an alert has no data: one sentence. */
export function noDataReasonText(reason: NoDataReason): string {
  switch (reason.kind) {
    case 'series':
      return `The series of ${reason.metric} are missing.`;
    case 'traffic':
      return 'The series exist but count no requests.';
    case 'few-requests':
      return `Too few requests to evaluate: ${reason.requests} of at least ${reason.minimum}.`;
    case 'target':
      return 'The scrape target is down or no longer scraped (up is 0 or missing).';
    case 'source':
      return 'Prometheus returned partial data.';
    case 'late':
      return 'Prometheus has no current samples yet: they arrive late.';
    case 'value':
      return 'The series exist but the rule returns no value. Check whether buckets or labels changed.';
    case 'unknown':
      return `Cause unknown: ${reason.reason}.`;
  }
}

/** Traces in the page that a link opens. */
const LINKED_TRACES = 20;

/** A group's graph begins this much before its first alert. */
const LEAD_TIME: Milliseconds = ms(10 * MINUTE);

interface Linked {
  readonly alert: Alert;
  readonly rule: SloRule;
  /** The name the tracing backend knows the service by, once it was resolved. */
  readonly traceService?: string | undefined;
}

/**
 * The quantile of an alert's series, and its threshold as a second line of the graph: `or` keeps it, since the quantile has
 * a label.
 */
function withThreshold(objective: LatencyObjective, series: Labels): string {
  const { family, quantile, threshold, window } = objective;
  const matchLabels = objectiveLabels(objective, series);
  const [label] = Object.keys(matchLabels);
  if (label === undefined) return quantileExpr(objective, matchLabels, { quantile, window });
  const buckets = bucketRatesBy(family, { window, matchLabels, by: [label] });
  const line = promqlNumber(inFamilyUnit(family, threshold));
  return `histogram_quantile(${promqlNumber(quantile)}, ${buckets}) or vector(${line})`;
}

/** Links of an alert's message, all for the alert's own time window; a tool without an address has none. */
export function alertLinks(links: Links, of: Linked): readonly Link[] {
  const { alert, rule } = of;
  const window = evidenceWindow(alert, rule);
  const { objective } = rule;
  const expr = objective === undefined ? rule.expr : withThreshold(objective, alert.series);
  return linksThatExist([
    ['Jaeger', traceSearch(links, of, window)],
    ['Prometheus', expr === '' ? undefined : links.graph({ expr, window })],
    [
      'Grafana',
      dashboard(links, of, window) ?? (expr === '' ? undefined : links.grafanaExplore({ expr, window })),
    ],
    ['Kiali', kialiNode(links, of, window)],
  ]);
}

const linksThatExist = (urls: readonly (readonly [string, string | undefined])[]): readonly Link[] =>
  urls.flatMap(([label, url]) => (url === undefined ? [] : [{ label, url }]));

/** Rules often group by the service alone; the tracing backend's name of it holds its namespace. */
const namespaceIn = ({ alert, traceService }: Linked): string | undefined =>
  namespaceOf(alert) ?? (traceService === undefined ? undefined : kialiApplication(traceService)?.namespace);

function traceSearch(links: Links, { alert, rule, traceService }: Linked, window: TimeWindow) {
  const service = traceService ?? serviceOf(alert, rule);
  const { objective } = rule;
  const minDuration = objective === undefined ? undefined : toUs(objective.threshold);
  return service === undefined
    ? undefined
    : links.traceSearch({
        service,
        window,
        minDuration,
        isFailed: rule.measures === 'errors',
        limit: LINKED_TRACES,
      });
}

function dashboard(links: Links, of: Linked, window: TimeWindow): string | undefined {
  const service = serviceOf(of.alert, of.rule);
  const namespace = namespaceIn(of);
  return service === undefined ? undefined : links.grafanaDashboard({ service, window, namespace });
}

function kialiNode(links: Links, of: Linked, window: TimeWindow): string | undefined {
  const name = serviceOf(of.alert, of.rule);
  const namespace = namespaceIn(of);
  if (name === undefined || namespace === undefined) return undefined;
  return links.kialiNode({ kind: 'services', namespace, name, reach: between(window.start, window.end) });
}

/** Links of a group's message: the graph of all its alerts where there is one, the traces of the worst. */
export function groupLinks(
  links: Links,
  of: Linked & { readonly alertGroup: AlertGroupSnapshot; readonly now: EpochMs },
): readonly Link[] {
  const { rule, alert, alertGroup } = of;
  const window = { start: before(alertGroup.startedAt, LEAD_TIME), end: endOf(of.now, alertGroup) };
  const expr = rule.recovery?.comparison === undefined ? rule.expr : rule.recovery.expr;
  const service = serviceOf(alert, rule);
  return linksThatExist([
    ['Prometheus', expr === '' ? undefined : links.graph({ expr, window })],
    [
      `Jaeger: ${service}`,
      service === undefined ? undefined : traceSearch(links, of, evidenceWindow(alert, rule)),
    ],
  ]);
}

/** When the last of them ended, or now; never before they began. */
function endOf(now: EpochMs, { startedAt, rows, counts }: AlertGroupSnapshot): EpochMs {
  if (counts.firing + counts['no-data'] > 0) return now;
  const ends = rows.flatMap(({ resolvedAt }) => resolvedAt ?? []);
  return epochMs(Math.max(after(startedAt, MINUTE), ...ends));
}

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

/** Objects of Kubernetes among them. */
const OBJECTS: readonly string[] = NAMES.slice(0, NAMES.indexOf('instance'));

/** Names of what the ones before are parts of. */
const PLACES: readonly string[] = ['container', ...NAMESPACE_LABELS, 'cluster'];

/** Labels of the scrape and of Kubernetes' bookkeeping. They are shown only where nothing else differs. */
const BOOKKEEPING =
  /^(?:__.*|job|endpoint|prometheus|prometheus_replica|uid|id|image|image_id|image_spec|container_id|metrics_path|scheme|alertname|severity)$/;

/** Prometheus's name for a series' own label where its scrape target has one of the same name. */
const EXPORTED = 'exported_';

const ownName = (label: string): string =>
  label.startsWith(EXPORTED) ? label.slice(EXPORTED.length) : label;

/** The labels that Prometheus Operator adds for the scrape target. */
const TARGET_LABELS: readonly string[] = ['namespace', 'pod', 'container', 'service', 'node', 'instance'];

/** Whether a label is that of the scrape target: where one had to be renamed, none of them is the series' own. */
const isOfTarget = (label: string, labels: Labels): boolean =>
  labels[`${EXPORTED}${label}`] !== undefined ||
  (TARGET_LABELS.includes(label) && TARGET_LABELS.some((name) => labels[`${EXPORTED}${name}`] !== undefined));

/** The order in which labels are used to tell alerts apart: names, other labels, places, bookkeeping. */
function rankOf(label: string, labels: Labels): number {
  if (BOOKKEEPING.test(label) || isOfTarget(label, labels)) return 1_000;
  // Beside an object, it is what reports about it.
  if (label === 'instance' && OBJECTS.some((name) => labels[name] !== undefined)) return 1_000;
  const name = NAMES.findIndex((each) => each === ownName(label));
  if (name >= 0) return name;
  const place = PLACES.indexOf(ownName(label));
  return place < 0 ? NAMES.length : NAMES.length + 1 + place;
}

/** The labels of an alert by their rank; labels of the same rank by name. */
const ranked = (labels: Labels): readonly string[] =>
  Object.keys(labels)
    .filter((name) => labels[name] !== '')
    .sort((a, b) => rankOf(a, labels) - rankOf(b, labels) || (a < b ? -1 : 1));

/**
 * The labels that together tell series or alerts of one rule apart, names before places; empty for a single one. Linear
 * in their number.
 */
export function distinguishingLabels(all: readonly Labels[]): readonly string[] {
  const names = ranked(Object.assign({}, ...all));
  let keys = all.map(() => '');
  let distinct = 1;
  const chosen: string[] = [];
  for (const name of names) {
    if (distinct === all.length) break;
    const longer = all.map((labels, i) => `${keys[i]}\n${labels[name] ?? ''}`);
    const found = new Set(longer).size;
    if (found <= distinct) continue;
    chosen.push(name);
    keys = longer;
    distinct = found;
  }
  return chosen;
}

/**
 * The labels in which other series of an alert's service (`known`) differ. Of an objective without a list of labels only
 * those that are needed to tell its series apart, and the namespace: there are too many.
 */
export function labelsApart(
  { family, by, without }: LatencyObjective,
  { series }: Alert,
  known: readonly Labels[],
): readonly string[] {
  const { serviceLabel = '' } = family;
  const others = known.filter((labels) => labels[serviceLabel] === series[serviceLabel]);
  const differs = (label: string): boolean => others.some((labels) => labels[label] !== series[label]);
  if (without === undefined) return by.filter(differs);
  return [...new Set([...distinguishingLabels(others), ...NAMESPACE_LABELS.filter(differs)])];
}

/** Labels in a headline, besides those that tell the alert apart. */
const SHOWN = 3;

const isName = (label: string): boolean =>
  NAMES.some((each) => each === ownName(label)) || PLACES.includes(ownName(label));

/**
 * What an alert is about besides its service, for its headline: the labels that tell it apart from others of its rule
 * (`apart`) and from other series of its service; of a rule without a latency objective also the first few of its series. `checkout-7d9f, code=503`.
 */
export function distinction(alert: Alert, rule: SloRule, apart: readonly string[] = []): readonly string[] {
  const service = serviceOf(alert, rule);
  const own = rule.objective === undefined ? ranked(alert.series) : [];
  // A series of an exporter that is not about a service may have a service of its own: that of the exporter.
  const isOfExporter = (name: string): boolean =>
    service === undefined && serviceLabelOf([name]) !== undefined;
  const named = own.filter((name) => rankOf(name, alert.series) < 1_000 && !isOfExporter(name));
  const usual = named.length > 0 || service !== undefined ? named.slice(0, SHOWN) : own.slice(0, 1);
  return [...new Set([...usual, ...(alert.apart ?? []), ...apart])].flatMap((name) => {
    const value = alert.labels[name] ?? '';
    if (value === '' || value === service) return [];
    return isName(name) ? value : `${name}=${value}`;
  });
}
