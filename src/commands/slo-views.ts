import type { BudgetView, QuantileEstimate, SlowBetween } from '../latency/figures.ts';
import type { Phrase } from '../lib/phrase.ts';
import type { EpochMs, Milliseconds } from '../lib/units.ts';
import type { BurnWindows } from '../rules/burn-rate.ts';
import type { Comparison, ValueKind } from '../rules/rule.ts';

/** One rule and, when it is breached, one alert of it. */
export interface SloRow {
  readonly rule: string;
  readonly group: string;
  readonly state:
    | 'ok'
    /** Evaluated, but there is too little to judge by. */
    | 'no-verdict'
    | 'pending'
    | 'firing'
    | 'no-data'
    | 'rule-error'
    | 'source-error'
    | 'unknown';
  /** What an alert is about; of a rule that is met, what is nearest to its bound. */
  readonly subject?: string;
  readonly value?: number;
  readonly valueKind: ValueKind;
  readonly bound?: number;
  readonly comparison?: Comparison;
  readonly unit?: string;
  /** The threshold may lie between two bucket bounds: `value` is a share by the bound above it, the least it can be. */
  readonly isApproximate?: true;
  readonly since?: EpochMs;
  /** Of a pending alert: how long the breach must last before it alerts. */
  readonly alertsAfter?: Milliseconds;
  /** Of a rule that is met: how far back `value` looks, where that is less than what the figures are about. */
  readonly valueWindow?: Milliseconds;
  /** Of a rule that is met: when it was evaluated last. Value and figures are of now, and can be ahead of it. */
  readonly evaluatedAt?: EpochMs;
  readonly detail?: string;
  /** What people did about it. */
  readonly people?: Phrase;
  readonly messageUrl?: string;
  /** What the histogram knows of the subject, where the rule reads one. */
  readonly figures?: SloFigures;
}

/** The three honest numbers and the budget of one service. What is missing is not known. */
export interface SloFigures {
  readonly latency?: QuantileEstimate;
  /** The share slower than the threshold: one number where it is a bucket bound. */
  readonly slow?: SlowBetween;
  readonly threshold: Milliseconds;
  /** The share that may be slow. */
  readonly allowed: number;
  readonly budget?: BudgetView;
  /** Of a burn-rate alert: what it asks for. */
  readonly burn?: BurnWindows;
  /** Why the budget is not known: a part of a sentence. */
  readonly noBudget?: string;
}

/** All rules and how they stand, for `/slo`. */
export interface SloStatusView {
  readonly at: EpochMs;
  readonly rows: readonly SloRow[];
}
