import { z } from 'zod';
import { formatDuration, MINUTE } from '../../lib/units.ts';
import { workbookFor } from '../burn-rate.ts';
import { expression, field, name, oneOf, positiveDuration } from '../file/fields.ts';
import { type Part, type Shape, validate } from '../file/validate.ts';
import {
  below,
  burnRules,
  type Converted,
  eitherBound,
  refusedAt,
  selector,
  text,
  textMap,
} from './burn-rules.ts';

const sourceOf = <Q extends z.ZodType>(query: Q) =>
  z.strictObject({
    metricSource: z.strictObject({
      type: field<string>((kind) =>
        kind.toLowerCase() === 'prometheus'
          ? { value: kind }
          : { problems: [{ message: `is ${JSON.stringify(kind)}: only Prometheus can be asked` }] },
      ).optional(),
      spec: z.strictObject({ query }),
    }),
  });

/** A counter: one metric with its matchers, or the sum of one. */
const counter = field<string>((written) => {
  const inner = /^sum\s*\(([^]*)\)$/.exec(written.trim())?.[1] ?? written;
  const read = selector.safeParse(inner);
  return read.success
    ? { value: read.data }
    : {
        problems: [
          { message: 'is not a counter with its matchers, or the sum of one: no window can be put into it' },
        ],
      };
});

const indicatorSpec = z.strictObject({
  description: text.optional(),
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
  displayName: text.optional(),
  labels: textMap.optional(),
  annotations: textMap.optional(),
});
const number = field<number>((written) =>
  /^-?\d+(?:\.\d+)?$/.test(written)
    ? { value: Number(written) }
    : { problems: [{ message: 'must be a number' }] },
);
const objectiveSchema = z.strictObject({
  displayName: text.optional(),
  op: oneOf(['lte', 'gte', 'lt', 'gt']).optional(),
  value: number.optional(),
  target: below(1).optional(),
  targetPercent: below(100).optional(),
  timeSliceWindow: positiveDuration.optional(),
});
const specSchema = z.strictObject({
  description: text.optional(),
  service: text.optional(),
  indicator: z.strictObject({ metadata: metadataSchema.optional(), spec: indicatorSpec }),
  timeWindow: z.array(z.strictObject({ duration: positiveDuration, isRolling: oneOf(['true']) })),
  budgetingMethod: oneOf(['Occurrences', 'Timeslices']),
  objectives: z.array(objectiveSchema),
});
const documentSchema = z.strictObject({
  apiVersion: text,
  kind: oneOf(['SLO']),
  metadata: metadataSchema,
  spec: specSchema,
});

type Spec = z.output<typeof specSchema>;
type Objective = z.output<typeof objectiveSchema>;

const DOCUMENT: Shape<z.output<typeof documentSchema>> = {
  schema: documentSchema,
  keys: {
    '': Object.keys(documentSchema.shape),
    metadata: Object.keys(metadataSchema.shape),
    spec: Object.keys(specSchema.shape),
    'spec.indicator': ['metadata', 'spec'],
    'spec.indicator.spec': Object.keys(indicatorSpec.shape),
    'spec.indicator.spec.ratioMetric': ['counter', 'good', 'bad', 'total'],
    'spec.timeWindow': ['duration', 'isRolling'],
    'spec.objectives': Object.keys(objectiveSchema.shape),
  },
};

/** The comparison that is a breach, for each operator of an objective. */
const BREACH = { lte: '>', lt: '>=', gte: '<', gt: '<=' } as const;

type Ratio = (window: string) => string;

/** Where under `spec` something is missing, and what. */
type Missing = readonly [path: readonly (string | number)[], message: string];

type Threshold = NonNullable<Spec['indicator']['spec']['thresholdMetric']>;
type RatioMetric = NonNullable<Spec['indicator']['spec']['ratioMetric']>;

/** The share of time slices in which the value breached. */
function timeRatio({ metricSource }: Threshold, objective: Objective): Ratio | Missing {
  const { op, value, timeSliceWindow = MINUTE } = objective;
  if (op === undefined || value === undefined)
    return [['objectives'], 'an objective on a thresholdMetric needs `op` and `value`.'];
  const step = formatDuration(timeSliceWindow);
  const isBad = `(${metricSource.spec.query}) ${BREACH[op]} bool ${value}`;
  return (window) => `avg_over_time((${isBad})[${window}:${step}])`;
}

/** The share of failures among all events. */
function eventRatio({ good, bad, total }: RatioMetric, { budgetingMethod }: Spec): Ratio | Missing {
  if (budgetingMethod !== 'Occurrences')
    return [['budgetingMethod'], '`spec.budgetingMethod` of a ratioMetric must be Occurrences.'];
  const rate = (source: NonNullable<typeof good>, w: string): string =>
    `sum(rate(${eitherBound(source.metricSource.spec.query)}[${w}]))`;
  if (bad !== undefined) return (w) => `${rate(bad, w)} / ${rate(total, w)}`;
  if (good !== undefined) return (w) => `1 - ${rate(good, w)} / ${rate(total, w)}`;
  return [['indicator', 'spec', 'ratioMetric'], '`spec.indicator.spec.ratioMetric` needs `good` or `bad`.'];
}

function ratioOf(spec: Spec, objective: Objective): Ratio | Missing {
  const { ratioMetric, thresholdMetric } = spec.indicator.spec;
  if (ratioMetric !== undefined && thresholdMetric === undefined) return eventRatio(ratioMetric, spec);
  if (thresholdMetric !== undefined && ratioMetric === undefined)
    return timeRatio(thresholdMetric, objective);
  return [['indicator', 'spec'], '`spec.indicator.spec` must hold ratioMetric or thresholdMetric.'];
}

/** The share that must be good, or undefined when it is not said, or twice. */
function targetOf({ target, targetPercent }: Objective): number | undefined {
  if (targetPercent === undefined) return target;
  return target === undefined ? targetPercent / 100 : undefined;
}

/** Everything an objective needs, or what is missing of it. */
function readObjective(spec: Spec, index: number) {
  const objective = spec.objectives[index] ?? {};
  const target = targetOf(objective);
  if (target === undefined)
    return {
      missing: [['objectives', index], 'an objective has one of `target` and `targetPercent`.'] as const,
    };
  const [window] = spec.timeWindow;
  if (window === undefined || spec.timeWindow.length > 1)
    return { missing: [['timeWindow'], '`spec.timeWindow` must hold one window.'] as const };
  const ratio = ratioOf(spec, objective);
  if (typeof ratio !== 'function') return { missing: ratio };
  return { ratio, target, period: window.duration, displayName: objective.displayName };
}

function convertObjective(part: Part, document: z.output<typeof documentSchema>, index: number): Converted {
  const { metadata, spec } = document;
  const read = readObjective(spec, index);
  if (read.missing !== undefined) return refusedAt(part, ['spec', ...read.missing[0]], read.missing[1]);
  const { service, description } = spec;
  const { ratio, target, period, displayName } = read;
  const alert = spec.objectives.length === 1 ? metadata.name : `${metadata.name}-${index + 1}`;
  const labels = { slo: metadata.name, slo_service: service };
  const annotations = { description, objective: displayName };
  const burns = workbookFor(period).map(({ severity, ...windows }) => ({ ...windows, labels: { severity } }));
  const rules = burnRules({ alert, ratio, target, labels, annotations }, burns);
  return { groups: [{ name: alert, rules }], errors: [] };
}

/** Converts an OpenSLO v1 SLO with its indicator inline: for each objective a group with the workbook's burn-rate alerts. */
export function convertOpenSlo(part: Part): Converted {
  const { kind } = (part.document.value ?? {}) as { kind?: unknown };
  if (typeof kind === 'string' && kind !== 'SLO')
    return refusedAt(part, ['kind'], `\`kind\` is "${kind}": only documents of the kind SLO become rules.`);
  const checked = validate(DOCUMENT, part);
  if (!checked.ok) return { groups: [], errors: checked.errors };
  const all = checked.value.spec.objectives.map((_, index) => convertObjective(part, checked.value, index));
  return { groups: all.flatMap(({ groups }) => groups), errors: all.flatMap(({ errors }) => errors) };
}
