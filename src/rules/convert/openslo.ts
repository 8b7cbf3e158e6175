import { z } from 'zod';
import { DAY, formatDuration, MINUTE, type Milliseconds, ms } from '../../lib/units.ts';
import { workbookFor } from '../burn-rate.ts';
import { below, expression, name, oneOf, parsed, positiveDuration } from '../file/fields.ts';
import { type RuleFileSection, shown, type UnsupportedKeys, validate, valueOf } from '../file/section.ts';
import { withoutNoise } from '../promql.ts';
import {
  alertsBySeverity,
  burnRules,
  type Converted,
  eitherBound,
  latencySlo,
  refusedAt,
  selector,
  textMap,
  type WrittenRuleGroup,
  type WrittenSlo,
} from './burn-rules.ts';

const prometheus = parsed('Prometheus, the only supported source', (type) =>
  type.toLowerCase() === 'prometheus' ? type : undefined,
);

const sourceOf = <Q extends z.ZodType>(query: Q) =>
  z.strictObject({
    metricSource: z
      .strictObject({
        // Beside a `type` it only says where that source is.
        metricSourceRef: z.string().optional(),
        type: prometheus.optional(),
        spec: z.strictObject({ query }),
      })
      .refine(({ metricSourceRef, type }) => metricSourceRef === undefined || type !== undefined, {
        error:
          'found a `metricSourceRef` without a `type`. Add `type: Prometheus`: data sources of other documents are not read',
      }),
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
  indicator: z.strictObject({ metadata: metadataSchema.optional(), spec: indicatorSpec }).optional(),
  indicatorRef: name.optional(),
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

const sliSchema = z.strictObject({
  apiVersion: z.string(),
  kind: oneOf(['SLI']),
  metadata: metadataSchema,
  spec: indicatorSpec,
});

const UNSUPPORTED: UnsupportedKeys = {
  alertPolicies:
    'Remove it. `route`, `teams` and `severities` of a rule file say who is notified; the alerts are those of the workbook.',
  timeSliceTarget: 'Remove it: the value is read once in each slice, which is good or bad as a whole.',
  calendar: 'Use a rolling window: budgets of calendar periods are not supported.',
};

type OpenSlo = z.output<typeof documentSchema>;
type Indicator = z.output<typeof indicatorSpec>;
/** An SLO with its indicator, whichever document that is in. */
type Spec = Omit<OpenSlo['spec'], 'indicator' | 'indicatorRef'> & { readonly indicator: Indicator };
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

type ThresholdMetric = NonNullable<Indicator['thresholdMetric']>;
type RatioMetric = NonNullable<Indicator['ratioMetric']>;

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
  const { ratioMetric, thresholdMetric } = spec.indicator;
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

type Metadata = OpenSlo['metadata'];

/** The rules of one objective: a group, or the short form of a latency objective. */
function rulesOf(
  { metadata, spec }: { readonly metadata: Metadata; readonly spec: Spec },
  objective: Objective,
  alert: string,
): WrittenRuleGroup | WrittenSlo | Refusal {
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
  const written = { alert, ratio, target: withoutNoise(target), labels, annotations };
  const alerts = alertsBySeverity(workbookFor(window.duration)).map(({ severity, windows }) => ({
    windows,
    labels: { severity },
  }));
  // The workbook's factors are for 30 days.
  const short = window.duration === BUDGET_PERIOD ? latencySlo(written) : undefined;
  return short ?? { name: alert, rules: burnRules(written, alerts) };
}

const BUDGET_PERIOD: Milliseconds = ms(30 * DAY);

const kindOf = (document: RuleFileSection): unknown => ((valueOf(document) ?? {}) as { kind?: unknown }).kind;

const namedSchema = z.looseObject({ metadata: z.looseObject({ name: z.string() }) });

/** The document of the indicator that an SLO names. */
const documentNamed = (
  reference: string,
  documents: readonly RuleFileSection[],
): RuleFileSection | undefined =>
  documents.find(
    (each) =>
      kindOf(each) === 'SLI' && namedSchema.safeParse(valueOf(each)).data?.metadata.name === reference,
  );

/** Undefined for one whose document has errors, which are reported there. */
function indicatorOf(
  { indicator, indicatorRef }: OpenSlo['spec'],
  documents: readonly RuleFileSection[],
): Indicator | Refusal | undefined {
  if (indicator !== undefined && indicatorRef === undefined) return indicator.spec;
  if (indicator !== undefined || indicatorRef === undefined)
    return { path: [], message: 'invalid `spec`: expected either `indicator` or `indicatorRef`.' };
  const found = documentNamed(indicatorRef, documents);
  if (found !== undefined) {
    const checked = validate(sliSchema, found, UNSUPPORTED);
    return checked.ok ? checked.value.spec : undefined;
  }
  const message = `invalid \`spec.indicatorRef\`: found ${shown(indicatorRef)}, but the file has no document of \`kind: SLI\` with that name. Add it to the file.`;
  return { path: ['indicatorRef'], message };
}

function convertSlo(document: RuleFileSection, documents: readonly RuleFileSection[]): Converted {
  const checked = validate(documentSchema, document, UNSUPPORTED);
  if (!checked.ok) return { groups: [], errors: checked.errors };
  const { metadata, spec } = checked.value;
  const indicator = indicatorOf(spec, documents);
  if (indicator === undefined) return { groups: [], errors: [] };
  if ('message' in indicator) return refusedAt(document, ['spec', ...indicator.path], indicator.message);
  const slo = { metadata, spec: { ...spec, indicator } };
  const all = spec.objectives.map((objective, index) => {
    const alert = spec.objectives.length === 1 ? metadata.name : `${metadata.name}-${index + 1}`;
    return rulesOf(slo, objective, alert);
  });
  return {
    groups: all.filter((each) => 'rules' in each),
    slos: all.filter((each) => 'objective' in each),
    errors: all.flatMap((each) =>
      'message' in each ? refusedAt(document, ['spec', ...each.path], each.message).errors : [],
    ),
  };
}

/**
 * Converts an OpenSLO v1 SLO with its indicator, inline or in another document of the file: for each objective a group with
 * the workbook's page and ticket, or, of a latency histogram, an objective of the short form.
 */
export function convertOpenSlo(document: RuleFileSection, documents: readonly RuleFileSection[]): Converted {
  const kind = kindOf(document);
  // An indicator is read by the SLOs that name it; its errors are reported all the same.
  if (kind === 'SLI') {
    const checked = validate(sliSchema, document, UNSUPPORTED);
    return { groups: [], errors: checked.ok ? [] : checked.errors };
  }
  if (typeof kind === 'string' && kind !== 'SLO') {
    const message = `invalid \`kind\`: found "${kind}", expected SLO or SLI. Remove the document: other kinds are not needed in a rule file.`;
    return refusedAt(document, ['kind'], message);
  }
  return convertSlo(document, documents);
}
