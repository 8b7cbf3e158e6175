import { atSource, breakDownLatency, hasTwoSides, type LatencyBreakdown } from '../latency/breakdown.ts';
import { type CallGrowth, callGrowth } from '../latency/calls.ts';
import {
  bucketsOf,
  CHART_POINTS,
  type ChartView,
  estimateOf,
  latencyChart,
  type QuantileEstimate,
} from '../latency/figures.ts';
import { withDeadline } from '../lib/deadline.ts';
import { UpstreamError } from '../lib/errors.ts';
import { timeSpan } from '../lib/format.ts';
import type { Labels } from '../lib/labels.ts';
import { existingLinks, type Link } from '../lib/links.ts';
import {
  before,
  DAY,
  type EpochMs,
  epochMs,
  formatDuration,
  HOUR,
  MINUTE,
  type Milliseconds,
  ms,
  ratio,
} from '../lib/units.ts';
import { PRESETS } from '../rules/presets.ts';
import { equalityMatchers, promqlSelector } from '../rules/promql.ts';
import { bucketRatesExpr, countMetricOf, errorShareExpr, quantileExpr } from '../rules/queries.ts';
import type { LatencyFamily, ServiceObjective } from '../rules/rule.ts';
import { resolveName, withoutAlias } from '../traces/resolve-service.ts';
import { type Answer, SERVICE } from './answer.ts';
import type { CommandDeps, CommandForm, CommandInput, CommandRequest, Parsed, Reply } from './command.ts';
import { requestAmong } from './latency-request.ts';
import { isName, type OptionName, parseOptions, unknownWord, writeName } from './options.ts';
import { type ServiceLabel, type SloRow, sloRows } from './slo-status.ts';

/** Where a service's latency is measured: the histogram, and the labels that select the service in it. */
export interface Measured {
  readonly family: LatencyFamily;
  readonly matchLabels: Labels;
  readonly service: ServiceLabel;
  /** Set where services in several namespaces have its name. */
  readonly namespace?: ServiceLabel;
  /** No service calls it, so its own calls are measured: a gateway. */
  readonly isCaller?: true;
}

/** The histograms of the rules, each once; without rules, the preset for Istio's sidecars. */
function families(objectives: readonly ServiceObjective[]): readonly LatencyFamily[] {
  const byIdentity = new Map(
    objectives.map(({ family }) => [`${family.metric}{${family.selector}}${family.serviceLabel}`, family]),
  );
  return byIdentity.size === 0 ? [PRESETS.istio.family] : [...byIdentity.values()];
}

type UnknownService = Extract<Answer, { readonly kind: 'unknown-service' }>;

/** Finds where a service is measured. Throws `UpstreamError`. */
async function findMeasured(
  deps: Pick<CommandDeps, 'ruleSet' | 'metrics'>,
  name: string,
  signal: AbortSignal,
): Promise<Measured | UnknownService> {
  const { ruleSet, metrics } = deps;
  const all = new Set<string>();
  const { naming, objectives } = ruleSet();
  const used = families(objectives);
  for (const family of used) {
    const match = promqlSelector(countMetricOf(family), [family.selector]);
    const names = await metrics.labelValues({ label: family.serviceLabel, match }, signal);
    const measured = pick(family, withoutAlias(name, names, naming), names);
    if (measured !== undefined) return await inOneNamespace(deps, measured, signal);
    for (const known of names) all.add(known);
  }
  for (const family of used.filter(hasTwoSides)) {
    // A workload that calls others and that no service calls through the mesh: a gateway above all.
    const calling = { ...atSource(family), serviceLabel: 'source_workload' };
    const match = promqlSelector(`${calling.metric}_count`, [calling.selector]);
    const names = await metrics.labelValues({ label: calling.serviceLabel, match }, signal);
    const measured = pick(calling, withoutAlias(name, names, naming), names);
    if (measured !== undefined) return { ...measured, isCaller: true };
  }
  const resolved = resolveName(name, [...all]);
  const nearest = resolved.kind === 'unknown' ? resolved.nearest : [];
  return { kind: 'unknown-service', name, nearest, all: [...all].sort(), retry: RETRY };
}

const RETRY = `/latency ${SERVICE}`;

/**
 * The service under its own name, or as tracing names it: `checkout.shop` is `checkout` in the namespace `shop`, where
 * the histogram has the label of a namespace.
 */
function pick(family: LatencyFamily, name: string, known: readonly string[]): Measured | undefined {
  const resolved = resolveName(name, known);
  if (resolved.kind === 'found') return measuredAs(family, resolved.service);
  const [service = '', namespace = ''] = name.split('.');
  if (!known.includes(service)) return undefined;
  return measuredAs(family, service, { label: namespaceLabelOf(family), value: namespace });
}

/**
 * Services of one name in several namespaces are never added up: the typed or the default namespace is used, or a person
 * chooses. A histogram without the label of a namespace has none.
 */
async function inOneNamespace(
  { metrics, ruleSet }: Pick<CommandDeps, 'ruleSet' | 'metrics'>,
  { family, service, namespace }: Measured,
  signal: AbortSignal,
): Promise<Measured | UnknownService> {
  const label = namespaceLabelOf(family);
  const match = selectorOf(measuredAs(family, service.value));
  const known = (await metrics.labelValues({ label, match }, signal)).filter((value) => value !== '');
  if (known.length === 0 || (known.length === 1 && namespace === undefined))
    return measuredAs(family, service.value);
  const names = known.map((value) => `${service.value}.${value}`).sort();
  const typed = namespace === undefined ? service.value : `${service.value}.${namespace.value}`;
  const resolved = resolveName(typed, names, ruleSet().naming);
  if (resolved.kind === 'found')
    return measuredAs(family, service.value, {
      label,
      value: resolved.service.slice(service.value.length + 1),
    });
  return {
    kind: 'unknown-service',
    name: typed,
    isAmbiguous: namespace === undefined ? true : undefined,
    nearest: names.slice(0, MAX_NAMESPACES),
    all: names,
    retry: RETRY,
  };
}

/** The series with one sample for each histogram of a service. */
const selectorOf = ({ family, matchLabels }: Pick<Measured, 'family' | 'matchLabels'>): string =>
  promqlSelector(countMetricOf(family), [family.selector, equalityMatchers(matchLabels)]);

/** Buttons for namespaces; a menu has all of them. */
const MAX_NAMESPACES = 3;

/** The label of a service's namespace, by the label of the service: Istio's two sides, OpenTelemetry's, Kubernetes's. */
const NAMESPACES: readonly (readonly [start: string, label: string])[] = [
  ['destination_', 'destination_service_namespace'],
  ['source_', 'source_workload_namespace'],
  ['service_name', 'service_namespace'],
  ['service.name', 'service.namespace'],
];

const namespaceLabelOf = ({ serviceLabel }: LatencyFamily): string =>
  NAMESPACES.find(([start]) => serviceLabel.startsWith(start))?.[1] ?? 'namespace';

function measuredAs(family: LatencyFamily, service: string, namespace?: ServiceLabel): Measured {
  return {
    family,
    matchLabels: {
      [family.serviceLabel]: service,
      ...(namespace === undefined ? {} : { [namespace.label]: namespace.value }),
    },
    service: { label: family.serviceLabel, value: service },
    namespace,
  };
}

/** The service, with its namespace where several exist. */
const titleOf = ({ service, namespace }: Measured): string =>
  namespace === undefined ? service.value : `${service.value}.${namespace.value}`;

/** `/latency <service>`. */
export interface LatencyCommand {
  readonly kind: 'latency';
  readonly service: string;
  readonly last: Milliseconds;
}

/** The latency of a service, now and before. */
export interface LatencyView {
  readonly service: string;
  readonly window: Milliseconds;
  readonly at: EpochMs;
  readonly columns: readonly LatencyColumn[];
  readonly slos: readonly SloRow[];
  /** The column `now` by version and outcome, where the histogram has such labels. */
  readonly breakdown?: LatencyBreakdown;
  /** The services that call it and that it calls, the largest growth first; of a mesh's histogram only. */
  readonly calls: readonly CallGrowth[];
  readonly chart?: ChartView;
  readonly notices: readonly string[];
  readonly links: readonly Link[];
}

/** The figures of one time. What is missing was not measured. */
export interface LatencyColumn {
  /** `last` is the window of the command; `now` is its last minutes. */
  readonly label: 'now' | 'last' | 'an hour ago' | 'a day ago';
  readonly window: Milliseconds;
  readonly quantiles: readonly QuantileEstimate[];
  /** Over the part of the window that has data. */
  readonly requestsPerSecond?: number;
  readonly errorShare?: number;
}

const DEFAULT_LAST = HOUR;
const OPTIONS: readonly OptionName[] = ['last', 'share'];

export const latencyOfService: CommandForm<LatencyCommand> = {
  slash: '/latency',
  kind: 'latency',
  usage: '<service> [last 1h] [share]',
  example: 'checkout last 30m',
  summary: 'p50, p95, p99 now, an hour ago, a day ago; rate, errors, SLOs; by version and outcome',
  system: 'prometheus',
  parse,
  write: ({ service, last }) => `${writeName(service)} last ${formatDuration(last)}`,
  run,
};

function parse({ tokens }: CommandInput): Parsed<LatencyCommand> | undefined {
  const parsed = parseOptions(tokens, OPTIONS);
  if ('problem' in parsed) return parsed;
  if (requestAmong(parsed.words) !== undefined) return undefined;
  const [service, extra] = parsed.words;
  if (service === undefined || !isName(service.text))
    return { problem: 'Specify a service: /latency checkout.' };
  if (extra !== undefined) return unknownWord(tokens, extra, OPTIONS);
  const { last = DEFAULT_LAST, share = false } = parsed.options;
  return { command: { kind: 'latency', service: service.text, last }, share };
}

const QUANTILES = [0.5, 0.95, 0.99] as const;

/** Long enough for a few scrapes and a p99, short enough to be the state of now. */
const NOW: Milliseconds = ms(5 * MINUTE);

type ColumnTime = Pick<LatencyColumn, 'label' | 'window'> & { readonly ago: Milliseconds };

const columnTimes = (last: Milliseconds): readonly ColumnTime[] => [
  { label: 'now', window: ms(Math.min(NOW, last)), ago: ms(0) },
  ...(last > NOW ? [{ label: 'last', window: last, ago: ms(0) } as const] : []),
  { label: 'an hour ago', window: last, ago: HOUR },
  { label: 'a day ago', window: last, ago: DAY },
];

/** A rate over a shorter window misses scrapes; over a longer one it smooths a short breach away. */
const CHART_WINDOW = { min: MINUTE, max: ms(5 * MINUTE) } as const;

/** The measurements of one answer. */
interface Measurement {
  readonly deps: CommandDeps;
  readonly measured: Measured;
  readonly now: EpochMs;
  readonly last: Milliseconds;
  readonly signal: AbortSignal;
}

/**
 * Quantiles, rate and errors over `last`, now, an hour and a day before; the SLOs of the service; the p99 as a chart; and
 * a breakdown by version, outcome, and side of the call. The histograms are those of the rules; without rules, Istio's.
 */
async function run(
  { command, now, signal }: CommandRequest<LatencyCommand>,
  deps: CommandDeps,
): Promise<Reply<LatencyCommand>> {
  const measured = await findMeasured(deps, command.service, signal);
  if ('kind' in measured) return { answer: measured };
  const { namespace } = measured;
  const measurement = { deps, measured, now, last: command.last, signal };
  const [measuredColumns, chart, slos, { breakdown, calls, notices }] = await Promise.all([
    Promise.all(columnTimes(command.last).map((time) => columnOf(measurement, time))),
    chartOf(measurement),
    sloRows(deps, {
      now,
      only: namespace === undefined ? [measured.service] : [measured.service, namespace],
      signal,
    }),
    breakdownOf(measurement),
  ]);
  const columns = measuredColumns.map(({ column }) => column);
  // The column of the whole window.
  const covered = measuredColumns[command.last > NOW ? 1 : 0]?.covered ?? 1;
  const view: LatencyView = {
    service: titleOf(measured),
    window: command.last,
    at: now,
    columns,
    slos,
    breakdown,
    calls: calls.map((call) => ({ ...call, requestsPerSecond: call.requestsPerSecond / covered })),
    chart,
    notices: [...(measured.isCaller === true ? [AS_CALLER] : []), ...emptyColumns(columns), ...notices],
    links: linksOf(measurement),
  };
  return { answer: { kind: 'latency', view }, again: command };
}

const AS_CALLER =
  'No service calls it through the mesh. These are the requests it forwarded, as measured by its own proxy.';

function linksOf({ deps: { links }, measured, now, last }: Measurement): readonly Link[] {
  const window = { start: before(now, last), end: now };
  const expr = p99Expr(measured, chartWindow(last));
  const { service, namespace } = measured;
  const grafana =
    links.grafanaDashboard({ service: service.value, namespace: namespace?.value, window }) ??
    links.grafanaExplore({ expr, window });
  return existingLinks([
    ['Prometheus', links.graph({ expr, window, figure: p99Expr(measured, last) })],
    ['Grafana', grafana],
  ]);
}

/** The quantile in the chart: only the threshold of an objective on the same one belongs into it. */
const CHARTED = ratio(0.99);

const p99Expr = (measured: Measured, window: Milliseconds): string =>
  quantileExpr(measured, measured.matchLabels, { quantile: CHARTED, window });

/** The figures are shown without a breakdown that takes longer. */
const BREAKDOWN_DEADLINE = ms(6_000);

interface Details {
  readonly breakdown?: LatencyBreakdown;
  readonly calls: readonly CallGrowth[];
  readonly notices: readonly string[];
}

async function breakdownOf({
  deps: { metrics, clock },
  measured: { family, matchLabels, service, namespace },
  now: at,
  last: window,
  signal,
}: Measurement): Promise<Details> {
  const of = { service: service.value, namespace: namespace?.value, at, window, ago: HOUR };
  try {
    const [breakdown, calls] = await withDeadline(
      { clock, duration: BREAKDOWN_DEADLINE, system: 'prometheus', signal },
      (either) =>
        Promise.all([
          breakDownLatency(metrics, { family, matchLabels, at, window }, either),
          hasTwoSides(family) ? callGrowth(metrics, of, either) : [],
        ]),
    );
    return { breakdown, calls: calls.slice(0, MAX_CALLS), notices: [] };
  } catch (error) {
    if (!(error instanceof UpstreamError)) throw error;
    return { calls: [], notices: [`No breakdown by version and outcome: ${error.message}`] };
  }
}

const MAX_CALLS = 20;

function emptyColumns(columns: readonly LatencyColumn[]): readonly string[] {
  const empty = columns.filter(({ quantiles }) => quantiles.length === 0).map(timeOf);
  return empty.length === 0 ? [] : [`No requests were measured ${empty.join(' and ')}.`];
}

const timeOf = ({ label, window }: LatencyColumn): string => {
  if (label === 'now') return `in the last ${timeSpan(window)}`;
  return label === 'last' ? `in ${timeSpan(window)}` : label;
};

/** A column, and the share of its window that has data. */
interface MeasuredColumn {
  readonly column: LatencyColumn;
  readonly covered: number;
}

async function columnOf(measurement: Measurement, time: ColumnTime): Promise<MeasuredColumn> {
  const { deps, measured, now, signal } = measurement;
  const { metrics } = deps;
  const { label, window, ago } = time;
  const at = before(now, ago);
  const errors = errorShareExpr(measured, measured.matchLabels, { window });
  const [rates, failed, covered] = await Promise.all([
    metrics.instant({ expr: bucketRatesExpr(measured, measured.matchLabels, { window }), at }, signal),
    errors === undefined ? [] : metrics.instant({ expr: errors, at }, signal),
    coveredShare(measurement, { at, window }),
  ]);
  const buckets = bucketsOf(rates);
  const share = failed[0]?.value;
  const rate = buckets.find(({ le }) => le === Number.POSITIVE_INFINITY)?.count;
  const column: LatencyColumn = {
    label,
    window,
    quantiles: QUANTILES.flatMap((quantile) => estimateOf(measured.family, quantile, buckets) ?? []),
    requestsPerSecond: rate === undefined ? undefined : rate / covered,
    errorShare: share === undefined || Number.isNaN(share) ? undefined : share,
  };
  return { column, covered };
}

/** How finely the beginning and the end of the data are looked for. */
const COVERED_STEPS = 100;

/**
 * The share of a window between its first and its last sample: `rate` divides by the whole window, also when Prometheus
 * or the service is younger.
 */
async function coveredShare(
  { deps: { metrics }, measured, signal }: Measurement,
  { at, window }: { readonly at: EpochMs; readonly window: Milliseconds },
): Promise<number> {
  const expr = `group(${selectorOf(measured)})`;
  const step = ms(Math.max(1_000, Math.round(window / COVERED_STEPS / 1_000) * 1_000));
  const [series] = await metrics.range(
    { expr, window: { start: before(at, window), end: at }, step },
    signal,
  );
  const { points = [] } = series ?? {};
  const [first, last] = [points[0], points.at(-1)];
  if (first === undefined || last === undefined || last.at === first.at) return 1;
  const missing = window - (last.at - first.at);
  return missing <= 2 * step ? 1 : 1 - missing / window;
}

const chartWindow = (span: Milliseconds): Milliseconds =>
  ms(Math.min(CHART_WINDOW.max, Math.max(CHART_WINDOW.min, Math.ceil(span / CHART_POINTS / 1_000) * 1_000)));

/** The p99 over the time of the command. The figures are shown without a chart that cannot be fetched. */
async function chartOf({
  deps: { metrics, ruleSet },
  measured,
  now: end,
  last,
  signal,
}: Measurement): Promise<ChartView | undefined> {
  const step = ms(Math.max(1_000, Math.floor(last / (CHART_POINTS - 1))));
  const window = { start: epochMs(end - step * (CHART_POINTS - 1)), end };
  const expr = p99Expr(measured, chartWindow(last));
  const [series] = await metrics.range({ expr, window, step }, signal).catch((error: unknown) => {
    if (error instanceof UpstreamError) return [];
    throw error;
  });
  const { family } = measured;
  // An objective is about the requests that a service answers, not about those it makes.
  const objective =
    measured.isCaller === true
      ? undefined
      : ruleSet().objectives.find(
          (each) =>
            each.quantile === CHARTED &&
            each.family.metric === family.metric &&
            each.family.selector === family.selector,
        );
  return latencyChart({
    family,
    series,
    title: `p99 of ${titleOf(measured)}`,
    name: 'p99',
    threshold: objective === undefined ? undefined : { name: 'objective', value: objective.threshold },
  });
}
