import type { Alert } from '../domain/alert/alert.ts';
import type { Labels } from '../domain/labels.ts';
import { quantileName } from '../domain/slo/histogram.ts';
import { bucketRatesExpr, objectiveLabels, quantileExpr, slowShareExpr } from '../domain/slo/promql.ts';
import type { LatencyObjective, SloRule } from '../domain/slo/rule.ts';
import { type EpochMs, epochMs, MINUTE, type Milliseconds, ms, SECOND } from '../domain/units.ts';
import { type Enrichment, evidenceWindow, serviceOf } from './alert-view.ts';
import { withDeadline } from './deadline.ts';
import { createTracesOf, explain, type TracesOfOptions } from './enrich-traces.ts';
import { type System, UpstreamError } from './errors.ts';
import { bucketsOf, CHART_POINTS, estimateOf, latencyChart, slowBetweenOf } from './measure-latency.ts';
import type { MetricsSource } from './ports.ts';
import type { ChartView } from './views.ts';

export interface EnrichAlertOptions extends TracesOfOptions {
  readonly metrics: Pick<MetricsSource, 'instant' | 'range'>;
  /** How long each part may take. Eight seconds unless given. */
  readonly deadline?: Milliseconds;
}

/** Collects what a person would look up by hand. Never throws: what could not be had is said in a sentence. */
export type EnrichAlert = (of: {
  readonly alert: Alert;
  readonly rule: SloRule;
  /** It is the worst of many that share a message: what all of them are among is counted too. */
  readonly isStorm?: boolean;
}) => Promise<Enrichment>;

const DEADLINE = ms(8 * SECOND);
const SHORTEST_CHART = ms(10 * MINUTE);

/** The parts are fetched side by side, each under its own deadline: one that fails costs its own line only. */
export function createEnrichAlert(options: EnrichAlertOptions): EnrichAlert {
  const { clock, logger, deadline = DEADLINE } = options;

  /** Runs one part; undefined and a sentence in `gaps` when it does not succeed. */
  async function part<T>(
    of: { what: string; system: System; gaps: string[] },
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T | undefined> {
    try {
      return await withDeadline({ clock, duration: deadline, system: of.system }, work);
    } catch (error) {
      of.gaps.push(`${of.what}: ${explain(error, deadline)}`);
      if (!(error instanceof UpstreamError))
        logger.error('an alert could not be enriched', {
          part: of.what,
          error: error instanceof Error ? `${error.name}: ${error.message}` : 'unknown',
        });
      return undefined;
    }
  }

  const tracesOf = createTracesOf(options);

  return async ({ alert, rule, isStorm = false }) => {
    // The bot's own message on a source that does not answer: there is nobody to ask.
    if (rule.about === 'source') return { traces: { kind: 'pending' }, gaps: [] };
    const gaps: string[] = [];
    const { objective } = rule;
    const [measured, traced, watched] = await Promise.all([
      objective === undefined ? undefined : measure(options, part, { alert, rule, objective, gaps }),
      tracesOf({ alert, rule, deadline }),
      isStorm
        ? part({ what: 'No count', system: 'prometheus', gaps }, (signal) =>
            countOf(options, { alert, rule }, signal),
          )
        : undefined,
    ]);
    return { ...measured, ...traced, ...(watched === undefined ? {} : { watched }), gaps };
  };
}

/** How many series a rule gives a verdict for; undefined where only those that breach can be asked for. */
async function countOf(
  { metrics }: EnrichAlertOptions,
  { alert, rule }: { readonly alert: Alert; readonly rule: SloRule },
  signal: AbortSignal,
): Promise<number | undefined> {
  if (rule.evidence === undefined) return undefined;
  const [all] = await metrics.instant(
    { expr: `count(${rule.evidence.expr})`, at: alert.resolvedAt ?? alert.seenAt },
    signal,
  );
  return all?.value;
}

type Part = <T>(
  of: { what: string; system: System; gaps: string[] },
  work: (signal: AbortSignal) => Promise<T>,
) => Promise<T | undefined>;

interface Breach {
  readonly alert: Alert;
  readonly rule: SloRule;
  readonly objective: LatencyObjective;
  readonly gaps: string[];
}

async function measure(
  { metrics }: EnrichAlertOptions,
  part: Part,
  breach: Breach,
): Promise<Pick<Enrichment, 'latency' | 'slowShare' | 'slowBetween' | 'burnRate' | 'chart'>> {
  const { alert, rule, objective, gaps } = breach;
  const labels = objectiveLabels(objective, alert.labels);
  const { window, quantile, threshold } = objective;
  const at = alert.resolvedAt ?? alert.seenAt;
  const system = 'prometheus';
  const [estimated, fetchedShare, chart] = await Promise.all([
    // What an ended alert's quantile looks back on is the breach itself: beside "recovered" it would mislead.
    alert.state === 'resolved'
      ? undefined
      : part({ what: `No ${quantileName(quantile)}`, system, gaps }, (signal) =>
          estimate(metrics, { objective, labels, at }, signal),
        ),
    // The verdict of a short-form rule is this share already.
    rule.valueKind === 'slow-share'
      ? alert.value
      : part({ what: 'No share of slow requests', system, gaps }, async (signal) => {
          const expr = slowShareExpr(objective, labels, { window, threshold });
          return (await metrics.instant({ expr, at }, signal))[0]?.value;
        }),
    part({ what: 'No chart', system, gaps }, (signal) => chartOf(metrics, { breach, labels, at }, signal)),
  ]);
  const slowShare = fetchedShare === undefined || Number.isNaN(fetchedShare) ? undefined : fetchedShare;
  return {
    ...estimated,
    ...(slowShare === undefined ? {} : { slowShare }),
    ...(slowShare === undefined || quantile >= 1 ? {} : { burnRate: slowShare / (1 - quantile) }),
    ...(chart === undefined ? {} : { chart }),
  };
}

async function estimate(
  metrics: EnrichAlertOptions['metrics'],
  of: { objective: LatencyObjective; labels: Labels; at: EpochMs },
  signal: AbortSignal,
): Promise<Pick<Enrichment, 'latency' | 'slowBetween'>> {
  const { objective, labels, at } = of;
  const { quantile, window } = objective;
  const rates = await metrics.instant({ expr: bucketRatesExpr(objective, labels, { window }), at }, signal);
  const buckets = bucketsOf(rates);
  const latency = estimateOf(objective.family, quantile, buckets);
  const slowBetween = objective.isApproximate === true ? slowBetweenOf(objective, buckets) : undefined;
  return {
    ...(latency === undefined ? {} : { latency }),
    ...(slowBetween === undefined ? {} : { slowBetween }),
  };
}

/** The quantile over the breach and what came before it, with the threshold as a second line. */
async function chartOf(
  metrics: EnrichAlertOptions['metrics'],
  of: { breach: Breach; labels: Labels; at: EpochMs },
  signal: AbortSignal,
): Promise<ChartView | undefined> {
  const { alert, rule, objective } = of.breach;
  const { quantile, window, threshold } = objective;
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
    title: `${quantileName(quantile)} of ${serviceOf(alert, rule) ?? rule.name}`,
    name: quantileName(quantile),
    threshold: { name: 'objective', value: threshold },
  });
}
