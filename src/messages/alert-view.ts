import type { Alert, Suppression, UserAction } from '../alerts/alert.ts';
import type { BudgetView, ChartView, QuantileEstimate, SlowBetween } from '../latency/figures.ts';
import { type Labels, serviceLabelOf, sortedLabels } from '../lib/labels.ts';
import { kialiApplication, type Link, type Links } from '../lib/links.ts';
import { matchersText } from '../lib/matcher.ts';
import {
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
import type { BurnWindows } from '../rules/burn-rate.ts';
import { objectiveLabels, quantileExpr } from '../rules/queries.ts';
import type { Comparison, SloRule, ValueKind } from '../rules/rule.ts';
import type { TraceRow } from '../traces/find-slowest.ts';
import { noDataReasonText } from './alert-note.ts';

/** What was fetched about an alert besides its own value. Whatever is absent is explained in `gaps` or in `traces`. */
export interface Enrichment {
  readonly latency?: QuantileEstimate;
  readonly slowShare?: number;
  readonly slowBetween?: SlowBetween;
  readonly burnRate?: number;
  readonly budget?: BudgetView;
  readonly chart?: ChartView;
  readonly traces: TracesView;
  /** The name the tracing backend knows the service by. */
  readonly traceService?: string;
  readonly gaps: readonly string[];
  /** How many series the rule watches, where many alerts share a message. */
  readonly watched?: number;
}

/** Nothing fetched yet: what the first post is made from. */
const NOT_ENRICHED: Enrichment = { traces: { kind: 'pending' }, gaps: [] };

/** The look-back of a rule that names none: Istio's and Prometheus's usual five minutes. */
const DEFAULT_WINDOW = ms(5 * MINUTE);
/** A longer search costs the tracing backend more than it tells. */
const LONGEST_EVIDENCE = HOUR;

/**
 * The time an alert is about: from where the look-back of its first breach begins to its end, or to the last value
 * seen; of a long breach, the last hour.
 *
 *        window      firing
 *     |----------|===================|
 *              activeAt      resolvedAt or seenAt
 */
export function recoveryWindow(alert: Alert, rule: SloRule): TimeWindow {
  const end = alert.resolvedAt ?? alert.seenAt;
  const start = before(alert.activeAt, rule.objective?.window ?? DEFAULT_WINDOW);
  return { start: epochMs(Math.max(start, end - LONGEST_EVIDENCE)), end };
}

/** The service an alert is about, by the objective's own label or the usual ones; undefined when no label names one. */
export function serviceOf(alert: Alert, rule: SloRule): string | undefined {
  const own = rule.objective?.family.serviceLabel;
  const label =
    own !== undefined && alert.labels[own] !== undefined ? own : serviceLabelOf(Object.keys(alert.labels));
  const service = label === undefined ? undefined : alert.labels[label];
  return service === '' ? undefined : service;
}

/** Labels that name a service's namespace: Istio's, OpenTelemetry's, then what people write. */
const NAMESPACE_LABELS = [
  'destination_service_namespace',
  'destination_workload_namespace',
  'service_namespace',
  'namespace',
] as const;

/** The namespace of an alert's service, where its labels tell. */
export function namespaceOf(alert: Alert): string | undefined {
  return NAMESPACE_LABELS.map((name) => alert.labels[name]).find(
    (value) => value !== undefined && value !== '',
  );
}

/** Everything an alert's message shows. Pure: the same arguments give the same message. */
export function alertView(of: {
  readonly alert: Alert;
  readonly rule: SloRule;
  readonly links: Links;
  readonly enrichment?: Enrichment;
  readonly notice?: string;
  readonly mentions?: readonly string[];
  /** Where the message of the less urgent alert is that this one escalates. */
  readonly escalates?: { readonly url?: string };
}): AlertView {
  const { alert, rule, enrichment = NOT_ENRICHED, notice } = of;
  const { annotations } = alert;
  const service = serviceOf(alert, rule);
  return {
    state: stateOf(alert),
    alertname: rule.name,
    ...optional('service', service),
    ...optional('severity', alert.labels.severity),
    labels: alert.labels,
    ...optional('summary', annotations.summary),
    ...optional('description', annotations.description ?? annotations.message),
    ...optional('runbookUrl', annotations.runbook_url),
    value: alert.value,
    peak: alert.peak,
    ...bounds(rule, annotations.slo_unit),
    activeAt: alert.activeAt,
    firedAt: alert.firedAt ?? alert.activeAt,
    ...optional('resolvedAt', alert.resolvedAt),
    ...optional('resolveReason', alert.resolveReason),
    ...optional('noDataSince', alert.noDataSince),
    ...optional(
      'noDataReason',
      alert.noDataReason === undefined ? undefined : noDataReasonText(alert.noDataReason),
    ),
    ...optional('latency', enrichment.latency),
    ...optional('slowShare', enrichment.slowShare),
    ...optional('slowBetween', enrichment.slowBetween),
    ...optional('burnRate', enrichment.burnRate),
    ...optional('budget', enrichment.budget),
    ...optional('burn', rule.burn),
    ...optional('chart', enrichment.chart),
    traces: enrichment.traces,
    links: linksOf(of, service),
    ...optional('notice', notice),
    ...optional('mentions', alert.state === 'resolved' ? undefined : of.mentions),
    ...optional('alsoSlow', alert.alsoSlow),
    ...optional('escalates', of.escalates),
    ...optional('suppressed', alert.suppressed === undefined ? undefined : suppressedBy(alert.suppressed)),
    ...optional('acknowledged', alert.acknowledged),
    ...optional('closed', alert.closed),
    // An outage of the source is no alert of a rule: nobody can take or silence it.
    ...optional(
      'handle',
      alert.state === 'resolved' || rule.about === 'source' ? undefined : handleOf(alert),
    ),
    ...optional('source', rule.about === 'source' ? sourceOf(alert) : undefined),
    gaps: enrichment.gaps,
    recoveryWindow: recoveryWindow(alert, rule),
  };
}

/** What the watch over the bot's own source knows. */
function sourceOf({ annotations, value, activeAt }: Alert): NonNullable<AlertView['source']> {
  const { since, asked = '', reason = '' } = annotations;
  return {
    since: since === undefined || since === '' ? activeAt : epochMs(Number(since)),
    unanswered: value,
    asked: Number(asked),
    reason,
  };
}

/** A property that is left out when its value is undefined: absent and undefined are not the same here. */
function optional<Name extends string, T>(name: Name, value: T | undefined): Partial<Record<Name, T>> {
  return value === undefined ? {} : ({ [name]: value } as Record<Name, T>);
}

const HUSHES: Readonly<Record<Suppression['kind'], string>> = {
  silence: 'Silenced by',
  maintenance: 'Under maintenance:',
  time: 'Held back at this time by',
  inhibited: 'Held back while this fires:',
  'call-graph': 'Probably slow because of',
  flapping: 'Flapping:',
};

/** What holds an alert back, as people read it. */
export function suppressedBy({
  kind,
  by,
  until,
  silence,
}: Suppression): NonNullable<AlertView['suppressed']> {
  return silence === undefined
    ? { text: `${HUSHES[kind]} ${by}`, ...optional('until', until) }
    : { text: HUSHES[kind], silence: { ...silence, comment: by }, ...optional('until', until) };
}

/** Longer matchers are of more labels than a person wants to read. */
const MAX_MATCHERS = 600;

/** Matchers of this alert alone, or of its rule and service where it has very many labels. */
function handleOf(alert: Alert): NonNullable<AlertView['handle']> {
  const { alertId, labels, series } = alert;
  const equal = (names: readonly string[]): string =>
    matchersText(names.map((label) => ({ label, operator: '=', value: labels[label] ?? '' })));
  const own = sortedLabels(series).flatMap(([name, value]) => (labels[name] === value ? [name] : []));
  const all = equal(['alertname', ...own.filter((name) => name !== 'alertname')]);
  const few = ['alertname', ...[serviceLabelOf(own)].filter((name) => name !== undefined)];
  return { alertId, matchers: all.length <= MAX_MATCHERS ? all : equal(few) };
}

function stateOf(alert: Alert): AlertView['state'] {
  if (alert.state === 'resolved') return 'resolved';
  return alert.noDataSince === undefined ? 'firing' : 'no-data';
}

function bounds(rule: SloRule, unit: string | undefined): Pick<AlertView, 'valueKind'> & Partial<AlertView> {
  const { objective } = rule;
  return {
    valueKind: rule.valueKind,
    ...optional('unit', unit ?? (rule.valueKind === 'latency' ? objective?.family.unit : undefined)),
    ...optional('comparison', rule.comparison),
    ...optional('bound', rule.bound),
    ...optional('threshold', objective?.threshold),
    ...optional('isApproximate', objective?.isApproximate),
    ...optional('quantile', objective?.quantile),
    ...optional('window', objective?.window),
  };
}

function dashboardOf(of: {
  readonly links: Links;
  readonly service: string | undefined;
  readonly namespace: string | undefined;
  readonly window: TimeWindow;
}): string | undefined {
  const { links, service, namespace, window } = of;
  if (service === undefined) return undefined;
  return links.grafanaDashboard({ service, window, ...optional('namespace', namespace) });
}

/** Traces in the page that a link opens. */
const LINKED_TRACES = 20;

function linksOf(of: Parameters<typeof alertView>[0], service: string | undefined): readonly Link[] {
  const { alert, rule, links, enrichment } = of;
  const window = recoveryWindow(alert, rule);
  const { objective } = rule;
  // Rules often group by the service alone; the tracing backend's name for it holds its namespace.
  const traceName = enrichment?.traceService;
  const namespace =
    namespaceOf(alert) ?? (traceName === undefined ? undefined : kialiApplication(traceName)?.namespace);
  const expr =
    objective === undefined
      ? rule.expr
      : quantileExpr(objective, objectiveLabels(objective, alert.labels), {
          quantile: objective.quantile,
          window: objective.window,
        });
  const traced = traceName ?? service;
  const urls: readonly (readonly [string, string | undefined])[] = [
    [
      'Jaeger',
      traced === undefined
        ? undefined
        : links.traceSearch({
            service: traced,
            window,
            minDuration: objective === undefined ? undefined : toUs(objective.threshold),
            limit: LINKED_TRACES,
          }),
    ],
    ['Prometheus', links.graph({ expr, window })],
    ['Grafana', dashboardOf({ links, service, namespace, window }) ?? links.grafanaExplore({ expr, window })],
    [
      'Kiali',
      service === undefined || namespace === undefined
        ? undefined
        : links.kialiNode({
            kind: 'services',
            namespace,
            name: service,
            reach: between(window.start, window.end),
          }),
    ],
  ];
  return urls.flatMap(([label, url]) => (url === undefined ? [] : [{ label, url }]));
}

/** What is known of the traces behind a breach. */
export type TracesView =
  | { readonly kind: 'pending' }
  | { readonly kind: 'found'; readonly rows: readonly TraceRow[]; readonly completeness: string }
  /** Why there are none: a full sentence. */
  | { readonly kind: 'unavailable'; readonly reason: string };

/** Everything an alert's message shows. */
export interface AlertView {
  readonly state: 'firing' | 'no-data' | 'resolved';
  readonly alertname: string;
  /** The service to blame the breach on, or undefined when no label names one. */
  readonly service?: string;
  readonly severity?: string;
  readonly labels: Labels;
  readonly summary?: string;
  readonly description?: string;
  readonly runbookUrl?: string;
  readonly value: number;
  readonly peak: number;
  readonly valueKind: ValueKind;
  /** Unit of a plain value, from the annotation `slo_unit`. */
  readonly unit?: string;
  readonly comparison?: Comparison;
  readonly bound?: number;
  readonly threshold?: Milliseconds;
  readonly quantile?: number;
  readonly window?: Milliseconds;
  readonly activeAt: EpochMs;
  readonly firedAt: EpochMs;
  readonly resolvedAt?: EpochMs;
  readonly resolveReason?: string;
  readonly noDataSince?: EpochMs;
  /** What is gone of an alert without data: a full sentence. */
  readonly noDataReason?: string;
  /** The three honest numbers, once they have been fetched. */
  readonly latency?: QuantileEstimate;
  readonly slowShare?: number;
  /** Set with an approximate threshold. The verdict is by `atLeast`. */
  readonly slowBetween?: SlowBetween;
  readonly isApproximate?: boolean;
  readonly burnRate?: number;
  readonly budget?: BudgetView;
  /** The two windows that must both burn, of a burn-rate alert. */
  readonly burn?: BurnWindows;
  readonly traces: TracesView;
  readonly chart?: ChartView;
  readonly links: readonly Link[];
  /** Whom the message calls: ids of Slack user groups or of people. */
  readonly mentions?: readonly string[];
  /** It is more urgent than an alert about the same that is open already; where that one's message is. */
  readonly escalates?: { readonly url?: string };
  /** Other services whose slowness is laid to this breach. */
  readonly alsoSlow?: readonly string[];
  /**
   * What keeps the alert's thread still, as a sentence's beginning, and until when where that is known. `silence`: of a
   * person in Slack, whose name goes between the beginning and the comment.
   */
  readonly suppressed?: {
    readonly text: string;
    readonly until?: EpochMs;
    readonly silence?: { readonly id: string; readonly by: string; readonly comment: string };
  };
  readonly acknowledged?: UserAction;
  /** Who ended it, where a person did. */
  readonly closed?: UserAction;
  /** What the buttons for people's actions carry: which alert is meant, and matchers of it alone. */
  readonly handle?: { readonly alertId: string; readonly matchers: string };
  /** Why the message stands where it does, when that is not the channel the rule names. */
  readonly notice?: string;
  /** Set in the bot's own message that a source does not answer: no rule of a file, and no service. */
  readonly source?: {
    readonly since: EpochMs;
    /** How many rules get no answer, of how many. */
    readonly unanswered: number;
    readonly asked: number;
    readonly reason: string;
  };
  /** What could not be fetched and why: full sentences. */
  readonly gaps: readonly string[];
  /** The breach's own window: what the links and the button for the slowest traces open on. */
  readonly recoveryWindow: TimeWindow;
}
