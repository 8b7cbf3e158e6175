import { z } from 'zod';
import { formatDuration, MINUTE, type Milliseconds, ms, SECOND } from '../../lib/units.ts';
import { below, flag, labelName, name, oneOf, positiveDuration } from '../file/fields.ts';
import { alternatives, type RuleFileSection, type UnsupportedKeys, validate } from '../file/section.ts';
import { promqlLabel, withoutNoise } from '../promql.ts';
import {
  burnRules,
  type Converted,
  eitherBound,
  type ForeignBurnAlert,
  fixedLabels,
  refusedAt,
  selector,
  someTexts,
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
const severitiesSchema = z.strictObject({
  absent: z.string().optional(),
  fastBurn: z.string().optional(),
  mediumBurn: z.string().optional(),
  slowBurn: z.string().optional(),
  longTermBurn: z.string().optional(),
});
const alertingSchema = z.strictObject({
  name: name.optional(),
  absentName: name.optional(),
  severities: severitiesSchema.optional(),
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

const UNSUPPORTED: UnsupportedKeys = {
  performance_over_accuracy: 'Remove it: the converted rules need no recorded series.',
  performanceOverAccuracy: 'Remove it: the converted rules need no recorded series.',
  status: 'Remove it: Pyrra writes it.',
};

/** Labels of the resource that Pyrra copies to its alerts. */
const LABEL_PREFIX = 'pyrra.dev/';

const by = (labels: readonly string[] = []): string =>
  labels.length === 0 ? '' : ` by (${labels.map(promqlLabel).join(', ')})`;

/** PromQL of the share of failures over a window, and the series it needs. */
interface FailureRatio {
  readonly ratio: (window: string) => string;
  readonly total: string;
  /** The bucket of the requests within the threshold. */
  readonly success?: string;
  readonly grouping?: readonly string[];
}

function ratioOf(indicator: Indicator): FailureRatio | undefined {
  const { ratio, latency, latencyNative, bool_gauge: gauge } = indicator;
  const sum = (query: string, window: string, labels?: readonly string[]): string =>
    `sum${by(labels)} (rate(${query}[${window}]))`;
  if (ratio !== undefined) {
    const { errors, total, grouping } = ratio;
    const of = (w: string): string =>
      `${sum(errors.metric, w, grouping)} / ${sum(total.metric, w, grouping)}`;
    return { total: total.metric, grouping, ratio: of };
  }
  if (latency !== undefined) {
    const { success, total, grouping } = latency;
    const fast = eitherBound(success.metric);
    const of = (w: string): string => `1 - ${sum(fast, w, grouping)} / ${sum(total.metric, w, grouping)}`;
    return { total: total.metric, success: success.metric, grouping, ratio: of };
  }
  if (latencyNative !== undefined) {
    const { latency: threshold, total, grouping } = latencyNative;
    const of = (w: string): string =>
      `1 - histogram_fraction(0, ${threshold / SECOND}, ${sum(total.metric, w, grouping)})`;
    return { total: total.metric, grouping, ratio: of };
  }
  if (gauge === undefined) return undefined;
  const over = (aggregation: string, w: string): string =>
    `sum${by(gauge.grouping)} (${aggregation}_over_time(${gauge.metric}[${w}]))`;
  return {
    total: gauge.metric,
    grouping: gauge.grouping,
    ratio: (w) => `1 - ${over('sum', w)} / ${over('count', w)}`,
  };
}

const minutes = (duration: number): Milliseconds =>
  ms(Math.max(MINUTE, Math.round(duration / MINUTE) * MINUTE));

type Severities = z.output<typeof severitiesSchema>;

/**
 * Pyrra's alerts, whose windows scale with the objective's: of 28 days 1h/5m, 6h/30m, 1d/2h and 4d/6h. They say in how
 * much time the budget is gone. Source: pyrra slo/rules.go, Windows and Burnrates.
 */
function alertsOf(window: Milliseconds, severities: Severities): readonly ForeignBurnAlert[] {
  const { fastBurn, mediumBurn, slowBurn, longTermBurn } = severities;
  const day = window / 28;
  const rows = [
    { severity: fastBurn ?? 'critical', long: day / 24, short: day / 288, for: day / 720, factor: 14 },
    { severity: mediumBurn ?? 'critical', long: day / 4, short: day / 48, for: day / 96, factor: 7 },
    { severity: slowBurn ?? 'warning', long: day, short: day / 12, for: day / 24, factor: 2 },
    { severity: longTermBurn ?? 'warning', long: day * 4, short: day / 4, for: day / 8, factor: 1 },
  ];
  return rows.map(({ severity, factor, ...row }) => {
    const [long, short] = [minutes(row.long), minutes(row.short)];
    const exhaustion = formatDuration(ms(window / factor));
    return {
      windows: [{ long, short, factor }],
      for: minutes(row.for),
      labels: { severity, long: formatDuration(long), short: formatDuration(short), exhaustion },
    };
  });
}

/** `for` of the alert on a missing metric. Pyrra computes it from the target and is close to this for most. */
const ABSENT_FOR = '10m';

/** What the resource's labels or annotations with Pyrra's prefix add to its alerts. */
const propagated = (texts: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(texts).flatMap(([key, value]) =>
      key.startsWith(LABEL_PREFIX) ? [[key.slice(LABEL_PREFIX.length), value] as const] : [],
    ),
  );

/** The alerts on missing metrics: of all requests, and of the bucket of the fast ones, whose bound may be gone alone. */
function absentRules(
  { total, success }: FailureRatio,
  rule: Pick<WrittenRule, 'alert' | 'labels' | 'annotations'>,
): readonly WrittenRule[] {
  const { le } = success === undefined ? {} : fixedLabels(success);
  return [total, ...(success === undefined ? [] : [success])].map((metric) => ({
    ...rule,
    expr: `absent(${eitherBound(metric)}) == 1`,
    for: ABSENT_FOR,
    labels: metric === success ? { ...rule.labels, le } : rule.labels,
  }));
}

function rulesOf({ metadata, spec }: Document, failures: FailureRatio): readonly WrittenRule[] {
  const { alerting = {}, description } = spec;
  if (alerting.disabled === 'true') return [];
  const { severities = {} } = alerting;
  // The labels that are the same in all series are those of the alerts, unless they are grouped by.
  const fixed = Object.entries(fixedLabels(failures.total)).filter(
    ([label]) => failures.grouping?.includes(label) !== true,
  );
  const labels = { ...propagated(metadata.labels), ...Object.fromEntries(fixed), slo: metadata.name };
  const annotations = someTexts({ description, ...propagated(metadata.annotations) });
  const objective = {
    alert: alerting.name ?? 'ErrorBudgetBurn',
    ratio: failures.ratio,
    target: withoutNoise(spec.target / 100),
    labels,
    annotations,
  };
  const burns = alerting.burnrates === 'false' ? [] : burnRules(objective, alertsOf(spec.window, severities));
  if (alerting.absent === 'false') return burns;
  const alert = alerting.absentName ?? 'SLOMetricAbsent';
  const severity = severities.absent ?? 'critical';
  return [...burns, ...absentRules(failures, { alert, labels: { ...labels, severity }, annotations })];
}

/** Converts a Pyrra ServiceLevelObjective: a group with Pyrra's burn-rate alerts and its alert for a missing metric. */
export function convertPyrra(document: RuleFileSection): Converted {
  const checked = validate(documentSchema, document, UNSUPPORTED);
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
