import type { Labels } from '../labels.ts';
import type { Matcher } from '../matcher.ts';
import type { StoredSeries } from '../sample-store.ts';
import { QueryError } from './errors.ts';
import type { Expression } from './expression.ts';
import type { VersionBehavior } from './version-behavior.ts';

/** One element of an instant vector. */
export interface VectorSample {
  readonly labels: Labels;
  readonly value: number;
}

/** What a scalar, a string or an instant vector evaluates to. Range vectors exist only as arguments. */
export type Value = number | string | readonly VectorSample[];

/** Where samples come from. */
export interface SampleSource {
  select(matchers: readonly Matcher[]): readonly StoredSeries[];
}

/** One query while it runs: the same for each of its steps. Times are ms since the epoch. */
export interface Evaluation {
  readonly source: SampleSource;
  readonly versionBehavior: VersionBehavior;
  /** How old the sample of an instant selector may be, in ms. */
  readonly lookback: number;
  /** The first and last instant of the query, for `@ start()` and `@ end()`. */
  readonly start: number;
  readonly end: number;
  /** What a node of the expression prepared at its first step: selected series, derived labels. */
  plan<T>(node: Expression, prepare: () => T): T;
}

/** Begins a query. */
export function beginEvaluation(options: Omit<Evaluation, 'plan'>): Evaluation {
  const plans = new Map<Expression, unknown>();
  return {
    ...options,
    plan<T>(node: Expression, prepare: () => T): T {
      if (!plans.has(node)) plans.set(node, prepare());
      return plans.get(node) as T;
    },
  };
}

/** Remembers what a function made of each label set, by the set's identity as an object. */
export function remembering<T>(derive: (labels: Labels) => T): (labels: Labels) => T {
  const known = new Map<Labels, T>();
  return (labels) => {
    let derived = known.get(labels);
    if (derived === undefined) {
      derived = derive(labels);
      known.set(labels, derived);
    }
    return derived;
  };
}

/** Returns the vector, or throws when two of its elements have the same labels. */
export function distinct(vector: readonly VectorSample[]): readonly VectorSample[] {
  if (vector.length < 2) return vector;
  const keys = new Set<string>();
  for (const { labels } of vector) keys.add(labels.key);
  if (keys.size === vector.length) return vector;
  throw new QueryError('execution', 'vector cannot contain metrics with the same labelset');
}
