import type { Milliseconds } from '../lib/units.ts';
import type { LatencyFamily } from './rule.ts';

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

/** A latency that a rule holds requests or a quantile against. */
export interface UsedThreshold {
  readonly threshold: Milliseconds;
  readonly key: string;
  /** Of a hand-written quantile: it must be above, to reach it is not enough. */
  readonly isExceeded?: true;
}

/** What a rule asks of a Prometheus: the things to look for there before the rule is trusted. */
export interface RuleUse {
  /** The rule's name, or the series a recording rule writes. */
  readonly name: string;
  readonly kind: 'alerting' | 'recording';
  readonly expr: string;
  /** The metrics the expression names; of a recording rule, the one it writes. */
  readonly metrics: readonly string[];
  /** The latency histogram the rule reads, where it reads one. */
  readonly family?: LatencyFamily;
  readonly rates: readonly RateRange[];
  readonly services: readonly NamedService[];
  /** How often it is evaluated. */
  readonly interval: Milliseconds;
  /** The labels a verdict is given for; empty where they are not known. */
  readonly by: readonly string[];
  /** Latencies that must be bucket bounds of the histogram, and the keys of the file that hold them. */
  readonly thresholds: readonly UsedThreshold[];
  /** A burn rate of an objective, whose verdict is asked about what both read: of its own are its windows and their cost. */
  readonly isBurnRate?: true;
  /** The thresholds may be none, as long as there is a bound above each. */
  readonly isApproximate?: true;
}

/** An error fails the check, a warning does with `--strict`, a note never does. */
export type FindingSeverity = 'error' | 'warning' | 'note';

/**
 * What a check may find besides what cannot be read, by the name it is known under. The names are stable: people filter
 * by them, and the manual lists them.
 */
export const FINDINGS = {
  'template-unsupported': 'warning',
  'reads-alerts': 'warning',
  'setting-name': 'warning',
  'recording-rule': 'note',
  'missing-for': 'warning',
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
  'expensive-expression': 'warning',
  'no-metric': 'error',
  'no-series': 'error',
  'no-service-label': 'error',
  'threshold-off-bounds': 'error',
  'histogram-kind': 'error',
  'expression-refused': 'error',
} as const satisfies Readonly<Record<string, FindingSeverity>>;

/** The name of a finding. */
export type FindingCode = keyof typeof FINDINGS;

/** What was found out about a rule. */
export interface RuleFinding {
  readonly code: FindingCode;
  readonly message: string;
}
