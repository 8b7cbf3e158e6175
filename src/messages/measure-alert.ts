import type { Alert } from '../alerts/alert.ts';
import type { ErrorBudget } from '../latency/error-budget.ts';
import type { ChartView } from '../latency/figures.ts';
import { bucketsOf, CHART_POINTS, estimateOf, latencyChart, slowBetweenOf } from '../latency/figures.ts';
import type { System } from '../lib/errors.ts';
import { quantileName } from '../lib/histogram.ts';
import type { Labels } from '../lib/labels.ts';
import type { MetricsSource } from '../lib/metrics-source.ts';
import { type EpochMs, epochMs, MINUTE, ms, SECOND } from '../lib/units.ts';
import { bucketRatesExpr, objectiveLabels, quantileExpr, slowShareExpr } from '../rules/queries.ts';
import type { LatencyObjective, SloRule } from '../rules/rule.ts';
import { evidenceWindow, serviceOf } from './alert-subject.ts';
import type { Evidence } from './evidence.ts';

/** What measuring an alert's figures needs. */
export interface MeasureOptions {
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
export async function measureAlert(
  { metrics, errorBudget }: MeasureOptions,
  part: Part,
  breach: Breach,
): Promise<Pick<Evidence, 'latency' | 'slowShare' | 'slowBetween' | 'burnRate' | 'budget' | 'chart'>> {
  const { alert, rule, objective, gaps } = breach;
  const labels = objectiveLabels(objective, alert.labels);
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
    part({ what: 'No chart', system, gaps }, (signal) => chartOf(metrics, { breach, labels, at }, signal)),
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

/** The quantile over the breach and what came before it, with the threshold as a second line. */
async function chartOf(
  metrics: MeasureOptions['metrics'],
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
