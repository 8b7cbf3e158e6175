import type { Labels } from '../lib/labels.ts';
import { sortedLabels } from '../lib/labels.ts';
import type { Milliseconds } from '../lib/units.ts';
import { formatDuration, ms } from '../lib/units.ts';
import { type BurnRateAlert, type BurnWindows, WORKBOOK } from './burn-rate.ts';
import {
  countMetricOf,
  promqlNumber,
  promqlString,
  requestCountOf,
  slowShareOf,
  withoutNoise,
} from './queries.ts';
import type { LatencyObjective, RecoveryCondition, SloRule } from './rule.ts';

/** A latency SLO as the short form of a rule file states it. */
export interface Slo {
  readonly name: string;
  readonly objective: LatencyObjective;
  /** Fewer requests than this in the window give no verdict, neither a breach nor a recovery. */
  readonly minRequests?: number;
  readonly for: Milliseconds;
  readonly keepFiringFor: Milliseconds;
  /** What counts as recovered: requests faster than `threshold` over `window`, instead of the objective's own. */
  readonly recover?: { readonly threshold: Milliseconds; readonly window: Milliseconds };
  /** Adds the burn-rate alerts of `WORKBOOK`. */
  readonly burn: boolean;
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly onNoData: SloRule['onNoData'];
  readonly channel?: string;
}

/** The share of requests that may be slow: what is left of 1 above the quantile. */
const errorBudgetOf = ({ quantile }: { readonly quantile: number }): number => withoutNoise(1 - quantile);

/** Identity of a rule inside its group: its name, and its own labels in order. */
export function ruleKey(name: string, labels: Labels): string {
  const own = sortedLabels(labels).map(([label, value]) => `${label}=${promqlString(value)}`);
  return own.length === 0 ? name : `${name}{${own.join(',')}}`;
}

interface Reading {
  readonly threshold: Milliseconds;
  readonly window: Milliseconds;
}

interface Verdict {
  readonly slo: Slo;
  readonly bound: number;
  readonly window: Milliseconds;
  /** The reading that must exceed the bound as well, and whose return under it is the recovery. */
  readonly recent?: Reading;
}

/** Too few requests leave nothing to judge by: the guard is on the verdict and on its evidence alike. */
function guarded(expr: string, { slo, window }: Verdict): string {
  if (slo.minRequests === undefined) return expr;
  const { family, by } = slo.objective;
  return `${expr} and ${requestCountOf(family, { by, window })} >= ${promqlNumber(slo.minRequests)}`;
}

function shareOf({ slo }: Verdict, reading: Reading): string {
  const { family, by, isApproximate } = slo.objective;
  return slowShareOf(family, { by, ...reading, ...(isApproximate === true ? { isApproximate } : {}) });
}

function verdictExpr(verdict: Verdict): string {
  const { slo, bound, window, recent } = verdict;
  const { threshold } = slo.objective;
  const limit = `> ${promqlNumber(bound)}`;
  const slow = `${shareOf(verdict, { window, threshold })} ${limit}`;
  // A shorter window that is clean again ends the breach; a longer or equal one is only asked for the recovery.
  const isShorter = recent !== undefined && recent.window < window;
  const still = isShorter ? ` and ${shareOf(verdict, recent)} ${limit}` : '';
  return guarded(slow + still, verdict);
}

function evidenceOf(verdict: Verdict): RecoveryCondition {
  const { slo, bound, window, recent } = verdict;
  const { threshold } = slo.objective;
  const share = shareOf(verdict, { threshold, window, ...recent });
  // Without parentheses `1 - a / b and c` would be read the same way; they are for the reader.
  const expr = slo.minRequests === undefined ? share : `(${share})`;
  const differs = recent !== undefined && recent.window !== window;
  return {
    expr: guarded(expr, verdict),
    comparison: '>',
    bound,
    window: differs ? recent.window : undefined,
  };
}

function percent(share: number): string {
  return `${promqlNumber(share * 100)}%`;
}

function defaultSummary({ slo, bound, window }: Verdict): string {
  const { family, threshold, isApproximate } = slo.objective;
  const who = `{{ $labels.${family.serviceLabel} }}`;
  const share = `${isApproximate === true ? 'at least ' : ''}{{ $value | humanizePercentage }}`;
  return `${who}: ${share} of requests slower than ${formatDuration(threshold)} over ${formatDuration(window)} (at most ${percent(bound)})`;
}

type Named = Pick<SloRule, 'name' | 'for' | 'labels' | 'burn'>;

function ruleOf(verdict: Verdict, named: Named): SloRule {
  const { slo, bound, window } = verdict;
  const { family } = slo.objective;
  return {
    ...named,
    key: ruleKey(named.name, named.labels),
    expr: verdictExpr(verdict),
    keepFiringFor: slo.keepFiringFor,
    annotations: { summary: defaultSummary(verdict), ...slo.annotations },
    valueKind: 'slow-share',
    bound,
    comparison: '>',
    objective: { ...slo.objective, window },
    reads: [{ metric: countMetricOf(family), matchers: family.selector }],
    recovery: evidenceOf(verdict),
    onNoData: slo.onNoData,
    ...(slo.minRequests === undefined ? {} : { minRequests: slo.minRequests }),
    ...(slo.channel === undefined ? {} : { channel: slo.channel }),
  };
}

/** Whether a burn rate can be reached at all: not when the bound would be the whole traffic or more. */
export const canBurn = (objective: LatencyObjective, { factor }: BurnWindows): boolean =>
  factor * errorBudgetOf(objective) < 1;

/*
 * A burn-rate pair fires while both windows burn, and ends as soon as the short one is clean:
 *
 *   slow requests      ....######........
 *   long over bound    ......########....
 *   short over bound   .....######.......
 *   firing             ......#####.......
 */
function burnRule(slo: Slo, burn: BurnRateAlert): SloRule {
  const { threshold } = slo.objective;
  const bound = withoutNoise(burn.factor * errorBudgetOf(slo.objective));
  const windows = `${formatDuration(burn.long)}/${formatDuration(burn.short)}`;
  return ruleOf(
    { slo, bound, window: burn.long, recent: { threshold, window: burn.short } },
    {
      name: `${slo.name}-burn-${formatDuration(burn.long)}`,
      for: ms(0),
      labels: { ...slo.labels, severity: burn.severity, burn_windows: windows },
      burn: { long: burn.long, short: burn.short, factor: burn.factor },
    },
  );
}

/**
 * Turns an SLO of the short form into rules: its verdict (the share of slow requests against what the quantile allows:
 * "p99 above T" and "more than 1% slower than T" are one statement, and the second is exact at a bucket bound), and
 * the burn-rate alerts where they are asked for.
 */
export function compileSlo(slo: Slo): readonly SloRule[] {
  const { recover } = slo;
  const verdict: Verdict = {
    slo,
    bound: errorBudgetOf(slo.objective),
    window: slo.objective.window,
    recent: recover,
  };
  const main = ruleOf(verdict, { name: slo.name, for: slo.for, labels: slo.labels });
  const burns = slo.burn ? WORKBOOK.map((burn) => burnRule(slo, burn)) : [];
  return [main, ...burns];
}
