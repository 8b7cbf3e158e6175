import type { Alert } from '../alerts/alert.ts';
import type { BudgetView, ErrorBudget } from '../latency/error-budget.ts';
import {
  bucketsOf,
  CHART_POINTS,
  type ChartView,
  estimateOf,
  latencyChart,
  type QuantileEstimate,
  type SlowBetween,
  slowBetweenOf,
} from '../latency/figures.ts';
import type { Clock } from '../lib/clock.ts';
import { withDeadline } from '../lib/deadline.ts';
import { faultText, SYSTEM_NAMES, type System, UpstreamError } from '../lib/errors.ts';
import { quantileName } from '../lib/histogram.ts';
import type { Labels } from '../lib/labels.ts';
import type { Links } from '../lib/links.ts';
import type { Logger } from '../lib/logger.ts';
import type { MetricsSource } from '../lib/metrics-source.ts';
import { after, type EpochMs, epochMs, MINUTE, type Milliseconds, ms, SECOND } from '../lib/units.ts';
import { bucketRatesExpr, objectiveLabels, quantileExpr, slowShareExpr } from '../rules/queries.ts';
import type { LatencyObjective, SloRule } from '../rules/rule.ts';
import type { FindSlowest, TraceRow } from '../traces/find-slowest.ts';
import type { ResolvedService, ResolveService } from '../traces/resolve-service.ts';
import { distinction, evidenceWindow, namespaceOf, serviceOf } from './alert-subject.ts';

/** What is known of the traces behind a breach. */
export type FoundTraces =
  | { readonly kind: 'pending' }
  | {
      readonly kind: 'found';
      readonly rows: readonly TraceRow[];
      readonly completeness: string;
      /** Set when a later search failed: when these were found, and why there are no newer ones. */
      readonly stale?: Stale;
    }
  /** Why there are none: the rest of a sentence after `No traces:`. */
  | { readonly kind: 'unavailable'; readonly reason: string };

/** Evidence of an earlier time, and why there is none of now. */
export interface Stale {
  readonly asOf: EpochMs;
  readonly reason: string;
}

/** What was collected about an alert besides its own value. What is missing is explained in `gaps` or `traces`. */
export interface Evidence {
  readonly latency?: QuantileEstimate;
  readonly slowShare?: number;
  /** Set with an approximate threshold; the rule evaluates `atLeast`. */
  readonly slowBetween?: SlowBetween;
  readonly burnRate?: number;
  readonly budget?: BudgetView;
  readonly chart?: ChartView;
  /** Set when the chart is of an earlier time. */
  readonly staleChart?: Stale;
  readonly traces: FoundTraces;
  /** The name the tracing backend knows the service by. */
  readonly traceService?: string;
  /** What could not be fetched and why: full sentences. */
  readonly gaps: readonly string[];
  /** How many series the rule watches, where many alerts share a message. */
  readonly watched?: number;
}

/** Nothing collected yet: what the first post is rendered from. */
export const NO_EVIDENCE: Evidence = { traces: { kind: 'pending' }, gaps: [] };

/** What collecting the evidence of an alert needs. */
export interface EvidenceOptions extends TracesOfOptions {
  readonly metrics: Pick<MetricsSource, 'instant' | 'range'>;
  /** Absent: no error budget is shown. */
  readonly errorBudget?: ErrorBudget;
  /** How long each part may take. Eight seconds unless given. */
  readonly deadline?: Milliseconds;
}

/** Collects the evidence that a person would look up by hand. Never throws: what could not be fetched is a sentence in `gaps`. */
export type CollectEvidence = (of: {
  readonly alert: Alert;
  readonly rule: SloRule;
  /** Set for the worst of a group: the series that the rule watches are counted too. */
  readonly isAlertGroup?: boolean;
}) => Promise<Evidence>;

const DEADLINE = ms(8 * SECOND);

const CHART_GAP = 'No chart: ';

/** The evidence, with the last traces and the last chart in place of those that a source did not return. */
export function withLast(evidence: Evidence, last: Evidence | undefined, lastAt: EpochMs): Evidence {
  if (last === undefined) return evidence;
  const { traces, gaps } = evidence;
  const chartGap = gaps.find((gap) => gap.startsWith(CHART_GAP));
  const keepsTraces = traces.kind === 'unavailable' && last.traces.kind === 'found';
  const keepsChart = chartGap !== undefined && last.chart !== undefined;
  return {
    ...evidence,
    ...(keepsTraces
      ? {
          traces: {
            ...last.traces,
            stale: { asOf: last.traces.stale?.asOf ?? lastAt, reason: traces.reason },
          },
          traceService: last.traceService,
        }
      : {}),
    ...(keepsChart
      ? {
          chart: last.chart,
          staleChart: {
            asOf: last.staleChart?.asOf ?? lastAt,
            reason: chartGap.slice(CHART_GAP.length),
          },
          gaps: gaps.filter((gap) => gap !== chartGap),
        }
      : {}),
  };
}

/** Spans arrive up to this long after they end. */
const SPANS_ARRIVED: Milliseconds = MINUTE;

/** When the evidence of an alert that ended at `end` is complete: then it is collected a last time. */
export const settlesAt = (end: EpochMs): EpochMs => after(end, SPANS_ARRIVED);

/** Fetches the parts concurrently, each under its own deadline: one that fails costs its own line only. */
export function createEvidenceCollector(options: EvidenceOptions): CollectEvidence {
  const { clock, logger, deadline = DEADLINE } = options;

  /** Runs one part; undefined and a sentence in `gaps` when it fails. */
  async function part<T>(
    of: { what: string; system: System; gaps: string[] },
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T | undefined> {
    try {
      return await withDeadline({ clock, duration: deadline, system: of.system }, work);
    } catch (error) {
      of.gaps.push(`${of.what}: ${explain(error, deadline)}`);
      if (!(error instanceof UpstreamError))
        logger.error('evidence of an alert could not be collected', {
          part: of.what,
          error: faultText(error),
        });
      return undefined;
    }
  }

  const tracesOf = createTracesOf(options);

  return async ({ alert, rule, isAlertGroup = false }) => {
    // The bot's own message on a source that does not respond: nothing to query.
    if (rule.about !== undefined) return { traces: { kind: 'pending' }, gaps: [] };
    const gaps: string[] = [];
    const { objective } = rule;
    const [measured, traced, watched] = await Promise.all([
      objective === undefined ? undefined : measureAlert(options, part, { alert, rule, objective, gaps }),
      tracesOf({ alert, rule, deadline }),
      isAlertGroup
        ? part({ what: 'No count', system: 'prometheus', gaps }, (signal) =>
            countOf(options, { alert, rule }, signal),
          )
        : undefined,
    ]);
    return { ...measured, ...traced, ...(watched === undefined ? {} : { watched }), gaps };
  };
}

/** How many series a rule evaluates; undefined where only breaching ones can be queried. */
async function countOf(
  { metrics }: EvidenceOptions,
  { alert, rule }: { readonly alert: Alert; readonly rule: SloRule },
  signal: AbortSignal,
): Promise<number | undefined> {
  if (rule.recovery === undefined) return undefined;
  const [all] = await metrics.instant(
    { expr: `count(${rule.recovery.expr})`, at: alert.resolvedAt ?? alert.seenAt },
    signal,
  );
  return all?.value;
}

/** What finding the slowest traces of an alert needs. */
export interface TracesOfOptions {
  readonly findSlowest: FindSlowest;
  readonly resolveService: ResolveService;
  readonly links: Pick<Links, 'trace'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The trace search ends this much before its deadline, and what it found by then is shown. */
const LAST_MOMENT = ms(1_500);
/**
 * After Jaeger did not respond, no alert waits for it for this long: with many alerts only the first one waits, and a
 * resolve is not delayed by a search that will fail.
 */
const SPARED_FOR = ms(30 * SECOND);
/** As many as the message shows: its completeness then refers to the last one shown. */
const TRACES = 5;
/** Why a part could not be fetched. */
function explain(error: unknown, deadline: Milliseconds): string {
  if (!(error instanceof UpstreamError)) return 'internal error, see the log.';
  if (error.code === 'timeout')
    return `${SYSTEM_NAMES[error.system]} did not respond within ${Math.round(deadline / SECOND)} s.`;
  return error.message;
}

type TraceEvidence = Pick<Evidence, 'traces' | 'traceService'>;

/** The alert whose traces are wanted, and by when. */
export interface TracesWanted {
  readonly alert: Alert;
  readonly rule: SloRule;
  readonly deadline: Milliseconds;
}

/** The result of a search, and whether Jaeger did not respond. */
interface Searched {
  readonly found: TraceEvidence;
  readonly isOutage: boolean;
}

/** For a while after an outage, returns the last reason at once. */
function sparing(
  clock: Clock,
  search: (of: TracesWanted) => Promise<Searched>,
): (of: TracesWanted) => Promise<TraceEvidence> {
  let outage: { readonly until: EpochMs; readonly found: TraceEvidence } | undefined;
  return async (of) => {
    if (outage !== undefined && clock.now() < outage.until) return outage.found;
    const { found, isOutage } = await search(of);
    outage = isOutage ? { until: after(clock.now(), SPARED_FOR), found } : undefined;
    return found;
  };
}

/** Finds the slowest traces of an alert's service. Never throws: why there are none is the `reason`. */
function createTracesOf(options: TracesOfOptions): (of: TracesWanted) => Promise<TraceEvidence> {
  return sparing(options.clock, (of) => searched(options, of));
}

async function searched(options: TracesOfOptions, of: TracesWanted): Promise<Searched> {
  const { alert, rule, deadline } = of;
  const name = serviceOf(alert, rule);
  if (name === undefined) return { found: unavailable('the alert has no service label.'), isOutage: false };
  const limit = { clock: options.clock, duration: deadline, system: 'jaeger' } as const;
  try {
    const found = await withDeadline(limit, (signal) => slowest(options, { ...of, name }, signal));
    return { found, isOutage: false };
  } catch (error) {
    if (!(error instanceof UpstreamError))
      options.logger.error('the trace search of an alert failed', {
        error: faultText(error),
      });
    const isOutage =
      error instanceof UpstreamError && (error.code === 'timeout' || error.code === 'unavailable');
    return { found: unavailable(explain(error, deadline)), isOutage };
  }
}

const unavailable = (reason: string): TraceEvidence => ({ traces: { kind: 'unavailable', reason } });

async function slowest(
  { findSlowest, resolveService, links, clock }: TracesOfOptions,
  of: TracesWanted & { name: string },
  signal: AbortSignal,
): Promise<TraceEvidence> {
  const { alert, rule, name, deadline } = of;
  const service = chosen(await resolveService(name, signal), `${name}.${namespaceOf(alert) ?? ''}`);
  if (service === undefined) return unavailable(`Jaeger has no service that matches ${name}.`);
  // Ends the search early enough to show what it found.
  const hurry = new AbortController();
  const hurried = new AbortController();
  signal.addEventListener('abort', () => hurry.abort(), { once: true });
  void clock.sleep(ms(Math.max(0, deadline - LAST_MOMENT)), hurried.signal).then(() => hurry.abort());
  try {
    const found = await findSlowest(
      {
        service,
        window: evidenceWindow(alert, rule),
        isFailed: rule.measures === 'errors' ? true : undefined,
        count: TRACES,
      },
      hurry.signal,
    );
    const rows = found.rows.map((row) => {
      const url = links.trace(row.traceId);
      return url === undefined ? row : { ...row, url };
    });
    return { traceService: service, traces: { kind: 'found', rows, completeness: found.completeness } };
  } finally {
    hurried.abort();
  }
}

/** The one matching service: by its name, or, among several, by the alert's namespace. */
function chosen(resolved: ResolvedService, qualified: string): string | undefined {
  if (resolved.kind === 'found') {
    // The alert's namespace takes precedence over the default.
    return resolved.among?.find((each) => each === qualified) ?? resolved.service;
  }
  return resolved.kind === 'ambiguous' ? resolved.candidates.find((each) => each === qualified) : undefined;
}

/** What measuring an alert's figures needs. */
export interface MeasureOptions {
  readonly clock: Pick<Clock, 'now'>;
  readonly metrics: Pick<MetricsSource, 'instant' | 'range'>;
  readonly errorBudget?: ErrorBudget;
}

const SHORTEST_CHART = ms(10 * MINUTE);

/** Runs one part of the collection: undefined, and a sentence in `gaps`, when it fails. */
export type Part = <T>(
  of: { what: string; system: System; gaps: string[] },
  work: (signal: AbortSignal) => Promise<T>,
) => Promise<T | undefined>;

interface Breach {
  readonly alert: Alert;
  readonly rule: SloRule;
  readonly objective: LatencyObjective;
  readonly gaps: string[];
}

/** The quantile with its bucket, the share of slow requests, the burn rate, the budget, and the latency chart. */
async function measureAlert(
  { metrics, errorBudget, clock }: MeasureOptions,
  part: Part,
  breach: Breach,
): Promise<Pick<Evidence, 'latency' | 'slowShare' | 'slowBetween' | 'burnRate' | 'budget' | 'chart'>> {
  const { alert, rule, objective, gaps } = breach;
  const labels = objectiveLabels(objective, alert.series);
  const { window, quantile, threshold } = objective;
  const at = alert.resolvedAt ?? alert.seenAt;
  const system = 'prometheus';
  const [estimated, fetchedShare, budget, chart] = await Promise.all([
    // The look-back of an ended alert's quantile is the breach itself, which is misleading beside "recovered".
    alert.state === 'resolved'
      ? undefined
      : part({ what: `No ${quantileName(quantile)}`, system, gaps }, (signal) =>
          estimate(metrics, { objective, labels, at }, signal),
        ),
    // The value of a short-form rule is this share.
    rule.valueKind === 'slow-share'
      ? alert.value
      : part({ what: 'No share of slow requests', system, gaps }, async (signal) => {
          const expr = slowShareExpr(objective, labels, { window, threshold });
          return (await metrics.instant({ expr, at }, signal))[0]?.value;
        }),
    errorBudget === undefined
      ? undefined
      : part({ what: 'No error budget', system, gaps }, () => errorBudget({ objective, labels, at })),
    part({ what: CHART_GAP.slice(0, -2), system, gaps }, (signal) =>
      chartOf(metrics, { breach, labels, at: chartEnd(breach, clock.now()) }, signal),
    ),
  ]);
  if (budget?.kind === 'unknown') gaps.push(`No error budget: ${budget.reason}.`);
  return {
    ...sharesOf(breach, { ...estimated, fetchedShare }),
    ...(budget?.kind === 'known' ? { budget } : {}),
    ...(chart === undefined ? {} : { chart }),
  };
}

type Figures = Pick<Evidence, 'latency' | 'slowShare' | 'slowBetween' | 'burnRate'>;

/** The figures that belong together; one that is missing is explained in `gaps`. */
function sharesOf(
  { alert, objective: { quantile, isApproximate }, gaps }: Breach,
  { latency, slowBetween, fetchedShare }: Figures & { fetchedShare: number | undefined },
): Figures {
  const isKnown = fetchedShare !== undefined && !Number.isNaN(fetchedShare);
  if (alert.state !== 'resolved' && latency === undefined && gaps.length === 0)
    gaps.push(`No ${quantileName(quantile)}: no requests in the objective's window.`);
  return {
    latency,
    // Beside an exact share the bounds are redundant.
    slowBetween: slowBetween === undefined || (isKnown && isApproximate !== true) ? undefined : slowBetween,
    slowShare: isKnown ? fetchedShare : undefined,
    burnRate: isKnown && quantile < 1 ? fetchedShare / (1 - quantile) : undefined,
  };
}

async function estimate(
  metrics: MeasureOptions['metrics'],
  of: { objective: LatencyObjective; labels: Labels; at: EpochMs },
  signal: AbortSignal,
): Promise<Pick<Evidence, 'latency' | 'slowBetween'>> {
  const { objective, labels, at } = of;
  const { quantile, window } = objective;
  const rates = await metrics.instant({ expr: bucketRatesExpr(objective, labels, { window }), at }, signal);
  const buckets = bucketsOf(rates);
  const latency = estimateOf(objective.family, quantile, buckets);
  const slowBetween = slowBetweenOf(objective, buckets);
  return {
    latency,
    slowBetween,
  };
}

/** A resolved alert's chart goes on until the recovery shows in it. */
function chartEnd({ alert: { resolvedAt, seenAt } }: Breach, now: EpochMs): EpochMs {
  if (resolvedAt === undefined) return seenAt;
  return epochMs(Math.max(resolvedAt, Math.min(now, settlesAt(resolvedAt))));
}

/** What a chart is about, as in the headline: `checkout (prod)`. */
function chartSubject(alert: Alert, rule: SloRule): string {
  const others = distinction(alert, rule);
  const name = serviceOf(alert, rule) ?? rule.name;
  return others.length === 0 ? name : `${name} (${others.join(', ')})`;
}

/** The quantile over the breach and what came before it, with the threshold as a second line. */
async function chartOf(
  metrics: MeasureOptions['metrics'],
  of: { breach: Breach; labels: Labels; at: EpochMs },
  signal: AbortSignal,
): Promise<ChartView | undefined> {
  const { alert, rule, objective } = of.breach;
  const { quantile, threshold } = objective;
  // The look-back of the recovery condition is short enough to show the end, and holds enough scrapes for the rule.
  const window = ms(Math.min(objective.window, rule.recovery?.window ?? objective.window));
  const span = Math.max(SHORTEST_CHART, of.at - evidenceWindow(alert, rule).start);
  const step = ms(Math.ceil(span / (CHART_POINTS - 1) / SECOND) * SECOND);
  const [series] = await metrics.range(
    {
      expr: quantileExpr(objective, of.labels, { quantile, window }),
      window: { start: epochMs(of.at - step * (CHART_POINTS - 1)), end: of.at },
      step,
    },
    signal,
  );
  return latencyChart({
    family: objective.family,
    series,
    title: `${quantileName(quantile)} of ${chartSubject(alert, rule)}`,
    // A point is interpolated inside its bucket.
    name: `${quantileName(quantile)}, interpolated`,
    threshold: { name: 'objective', value: threshold },
  });
}
