import { z } from 'zod';
import { checkExpression } from '../analysis/check-expression.ts';
import { SLOTH } from '../burn-rate.ts';
import { below, field, flag, name, oneOf } from '../file/fields.ts';
import { type RuleFileSection, type UnsupportedKeys, validate, valueOf } from '../file/section.ts';
import { withoutNoise } from '../promql.ts';
import {
  alertsBySeverity,
  burnRules,
  type Converted,
  eitherBound,
  type ForeignBurnAlert,
  latencySlo,
  textMap,
} from './burn-rules.ts';

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
const alertingShape = {
  name: name.optional(),
  labels: textMap.optional(),
  annotations: textMap.optional(),
};
const sloShape = {
  name,
  description: z.string().optional(),
  objective: below(100, '99.9'),
  labels: textMap.optional(),
};

/** One of both, as Sloth demands it. */
const either = [
  ({ events, raw }: { events?: unknown; raw?: unknown }) => (events === undefined) !== (raw === undefined),
  { error: 'expected either `events` or `raw`' },
] as const;

/** The specification of the command line. */
const specSchema = z.strictObject({
  version: z.string(),
  service: name,
  labels: textMap.optional(),
  slos: z.array(
    z.strictObject({
      ...sloShape,
      sli: z
        .strictObject({
          events: z.strictObject({ error_query: windowedQuery, total_query: windowedQuery }).optional(),
          raw: z.strictObject({ error_ratio_query: windowedQuery }).optional(),
        })
        .refine(...either),
      alerting: z
        .strictObject({
          ...alertingShape,
          page_alert: alertSchema.optional(),
          ticket_alert: alertSchema.optional(),
        })
        .optional(),
    }),
  ),
});

/** The same of the Kubernetes operator, whose keys are in camel case. */
const resourceSchema = z.strictObject({
  apiVersion: z.string(),
  kind: oneOf(['PrometheusServiceLevel']),
  metadata: z.unknown().optional(),
  spec: z.strictObject({
    service: name,
    labels: textMap.optional(),
    slos: z.array(
      z.strictObject({
        ...sloShape,
        sli: z
          .strictObject({
            events: z.strictObject({ errorQuery: windowedQuery, totalQuery: windowedQuery }).optional(),
            raw: z.strictObject({ errorRatioQuery: windowedQuery }).optional(),
          })
          .refine(...either),
        alerting: z
          .strictObject({
            ...alertingShape,
            pageAlert: alertSchema.optional(),
            ticketAlert: alertSchema.optional(),
          })
          .optional(),
      }),
    ),
  }),
  status: z.unknown().optional(),
});

type Spec = Omit<z.output<typeof specSchema>, 'version'>;
type Slo = Spec['slos'][number];
type ResourceSlo = z.output<typeof resourceSchema>['spec']['slos'][number];

const UNSUPPORTED: UnsupportedKeys = {
  plugin: 'Write the query of the plugin as `events` or `raw`.',
  plugins: 'Write the query of the plugin as `events` or `raw`.',
  slo_plugins: 'Remove it: plugins of Sloth generate rules of their own.',
  sloPlugins: 'Remove it: plugins of Sloth generate rules of their own.',
  info_labels: 'Remove it: the labels of `sloth_slo_info` are for dashboards.',
  infoLabels: 'Remove it: the labels of `sloth_slo_info` are for dashboards.',
  disable_recording: 'Remove it: the converted rules need no recorded series.',
  interval: 'Remove it, and set `interval` of the converted groups.',
};

function sloOfResource({ sli: { events, raw }, alerting, ...slo }: ResourceSlo): Slo {
  const { pageAlert, ticketAlert, ...texts } = alerting ?? {};
  return {
    ...slo,
    sli: {
      events: events && { error_query: events.errorQuery, total_query: events.totalQuery },
      raw: raw && { error_ratio_query: raw.errorRatioQuery },
    },
    alerting: alerting && { ...texts, page_alert: pageAlert, ticket_alert: ticketAlert },
  };
}

/** Sloth's own annotations, which those of the document replace. Source: sloth internal/alert, and its generated rules. */
const textsOf = (severity: string) => ({
  title: `(${severity}) {{$labels.sloth_service}} {{$labels.sloth_slo}} SLO error budget burn rate is too fast.`,
  summary: '{{$labels.sloth_service}} {{$labels.sloth_slo}} SLO error budget burn rate is over expected.',
});

/** A page and a ticket. Sloth sets only `sloth_severity`; `severity` is what routes and mentions go by here. */
function alertsOf({ alerting = {} }: Slo): readonly ForeignBurnAlert[] {
  return alertsBySeverity(SLOTH).flatMap(({ severity, windows }) => {
    const { disable, labels, annotations } = alerting[`${severity}_alert`] ?? {};
    if (disable === 'true') return [];
    return {
      windows,
      labels: { severity, ...labels, sloth_severity: severity },
      annotations: { ...textsOf(severity), ...alerting.annotations, ...annotations },
    };
  });
}

/** Whether page and ticket differ by more than their severity, which the short form cannot express. */
const hasOwnAlerts = ({ alerting: { page_alert, ticket_alert } = {} }: Slo): boolean =>
  page_alert !== undefined || ticket_alert !== undefined;

const ratioOf =
  ({ events, raw }: Slo['sli']) =>
  (window: string): string => {
    const query = (text: string): string => eitherBound(withWindow(text, window));
    return events === undefined
      ? query(raw?.error_ratio_query ?? '')
      : `(${query(events.error_query)}) / (${query(events.total_query)})`;
  };

function convertSpec({ service, labels, slos }: Spec): Converted {
  const converted = slos.map((slo) => {
    const { alerting = {} } = slo;
    const id = `${service}-${slo.name}`;
    const objective = {
      alert: alerting.name ?? id,
      ratio: ratioOf(slo.sli),
      target: withoutNoise(slo.objective / 100),
      labels: {
        ...labels,
        ...slo.labels,
        ...alerting.labels,
        sloth_id: id,
        sloth_service: service,
        sloth_slo: slo.name,
      },
    };
    const short = hasOwnAlerts(slo)
      ? undefined
      : latencySlo({ ...objective, annotations: alerting.annotations });
    return short ?? { name: id, rules: burnRules(objective, alertsOf(slo)) };
  });
  return {
    groups: converted.filter((each) => 'rules' in each),
    slos: converted.filter((each) => 'objective' in each),
    errors: [],
  };
}

/**
 * Converts a Sloth specification (`version: prometheus/v1`), or its Kubernetes resource `PrometheusServiceLevel`: for each
 * SLO a group with Sloth's page and ticket, or, of a latency histogram, an objective of the short form.
 */
export function convertSloth(document: RuleFileSection): Converted {
  const { apiVersion } = (valueOf(document) ?? {}) as { apiVersion?: unknown };
  if (apiVersion === undefined) {
    const checked = validate(specSchema, document, UNSUPPORTED);
    return checked.ok ? convertSpec(checked.value) : { groups: [], errors: checked.errors };
  }
  const checked = validate(resourceSchema, document, UNSUPPORTED);
  if (!checked.ok) return { groups: [], errors: checked.errors };
  const { spec } = checked.value;
  return convertSpec({ ...spec, slos: spec.slos.map(sloOfResource) });
}
