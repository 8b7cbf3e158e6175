import type { BudgetView } from '../latency/error-budget.ts';
import { withDeadline } from '../lib/deadline.ts';
import { UpstreamError } from '../lib/errors.ts';
import { fingerprint, type Labels } from '../lib/labels.ts';
import type { Sample } from '../lib/metrics-source.ts';
import { type EpochMs, type Milliseconds, ms } from '../lib/units.ts';
import { objectiveLabels, requestCountOf, slowShareOf } from '../rules/queries.ts';
import type { LatencyObjective, SloRule } from '../rules/rule.ts';
import type { CommandDeps } from './command.ts';

/** The states come from the store, so an answer does not wait long for the values. */
const DEADLINE: Milliseconds = ms(4_000);

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
  { family, by, window, threshold, isApproximate }: LatencyObjective,
): Promise<readonly Sample[] | undefined> {
  const samples = await query(context, slowShareOf(family, { by, window, threshold, isApproximate }));
  return samples?.filter(({ value }) => !Number.isNaN(value));
}

/** Requests by service in the window of the objective, where the rule requires a minimum of them. */
export async function countsOf(
  context: QueryContext,
  { objective, minRequests }: SloRule,
): Promise<readonly Sample[]> {
  if (objective === undefined || minRequests === undefined) return [];
  const { family, by, window } = objective;
  return (await query(context, requestCountOf(family, { by, window }))) ?? [];
}

/** Identifies a service by the labels that its objective groups by. */
export const serviceKey = (objective: LatencyObjective, labels: Labels): string =>
  fingerprint(objectiveLabels(objective, labels));

/** The budgets of an objective's services by `serviceKey`; empty while they are not known. */
export async function budgetsOf(
  { deps, now: at }: QueryContext,
  objective: LatencyObjective,
): Promise<ReadonlyMap<string, BudgetView>> {
  const found = await deps.serviceBudgets({ objective, at });
  if (found.kind !== 'known') return new Map();
  return new Map(found.services.map(({ labels, budget }) => [serviceKey(objective, labels), budget]));
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
