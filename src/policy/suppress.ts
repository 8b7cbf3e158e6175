import type { Alert, Suppression } from '../alerts/alert.ts';
import { matchersText } from '../lib/matcher.ts';
import { after, between, type EpochMs, MINUTE, type Milliseconds, ms } from '../lib/units.ts';
import type { SloRule } from '../rules/rule.ts';
import type { Inhibitor, InhibitRule } from './inhibition.ts';
import { type CallGraph, causesOf } from './inhibition.ts';
import { DEFAULT_ROUTE, type Routing } from './route.ts';
import {
  isSilencing,
  isUnderMaintenance,
  type MaintenanceWindow,
  type Silence,
  type StoredSilence,
} from './silence.ts';
import type { LocalTimeIn } from './time-interval.ts';

/** The notification policy of the rule files: routing, silences, inhibition and limits. */
export interface NotificationPolicy extends Routing {
  readonly silences: readonly Silence[];
  readonly maintenance: readonly MaintenanceWindow[];
  readonly inhibitRules: readonly InhibitRule[];
  /** Whether an alert is inhibited by the alert of a service that it calls. */
  readonly inhibitsByCallGraph: boolean;
  /** More new alerts of one rule in one evaluation share a message; 0: never. Ten when absent. */
  readonly groupThreshold?: number;
  /** Firings and resolutions of one alert that are notified in an hour; 0: no limit. Six when absent. */
  readonly flapThreshold?: number;
  /** `compat: prometheus`: every deliberate difference from Prometheus is off. */
  readonly isPrometheus?: boolean;
}

/** Every alert is notified, in the channel of its rule. */
export const NO_POLICY: NotificationPolicy = {
  route: DEFAULT_ROUTE,
  silences: [],
  maintenance: [],
  inhibitRules: [],
  inhibitsByCallGraph: false,
};

/** An alert as inhibition sees it. */
export interface OtherAlert {
  readonly alert: Alert;
  readonly rule: Pick<SloRule, 'valueKind' | 'for'>;
  /** The service the alert is about. */
  readonly service?: string;
}

/** What a suppression depends on besides the alert itself. */
export interface InhibitionContext {
  readonly evalTime: EpochMs;
  readonly localTime: LocalTimeIn;
  /** The group's own alerts, and with the call graph those of other groups that are related to them. */
  readonly otherAlerts: readonly OtherAlert[];
  /** The firing alert that inhibits one by the inhibition rules; absent: none does. */
  readonly inhibitorOf?: (alert: Alert) => Inhibitor | undefined;
  /** Absent: not needed, or not known. */
  readonly calls?: CallGraph;
}

/**
 * An alert stays inhibited for this long after its cause is resolved. The windows of both contain the same slow requests,
 * so both resolve within a few evaluations; what still fires afterwards is notified.
 */
const INHIBITED_AFTER_CAUSE: Milliseconds = ms(MINUTE);
/** A cause that is pending may stand for other alerts for so long before it fires: if it does not, they are late by that. */
const SOON: Milliseconds = MINUTE;

type Reason = Pick<Suppression, 'kind' | 'by'> & Partial<Suppression>;

/** The alert without its suppression. Most alerts have none and are not copied. */
export function unsuppressed(alert: Alert): Alert {
  if (alert.suppressed === undefined) return alert;
  const { suppressed: _ended, ...rest } = alert;
  return rest;
}

/** The reason of a silence. A creator in Slack is separate from the text: Slack user ids become names only there. */
function reasonOf(silence: Silence | StoredSilence): Reason {
  const { createdBy, comment, endsAt } = silence;
  const why = comment === '' ? matchersText(silence.matchers) : comment;
  return 'id' in silence
    ? { kind: 'silence', by: why, until: endsAt, silence: { id: silence.id, by: createdBy } }
    : { kind: 'silence', by: `${createdBy}: ${why}`, until: endsAt };
}

/** The silence or maintenance window that matches an alert now. */
function silenceReason(
  { labels }: Alert,
  { silences, maintenance }: NotificationPolicy,
  { evalTime, localTime }: Pick<InhibitionContext, 'evalTime' | 'localTime'>,
): Reason | undefined {
  const silence = silences.find((each) => isSilencing(each, labels, evalTime));
  if (silence !== undefined) return reasonOf(silence);
  const now = { at: evalTime, localTime };
  const window = maintenance.find((each) => isUnderMaintenance(each, labels, now));
  return window === undefined ? undefined : { kind: 'maintenance', by: window.name };
}

/** An alert of another group, with the silences and maintenance windows of this evaluation, not of that group's last one. */
export function withCurrentSuppression(
  other: OtherAlert,
  policy: NotificationPolicy,
  at: Pick<InhibitionContext, 'evalTime' | 'localTime'>,
): OtherAlert {
  const { alert } = other;
  const isQuiet = policy.silences.length === 0 && policy.maintenance.length === 0;
  if (isQuiet && alert.suppressed === undefined) return other;
  const reason = silenceReason(alert, policy, at);
  if (reason !== undefined)
    return { ...other, alert: { ...alert, suppressed: { ...reason, since: at.evalTime } } };
  const kind = alert.suppressed?.kind;
  return kind === 'silence' || kind === 'maintenance' ? { ...other, alert: unsuppressed(alert) } : other;
}

const isResolved = ({ alert }: OtherAlert): boolean => alert.state === 'resolved';
const isLatency = ({ rule: { valueKind } }: OtherAlert): boolean =>
  valueKind === 'slow-share' || valueKind === 'latency';
const severityOf = (alert: Alert): string => alert.labels['severity'] ?? '';

/** The usual severities of rules, the most urgent ones with the largest number. */
const URGENCY: Readonly<Record<string, number>> = { page: 3, critical: 3, ticket: 2, warning: 2, info: 1 };
const MOST_URGENT = 3;

/** Whether a cause is as urgent as its target: a page is never inhibited by a ticket. Other severities are not compared. */
function isAsUrgent(cause: Alert, target: Alert): boolean {
  const [own, other] = [severityOf(cause), severityOf(target)];
  const urgency = URGENCY[own] ?? 0;
  return own === other || urgency === MOST_URGENT || urgency >= (URGENCY[other] ?? MOST_URGENT);
}

function byService(alerts: readonly OtherAlert[]): ReadonlyMap<string, readonly OtherAlert[]> {
  const known = new Map<string, OtherAlert[]>();
  for (const each of alerts) {
    if (each.service === undefined) continue;
    const same = known.get(each.service) ?? [];
    same.push(each);
    known.set(each.service, same);
  }
  return known;
}

/**
 * Returns a function that finds the alert of the last service in the chain of slow callees whose alert is visible and at
 * least as urgent: no other message can stand for one that is not posted. A pending one counts when it is due to fire within
 * a minute: the callee is often evaluated a little later. A resolved one counts for a short time, for the alerts that it
 * inhibited.
 */
function createCauseOf({
  calls,
  otherAlerts,
  evalTime,
}: InhibitionContext): (self: OtherAlert) => OtherAlert | undefined {
  if (calls === undefined) return () => undefined;
  const slow = otherAlerts.filter(isLatency);
  const isRecent = ({ alert: { resolvedAt = evalTime } }: OtherAlert): boolean =>
    between(resolvedAt, evalTime) < INHIBITED_AFTER_CAUSE;
  const resolved = new Map(
    slow.filter((each) => isResolved(each) && isRecent(each)).map((each) => [each.alert.alertId, each]),
  );
  const firesSoon = ({ alert, rule }: OtherAlert): boolean =>
    alert.state !== 'pending' || between(evalTime, after(alert.activeAt, rule.for)) <= SOON;
  /** What the call graph suppressed is visible as soon as nothing below it is, unless its cause has just ended. */
  const isVisible = (other: OtherAlert): boolean => {
    const { suppressed } = other.alert;
    if (suppressed !== undefined)
      return suppressed.kind === 'call-graph' && !resolved.has(suppressed.alertId ?? '');
    return firesSoon(other);
  };
  const causesFor = ({ alert: target }: OtherAlert, ended: OtherAlert | undefined) => {
    const services = byService(slow.filter((each) => each === ended || !isResolved(each)));
    const causeIn = (service: string): OtherAlert | undefined =>
      services.get(service)?.find((each) => isVisible(each) && isAsUrgent(each.alert, target));
    const causes = causesOf(services.keys(), calls, (service) => causeIn(service) !== undefined);
    return (service: string) => causeIn(causes.get(service) ?? '');
  };
  // The causes differ only by these two.
  const known = new Map<string, ReturnType<typeof causesFor>>();
  return (self) => {
    const { service, alert } = self;
    if (service === undefined || !isLatency(self)) return undefined;
    const ended = resolved.get(alert.suppressed?.alertId ?? '');
    const key = JSON.stringify([severityOf(alert), ended?.alert.alertId]);
    const causeOf = known.get(key) ?? causesFor(self, ended);
    known.set(key, causeOf);
    return causeOf(service);
  };
}

/**
 * Returns a function that tells why the message of an alert is suppressed now, or undefined. It is evaluated each time, so
 * that a suppression ends with the silence, the maintenance window or the inhibiting alert. What is common to all alerts is
 * computed once, for thousands of them.
 */
export function createSuppression(
  policy: NotificationPolicy,
  context: InhibitionContext,
): (self: OtherAlert) => Suppression | undefined {
  const { inhibitorOf = () => undefined } = context;
  const causeOf = policy.inhibitsByCallGraph ? createCauseOf(context) : () => undefined;
  return (self) => {
    const { alert } = self;
    const since = alert.suppressed?.since ?? context.evalTime;
    const silence = silenceReason(alert, policy, context);
    if (silence !== undefined) return { ...silence, since };
    const inhibitor = inhibitorOf(alert);
    if (inhibitor !== undefined) {
      const by = inhibitor.labels['alertname'] ?? '';
      return { kind: 'inhibited', by, alertId: inhibitor.alertId, since };
    }
    const cause = causeOf(self);
    if (cause === undefined) return undefined;
    return { kind: 'call-graph', by: cause.service ?? '', alertId: cause.alert.alertId, since };
  };
}

/** The services whose alerts each alert inhibits by the call graph, sorted, by alert id. */
export function inhibitedByCause(otherAlerts: readonly OtherAlert[]): ReadonlyMap<string, readonly string[]> {
  const services = new Map<string, Set<string>>();
  for (const { alert, service } of otherAlerts) {
    const { state, suppressed } = alert;
    if (state !== 'firing' || suppressed?.kind !== 'call-graph') continue;
    if (service === undefined || suppressed.alertId === undefined) continue;
    const inhibited = services.get(suppressed.alertId) ?? new Set();
    services.set(suppressed.alertId, inhibited.add(service));
  }
  return new Map(Array.from(services, ([alertId, inhibited]) => [alertId, [...inhibited].sort()]));
}

/** Changes with what suppresses an alert. Flapping and mute times are decided after the comparison. */
const suppressionKey = ({ suppressed }: Alert): string =>
  suppressed === undefined || suppressed.kind === 'flapping' || suppressed.kind === 'time'
    ? ''
    : `${suppressed.kind} ${suppressed.silence?.id ?? suppressed.by}`;

const servicesKey = ({ alsoSlow = [] }: Alert): string => alsoSlow.join('\n');

/** Whether the message of an alert has to change, because of its suppression or the services it inhibits. */
export const isSuppressionChanged = (alert: Alert, before: Alert): boolean =>
  servicesKey(alert) !== servicesKey(before) || suppressionKey(alert) !== suppressionKey(before);

/** The alerts of one rule after its evaluation. */
export interface RuleAlerts {
  readonly rule: SloRule;
  readonly alerts: readonly Alert[];
}
