import { formatDuration, type Milliseconds, ms } from '../../lib/units.ts';

/** A rule as it is written in a rule file. */
export interface WrittenRule {
  readonly alert: string;
  readonly expr: string;
  readonly for: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface WrittenGroup {
  readonly name: string;
  readonly rules: readonly WrittenRule[];
}

/** A pair of windows in which the error budget may burn at most `factor` times as fast as the objective allows. */
export interface BurnPair {
  readonly long: Milliseconds;
  readonly short: Milliseconds;
  readonly factor: number;
  readonly for?: Milliseconds;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** An objective over a share of failures, however another tool wrote it. */
export interface RatioObjective {
  readonly alert: string;
  /** PromQL of the share of failures over a window. */
  readonly ratio: (window: string) => string;
  /** The share of failures that the objective allows. */
  readonly budget: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Cuts floating-point noise: 1 - 0.999 is 0.001, not 0.0010000000000000009. */
export const exact = (value: number): number => Number(value.toPrecision(12));

/**
 * The burn-rate alerts of an objective, a rule for each pair of windows. A pair whose bound is all requests or more can
 * never fire, and is left out, as it is meaningless in the tool it comes from too.
 */
export function burnRules(objective: RatioObjective, pairs: readonly BurnPair[]): readonly WrittenRule[] {
  return pairs
    .filter(({ factor }) => factor * objective.budget < 1)
    .map((pair) => {
      const [long, short] = [formatDuration(pair.long), formatDuration(pair.short)];
      const bound = exact(pair.factor * objective.budget);
      const annotations = { ...objective.annotations, ...pair.annotations };
      return {
        alert: objective.alert,
        expr: `(${objective.ratio(long)}) > ${bound} and (${objective.ratio(short)}) > ${bound}`,
        // Two windows are as good as a hold; said, so that nobody asks whether it was forgotten.
        for: formatDuration(pair.for ?? ms(0)),
        labels: { ...objective.labels, ...pair.labels, burn_windows: `${long}/${short}` },
        ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
      };
    });
}

/** Bounds that are whole numbers, as Prometheus 2 and as Prometheus 3 write them: `le="500"` and `le="500.0"`. */
export const eitherBound = (selector: string): string =>
  selector.replaceAll(/\ble\s*=\s*"(\d+)(?:\.0)?"/g, 'le=~"$1(\\\\.0)?"');
