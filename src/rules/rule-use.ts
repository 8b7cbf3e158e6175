import type { Milliseconds } from '../lib/units.ts';
import type { LatencyHistogram } from './rule.ts';

/** A service that an expression names, on a metric. */
export interface NamedService {
  readonly metric: string;
  readonly label: string;
  readonly value: string;
}

/** A range that an expression takes a rate over. */
export interface RateRange {
  /** As written: `requests_total{job="cart"}`. */
  readonly selector: string;
  readonly window: Milliseconds;
}

/** A latency that a rule compares requests or a quantile with. */
export interface UsedThreshold {
  readonly threshold: Milliseconds;
  /** The key in the rule file: `objective.below`; `expr` for a hand-written quantile. */
  readonly key: string;
  /** A hand-written quantile that must exceed it: `>`, not `>=`. */
  readonly isExceeded?: true;
}

/** What a rule reads from Prometheus, to check that it exists there. */
export interface RuleUse {
  /** The rule's name, or the series a recording rule writes. */
  readonly name: string;
  readonly kind: 'alerting' | 'recording';
  readonly expr: string;
  /** The recovery query; absent: the rule has none. */
  readonly recovery?: string;
  /** The metrics the expression names; of a recording rule, the one it writes. */
  readonly metrics: readonly string[];
  /** The latency histogram the rule reads, where it reads one. */
  readonly family?: LatencyHistogram;
  readonly rates: readonly RateRange[];
  readonly services: readonly NamedService[];
  /** How often it is evaluated. */
  readonly interval: Milliseconds;
  /** Latencies that must be bucket bounds of the histogram. */
  readonly thresholds: readonly UsedThreshold[];
  /** A burn-rate alert of an objective: it reads the same metrics as the objective, in other windows. */
  readonly isBurnRate?: true;
  /** The thresholds may be between two bucket bounds. */
  readonly isApproximate?: true;
}

/** An error fails the check, a warning does with `--strict`, a note never does. */
export type FindingSeverity = 'error' | 'warning' | 'note';

/**
 * The findings of a check besides syntax errors, by their code. The codes are stable: people filter by them, and the
 * manual lists them.
 */
export const FINDINGS = {
  'empty-file': 'error',
  'template-error': 'warning',
  'external-labels': 'warning',
  'value-in-label': 'warning',
  'reads-alerts': 'warning',
  'setting-name': 'warning',
  'recording-rule': 'note',
  'no-recovery': 'note',
  'missing-for': 'warning',
  'no-service': 'warning',
  'rate-window': 'warning',
  'duplicate-alert': 'warning',
  'default-channel': 'warning',
  'route-unreachable': 'warning',
  'unknown-team': 'warning',
  'unknown-severity': 'warning',
  'default-unused': 'warning',
  'silence-past': 'warning',
  'maintenance-past': 'warning',
  'default-bounds': 'warning',
  'guessed-quantile': 'warning',
  'approximate-threshold': 'note',
  'not-recorded': 'note',
  'unknown-service': 'warning',
  'recovery-refused': 'warning',
  'expensive-expression': 'warning',
  'no-metric': 'error',
  'no-series': 'error',
  'no-service-label': 'error',
  'threshold-off-bounds': 'error',
  'histogram-kind': 'error',
  'expression-refused': 'error',
} as const satisfies Readonly<Record<string, FindingSeverity>>;

/** The code of a finding. */
export type FindingCode = keyof typeof FINDINGS;

/** A problem of a rule. */
export interface RuleFinding {
  readonly code: FindingCode;
  readonly message: string;
}
