import { fingerprint } from '../lib/labels.ts';
import type { Sample } from '../lib/metrics-source.ts';
import type { Comparison, SloRule } from '../rules/rule.ts';
import type { Alert } from './alert.ts';
import { type Breach, seriesOf } from './identity.ts';

/** The state of a firing alert that the rule's expression does not return. */
export type RecoveryResult =
  /** Its value is within the threshold. */
  | { readonly kind: 'recovered'; readonly value: number }
  /** There is data, and it does not breach. The recovery condition has no comparison. */
  | { readonly kind: 'not-breaching' }
  /** Its value still breaches; something else keeps it out of the result, such as a minimum request count. */
  | { readonly kind: 'still-breaching'; readonly value: number }
  /** The expression does not return it, which ends it as in Prometheus. */
  | { readonly kind: 'not-returned' }
  /** Its series returned no data. */
  | { readonly kind: 'no-data' }
  /** The recovery query failed. */
  | { readonly kind: 'unknown' };

/** Values by the fingerprint of the series they belong to. */
type SeriesValues = ReadonlyMap<string, number>;

/** The result of a recovery query by series. */
export function valuesBySeries(samples: readonly Sample[]): SeriesValues {
  return new Map(samples.map(({ labels, value }) => [fingerprint(seriesOf(labels)), value]));
}

/** What the recovery of a rule's alerts is evaluated on. */
export interface RecoveryInput {
  /** Absent: an alert ends as in Prometheus, when the expression does not return it. */
  readonly condition: SloRule['recovery'];
  readonly noData: SloRule['noData'];
  /** Result of the recovery query; absent: it was not sent or failed. */
  readonly values: SeriesValues | undefined;
  /** The recovery query failed because the source has only part of the data. */
  readonly isPartial: boolean;
  /** The source rejects the recovery query: an alert ends when the expression does not return it. */
  readonly isRejected?: boolean;
  /** Fingerprints of the series whose values are out of date. */
  readonly late?: ReadonlySet<string>;
  /** Fingerprints of the series in the rule's result. Called only when an alert is missing from it. */
  readonly breachingSeries: () => ReadonlySet<string>;
}

/** The fingerprints of all breaching series, computed on first use. */
export function breachingSeriesOf(breaches: ReadonlyMap<string, Breach>): () => ReadonlySet<string> {
  let known: ReadonlySet<string> | undefined;
  return () => {
    known ??= new Set(Array.from(breaches.values(), ({ series }) => fingerprint(series)));
    return known;
  };
}

/** Evaluates the recovery of a firing alert that is missing from the result. */
export function evaluateRecovery(alert: Pick<Alert, 'series'>, input: RecoveryInput): RecoveryResult {
  const { condition, noData, values, isPartial, isRejected } = input;
  if (condition === undefined || isRejected === true) return { kind: 'not-returned' };
  const series = fingerprint(alert.series);
  // A templated label changed, such as a severity by value: the series continues as another alert.
  if (input.breachingSeries().has(series)) return { kind: 'not-returned' };
  if (values === undefined) return { kind: isPartial ? 'no-data' : 'unknown' };
  if (input.late?.has(series) === true) return { kind: 'no-data' };
  const value = values.get(series);
  if (value === undefined || Number.isNaN(value)) {
    return { kind: noData === 'resolve' ? 'not-returned' : 'no-data' };
  }
  return resultOf(value, condition);
}

function resultOf(
  value: number,
  { comparison, bound }: NonNullable<RecoveryInput['condition']>,
): RecoveryResult {
  if (comparison === undefined || bound === undefined) return { kind: 'not-breaching' };
  return { kind: meets(value, comparison, bound) ? 'still-breaching' : 'recovered', value };
}

const COMPARISONS: Readonly<Record<Comparison, (value: number, bound: number) => boolean>> = {
  '>': (value, bound) => value > bound,
  '>=': (value, bound) => value >= bound,
  '<': (value, bound) => value < bound,
  '<=': (value, bound) => value <= bound,
  '==': (value, bound) => value === bound,
  '!=': (value, bound) => value !== bound,
};

/** Whether a value meets a comparison with a bound. NaN meets only `!=`, as in PromQL. */
export function meets(value: number, comparison: Comparison, bound: number): boolean {
  return COMPARISONS[comparison](value, bound);
}
