import { z } from 'zod';
import { formatDuration, type Milliseconds, ms } from '../../lib/units.ts';
import { checkExpression } from '../analysis/syntax.ts';
import type { BurnWindows } from '../burn-rate.ts';
import { parsed } from '../file/fields.ts';
import { errorAt, type RuleFileSection, sectionAt } from '../file/section.ts';
import type { RuleFileError } from '../file/source.ts';
import { withoutNoise } from '../promql.ts';

/** Labels or annotations; an undefined one is not written. */
type OptionalTexts = Readonly<Record<string, string | undefined>>;

/** A rule as it is written in a rule file. */
export interface WrittenRule {
  readonly alert: string;
  readonly expr: string;
  readonly for: string;
  readonly labels: OptionalTexts;
  readonly annotations?: OptionalTexts;
}

export interface WrittenGroup {
  readonly name: string;
  readonly rules: readonly WrittenRule[];
}

/** The groups of one converted document, or the errors that prevent it. */
export interface Converted {
  readonly groups: readonly WrittenGroup[];
  readonly errors: readonly RuleFileError[];
}

/** A conversion that fails with an error at a key of the document. */
export const refusedAt = (
  document: RuleFileSection,
  path: readonly (string | number)[],
  message: string,
): Converted => ({ groups: [], errors: [errorAt(sectionAt(document, ...path), message)] });

export const textMap = z.record(z.string(), z.string());

/** One metric with its matchers, to which a range can be added. */
export const selector = parsed('a single metric with its matchers', (text) => {
  const value = text.trim();
  const isSelector =
    /^[A-Za-z_:][\w:]*\s*(?:\{[^]*\})?$/.test(value) && checkExpression(`rate(${value}[5m])`).length === 0;
  return isSelector ? value : undefined;
});

/** Integral bucket bounds, as Prometheus 2 and as Prometheus 3 write them: `le="500"` and `le="500.0"`. */
export const eitherBound = (query: string): string =>
  query.replaceAll(/\ble\s*=\s*"(\d+)(?:\.0)?"/g, 'le=~"$1(\\\\.0)?"');

/** A burn-rate alert of another tool. */
export interface ForeignBurnAlert extends BurnWindows {
  readonly for?: Milliseconds;
  readonly labels: OptionalTexts;
  readonly annotations?: OptionalTexts;
}

/** An objective on a share of failures, whichever tool it was written for. */
export interface RatioObjective {
  readonly alert: string;
  /** PromQL of the share of failures over a window. */
  readonly ratio: (window: string) => string;
  /** The required share of good requests. */
  readonly target: number;
  readonly labels: OptionalTexts;
  readonly annotations?: OptionalTexts;
}

/**
 * The burn-rate rules of an objective, one for each alert. An alert whose threshold is 100% of requests or more can never
 * fire and is left out, as in the tool it comes from.
 */
export function burnRules(
  objective: RatioObjective,
  alerts: readonly ForeignBurnAlert[],
): readonly WrittenRule[] {
  const budget = withoutNoise(1 - objective.target);
  return alerts
    .filter(({ factor }) => factor * budget < 1)
    .map((burn) => {
      const [long, short] = [formatDuration(burn.long), formatDuration(burn.short)];
      const bound = withoutNoise(burn.factor * budget);
      const annotations = { ...objective.annotations, ...burn.annotations };
      return {
        alert: objective.alert,
        expr: `(${objective.ratio(long)}) > ${bound} and (${objective.ratio(short)}) > ${bound}`,
        // The two windows replace `for`; written out, so that `check` does not warn about a missing one.
        for: formatDuration(burn.for ?? ms(0)),
        labels: { ...objective.labels, ...burn.labels, burn_windows: `${long}/${short}` },
        annotations: Object.values(annotations).some((value) => value !== undefined)
          ? annotations
          : undefined,
      };
    });
}
