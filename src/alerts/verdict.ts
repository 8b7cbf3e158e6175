import { fingerprint } from '../lib/labels.ts';
import type { Sample } from '../lib/metrics-source.ts';
import type { SloRule } from '../rules/rule.ts';
import type { Alert } from './alert.ts';
import { meets } from './compare.ts';
import { type Breach, seriesOf } from './identity.ts';

/** What is known of a firing alert that is not in the result of its rule any more. */
export type Verdict =
  /** Its value was seen on the good side. */
  | { readonly kind: 'recovered'; readonly value: number }
  /** There is data to judge by, and it does not breach. */
  | { readonly kind: 'over' }
  /** Its value still breaches; something else keeps it out of the result, such as a guard for low traffic. */
  | { readonly kind: 'held'; readonly value: number }
  /** It is not there, and that counts as the end. */
  | { readonly kind: 'gone' }
  /** Its series are not there, and that proves nothing. */
  | { readonly kind: 'missing' }
  /** The evidence was not given: nothing can be said. */
  | { readonly kind: 'unknown' };

/** Values of the evidence by the fingerprint of their series. */
export type RecoveryIndex = ReadonlyMap<string, number>;

/** The values that may prove a recovery, by the fingerprints of their series. */
export function indexRecovery(samples: readonly Sample[]): RecoveryIndex {
  return new Map(samples.map(({ labels, value }) => [fingerprint(seriesOf(labels)), value]));
}

/** What a rule's alerts are judged by when they are missing from its result. */
export interface Proof {
  readonly rule: Pick<SloRule, 'recovery' | 'onNoData'>;
  /** Absent: it was not given. */
  readonly evidence?: RecoveryIndex;
  /** It was not given because the source has a part of the data only: known to be missing, wherever it went. */
  readonly isPartial?: boolean;
  /** Fingerprints of the series that are in the result under whatever labels. Asked only when some alert is missing. */
  readonly breachingSeries: () => ReadonlySet<string>;
}

/** The fingerprints of all series that breach, worked out when they are first asked for. */
export function seriesIn(breaches: ReadonlyMap<string, Breach>): () => ReadonlySet<string> {
  let known: ReadonlySet<string> | undefined;
  return () => {
    known ??= new Set(Array.from(breaches.values(), ({ series }) => fingerprint(series)));
    return known;
  };
}

/** Judges a firing alert that is missing from the result. Pure Prometheus is a rule without evidence. */
export function judgeMissing(alert: Pick<Alert, 'series'>, proof: Proof): Verdict {
  const { recovery: wanted, onNoData } = proof.rule;
  if (wanted === undefined) return { kind: 'gone' };
  const series = fingerprint(alert.series);
  // A templated label changed (severity by value, say): the same series goes on under another identity.
  if (proof.breachingSeries().has(series)) return { kind: 'gone' };
  if (proof.evidence === undefined) return { kind: proof.isPartial === true ? 'missing' : 'unknown' };
  const value = proof.evidence.get(series);
  if (value === undefined || Number.isNaN(value)) {
    return { kind: onNoData === 'resolve' ? 'gone' : 'missing' };
  }
  const { comparison, bound } = wanted;
  if (comparison === undefined || bound === undefined) return { kind: 'over' };
  return { kind: meets(value, comparison, bound) ? 'held' : 'recovered', value };
}
