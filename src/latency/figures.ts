import type { EpochMs, Milliseconds } from '../lib/units.ts';

/** A latency as a histogram knows it: an estimate inside a bucket. `high` is absent above the highest bound. */
export interface QuantileEstimate {
  readonly quantile: number;
  readonly value: Milliseconds;
  readonly low?: Milliseconds;
  readonly high?: Milliseconds;
}

/** The share of slow requests where the threshold may lie between two bucket bounds: it is somewhere between the two. */
export interface SlowBetween {
  /** The bounds beside the threshold; `high` is absent above the highest. Equal: the threshold is a bound, the share exact. */
  readonly low: Milliseconds;
  readonly high?: Milliseconds;
  readonly atLeast: number;
  readonly atMost: number;
}

/** What is left of an error budget. */
export interface BudgetView {
  /** The share that is left: 1 is all, below 0 more was spent than there is. */
  readonly left: number;
  readonly period: Milliseconds;
  /** How much of the period there is anything to judge by. */
  readonly over: Milliseconds;
  /** The threshold lies between two bucket bounds: it is the most that can be left. */
  readonly isAtMost?: true;
}

/** A line chart: at most 20 points, each series with one value per point. */
export interface ChartView {
  readonly title: string;
  readonly unit: string;
  readonly at: readonly EpochMs[];
  readonly series: readonly { readonly name: string; readonly values: readonly number[] }[];
}
