import type { Budget, ErrorBudget } from '../latency/error-budget.ts';
import { bucketsOf, estimateOf, slowBetweenOf } from '../latency/measure-latency.ts';
import type { Clock } from '../lib/clock.ts';
import { forEachLimited } from '../lib/concurrency.ts';
import { withDeadline } from '../lib/deadline.ts';
import { UpstreamError } from '../lib/errors.ts';
import type { Labels } from '../lib/labels.ts';
import type { MetricsSource } from '../lib/metrics-source.ts';
import { type EpochMs, type Milliseconds, ms } from '../lib/units.ts';
import type { BurnWindows } from '../rules/burn-rate.ts';
import { bucketRatesExpr } from '../rules/queries.ts';
import type { LatencyObjective } from '../rules/rule.ts';
import type { SloFigures } from './slo-views.ts';

/** What measuring objectives' figures needs. */
export interface FiguresDeps {
  readonly metrics: Pick<MetricsSource, 'instant'>;
  readonly clock: Clock;
  /** Absent: no error budget is shown. */
  readonly errorBudget?: ErrorBudget;
}

/** A service's objective, whose figures are wanted. */
export interface FiguresOf {
  readonly objective: LatencyObjective;
  /** The labels that pick the service. */
  readonly labels: Labels;
  readonly at: EpochMs;
  readonly burn?: BurnWindows;
}

/** The figures are an extra beside states that come from the store: nobody waits long for them. */
const DEADLINE: Milliseconds = ms(4_000);
const AT_ONCE = 4;

async function measured(deps: FiguresDeps, of: FiguresOf, signal: AbortSignal) {
  const { objective, labels, at } = of;
  const expr = bucketRatesExpr(objective, labels, { window: objective.window });
  const buckets = bucketsOf(await deps.metrics.instant({ expr, at }, signal));
  const latency = estimateOf(objective.family, objective.quantile, buckets);
  const slow = slowBetweenOf(objective, buckets);
  return {
    latency,
    slow,
  };
}

function budgetOf(budget: Budget | undefined): Pick<SloFigures, 'budget' | 'noBudget'> {
  if (budget === undefined) return {};
  if (budget.kind === 'known') return { budget };
  return { noBudget: budget.kind === 'asking' ? 'still being asked for' : budget.reason };
}

/** What a source that does not answer costs: the figures, not the answer. */
function none(error: unknown): Record<string, never> {
  if (!(error instanceof UpstreamError)) throw error;
  return {};
}

/** The three honest numbers of one service, and what is left of its budget. */
async function figuresOf(deps: FiguresDeps, of: FiguresOf, signal?: AbortSignal): Promise<SloFigures> {
  const { objective } = of;
  const limit = { clock: deps.clock, duration: DEADLINE, system: 'prometheus', signal } as const;
  const [numbers, budget] = await Promise.all([
    withDeadline(limit, (either) => measured(deps, of, either)).catch(none),
    deps.errorBudget?.(of),
  ]);
  return {
    threshold: objective.threshold,
    allowed: 1 - objective.quantile,
    burn: of.burn,
    ...numbers,
    ...budgetOf(budget),
  };
}

/** The figures of several services in their order; undefined where there is no objective to measure. */
export async function allFigures(
  deps: FiguresDeps,
  wanted: readonly (FiguresOf | undefined)[],
  signal?: AbortSignal,
): Promise<readonly (SloFigures | undefined)[]> {
  const found: (SloFigures | undefined)[] = wanted.map(() => undefined);
  await forEachLimited([...wanted.entries()], AT_ONCE, async ([index, of]) => {
    if (of !== undefined) found[index] = await figuresOf(deps, of, signal);
  });
  return found;
}
