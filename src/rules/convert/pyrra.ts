import { z } from 'zod';
import { MINUTE, type Milliseconds, ms, SECOND } from '../../lib/units.ts';
import { below, flag, labelName, name, oneOf, positiveDuration } from '../file/fields.ts';
import { alternatives, type RuleFileSection, validate } from '../file/section.ts';
import { promqlLabel } from '../promql.ts';
import {
  burnRules,
  type Converted,
  eitherBound,
  type ForeignBurnAlert,
  refusedAt,
  selector,
  textMap,
  type WrittenRule,
} from './burn-rules.ts';

const metric = z.strictObject({ metric: selector });
const grouping = z.array(labelName).optional();

const indicatorSchema = z.strictObject({
  ratio: z.strictObject({ errors: metric, total: metric, grouping }).optional(),
  latency: z.strictObject({ success: metric, total: metric, grouping }).optional(),
  latencyNative: z.strictObject({ latency: positiveDuration, total: metric, grouping }).optional(),
  bool_gauge: z.strictObject({ metric: selector, grouping }).optional(),
});
const alertingSchema = z.strictObject({
  name: name.optional(),
  disabled: flag.optional(),
  burnrates: flag.optional(),
  absent: flag.optional(),
  burnRateType: oneOf(['static']).optional(),
});
const specSchema = z.strictObject({
  target: below(100, '99.9'),
  window: positiveDuration,
  description: z.string().optional(),
  indicator: indicatorSchema,
  alerting: alertingSchema.optional(),
});
const metadataSchema = z.strictObject({
  name,
  namespace: z.string().optional(),
  labels: textMap.optional(),
  annotations: textMap.optional(),
});
const documentSchema = z.strictObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: metadataSchema,
  spec: specSchema,
});

type Document = z.output<typeof documentSchema>;
type Indicator = z.output<typeof indicatorSchema>;

/** Labels of the resource that Pyrra copies to its alerts. */
const LABEL_PREFIX = 'pyrra.dev/';

const by = (labels: readonly string[] = []): string =>
  labels.length === 0 ? '' : ` by (${labels.map(promqlLabel).join(', ')})`;

/** PromQL of the share of failures over a window, and the series it needs. */
interface FailureRatio {
  readonly ratio: (window: string) => string;
  readonly total: string;
}

function ratioOf(indicator: Indicator): FailureRatio | undefined {
  const { ratio, latency, latencyNative, bool_gauge: gauge } = indicator;
  const sum = (query: string, window: string, labels?: readonly string[]): string =>
    `sum${by(labels)} (rate(${query}[${window}]))`;
  if (ratio !== undefined) {
    const { errors, total, grouping: g } = ratio;
    return { total: total.metric, ratio: (w) => `${sum(errors.metric, w, g)} / ${sum(total.metric, w, g)}` };
  }
  if (latency !== undefined) {
    const { success, total, grouping: g } = latency;
    const fast = eitherBound(success.metric);
    return { total: total.metric, ratio: (w) => `1 - ${sum(fast, w, g)} / ${sum(total.metric, w, g)}` };
  }
  if (latencyNative !== undefined) {
    const { latency: threshold, total, grouping: g } = latencyNative;
    return {
      total: total.metric,
      ratio: (w) => `1 - histogram_fraction(0, ${threshold / SECOND}, ${sum(total.metric, w, g)})`,
    };
  }
  if (gauge === undefined) return undefined;
  const over = (aggregation: string, w: string): string =>
    `sum${by(gauge.grouping)} (${aggregation}_over_time(${gauge.metric}[${w}]))`;
  return { total: gauge.metric, ratio: (w) => `1 - ${over('sum', w)} / ${over('count', w)}` };
}

const minutes = (duration: number): Milliseconds =>
  ms(Math.max(MINUTE, Math.round(duration / MINUTE) * MINUTE));

/**
 * Pyrra's alerts, whose windows scale with the objective's: of 28 days 1h/5m, 6h/30m, 1d/2h and 4d/6h.
 * Source: pyrra slo/rules.go, Windows.
 */
function alertsOf(window: Milliseconds): readonly ForeignBurnAlert[] {
  const day = window / 28;
  const rows = [
    { severity: 'critical', long: day / 24, short: day / 288, for: day / 720, factor: 14 },
    { severity: 'critical', long: day / 4, short: day / 48, for: day / 96, factor: 7 },
    { severity: 'warning', long: day, short: day / 12, for: day / 24, factor: 2 },
    { severity: 'warning', long: day * 4, short: day / 4, for: day / 8, factor: 1 },
  ];
  return rows.map(({ severity, long, short, factor, ...row }) => ({
    long: minutes(long),
    short: minutes(short),
    for: minutes(row.for),
    factor,
    labels: { severity },
  }));
}

/** `for` of the alert on a missing metric. Pyrra computes it from the target and is close to this for most. */
const ABSENT_FOR = '10m';

function rulesOf({ metadata, spec }: Document, { ratio, total }: FailureRatio): readonly WrittenRule[] {
  const { alerting = {}, description } = spec;
  if (alerting.disabled === 'true') return [];
  const own = Object.entries(metadata.labels ?? {}).flatMap(([label, value]) =>
    label.startsWith(LABEL_PREFIX) ? [[label.slice(LABEL_PREFIX.length), value] as const] : [],
  );
  const labels = { slo: metadata.name, ...Object.fromEntries(own) };
  const objective = {
    alert: alerting.name ?? 'ErrorBudgetBurn',
    ratio,
    target: spec.target / 100,
    labels,
    annotations: { description },
  };
  const burns = alerting.burnrates === 'false' ? [] : burnRules(objective, alertsOf(spec.window));
  const absent: WrittenRule = {
    alert: 'SLOMetricAbsent',
    expr: `absent(${total}) == 1`,
    for: ABSENT_FOR,
    labels: { ...labels, severity: 'critical' },
    annotations: description === undefined ? undefined : { description },
  };
  return alerting.absent === 'false' ? burns : [...burns, absent];
}

/** Converts a Pyrra ServiceLevelObjective: a group with Pyrra's burn-rate alerts and its alert for a missing metric. */
export function convertPyrra(document: RuleFileSection): Converted {
  const checked = validate(documentSchema, document);
  if (!checked.ok) return { groups: [], errors: checked.errors };
  const { indicator } = checked.value.spec;
  const ratio = ratioOf(indicator);
  if (ratio === undefined || Object.keys(indicator).length !== 1) {
    const kinds = alternatives(Object.keys(indicatorSchema.shape));
    return refusedAt(document, ['spec', 'indicator'], `invalid \`spec.indicator\`: expected ${kinds}.`);
  }
  return {
    groups: [{ name: checked.value.metadata.name, rules: rulesOf(checked.value, ratio) }],
    errors: [],
  };
}
