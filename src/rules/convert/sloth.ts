import { z } from 'zod';
import { checkExpression } from '../analysis/syntax.ts';
import { SLOTH } from '../burn-rate.ts';
import { field, name } from '../file/fields.ts';
import { type Part, type Shape, validate } from '../file/validate.ts';
import {
  below,
  burnRules,
  type Converted,
  eitherBound,
  type ForeignBurnAlert,
  flag,
  text,
  textMap,
  type WrittenGroup,
} from './burn-rules.ts';

const WINDOW = /\{\{\s*\.window\s*\}\}/g;

const withWindow = (query: string, window: string): string => query.replaceAll(WINDOW, window);

/** A query with Sloth's `{{.window}}` in it. */
const windowedQuery = field<string>((written) => {
  if (withWindow(written, '5m') === written)
    return { problems: [{ message: 'holds no {{.window}}: it would be the same over every window' }] };
  const problems = checkExpression(withWindow(written, '5m'));
  return problems.length === 0
    ? { value: written.trim() }
    : { problems: problems.map(({ message }) => ({ message: `is not PromQL: ${message}` })) };
});

const alertSchema = z.strictObject({
  disable: flag.optional(),
  labels: textMap.optional(),
  annotations: textMap.optional(),
});
const alertingSchema = z.strictObject({
  name: name.optional(),
  labels: textMap.optional(),
  annotations: textMap.optional(),
  page_alert: alertSchema.optional(),
  ticket_alert: alertSchema.optional(),
});
const sliSchema = z.union([
  z.strictObject({ events: z.strictObject({ error_query: windowedQuery, total_query: windowedQuery }) }),
  z.strictObject({ raw: z.strictObject({ error_ratio_query: windowedQuery }) }),
]);
const sloSchema = z.strictObject({
  name,
  description: text.optional(),
  objective: below(100),
  labels: textMap.optional(),
  sli: z.looseObject({}),
  alerting: alertingSchema.optional(),
});
const specSchema = z.strictObject({
  version: text,
  service: name,
  labels: textMap.optional(),
  slos: z.array(sloSchema),
});

type Slo = z.output<typeof sloSchema>;
type Sli = z.output<typeof sliSchema>;

const SPEC: Shape<z.output<typeof specSchema>> = {
  schema: specSchema,
  keys: {
    '': Object.keys(specSchema.shape),
    slos: Object.keys(sloSchema.shape),
    'slos.alerting': Object.keys(alertingSchema.shape),
    'slos.alerting.page_alert': Object.keys(alertSchema.shape),
    'slos.alerting.ticket_alert': Object.keys(alertSchema.shape),
  },
};

const eventsShape = sliSchema.options[0];
const rawShape = sliSchema.options[1];

function alertsOf({ alerting = {} }: Slo): readonly ForeignBurnAlert[] {
  return SLOTH.flatMap(({ severity, ...windows }) => {
    const { disable, labels, annotations } = alerting[`${severity}_alert`] ?? {};
    return disable === 'true' ? [] : [{ ...windows, labels: { severity, ...labels }, annotations }];
  });
}

const ratioOf =
  (sli: Sli) =>
  (window: string): string => {
    const query = (written: string): string => eitherBound(withWindow(written, window));
    return 'raw' in sli
      ? query(sli.raw.error_ratio_query)
      : `(${query(sli.events.error_query)}) / (${query(sli.events.total_query)})`;
  };

/** Validates an indicator as the one of the two kinds that it names, so that errors are about that kind. */
function readSli(part: Part, sli: object) {
  const [schema, keys] = 'raw' in sli ? [rawShape, ['raw']] : [eventsShape, ['events', 'raw']];
  return validate<Sli>({ schema: schema as z.ZodType<Sli>, keys: { '': keys } }, part);
}

/** Converts a Sloth specification (`version: prometheus/v1`): a group for each SLO, with Sloth's burn-rate alerts. */
export function convertSloth(part: Part): Converted {
  const checked = validate(SPEC, part);
  if (!checked.ok) return { groups: [], errors: checked.errors };
  const { service, labels = {}, slos } = checked.value;
  const groups: WrittenGroup[] = [];
  const errors = [];
  for (const [index, slo] of slos.entries()) {
    const sli = readSli({ ...part, path: [...part.path, 'slos', index, 'sli'] }, slo.sli);
    if (!sli.ok) {
      errors.push(...sli.errors);
      continue;
    }
    const { alerting = {}, description } = slo;
    const objective = {
      alert: alerting.name ?? `${service}-${slo.name}`,
      ratio: ratioOf(sli.value),
      target: slo.objective / 100,
      labels: { sloth_service: service, sloth_slo: slo.name, ...labels, ...slo.labels, ...alerting.labels },
      annotations: { description, ...alerting.annotations },
    };
    groups.push({ name: `${service}-${slo.name}`, rules: burnRules(objective, alertsOf(slo)) });
  }
  return { groups, errors };
}
