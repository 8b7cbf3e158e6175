import { z } from 'zod';
import { formatDuration, type Milliseconds, ms } from '../../lib/units.ts';
import { analyseExpression } from '../analysis/analyse.ts';
import { checkExpression } from '../analysis/check-expression.ts';
import { equalitiesOf, nodesOf, parseExpression } from '../analysis/syntax.ts';
import { type BurnRateAlert, type BurnWindows, WORKBOOK } from '../burn-rate.ts';
import { canBurn } from '../compile.ts';
import { parsed } from '../file/fields.ts';
import type { RuleFileError } from '../file/section.ts';
import { errorAt, type RuleFileSection, sectionAt } from '../file/section.ts';
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

export interface WrittenRuleGroup {
  readonly name: string;
  readonly rules: readonly WrittenRule[];
}

/** A latency objective as it is written in the short form. */
export interface WrittenSlo {
  readonly name: string;
  readonly metric: string;
  readonly selector?: string;
  readonly by: readonly string[];
  readonly service_label: string;
  readonly objective: { readonly quantile: number; readonly below: string; readonly window: string };
  readonly alert: { readonly burn: string };
  readonly labels: OptionalTexts;
  readonly annotations?: OptionalTexts;
}

/** The rules of one converted document, or the errors that prevent it. */
export interface Converted {
  readonly groups: readonly WrittenRuleGroup[];
  readonly slos?: readonly WrittenSlo[];
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

/** The labels that a selector compares with one value: they are the same in all of its series. */
export function fixedLabels(query: string): OptionalTexts {
  const vector = [...nodesOf(parseExpression(query))].find(({ name }) => name === 'VectorSelector');
  const equal = vector === undefined ? [] : equalitiesOf(query, vector);
  return Object.fromEntries(equal.map(({ label, value }) => [label, value]));
}

/** Integral bucket bounds, as Prometheus 2 and as Prometheus 3 write them: `le="500"` and `le="500.0"`. */
export const eitherBound = (query: string): string =>
  query.replaceAll(/\ble\s*=\s*"(\d+)(?:\.0)?"/g, 'le=~"$1(\\\\.0)?"');

/** A burn-rate alert of another tool: it fires in any of its pairs of windows. */
export interface ForeignBurnAlert {
  readonly windows: readonly BurnWindows[];
  readonly for?: Milliseconds;
  readonly labels: OptionalTexts;
  readonly annotations?: OptionalTexts;
}

/** The alerts of a table with one alert for each severity, as the workbook and Sloth have it. */
export const alertsBySeverity = (
  table: readonly BurnRateAlert[],
): readonly { readonly severity: BurnRateAlert['severity']; readonly windows: readonly BurnWindows[] }[] =>
  (['page', 'ticket'] as const).map((severity) => ({
    severity,
    windows: table.filter((row) => row.severity === severity),
  }));

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

/** `undefined` where no text is set: an empty map would be written as `{}`. */
export const someTexts = (texts: OptionalTexts): OptionalTexts | undefined =>
  Object.values(texts).some((text) => text !== undefined) ? texts : undefined;

/**
 * The burn-rate rules of an objective, one for each alert. A pair of windows whose threshold is 100% of requests or more
 * can never fire and is left out, as in the tool it comes from.
 */
export function burnRules(
  { alert, ratio, target, ...objective }: RatioObjective,
  alerts: readonly ForeignBurnAlert[],
): readonly WrittenRule[] {
  const budget = withoutNoise(1 - target);
  const conditionOf = ({ long, short, factor }: BurnWindows): string => {
    const bound = withoutNoise(factor * budget);
    return [short, long].map((window) => `(${ratio(formatDuration(window))}) > ${bound}`).join(' and ');
  };
  return alerts.flatMap((burn) => {
    const conditions = burn.windows.filter(({ factor }) => factor * budget < 1).map(conditionOf);
    if (conditions.length === 0) return [];
    return {
      alert,
      expr:
        conditions.length === 1 ? (conditions[0] ?? '') : conditions.map((each) => `(${each})`).join(' or '),
      // The windows replace `for`; written out, so that `check` does not warn about a missing one.
      for: formatDuration(burn.for ?? ms(0)),
      labels: { ...objective.labels, ...burn.labels },
      annotations: someTexts({ ...objective.annotations, ...burn.annotations }),
    };
  });
}

/** The window of the quantile that messages of a converted objective show. */
const SHOWN_WINDOW = '5m';

/** The label of a matcher that names the service: a usual one, else `job`, which the other tool took for it. */
const jobOf = (matchers: string): string | undefined => (/(?:^|,)job="/.test(matchers) ? 'job' : undefined);

/**
 * The short form of an objective on the share of requests within a bucket of a latency histogram, with the workbook's
 * burn-rate alerts. Undefined for any other ratio, and where no label names the service.
 */
export function latencySlo(objective: RatioObjective): WrittenSlo | undefined {
  const { ratio, target, labels, annotations, alert } = objective;
  const budget = withoutNoise(1 - target);
  const found = analyseExpression(`(${ratio(SHOWN_WINDOW)}) > ${budget}`);
  if (found.valueKind !== 'slow-share' || found.objective?.without !== undefined) return undefined;
  if (found.objective === undefined) return undefined;
  const { family, by, threshold } = found.objective;
  const { serviceLabel = jobOf(family.selector), metric, selector } = family;
  const isPossible = WORKBOOK.every((windows) => canBurn(found.objective ?? { quantile: 0 }, windows));
  if (serviceLabel === undefined || !isPossible || !Number.isInteger(threshold)) return undefined;
  return {
    name: alert,
    metric,
    selector: selector === '' ? undefined : selector,
    by: [...new Set([...by, serviceLabel])],
    service_label: serviceLabel,
    objective: { quantile: target, below: formatDuration(threshold), window: SHOWN_WINDOW },
    alert: { burn: 'workbook-only' },
    labels,
    annotations: annotations === undefined ? undefined : someTexts(annotations),
  };
}
