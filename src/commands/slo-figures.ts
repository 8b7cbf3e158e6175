import type { Budget, BudgetOf, BudgetView } from '../latency/error-budget.ts';
import {
  bucketsOf,
  estimateOf,
  type QuantileEstimate,
  type SlowBetween,
  slowBetweenOf,
} from '../latency/figures.ts';
import { forEachLimited } from '../lib/concurrency.ts';
import { withDeadline } from '../lib/deadline.ts';
import { UpstreamError } from '../lib/errors.ts';
import { fingerprint, type Labels, serviceLabelOf } from '../lib/labels.ts';
import type { Sample } from '../lib/metrics-source.ts';
import { type EpochMs, type Milliseconds, ms } from '../lib/units.ts';
import { distinguishingLabels } from '../messages/alert-subject.ts';
import { bucketRatesExpr, objectiveLabels, requestCountOf, slowShareOf } from '../rules/queries.ts';
import type { LatencyObjective, SloRule } from '../rules/rule.ts';
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

/** What the queries below need, and when they are evaluated. */
export interface QueryContext {
  readonly deps: Pick<CommandDeps, 'metrics' | 'clock' | 'serviceBudgets'>;
  readonly now: EpochMs;
  readonly signal?: AbortSignal;
}

/** Undefined when Prometheus does not answer: an outage is reported by the evaluation. */
export async function query(
  { deps: { clock, metrics }, now: at, signal }: QueryContext,
  expr: string,
): Promise<readonly Sample[] | undefined> {
  const limit = { clock, duration: DEADLINE, system: 'prometheus', signal } as const;
  try {
    return await withDeadline(limit, (either) => metrics.instant({ expr, at }, either));
  } catch (error) {
    if (error instanceof UpstreamError) return undefined;
    throw error;
  }
}

/** The share of slow requests of each service over the objective's own window. */
export async function sharesOf(
  context: QueryContext,
  { family, ...objective }: LatencyObjective,
): Promise<readonly Sample[] | undefined> {
  const samples = await query(context, slowShareOf(family, objective));
  return samples?.filter(({ value }) => !Number.isNaN(value));
}

/** Requests by service in the window of the objective, where the rule requires a minimum of them. */
export async function countsOf(
  context: QueryContext,
  { objective, minRequests }: SloRule,
): Promise<readonly Sample[]> {
  if (objective === undefined || minRequests === undefined) return [];
  const { family, by, without, window } = objective;
  return (await query(context, requestCountOf(family, { by, without, window }))) ?? [];
}

/** Identifies a service by the labels that its objective groups by. */
export const serviceKey = (objective: LatencyObjective, labels: Labels): string =>
  fingerprint(objectiveLabels(objective, labels));

/** Names services by the labels of their objective; without a list of them, by those that tell the series apart. */
export function namesOf(
  { without, family }: LatencyObjective,
  all: readonly Labels[],
): (labels: Labels) => string {
  if (without === undefined) return (labels) => Object.values(labels).join(' ');
  const service = family.serviceLabel ?? serviceLabelOf(Object.keys(all[0] ?? {})) ?? '';
  const shown = [...new Set([service, ...distinguishingLabels(all)])];
  return (labels) => shown.flatMap((label) => labels[label] ?? []).join(' ');
}

/** The budgets of an objective's services by `serviceKey`; empty while they are not known. */
export async function budgetsOf(
  { deps, now: at }: QueryContext,
  objective: LatencyObjective,
): Promise<ReadonlyMap<string, { readonly labels: Labels; readonly budget: BudgetView }>> {
  const found = await deps.serviceBudgets({ objective, at });
  if (found.kind !== 'known') return new Map();
  return new Map(found.services.map((service) => [serviceKey(objective, service.labels), service]));
}

/** What ranks a service among those in one state. */
export interface Compliance {
  readonly share?: number;
  readonly budgetLeft?: number;
}

/** The worst first: the largest share of slow requests, then the least budget. What is unknown comes last. */
export const leastCompliantFirst = (a: Compliance, b: Compliance): number =>
  compare(b.share ?? -1, a.share ?? -1) ||
  compare(a.budgetLeft ?? Number.POSITIVE_INFINITY, b.budgetLeft ?? Number.POSITIVE_INFINITY);

const compare = (a: number, b: number): number => (a < b ? -1 : a > b ? 1 : 0);
