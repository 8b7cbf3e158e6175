import { z } from 'zod';
import { formatDuration, MINUTE } from '../../lib/units.ts';
import { workbookFor } from '../burn-rate.ts';
import { below, expression, name, oneOf, parsed, positiveDuration } from '../file/fields.ts';
import { type RuleFileSection, validate, valueOf } from '../file/section.ts';
import {
  burnRules,
  type Converted,
  eitherBound,
  refusedAt,
  selector,
  textMap,
  type WrittenGroup,
} from './burn-rules.ts';

const prometheus = parsed('Prometheus, the only supported source', (type) =>
  type.toLowerCase() === 'prometheus' ? type : undefined,
);

const sourceOf = <Q extends z.ZodType>(query: Q) =>
  z.strictObject({
    metricSource: z.strictObject({ type: prometheus.optional(), spec: z.strictObject({ query }) }),
  });

/** A counter: one metric with its matchers, or the sum of one. */
const counter = parsed('a counter with its matchers, or the sum of one', (query) => {
  const inner = /^sum\s*\(([^]*)\)$/.exec(query.trim())?.[1] ?? query;
  return selector.safeParse(inner).data;
});

const indicatorSpec = z.strictObject({
  description: z.string().optional(),
  ratioMetric: z
    .strictObject({
      counter: oneOf(['true']),
      good: sourceOf(counter).optional(),
      bad: sourceOf(counter).optional(),
      total: sourceOf(counter),
    })
    .optional(),
  thresholdMetric: sourceOf(expression).optional(),
});
const metadataSchema = z.strictObject({
  name,
  displayName: z.string().optional(),
  labels: textMap.optional(),
  annotations: textMap.optional(),
});
const number = parsed('a number', (text) => (/^-?\d+(?:\.\d+)?$/.test(text) ? Number(text) : undefined));
const objectiveSchema = z.strictObject({
  displayName: z.string().optional(),
  op: oneOf(['lte', 'gte', 'lt', 'gt']).optional(),
  value: number.optional(),
  target: below(1, '0.999').optional(),
  targetPercent: below(100, '99.9').optional(),
  timeSliceWindow: positiveDuration.optional(),
});
const specSchema = z.strictObject({
  description: z.string().optional(),
  service: z.string().optional(),
  indicator: z.strictObject({ metadata: metadataSchema.optional(), spec: indicatorSpec }),
  timeWindow: z.array(z.strictObject({ duration: positiveDuration, isRolling: oneOf(['true']) })),
  budgetingMethod: oneOf(['Occurrences', 'Timeslices']),
  objectives: z.array(objectiveSchema),
});
const documentSchema = z.strictObject({
  apiVersion: z.string(),
  kind: oneOf(['SLO']),
  metadata: metadataSchema,
  spec: specSchema,
});

type OpenSlo = z.output<typeof documentSchema>;
type Spec = OpenSlo['spec'];
type Objective = z.output<typeof objectiveSchema>;

/** The comparison that is a breach, for each operator of an objective. */
const BREACH = { lte: '>', lt: '>=', gte: '<', gt: '<=' } as const;

/** PromQL of the share of failures over a window. */
type Ratio = (window: string) => string;

/** Why an objective cannot be converted, and at which path below `spec`. */
interface Refusal {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

type ThresholdMetric = NonNullable<Spec['indicator']['spec']['thresholdMetric']>;
type RatioMetric = NonNullable<Spec['indicator']['spec']['ratioMetric']>;

/** The share of time slices in which the value breached. */
function timeRatio({ metricSource }: ThresholdMetric, objective: Objective): Ratio | Refusal {
  const { op, value, timeSliceWindow = MINUTE } = objective;
  if (op === undefined || value === undefined)
    return {
      path: ['objectives'],
      message: 'missing `op` or `value`: an objective on a thresholdMetric needs both.',
    };
  const step = formatDuration(timeSliceWindow);
  const isBad = `(${metricSource.spec.query}) ${BREACH[op]} bool ${value}`;
  return (window) => `avg_over_time((${isBad})[${window}:${step}])`;
}

/** The share of failures among all events. */
function eventRatio({ good, bad, total }: RatioMetric, { budgetingMethod }: Spec): Ratio | Refusal {
  if (budgetingMethod !== 'Occurrences') {
    const message = 'invalid `spec.budgetingMethod`: expected Occurrences for a ratioMetric.';
    return { path: ['budgetingMethod'], message };
  }
  const rate = (source: typeof total, w: string): string =>
    `sum(rate(${eitherBound(source.metricSource.spec.query)}[${w}]))`;
  if (bad !== undefined) return (w) => `${rate(bad, w)} / ${rate(total, w)}`;
  if (good !== undefined) return (w) => `1 - ${rate(good, w)} / ${rate(total, w)}`;
  const message = 'missing `good` or `bad` in `spec.indicator.spec.ratioMetric`.';
  return { path: ['indicator', 'spec', 'ratioMetric'], message };
}

function ratioOf(spec: Spec, objective: Objective): Ratio | Refusal {
  const { ratioMetric, thresholdMetric } = spec.indicator.spec;
  if (ratioMetric !== undefined && thresholdMetric === undefined) return eventRatio(ratioMetric, spec);
  if (thresholdMetric !== undefined && ratioMetric === undefined)
    return timeRatio(thresholdMetric, objective);
  const message = 'invalid `spec.indicator.spec`: expected either `ratioMetric` or `thresholdMetric`.';
  return { path: ['indicator', 'spec'], message };
}

/** The required share of good events; undefined when neither or both of the keys are set. */
function targetOf({ target, targetPercent }: Objective): number | undefined {
  if (targetPercent === undefined) return target;
  return target === undefined ? targetPercent / 100 : undefined;
}

function groupOf({ metadata, spec }: OpenSlo, objective: Objective, alert: string): WrittenGroup | Refusal {
  const target = targetOf(objective);
  const [window, ...others] = spec.timeWindow;
  if (target === undefined) {
    const message = 'invalid objective: expected either `target` or `targetPercent`.';
    return { path: ['objectives', spec.objectives.indexOf(objective)], message };
  }
  if (window === undefined || others.length > 0)
    return { path: ['timeWindow'], message: 'invalid `spec.timeWindow`: expected a single window.' };
  const ratio = ratioOf(spec, objective);
  if (typeof ratio !== 'function') return ratio;
  const labels = { slo: metadata.name, slo_service: spec.service };
  const annotations = { description: spec.description, objective: objective.displayName };
  const alerts = workbookFor(window.duration).map(({ severity, ...windows }) => ({
    ...windows,
    labels: { severity },
  }));
  return { name: alert, rules: burnRules({ alert, ratio, target, labels, annotations }, alerts) };
}

/** Converts an OpenSLO v1 SLO with its indicator inline: for each objective a group with the workbook's burn-rate alerts. */
export function convertOpenSlo(document: RuleFileSection): Converted {
  const { kind } = (valueOf(document) ?? {}) as { kind?: unknown };
  if (typeof kind === 'string' && kind !== 'SLO') {
    const message = `invalid \`kind\`: found "${kind}", expected SLO. Other kinds cannot be converted.`;
    return refusedAt(document, ['kind'], message);
  }
  const checked = validate(documentSchema, document);
  if (!checked.ok) return { groups: [], errors: checked.errors };
  const { metadata, spec } = checked.value;
  const all = spec.objectives.map((objective, index): Converted => {
    const alert = spec.objectives.length === 1 ? metadata.name : `${metadata.name}-${index + 1}`;
    const group = groupOf(checked.value, objective, alert);
    return 'message' in group
      ? refusedAt(document, ['spec', ...group.path], group.message)
      : { groups: [group], errors: [] };
  });
  return { groups: all.flatMap(({ groups }) => groups), errors: all.flatMap(({ errors }) => errors) };
}
