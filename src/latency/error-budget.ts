import { LRUCache } from 'lru-cache';
import type { Clock } from '../lib/clock.ts';
import { createLimiter } from '../lib/concurrency.ts';
import { withDeadline } from '../lib/deadline.ts';
import { unansweredBecause } from '../lib/errors.ts';
import type { Labels } from '../lib/labels.ts';
import type { MetricsSource } from '../lib/metrics-source.ts';
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
import { requestRateExpr, slowShareExpr } from '../rules/queries.ts';
import type { LatencyObjective } from '../rules/rule.ts';

/** What is left of an error budget. */
export interface BudgetView {
  /** The share that is left: 1 is all of it, below 0 it is exhausted. */
  readonly left: number;
  readonly period: Milliseconds;
  /** How much of the period has data. */
  readonly over: Milliseconds;
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
const PERIOD: Milliseconds = ms(30 * DAY);

/** The query reads a month of samples, so its result is kept, and a failed one is not repeated at once. */
const FRESH_FOR: Milliseconds = ms(10 * MINUTE);
const FAILED_FOR: Milliseconds = ms(2 * MINUTE);
const MAX_KEPT = 500;

/** A caller waits no longer; the query goes on. */
const WAIT: Milliseconds = ms(2 * SECOND);
const DEADLINE: Milliseconds = ms(10 * SECOND);

/** In a large alert group, the budgets matter least. */
const CONCURRENCY = 2;
const MAX_WAITING = 20;

type Result = Exclude<Budget, { kind: 'pending' }>;

interface Entry {
  readonly result: Promise<Result>;
  until: EpochMs;
}

/** How far back there is data, in whole days. */
async function covered(
  metrics: Pick<MetricsSource, 'range'>,
  { objective, labels, at }: BudgetOf,
  signal: AbortSignal,
): Promise<Milliseconds> {
  const [series] = await metrics.range(
    {
      expr: requestRateExpr(objective, labels, { window: HOUR }),
      window: { start: before(at, PERIOD), end: at },
      step: DAY,
    },
    signal,
  );
  const [first] = series?.points ?? [];
  return first === undefined ? ms(0) : between(first.at, at);
}

async function measure(
  metrics: Pick<MetricsSource, 'instant' | 'range'>,
  of: BudgetOf,
  signal: AbortSignal,
): Promise<Result> {
  const { objective, labels, at } = of;
  const { quantile, threshold, isApproximate } = objective;
  const expr = slowShareExpr(objective, labels, { window: PERIOD, threshold });
  const [[share], over] = await Promise.all([
    metrics.instant({ expr, at, rejectsPartial: true }, signal),
    covered(metrics, of, signal),
  ]);
  if (share === undefined && over > 0)
    return { kind: 'unknown', reason: `${formatDuration(threshold)} is not a bucket bound` };
  if (share === undefined || Number.isNaN(share.value))
    return { kind: 'unknown', reason: `no requests in ${formatDuration(PERIOD)}` };
  const left = 1 - share.value / (1 - quantile);
  return { kind: 'known', left, period: PERIOD, over, isAtMost: isApproximate };
}

const keyOf = ({ objective: { family, quantile, threshold, isApproximate }, labels }: BudgetOf): string =>
  JSON.stringify([family, quantile, threshold, isApproximate, labels]);

/**
 * Computes error budgets from the histograms themselves: no recording rule is needed. Results are kept for minutes, and
 * only a few queries run at the same time.
 */
export function createErrorBudget(deps: {
  readonly metrics: Pick<MetricsSource, 'instant' | 'range'>;
  readonly clock: Clock;
}): ErrorBudget {
  const { metrics, clock } = deps;
  const limiter = createLimiter(CONCURRENCY);
  const kept = new LRUCache<string, Entry>({ max: MAX_KEPT });

  async function query(of: BudgetOf): Promise<Result> {
    if (limiter.waiting() >= MAX_WAITING) return { kind: 'unknown', reason: 'too many queries are waiting' };
    const limit = { clock, duration: DEADLINE, system: 'prometheus' } as const;
    try {
      return await limiter.run(() => withDeadline(limit, (signal) => measure(metrics, of, signal)));
    } catch (error) {
      return { kind: 'unknown', reason: unansweredBecause(error) };
    }
  }

  function resultOf(of: BudgetOf): Promise<Result> {
    const key = keyOf(of);
    const known = kept.get(key);
    if (known !== undefined && known.until > clock.now()) return known.result;
    const entry: Entry = { result: query(of), until: after(clock.now(), FRESH_FOR) };
    kept.set(key, entry);
    const shorten = (): void => {
      entry.until = after(clock.now(), FAILED_FOR);
    };
    void entry.result.then(({ kind }) => kind === 'unknown' && shorten(), shorten);
    return entry.result;
  }

  return async (of) => {
    if (of.objective.quantile >= 1) return { kind: 'unknown', reason: 'the quantile leaves no budget' };
    const timer = new AbortController();
    const late = clock.sleep(WAIT, timer.signal).then((): Budget => ({ kind: 'pending' }));
    try {
      return await Promise.race([resultOf(of), late]);
    } finally {
      timer.abort();
    }
  };
}
