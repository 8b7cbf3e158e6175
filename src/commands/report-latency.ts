import { breakDownLatency, type LatencyBreakdown } from '../latency/break-down-latency.ts';
import { atSource, hasTwoSides } from '../latency/breakdown.ts';
import type { ChartView, QuantileEstimate } from '../latency/figures.ts';
import { bucketsOf, CHART_POINTS, estimateOf, latencyChart } from '../latency/measure-latency.ts';
import type { Clock } from '../lib/clock.ts';
import { withDeadline } from '../lib/deadline.ts';
import { UpstreamError } from '../lib/errors.ts';
import type { Labels } from '../lib/labels.ts';
import type { Link, Links } from '../lib/links.ts';
import type { MetricsSource } from '../lib/metrics-source.ts';
import {
  before,
  DAY,
  type EpochMs,
  epochMs,
  HOUR,
  MINUTE,
  type Milliseconds,
  ms,
  ratio,
} from '../lib/units.ts';
import { PRESETS } from '../rules/presets.ts';
import { bucketRatesExpr, countMetricOf, errorShareExpr, quantileExpr } from '../rules/queries.ts';
import type { LatencyFamily, LatencyObjective } from '../rules/rule.ts';
import { resolveName } from '../traces/resolve-service.ts';
import type { Answer } from './answer.ts';
import { type ServiceLabel, type SloReportDeps, sloRows } from './report-slo-status.ts';
import type { SloRow } from './slo-views.ts';

const QUANTILES = [0.5, 0.95, 0.99] as const;

const COLUMNS = [
  ['now', ms(0)],
  ['an hour ago', HOUR],
  ['a day ago', DAY],
] as const satisfies readonly (readonly [LatencyView['columns'][number]['label'], Milliseconds])[];

/** A rate over less than this misses scrapes; over more it smooths a short breach away. */
const CHART_WINDOW = { min: MINUTE, max: ms(5 * MINUTE) } as const;

type Column = LatencyView['columns'][number];

/** What notification a service's latency needs. */
export interface LatencyReportDeps extends SloReportDeps {
  readonly metrics: Pick<MetricsSource, 'instant' | 'range' | 'labelValues'>;
  readonly links: Links;
  readonly clock: Clock;
}

/** Where a service's latency is measured: the histogram, and the labels that pick the service in it. */
interface Measured {
  readonly family: LatencyFamily;
  readonly matchLabels: Labels;
  readonly service: ServiceLabel;
  /** It is nobody's destination, so this is how long its own calls took: a gateway. */
  readonly isCaller?: true;
}

interface Asking {
  readonly deps: LatencyReportDeps;
  readonly measured: Measured;
  readonly signal: AbortSignal | undefined;
}

/**
 * Answers `/latency <service>`: quantiles, rate and errors over the last `last`, an hour and a day before, the SLOs that
 * watch the service, the p99 as a line, and the present notified apart by version, outcome, and end of the call. The histograms are those of the rules; without rules, Istio's.
 * Throws `UpstreamError` when Prometheus does not answer.
 */
export function createLatencyReport(deps: LatencyReportDeps) {
  return async (
    asked: { readonly service: string; readonly last: Milliseconds; readonly now: EpochMs },
    signal?: AbortSignal,
  ): Promise<Answer> => {
    const found = await findMeasured(deps, asked.service, signal);
    if (found.kind !== 'measured') {
      const { nearest, all } = found;
      return { kind: 'unknown-service', asked: asked.service, nearest, all, retry: '/latency {service}' };
    }
    const { measured } = found;
    const asking = { deps, measured, signal };
    const [columns, chart, slos, { breakdown, notices }] = await Promise.all([
      Promise.all(
        COLUMNS.map(([label, ago]) =>
          column(asking, { label, at: before(asked.now, ago), window: asked.last }),
        ),
      ),
      chartOf(asking, { end: asked.now, span: asked.last }),
      sloRows(deps, { now: asked.now, only: measured.service }, signal),
      breakdownOf(asking, { at: asked.now, window: asked.last }),
    ]);
    const view = viewOf({ deps, asked, measured, columns, chart, slos });
    return {
      kind: 'latency',
      view: {
        ...view,
        ...(breakdown === undefined ? {} : { breakdown }),
        notices: [...view.notices, ...notices],
      },
    };
  };
}

function viewOf(given: {
  deps: LatencyReportDeps;
  asked: { readonly last: Milliseconds; readonly now: EpochMs };
  measured: Measured;
  columns: readonly Column[];
  chart: ChartView | undefined;
  slos: LatencyView['slos'];
}): LatencyView {
  const { deps, asked, measured, columns, chart, slos } = given;
  const window = { start: before(asked.now, asked.last), end: asked.now };
  const p99Over = (span: Milliseconds): string =>
    quantileExpr(measured, measured.matchLabels, { quantile: ratio(0.99), window: span });
  const expr = p99Over(chartWindow(asked.last));
  const links = [
    { label: 'Prometheus', url: deps.links.graph({ expr, window, figure: p99Over(asked.last) }) },
    {
      label: 'Grafana',
      url:
        deps.links.grafanaDashboard({ service: measured.service.value, window }) ??
        deps.links.grafanaExplore({ expr, window }),
    },
  ].flatMap(({ label, url }) => (url === undefined ? [] : [{ label, url }]));
  return {
    service: measured.service.value,
    window: asked.last,
    at: asked.now,
    columns,
    slos,
    chart,
    notices: [...(measured.isCaller === true ? [AS_CALLER] : []), ...noticesOf(columns)],
    links,
  };
}

const AS_CALLER =
  'No other service calls it through the mesh: these are the requests it passed on, as its own proxy measured them.';

/** Beyond this the figures are shown without it. */
const BREAKDOWN_DEADLINE = ms(6_000);

/** The breakdown is an extra: when it cannot be had, the figures stand without it, and a line says so. */
async function breakdownOf(
  { deps: { metrics, clock }, measured: { family, matchLabels }, signal }: Asking,
  period: { readonly at: EpochMs; readonly window: Milliseconds },
): Promise<{ readonly breakdown?: LatencyBreakdown; readonly notices: readonly string[] }> {
  try {
    const breakdown = await withDeadline(
      { clock, duration: BREAKDOWN_DEADLINE, system: 'prometheus', signal },
      (either) => breakDownLatency(metrics, { family, matchLabels, ...period }, either),
    );
    return { breakdown, notices: [] };
  } catch (error) {
    if (!(error instanceof UpstreamError)) throw error;
    return { notices: [`It could not be notified apart by version and outcome: ${error.message}`] };
  }
}

function noticesOf(columns: readonly Column[]): readonly string[] {
  const empty = columns.filter(({ quantiles }) => quantiles.length === 0).map(({ label }) => label);
  return empty.length === 0 ? [] : [`No requests were measured ${empty.join(' and ')}.`];
}

type Found =
  | { readonly kind: 'measured'; readonly measured: Measured }
  | { readonly kind: 'unknown'; readonly nearest: readonly string[]; readonly all: readonly string[] };

/** The histograms the rules use, each once; without any, the preset for Istio's sidecars. */
function families(objectives: readonly LatencyObjective[]): readonly LatencyFamily[] {
  const byIdentity = new Map(
    objectives.map(({ family }) => [`${family.metric}{${family.selector}}${family.serviceLabel}`, family]),
  );
  return byIdentity.size === 0 ? [PRESETS.istio.family] : [...byIdentity.values()];
}

async function findMeasured(deps: LatencyReportDeps, name: string, signal?: AbortSignal): Promise<Found> {
  const all = new Set<string>();
  for (const family of families(deps.rules().objectives)) {
    const match = `${countMetricOf(family)}{${family.selector}}`;
    const names = await deps.metrics.labelValues({ label: family.serviceLabel, match }, signal);
    const measured = pick(family, name, names);
    if (measured !== undefined) return { kind: 'measured', measured };
    for (const known of names) all.add(known);
  }
  for (const family of families(deps.rules().objectives).filter(hasTwoSides)) {
    const caller = await findCaller(deps, { family, name }, signal);
    if (caller !== undefined) return { kind: 'measured', measured: caller };
  }
  const resolved = resolveName(name, [...all]);
  const nearest = resolved.kind === 'unknown' ? resolved.nearest : [];
  return { kind: 'unknown', nearest, all: [...all].sort() };
}

/**
 * The service under its own name, or as tracing names it: `checkout.shop` is `checkout` in the namespace `shop`, where
 * the histogram is Istio's.
 */
function pick(family: LatencyFamily, name: string, known: readonly string[]): Measured | undefined {
  const resolved = resolveName(name, known);
  if (resolved.kind === 'found') return measuredAs(family, resolved.service);
  const [service = '', namespace = ''] = name.split('.');
  if (!known.includes(service)) return undefined;
  const namespaceLabel = NAMESPACES.find(([start]) => family.serviceLabel.startsWith(start))?.[1];
  return measuredAs(family, service, namespaceLabel === undefined ? {} : { [namespaceLabel]: namespace });
}

/** A workload that calls others and that nobody calls through the mesh: a gateway above all. */
async function findCaller(
  { metrics }: LatencyReportDeps,
  { family, name }: { readonly family: LatencyFamily; readonly name: string },
  signal?: AbortSignal,
): Promise<Measured | undefined> {
  const seen: LatencyFamily = { ...atSource(family), serviceLabel: 'source_workload' };
  const match = `${seen.metric}_count{${seen.selector}}`;
  const names = await metrics.labelValues({ label: seen.serviceLabel, match }, signal);
  const measured = pick(seen, name, names);
  return measured === undefined ? undefined : { ...measured, isCaller: true };
}

/** Where Istio's histogram names a service's namespace, by the label that names the service. */
const NAMESPACES: readonly (readonly [string, string])[] = [
  ['destination_', 'destination_service_namespace'],
  ['source_', 'source_workload_namespace'],
];

function measuredAs(family: LatencyFamily, service: string, more: Labels = {}): Measured {
  return {
    family,
    matchLabels: { [family.serviceLabel]: service, ...more },
    service: { label: family.serviceLabel, value: service },
  };
}

async function column(
  { deps: { metrics }, measured, signal }: Asking,
  { label, at, window }: { label: Column['label']; at: EpochMs; window: Milliseconds },
): Promise<Column> {
  const errors = errorShareExpr(measured, measured.matchLabels, { window });
  const [rates, failed] = await Promise.all([
    metrics.instant({ expr: bucketRatesExpr(measured, measured.matchLabels, { window }), at }, signal),
    errors === undefined ? [] : metrics.instant({ expr: errors, at }, signal),
  ]);
  const buckets = bucketsOf(rates);
  const all = buckets.find(({ le }) => le === Number.POSITIVE_INFINITY)?.count;
  const share = failed[0]?.value;
  return {
    label,
    quantiles: QUANTILES.flatMap((quantile) => estimateOf(measured.family, quantile, buckets) ?? []),
    requestsPerSecond: all,
    errorShare: share === undefined || Number.isNaN(share) ? undefined : share,
  };
}

const chartWindow = (span: Milliseconds): Milliseconds =>
  ms(Math.min(CHART_WINDOW.max, Math.max(CHART_WINDOW.min, Math.ceil(span / CHART_POINTS / 1_000) * 1_000)));

/** The p99 over the asked time. A chart is an extra: when it cannot be had, the figures stand without it. */
async function chartOf(
  { deps, measured, signal }: Asking,
  { end, span }: { end: EpochMs; span: Milliseconds },
): Promise<ChartView | undefined> {
  const step = ms(Math.max(1_000, Math.floor(span / (CHART_POINTS - 1))));
  const window = { start: epochMs(end - step * (CHART_POINTS - 1)), end };
  const expr = quantileExpr(measured, measured.matchLabels, {
    quantile: ratio(0.99),
    window: chartWindow(span),
  });
  const series = await deps.metrics.range({ expr, window, step }, signal).catch((error: unknown) => {
    if (error instanceof UpstreamError) return [];
    throw error;
  });
  // An objective is about what a service answers, not about what it calls.
  const threshold = measured.isCaller === true ? undefined : objectiveOf(deps, measured)?.threshold;
  return latencyChart({
    family: measured.family,
    series: series[0],
    title: `p99 of ${measured.service.value}`,
    name: 'p99',
    threshold: threshold === undefined ? undefined : { name: 'SLO', value: threshold },
  });
}

const objectiveOf = ({ rules }: LatencyReportDeps, { family }: Measured): LatencyObjective | undefined =>
  rules().objectives.find((objective) => objective.family.metric === family.metric);

/** Latency of a service, now and before. */
export interface LatencyView {
  readonly service: string;
  readonly window: Milliseconds;
  readonly at: EpochMs;
  readonly columns: readonly {
    readonly label: 'now' | 'an hour ago' | 'a day ago';
    readonly quantiles: readonly QuantileEstimate[];
    readonly requestsPerSecond?: number;
    readonly errorShare?: number;
  }[];
  readonly slos: readonly SloRow[];
  /** The present notified apart, where the histogram's labels can. */
  readonly breakdown?: LatencyBreakdown;
  readonly chart?: ChartView;
  readonly notices: readonly string[];
  readonly links: readonly Link[];
}
