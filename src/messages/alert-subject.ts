import type { Alert, NoDataReason, Suppression } from '../alerts/alert.ts';
import { serviceLabelOf } from '../lib/labels.ts';
import { before, type EpochMs, epochMs, HOUR, MINUTE, ms, type TimeWindow } from '../lib/units.ts';
import type { SloRule } from '../rules/rule.ts';

/** The look-back of a rule that names none: the usual five minutes of Istio's and Prometheus's rules. */
const DEFAULT_WINDOW = ms(5 * MINUTE);
/** A longer trace search costs the tracing backend more than it shows. */
const LONGEST_WINDOW = HOUR;

/**
 * The time an alert is about: from the look-back of its first breach to its end, or to the last value seen. Of a long
 * breach, the last hour.
 *
 *        window      firing
 *     |----------|===================|
 *              activeAt      resolvedAt or seenAt
 */
export function evidenceWindow(alert: Alert, rule: SloRule): TimeWindow {
  const end = alert.resolvedAt ?? alert.seenAt;
  const start = before(alert.activeAt, rule.objective?.window ?? DEFAULT_WINDOW);
  return { start: epochMs(Math.max(start, end - LONGEST_WINDOW)), end };
}

/** The service of an alert, by the objective's own label or a usual one; undefined when no label names one. */
export function serviceOf(alert: Alert, rule: SloRule): string | undefined {
  const own = rule.objective?.family.serviceLabel;
  const label =
    own !== undefined && alert.labels[own] !== undefined ? own : serviceLabelOf(Object.keys(alert.labels));
  const service = label === undefined ? undefined : alert.labels[label];
  return service === '' ? undefined : service;
}

/** Labels that name a service's namespace: Istio's, OpenTelemetry's, then common ones. */
const NAMESPACE_LABELS = [
  'destination_service_namespace',
  'destination_workload_namespace',
  'service_namespace',
  'namespace',
] as const;

/** The namespace of an alert's service; undefined when no label names one. */
export function namespaceOf(alert: Alert): string | undefined {
  return NAMESPACE_LABELS.map((name) => alert.labels[name]).find(
    (value) => value !== undefined && value !== '',
  );
}

/** An alert's name in a table row: its service, and the label values that distinguish it from others of its rule. */
export function nameOf(alert: Alert, rule: SloRule): string {
  const service = serviceOf(alert, rule);
  const others = Object.values(alert.series).filter((value) => value !== service && value !== '');
  if (service === undefined) return others.join(' ') || rule.name;
  return others.length === 0 ? service : `${service} (${others.join(' ')})`;
}

/** The state that a message shows. */
export function statusOf(alert: Alert): 'firing' | 'no-data' | 'resolved' {
  if (alert.state === 'resolved') return 'resolved';
  return alert.noDataSince === undefined ? 'firing' : 'no-data';
}

/** When an alert began to fire. */
export const firedAtOf = ({ firedAt, activeAt }: Alert): EpochMs => firedAt ?? activeAt;

/** Whether an end says that the service is well; otherwise the rule just stopped being evaluated. */
export const isRecovery = ({ resolveReason }: Pick<Alert, 'resolveReason'>): boolean =>
  resolveReason === 'recovered' || resolveReason === 'no-longer-breaching';

const SUPPRESSIONS: Readonly<Record<Suppression['kind'], string>> = {
  silence: 'Silenced by',
  maintenance: 'Maintenance:',
  time: 'Muted by',
  inhibited: 'Inhibited by',
  'call-graph': 'Probably caused by',
  flapping: 'Flapping:',
};

/** What suppresses an alert; of a silence made in Slack without the person and the comment. */
export const suppressionText = ({ kind, by, silence }: Suppression): string =>
  silence === undefined ? `${SUPPRESSIONS[kind]} ${by}` : SUPPRESSIONS[kind];

/** Why an alert has no data: one sentence. */
export function noDataReasonText(reason: NoDataReason): string {
  switch (reason.kind) {
    case 'series':
      return `The series of ${reason.metric} are missing.`;
    case 'traffic':
      return 'The series exist but count no requests.';
    case 'few-requests':
      return `Too few requests to evaluate: ${reason.requests} of at least ${reason.minimum}.`;
    case 'target':
      return 'The scrape target is down or no longer scraped (up is 0 or missing).';
    case 'source':
      return 'Prometheus returned partial data.';
    case 'value':
      return 'The series exist but the rule returns no value. Check whether buckets or labels changed.';
    case 'unknown':
      return `Cause unknown: ${reason.reason}.`;
  }
}
