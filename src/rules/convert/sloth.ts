import { z } from 'zod';
import { DAY, HOUR, MINUTE, type Milliseconds, ms } from '../../lib/units.ts';
import { name } from '../file/fields.ts';
import { type Part, type Shape, validate } from '../file/validate.ts';
import { type BurnPair, burnRules, eitherBound, exact, type WrittenGroup } from './burn-rules.ts';
import { below, type Converted, flag, text, textMap, windowedQuery, withWindow } from './fields.ts';

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

/** Sloth's own pairs for 30 days: 2% of the budget in 1 h, 5% in 6 h, 10% in 1 d, 10% in 3 d. */
const PAIRS: readonly (readonly ['page' | 'ticket', Milliseconds, Milliseconds, number])[] = [
  ['page', HOUR, ms(5 * MINUTE), 14.4],
  ['page', ms(6 * HOUR), ms(30 * MINUTE), 6],
  ['ticket', DAY, ms(2 * HOUR), 3],
  ['ticket', ms(3 * DAY), ms(6 * HOUR), 1],
];

function pairsOf({ alerting = {} }: Slo): readonly BurnPair[] {
  return PAIRS.flatMap(([severity, long, short, factor]) => {
    const own = alerting[`${severity}_alert`] ?? {};
    if (own.disable === 'true') return [];
    const labels = { severity, ...own.labels };
    return [
      {
        long,
        short,
        factor,
        labels,
        ...(own.annotations === undefined ? {} : { annotations: own.annotations }),
      },
    ];
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

/** Holds an indicator against the one of the two kinds that it names, so that its mistakes are notified of that kind. */
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
      budget: exact(1 - slo.objective / 100),
      labels: { sloth_service: service, sloth_slo: slo.name, ...labels, ...slo.labels, ...alerting.labels },
      annotations: { ...(description === undefined ? {} : { description }), ...alerting.annotations },
    };
    groups.push({ name: `${service}-${slo.name}`, rules: burnRules(objective, pairsOf(slo)) });
  }
  return { groups, errors };
}
