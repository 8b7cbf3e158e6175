import { type Labels, sortedLabels } from '../lib/labels.ts';
import { formatDuration, type Milliseconds, ms } from '../lib/units.ts';
import { type BurnRateAlert, type BurnWindows, WORKBOOK } from './burn-rate.ts';
import { promqlNumber, promqlString, withoutNoise } from './promql.ts';
import { countMetricOf, requestCountOf, slowShareOf } from './queries.ts';
import type { LatencyObjective, RecoveryCondition, ServiceObjective, SloRule } from './rule.ts';

/** A latency SLO as the short form of a rule file states it. */
export interface Slo {
  readonly name: string;
  readonly objective: ServiceObjective;
  /** Below this request count in the window the rule is not evaluated: no breach and no recovery. */
  readonly minRequests?: number;
  readonly for: Milliseconds;
  readonly keepFiringFor: Milliseconds;
  /** Recovery condition: requests faster than `threshold` over `window`, in place of the objective's own. */
  readonly recover?: { readonly threshold: Milliseconds; readonly window: Milliseconds };
  /** Adds the burn-rate alerts of `WORKBOOK`, or has only those. */
  readonly burn?: 'added' | 'only';
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly noData: SloRule['noData'];
  readonly channel?: string;
}

/** The allowed share of slow requests: 1 minus the quantile. */
const errorBudgetOf = ({ quantile }: { readonly quantile: number }): number => withoutNoise(1 - quantile);

/** Identity of a rule in its group: its name and its own labels in order. */
export function ruleKey(name: string, labels: Labels): string {
  const own = sortedLabels(labels).map(([label, value]) => `${label}=${promqlString(value)}`);
  return own.length === 0 ? name : `${name}{${own.join(',')}}`;
}

type Share = Pick<LatencyObjective, 'threshold' | 'window'>;

/** The condition of a rule: more slow requests than `bound` over `window`. */
interface Condition {
  readonly slo: Slo;
  readonly bound: number;
  readonly window: Milliseconds;
  /** A share that must exceed the bound as well when its window is shorter, and that falls under it at the recovery. */
  readonly recover?: Share;
}

/** Adds the minimum of requests, to the expression and the recovery condition alike. */
function withMinRequests(expr: string, { slo, window }: Condition): string {
  if (slo.minRequests === undefined) return expr;
  const { family, by } = slo.objective;
  return `${expr} and ${requestCountOf(family, { by, window })} >= ${promqlNumber(slo.minRequests)}`;
}

function shareExpr({ slo }: Condition, { threshold, window }: Share): string {
  const { family, by, isApproximate } = slo.objective;
  return slowShareOf(family, { by, threshold, window, isApproximate });
}

function breachExpr(condition: Condition): string {
  const { slo, bound, window, recover } = condition;
  const { threshold } = slo.objective;
  const limit = `> ${promqlNumber(bound)}`;
  const slow = `${shareExpr(condition, { window, threshold })} ${limit}`;
  // A shorter window without slow requests ends the breach; a longer or equal one is read for the recovery only. Where its
  // samples are missing, because they arrive late, the longer window decides: `and` would take that for health.
  const isShorter = recover !== undefined && recover.window < window;
  const healthy = isShorter
    ? ` unless (${shareExpr(condition, recover)} > bool ${promqlNumber(bound)}) == 0`
    : '';
  return withMinRequests(slow + healthy, condition);
}

function recoveryOf(condition: Condition): RecoveryCondition {
  const { slo, bound, window, recover } = condition;
  const { threshold } = slo.objective;
  const share = shareExpr(condition, { threshold, window, ...recover });
  // PromQL reads `1 - a / b and c` the same way without parentheses; they are for readers.
  const expr = slo.minRequests === undefined ? share : `(${share})`;
  return {
    expr: withMinRequests(expr, condition),
    comparison: '>',
    bound,
    window: recover?.window === window ? undefined : recover?.window,
  };
}

function defaultSummary({ slo, bound, window }: Condition): string {
  const { family, threshold, isApproximate } = slo.objective;
  const label = family.serviceLabel;
  const isField = /^[A-Za-z_]\w*$/.test(label);
  const service = `{{ ${isField ? `$labels.${label}` : `index $labels ${JSON.stringify(label)}`} }}`;
  const share = `${isApproximate === true ? 'at least ' : ''}{{ $value | humanizePercentage }}`;
  return `${service}: ${share} of requests slower than ${formatDuration(threshold)} over ${formatDuration(window)} (at most ${promqlNumber(bound * 100)}%)`;
}

function ruleOf(condition: Condition, named: Pick<SloRule, 'name' | 'for' | 'labels' | 'burn'>): SloRule {
  const { slo, bound, window } = condition;
  const { family } = slo.objective;
  return {
    ...named,
    key: ruleKey(named.name, named.labels),
    expr: breachExpr(condition),
    keepFiringFor: slo.keepFiringFor,
    annotations: { summary: defaultSummary(condition), ...slo.annotations },
    valueKind: 'slow-share',
    bound,
    comparison: '>',
    objective: { ...slo.objective, window },
    service: { from: 'label', label: family.serviceLabel },
    lookback: window,
    reads: [{ metric: countMetricOf(family), matchers: family.selector }],
    recovery: recoveryOf(condition),
    noData: slo.noData,
    minRequests: slo.minRequests,
    channel: slo.channel,
  };
}

/** Whether a burn rate can be reached: not when the bound is the whole traffic or more. */
export const canBurn = (objective: { readonly quantile: number }, { factor }: BurnWindows): boolean =>
  factor * errorBudgetOf(objective) < 1;

/*
 * A burn-rate alert fires while both windows are over the bound, and ends as soon as the short one is not:
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
    { slo, bound, window: burn.long, recover: { threshold, window: burn.short } },
    {
      name: `${slo.name}-burn-${formatDuration(burn.long)}`,
      for: ms(0),
      labels: { ...slo.labels, severity: burn.severity, burn_windows: windows },
      burn: { long: burn.long, short: burn.short, factor: burn.factor },
    },
  );
}

/**
 * The rules of an SLO in the short form: the share of slow requests compared with what the quantile allows, and the
 * burn-rate alerts. "p99 above T" and "more than 1% slower than T" are the same, and the second is exact at a bucket bound.
 */
export function compileSlo(slo: Slo): readonly SloRule[] {
  const { name, for: pendingFor, labels, recover } = slo;
  const bound = errorBudgetOf(slo.objective);
  const main = ruleOf(
    { slo, bound, window: slo.objective.window, recover },
    { name, for: pendingFor, labels },
  );
  const burns = slo.burn === undefined ? [] : WORKBOOK.map((burn) => burnRule(slo, burn));
  return slo.burn === 'only' ? burns : [main, ...burns];
}
