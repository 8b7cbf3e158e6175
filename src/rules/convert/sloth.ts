import { z } from 'zod';
import { checkExpression } from '../analysis/syntax.ts';
import { SLOTH } from '../burn-rate.ts';
import { below, field, flag, name } from '../file/fields.ts';
import { type RuleFileSection, validate } from '../file/section.ts';
import { burnRules, type Converted, eitherBound, type ForeignBurnAlert, textMap } from './burn-rules.ts';

const WINDOW = /\{\{\s*\.window\s*\}\}/g;

const withWindow = (query: string, window: string): string => query.replaceAll(WINDOW, window);

/** A query with Sloth's `{{.window}}` in it. */
const windowedQuery = field<string>((text) => {
  const query = withWindow(text, '5m');
  if (query === text)
    return {
      problems: [{ message: 'expected a query with {{.window}}, or it is the same over every window' }],
    };
  // Offsets are those of the query with a window, so the errors are shown at its start.
  const problems = checkExpression(query).map(({ message }) => ({ message }));
  return problems.length === 0 ? { value: text.trim() } : { problems };
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
const sliSchema = z
  .strictObject({
    events: z.strictObject({ error_query: windowedQuery, total_query: windowedQuery }).optional(),
    raw: z.strictObject({ error_ratio_query: windowedQuery }).optional(),
  })
  .refine(({ events, raw }) => (events === undefined) !== (raw === undefined), {
    error: 'expected either `events` or `raw`',
  });
const sloSchema = z.strictObject({
  name,
  description: z.string().optional(),
  objective: below(100, '99.9'),
  labels: textMap.optional(),
  sli: sliSchema,
  alerting: alertingSchema.optional(),
});
const specSchema = z.strictObject({
  version: z.string(),
  service: name,
  labels: textMap.optional(),
  slos: z.array(sloSchema),
});

type Slo = z.output<typeof sloSchema>;

function alertsOf({ alerting = {} }: Slo): readonly ForeignBurnAlert[] {
  return SLOTH.flatMap(({ severity, ...windows }) => {
    const { disable, labels, annotations } = alerting[`${severity}_alert`] ?? {};
    return disable === 'true' ? [] : [{ ...windows, labels: { severity, ...labels }, annotations }];
  });
}

const ratioOf =
  ({ events, raw }: Slo['sli']) =>
  (window: string): string => {
    const query = (text: string): string => eitherBound(withWindow(text, window));
    return events === undefined
      ? query(raw?.error_ratio_query ?? '')
      : `(${query(events.error_query)}) / (${query(events.total_query)})`;
  };

/** Converts a Sloth specification (`version: prometheus/v1`): for each SLO a group with Sloth's burn-rate alerts. */
export function convertSloth(document: RuleFileSection): Converted {
  const checked = validate(specSchema, document);
  if (!checked.ok) return { groups: [], errors: checked.errors };
  const { service, labels, slos } = checked.value;
  const groups = slos.map((slo) => {
    const { alerting = {}, description } = slo;
    const objective = {
      alert: alerting.name ?? `${service}-${slo.name}`,
      ratio: ratioOf(slo.sli),
      target: slo.objective / 100,
      labels: { sloth_service: service, sloth_slo: slo.name, ...labels, ...slo.labels, ...alerting.labels },
      annotations: { description, ...alerting.annotations },
    };
    return { name: `${service}-${slo.name}`, rules: burnRules(objective, alertsOf(slo)) };
  });
  return { groups, errors: [] };
}
