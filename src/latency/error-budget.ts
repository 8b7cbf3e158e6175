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
import type { BudgetView } from './figures.ts';

/** What is known of a budget; `reason` is a part of a sentence. */
export type Budget =
  | ({ readonly kind: 'known' } & BudgetView)
  | { readonly kind: 'unknown'; readonly reason: string }
  /** It is being asked, and will be there for the next who wants it. */
  | { readonly kind: 'asking' };

/** A service's objective, whose budget is wanted. */
export interface BudgetOf {
  readonly objective: LatencyObjective;
  /** The labels that pick the service. */
  readonly labels: Labels;
  readonly at: EpochMs;
}

/** Tells what is left of an error budget. Never throws for what Prometheus answers. */
export type ErrorBudget = (of: BudgetOf) => Promise<Budget>;

/** The period that a budget is for. Source: The Site Reliability Workbook, chapter 5; the workbook's pairs are made for it. */
const PERIOD: Milliseconds = ms(30 * DAY);

/** A month of samples is read for one answer: for so long it is good enough, and a failure is not asked again. */
const FRESH_FOR: Milliseconds = ms(10 * MINUTE);
const FAILED_FOR: Milliseconds = ms(2 * MINUTE);

/** Whoever asks waits no longer; the question itself goes on. */
const WAIT: Milliseconds = ms(2 * SECOND);
const DEADLINE: Milliseconds = ms(10 * SECOND);

/** So many questions at once, and so many that wait: in an alert group of alerts the budget is the least that matters. */
const AT_ONCE = 2;
const MOST_WAITING = 20;
const MOST_KEPT = 500;

type Answered = Exclude<Budget, { kind: 'asking' }>;

interface Entry {
  readonly answer: Promise<Answered>;
  until: EpochMs;
}

/** How far back there is anything to judge by, in whole days: Prometheus forgets, and services are born. */
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

async function measured(
  metrics: Pick<MetricsSource, 'instant' | 'range'>,
  of: BudgetOf,
  signal: AbortSignal,
): Promise<Answered> {
  const { objective, labels, at } = of;
  const { quantile, threshold, isApproximate } = objective;
  const expr = slowShareExpr(objective, labels, { window: PERIOD, threshold });
  const [[share], over] = await Promise.all([
    metrics.instant({ expr, at, rejectsPartial: true }, signal),
    covered(metrics, of, signal),
  ]);
  if (share === undefined && over > 0)
    return { kind: 'unknown', reason: `${formatDuration(threshold)} is no bucket bound` };
  if (share === undefined || Number.isNaN(share.value))
    return { kind: 'unknown', reason: 'no requests were measured in its period' };
  const left = 1 - share.value / (1 - quantile);
  return { kind: 'known', left, period: PERIOD, over, isAtMost: isApproximate === true ? true : undefined };
}

const keyOf = ({ objective: { family, quantile, threshold, isApproximate }, labels }: BudgetOf): string =>
  JSON.stringify([family, quantile, threshold, isApproximate, labels]);

/** Answers of a while ago, and those under way. */
function createAnswers(clock: Clock) {
  const kept = new Map<string, Entry>();
  return {
    known: (key: string): Entry | undefined => {
      const entry = kept.get(key);
      return entry !== undefined && entry.until > clock.now() ? entry : undefined;
    },
    keep: (key: string, answer: Promise<Answered>): Entry => {
      const entry: Entry = { answer, until: after(clock.now(), FRESH_FOR) };
      kept.delete(key);
      kept.set(key, entry);
      const [oldest] = kept.keys();
      if (kept.size > MOST_KEPT && oldest !== undefined) kept.delete(oldest);
      return entry;
    },
  };
}

/**
 * The share of an error budget that is left over its period, from the histogram itself: no recording rule is needed. One
 * question reads a month of samples, so answers are kept for minutes and few are asked at once.
 */
export function createErrorBudget(deps: {
  readonly metrics: Pick<MetricsSource, 'instant' | 'range'>;
  readonly clock: Clock;
}): ErrorBudget {
  const { metrics, clock } = deps;
  const turns = createLimiter(AT_ONCE);
  const answers = createAnswers(clock);

  async function ask(of: BudgetOf): Promise<Answered> {
    if (turns.waiting() >= MOST_WAITING) return { kind: 'unknown', reason: 'too many are asked for at once' };
    const limit = { clock, duration: DEADLINE, system: 'prometheus' } as const;
    try {
      return await turns.run(() => withDeadline(limit, (signal) => measured(metrics, of, signal)));
    } catch (error) {
      return { kind: 'unknown', reason: unansweredBecause(error) };
    }
  }

  function entryFor(of: BudgetOf): Entry {
    const key = keyOf(of);
    const known = answers.known(key);
    if (known !== undefined) return known;
    const entry = answers.keep(key, ask(of));
    const shorten = (): void => {
      entry.until = after(clock.now(), FAILED_FOR);
    };
    void entry.answer.then(({ kind }) => kind === 'unknown' && shorten(), shorten);
    return entry;
  }

  return async (of) => {
    if (of.objective.quantile >= 1) return { kind: 'unknown', reason: 'its quantile leaves no budget' };
    const { answer } = entryFor(of);
    const timer = new AbortController();
    const late = clock.sleep(WAIT, timer.signal).then((): Budget => ({ kind: 'asking' }));
    try {
      return await Promise.race([answer, late]);
    } finally {
      timer.abort();
    }
  };
}
