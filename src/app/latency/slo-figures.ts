import type { Labels } from '../../domain/labels.ts';
import { bucketRatesExpr } from '../../domain/slo/promql.ts';
import type { BurnPair, LatencyObjective } from '../../domain/slo/rule.ts';
import { type EpochMs, type Milliseconds, ms } from '../../domain/units.ts';
import { withDeadline } from '../deadline.ts';
import { UpstreamError } from '../errors.ts';
import { eachAtOnce } from '../limited.ts';
import type { Clock, MetricsSource } from '../ports.ts';
import type { SloFigures } from '../views/slo-views.ts';
import type { Budget, ErrorBudget } from './error-budget.ts';
import { bucketsOf, estimateOf, slowBetweenOf } from './measure-latency.ts';

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
  readonly burn?: BurnPair;
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
    ...(latency === undefined ? {} : { latency }),
    ...(slow === undefined ? {} : { slow }),
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
    ...(of.burn === undefined ? {} : { burn: of.burn }),
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
  await eachAtOnce([...wanted.entries()], AT_ONCE, async ([index, of]) => {
    if (of !== undefined) found[index] = await figuresOf(deps, of, signal);
  });
  return found;
}
