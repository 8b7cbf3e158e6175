import { LRUCache } from 'lru-cache';
import type { Clock } from '../lib/clock.ts';
import { createLimiter } from '../lib/concurrency.ts';
import { withDeadline } from '../lib/deadline.ts';
import { unansweredBecause } from '../lib/errors.ts';
import { fingerprint, type Labels } from '../lib/labels.ts';
import type { MetricsSource, Series } from '../lib/metrics-source.ts';
import {
  after,
  before,
  between,
  DAY,
  type EpochMs,
  formatDuration,
  HOUR,
  MINUTE,
  type Milliseconds,
  ms,
  SECOND,
} from '../lib/units.ts';
import { requestCountOf, requestRateExpr, slowShareExpr, slowShareOf } from '../rules/queries.ts';
import type { LatencyObjective } from '../rules/rule.ts';

/** What is left of an error budget. */
export interface BudgetView {
  /** The share that is left: 1 is all of it, below 0 it is exhausted. */
  readonly left: number;
  readonly period: Milliseconds;
  /** How much of the period has data. */
  readonly over: Milliseconds;
  /** The end of the period: results are kept for a while. */
  readonly at: EpochMs;
  /** The threshold lies between two bucket bounds: `left` is the most that can be left. */
  readonly isAtMost?: true;
}

/** An error budget, or why it is unknown: `reason` is part of a sentence. */
export type Budget =
  | ({ readonly kind: 'known' } & BudgetView)
  | { readonly kind: 'unknown'; readonly reason: string }
  /** The query is still running; a later call gets its result. */
  | { readonly kind: 'pending' };

/** The objective of one service. */
export interface BudgetOf {
  readonly objective: LatencyObjective;
  /** The labels that select the service. */
  readonly labels: Labels;
  readonly at: EpochMs;
}

/** Computes what is left of an error budget. An error of Prometheus makes the budget `unknown`. */
export type ErrorBudget = (of: BudgetOf) => Promise<Budget>;

/** The period of a budget. Source: The Site Reliability Workbook, chapter 5, whose burn-rate windows are made for it. */
export const BUDGET_PERIOD: Milliseconds = ms(30 * DAY);

/** The query reads a month of samples, so its result is kept, and a failed one is not repeated at once. */
const FRESH_FOR: Milliseconds = ms(10 * MINUTE);
/** Of less than a day of data, minutes are a large part: the query is cheap, and its result is soon wrong. */
const FRESH_WITH_LITTLE: Milliseconds = MINUTE;
const FAILED_FOR: Milliseconds = ms(2 * MINUTE);
const MAX_KEPT = 500;

/** A caller waits no longer; the query goes on. */
const WAIT: Milliseconds = ms(2 * SECOND);
const DEADLINE: Milliseconds = ms(10 * SECOND);

/** In a large alert group, the budgets matter least. */
const CONCURRENCY = 2;
const MAX_WAITING = 20;

/** The objective of all its services. */
type BudgetsOf = Omit<BudgetOf, 'labels'>;

/** The budgets of all services of an objective, with the labels it groups by. */
export type ServiceBudgets = (of: BudgetsOf) => Promise<
  | {
      readonly kind: 'known';
      readonly services: readonly { readonly labels: Labels; readonly budget: BudgetView }[];
    }
  | Exclude<Budget, { kind: 'known' }>
>;

/** How far back a series has data, in whole days. */
const covered = (series: Series | undefined, at: EpochMs): Milliseconds => {
  const [first] = series?.points ?? [];
  return first === undefined ? ms(0) : between(first.at, at);
};

const daysOf = (at: EpochMs) => ({ window: { start: before(at, BUDGET_PERIOD), end: at }, step: DAY });

/** What a share of slow requests over `over` leaves of the budget. */
const budgetOf = (
  { quantile, isApproximate }: LatencyObjective,
  { share, ...measured }: Pick<BudgetView, 'over' | 'at'> & { readonly share: number },
): BudgetView => ({
  left: 1 - share / (1 - quantile),
  period: BUDGET_PERIOD,
  ...measured,
  isAtMost: isApproximate,
});

const noRequests = { kind: 'unknown', reason: `no requests in ${formatDuration(BUDGET_PERIOD)}` } as const;

async function measure(
  metrics: Pick<MetricsSource, 'instant' | 'range'>,
  { objective, labels, at }: BudgetOf,
  signal: AbortSignal,
): Promise<Exclude<Budget, { kind: 'pending' }>> {
  const { threshold } = objective;
  const expr = slowShareExpr(objective, labels, { window: BUDGET_PERIOD, threshold });
  const rate = requestRateExpr(objective, labels, { window: HOUR });
  const [[share], [series]] = await Promise.all([
    metrics.instant({ expr, at, rejectsPartial: true }, signal),
    metrics.range({ expr: rate, ...daysOf(at) }, signal),
  ]);
  const over = covered(series, at);
  if (share === undefined && over > 0)
    return { kind: 'unknown', reason: `${formatDuration(threshold)} is not a bucket bound` };
  if (share === undefined || Number.isNaN(share.value)) return noRequests;
  return { kind: 'known', ...budgetOf(objective, { share: share.value, over, at }) };
}

async function measureAll(
  metrics: Pick<MetricsSource, 'instant' | 'range'>,
  { objective, at }: BudgetsOf,
  signal: AbortSignal,
): Promise<Exclude<Awaited<ReturnType<ServiceBudgets>>, { kind: 'pending' }>> {
  const { family, by, without } = objective;
  const expr = slowShareOf(family, { ...objective, window: BUDGET_PERIOD });
  const [shares, counts] = await Promise.all([
    metrics.instant({ expr, at, rejectsPartial: true }, signal),
    metrics.range({ expr: requestCountOf(family, { by, without, window: HOUR }), ...daysOf(at) }, signal),
  ]);
  const series = new Map(counts.map((each) => [fingerprint(each.labels), each]));
  const services = shares
    .filter(({ value }) => !Number.isNaN(value))
    .map(({ labels, value: share }) => {
      const over = covered(series.get(fingerprint(labels)), at);
      return { labels, budget: budgetOf(objective, { share, over, at }) };
    });
  return { kind: 'known', services };
}

const keyOf = ({ objective, labels }: BudgetsOf & { readonly labels?: Labels }): string => {
  const { window: _window, ...same } = objective;
  return JSON.stringify([same, labels]);
};

/** How long a result is kept. */
function freshFor(result: Budget | Awaited<ReturnType<ServiceBudgets>>): Milliseconds {
  if (result.kind !== 'known') return FAILED_FOR;
  const budgets = 'services' in result ? result.services.map(({ budget }) => budget) : [result];
  return budgets.every(({ over }) => over < DAY) ? FRESH_WITH_LITTLE : FRESH_FOR;
}

interface Entry<Result> {
  readonly result: Promise<Result>;
  until: EpochMs;
}

type Unknown = Extract<Budget, { kind: 'unknown' }>;

/** Keeps results for minutes, runs few queries at the same time, and lets no caller wait long. */
function createKept<Of extends BudgetsOf, Result extends Budget | Awaited<ReturnType<ServiceBudgets>>>(
  clock: Clock,
  measured: (of: Of, signal: AbortSignal) => Promise<Result | Unknown>,
): (of: Of) => Promise<Result | Unknown | { readonly kind: 'pending' }> {
  const limiter = createLimiter(CONCURRENCY);
  const kept = new LRUCache<string, Entry<Result | Unknown>>({ max: MAX_KEPT });

  async function query(of: Of): Promise<Result | Unknown> {
    if (limiter.waiting() >= MAX_WAITING) return { kind: 'unknown', reason: 'too many queries are waiting' };
    const limit = { clock, duration: DEADLINE, system: 'prometheus' } as const;
    try {
      return await limiter.run(() => withDeadline(limit, (signal) => measured(of, signal)));
    } catch (error) {
      return { kind: 'unknown', reason: unansweredBecause(error) };
    }
  }

  function resultOf(of: Of): Promise<Result | Unknown> {
    const key = keyOf(of);
    const known = kept.get(key);
    if (known !== undefined && known.until > clock.now()) return known.result;
    const entry = { result: query(of), until: after(clock.now(), FRESH_FOR) };
    kept.set(key, entry);
    const keepFor = (duration: Milliseconds): void => {
      entry.until = after(clock.now(), duration);
    };
    void entry.result.then(
      (result) => keepFor(freshFor(result)),
      () => keepFor(FAILED_FOR),
    );
    return entry.result;
  }

  return async (of) => {
    if (of.objective.quantile >= 1) return { kind: 'unknown', reason: 'the quantile leaves no budget' };
    const timer = new AbortController();
    const late = clock.sleep(WAIT, timer.signal).then(() => ({ kind: 'pending' }) as const);
    try {
      return await Promise.race([resultOf(of), late]);
    } finally {
      timer.abort();
    }
  };
}

interface Deps {
  readonly metrics: Pick<MetricsSource, 'instant' | 'range'>;
  readonly clock: Clock;
}

/**
 * Computes error budgets from the histograms themselves: no recording rule is needed. Results are kept for minutes, and
 * only a few queries run at the same time.
 */
export const createErrorBudget = ({ metrics, clock }: Deps): ErrorBudget =>
  createKept(clock, (of: BudgetOf, signal) => measure(metrics, of, signal));

/** The same for all services of an objective in one query. */
export const createServiceBudgets = ({ metrics, clock }: Deps): ServiceBudgets =>
  createKept(clock, (of: BudgetsOf, signal) => measureAll(metrics, of, signal));
