import type { Budget, BudgetOf } from '../latency/error-budget.ts';
import type { QuantileEstimate, SlowBetween } from '../latency/figures.ts';
import { bucketsOf, estimateOf, slowBetweenOf } from '../latency/figures.ts';
import { forEachLimited } from '../lib/concurrency.ts';
import { withDeadline } from '../lib/deadline.ts';
import { UpstreamError } from '../lib/errors.ts';
import { type Milliseconds, ms } from '../lib/units.ts';
import { bucketRatesExpr } from '../rules/queries.ts';
import type { CommandDeps } from './command.ts';

/** What the histogram of an objective shows for one service. What is missing is unknown. */
export interface SloFigures {
  readonly latency?: QuantileEstimate;
  /** The share of requests over the threshold: one number where the threshold is a bucket bound. */
  readonly slow?: SlowBetween;
  readonly budget: Budget;
}

/** The states come from the store, so an answer does not wait long for the figures. */
const DEADLINE: Milliseconds = ms(4_000);
const CONCURRENCY = 4;

type FiguresDeps = Pick<CommandDeps, 'metrics' | 'clock' | 'errorBudget'>;

/** Throws `UpstreamError`. */
async function measure(
  { metrics }: FiguresDeps,
  { objective, labels, at }: BudgetOf,
  signal: AbortSignal,
): Promise<Omit<SloFigures, 'budget'>> {
  const expr = bucketRatesExpr(objective, labels, { window: objective.window });
  const buckets = bucketsOf(await metrics.instant({ expr, at }, signal));
  return {
    latency: estimateOf(objective.family, objective.quantile, buckets),
    slow: slowBetweenOf(objective, buckets),
  };
}

/** Quantile, share of slow requests, and error budget of one service. */
async function figuresOf(deps: FiguresDeps, of: BudgetOf, signal?: AbortSignal): Promise<SloFigures> {
  const limit = { clock: deps.clock, duration: DEADLINE, system: 'prometheus', signal } as const;
  const [measured, budget] = await Promise.all([
    withDeadline(limit, (either) => measure(deps, of, either)).catch((error: unknown) => {
      if (error instanceof UpstreamError) return {};
      throw error;
    }),
    deps.errorBudget(of),
  ]);
  return { ...measured, budget };
}

/** The figures of several services, in their order; undefined where there is no objective. */
export async function allFigures(
  deps: FiguresDeps,
  wanted: readonly (BudgetOf | undefined)[],
  signal?: AbortSignal,
): Promise<readonly (SloFigures | undefined)[]> {
  const found: (SloFigures | undefined)[] = wanted.map(() => undefined);
  await forEachLimited([...wanted.entries()], CONCURRENCY, async ([index, of]) => {
    if (of !== undefined) found[index] = await figuresOf(deps, of, signal);
  });
  return found;
}
