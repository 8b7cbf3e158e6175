import type { Alert, Suppression } from '../alerts/alert.ts';
import { matchersText } from '../lib/matcher.ts';
import { between, type EpochMs, MINUTE, type Milliseconds, ms } from '../lib/units.ts';
import type { SloRule } from '../rules/rule.ts';
import { type CallGraph, causesOf } from './call-graph.ts';
import { createInhibition, type InhibitRule } from './inhibition.ts';
import { PLAIN_ROUTE, type Routing } from './route.ts';
import {
  isSilencing,
  isUnderMaintenance,
  type MaintenanceWindow,
  type Silence,
  type StoredSilence,
} from './silence.ts';
import type { LocalTimeIn } from './time-interval.ts';

/** What the rule files say about who is notified what, and when nobody is. */
export interface NoisePolicy extends Routing {
  readonly silences: readonly Silence[];
  readonly maintenance: readonly MaintenanceWindow[];
  readonly inhibitRules: readonly InhibitRule[];
  /** Fold a breach into that of the service it calls. */
  readonly inhibitsByCallGraph: boolean;
  /** More than so many alerts of one rule that begin in one tick share a message; 0: never. Ten when absent. */
  readonly groupThreshold?: number;
  /** So many firings and ends of one alert are notified in an hour; 0: all of them. Six when absent. */
  readonly flapThreshold?: number;
  /** `compat: prometheus`: every deliberate difference from Prometheus is off. */
  readonly isPrometheus?: boolean;
}

/** Everything is notified, where its rule says. */
export const NO_POLICY: NoisePolicy = {
  route: PLAIN_ROUTE,
  silences: [],
  maintenance: [],
  inhibitRules: [],
  inhibitsByCallGraph: false,
};

/** An alert beside others of the mesh. */
export interface OtherAlert {
  readonly alert: Alert;
  readonly rule: Pick<SloRule, 'valueKind'>;
  /** The service the alert is about. */
  readonly service?: string;
}

/** What a suppression depends on besides the alert itself. */
export interface Surroundings {
  readonly evalTime: EpochMs;
  readonly localTime: LocalTimeIn;
  /** All alerts of all groups, as far as they are known. */
  readonly otherAlerts: readonly OtherAlert[];
  /** Absent: not asked for, or not known. */
  readonly calls?: CallGraph;
}

/**
 * An alert stays folded for this long after the end of its cause. Both windows hold the same slow requests, so the two
 * end within some evaluations of each other; what is still there afterwards stands for itself.
 */
const OUTLIVES_AFTER: Milliseconds = ms(MINUTE);

type Reason = Pick<Suppression, 'kind' | 'by'> & Partial<Suppression>;

/** The alert with nothing that holds it back. Most have nothing to be taken from them: those are not copied. */
export function unsuppressed(alert: Alert): Alert {
  if (alert.suppressed === undefined) return alert;
  const { suppressed: _taken, ...rest } = alert;
  return rest;
}

/** Why a silence holds back. Who made it in Slack stands by itself: names of people there are ids. */
export function reasonOf(silence: Silence | StoredSilence): Reason {
  const { createdBy, comment, endsAt } = silence;
  const why = comment === '' ? matchersText(silence.matchers) : comment;
  return 'id' in silence
    ? { kind: 'silence', by: why, until: endsAt, silence: { id: silence.id, by: createdBy } }
    : { kind: 'silence', by: `${createdBy}: ${why}`, until: endsAt };
}

/** The silence or the planned work that holds for an alert now. */
export function suppressionOf(
  alert: Pick<Alert, 'labels'>,
  policy: NoisePolicy,
  { evalTime, localTime }: Pick<Surroundings, 'evalTime' | 'localTime'>,
): Reason | undefined {
  const silence = policy.silences.find((each) => isSilencing(each, alert.labels, evalTime));
  if (silence !== undefined) {
    return reasonOf(silence);
  }
  const window = policy.maintenance.find((each) =>
    isUnderMaintenance(each, alert.labels, { at: evalTime, localTime }),
  );
  return window === undefined ? undefined : { kind: 'maintenance', by: window.name };
}

const isFiring = ({ alert }: OtherAlert): boolean => alert.state === 'firing';
const isOver = ({ state }: Alert): boolean => state === 'resolved';
const isLatency = ({ rule }: Pick<OtherAlert, 'rule'>): boolean => rule.valueKind !== 'number';
const severityOf = (alert: Alert): string => alert.labels['severity'] ?? '';

/** Whether an alert's message is loud enough to stand for another's: a page never hides behind a ticket. */
const isAsLoud = (cause: Alert, target: Alert): boolean =>
  severityOf(cause) === severityOf(target) || severityOf(cause) === 'page';

/** Whether somebody sees, or will see, its message: what nobody sees must not stand for anything. */
const isVisible = ({ suppressed }: Alert): boolean => suppressed === undefined;

/** Alerts beside each other, with the service at the end of the chain of slow callees for each service. */
interface Chains {
  readonly causes: ReadonlyMap<string, string>;
  readonly byService: ReadonlyMap<string, readonly OtherAlert[]>;
}

function chainsOf(slow: readonly OtherAlert[], calls: CallGraph): Chains {
  const byService = new Map<string, OtherAlert[]>();
  for (const each of slow) {
    if (each.service === undefined) continue;
    const same = byService.get(each.service) ?? [];
    same.push(each);
    byService.set(each.service, same);
  }
  return { byService, causes: causesOf(byService.keys(), calls) };
}

/**
 * Finds the alert of the service at the end of the chain of slow callees. A pending one counts: its breach is there
 * already. One that is over counts for a moment, for what it held back.
 */
function createSlowCallees({
  calls,
  otherAlerts,
  evalTime,
}: Surroundings): (self: OtherAlert) => OtherAlert | undefined {
  if (calls === undefined) return () => undefined;
  const slow = otherAlerts.filter(isLatency);
  const lately = new Map(
    slow
      .filter(
        ({ alert }) => isOver(alert) && between(alert.resolvedAt ?? evalTime, evalTime) < OUTLIVES_AFTER,
      )
      .map((each) => [each.alert.alertId, each]),
  );
  const known = new Map<OtherAlert | undefined, Chains>();
  const chainsWith = (ended: OtherAlert | undefined): Chains => {
    const chains =
      known.get(ended) ??
      chainsOf(
        slow.filter((each) => each === ended || !isOver(each.alert)),
        calls,
      );
    known.set(ended, chains);
    return chains;
  };
  return (self) => {
    if (self.service === undefined || !isLatency(self)) return undefined;
    const { causes, byService } = chainsWith(lately.get(self.alert.suppressed?.alertId ?? ''));
    const found = byService.get(causes.get(self.service) ?? '');
    return found?.find(({ alert }) => isVisible(alert) && isAsLoud(alert, self.alert));
  };
}

/**
 * Tells why an alert's message is held back now, or undefined. Pure, and asked anew at every evaluation, so that it ends
 * by itself: with the silence, with the work, with the cause. What holds for all alerts is looked at once, so that
 * thousands can be asked about.
 */
export function createSuppression(
  policy: NoisePolicy,
  around: Surroundings,
): (self: OtherAlert) => Suppression | undefined {
  const { inhibitRules, inhibitsByCallGraph } = policy;
  const firing = inhibitRules.length === 0 ? [] : around.otherAlerts.filter(isFiring);
  const inhibitorOf = createInhibition(
    inhibitRules,
    firing.map(({ alert }) => alert),
  );
  const slowCalleeOf = inhibitsByCallGraph ? createSlowCallees(around) : () => undefined;
  return (self) => {
    const { alert } = self;
    const since = alert.suppressed?.since ?? around.evalTime;
    const quiet = suppressionOf(alert, policy, around);
    if (quiet !== undefined) return { ...quiet, since };
    const inhibitor = inhibitorOf(alert);
    if (inhibitor !== undefined) {
      const by = inhibitor.labels['alertname'] ?? '';
      return { kind: 'inhibited', by, alertId: inhibitor.alertId, since };
    }
    const cause = slowCalleeOf(self);
    if (cause === undefined) return undefined;
    return { kind: 'call-graph', by: cause.service ?? '', alertId: cause.alert.alertId, since };
  };
}

/** The services whose breaches a message stands for, in order, by the alert of its alert. */
export function foldedByCause(otherAlerts: readonly OtherAlert[]): ReadonlyMap<string, readonly string[]> {
  const services = new Map<string, Set<string>>();
  for (const { alert, service } of otherAlerts) {
    const { state, suppressed } = alert;
    if (state !== 'firing' || suppressed?.kind !== 'call-graph') continue;
    if (service === undefined || suppressed.alertId === undefined) continue;
    const folded = services.get(suppressed.alertId) ?? new Set();
    services.set(suppressed.alertId, folded.add(service));
  }
  return new Map(Array.from(services, ([alertId, folded]) => [alertId, [...folded].sort()]));
}

/** The alerts of one rule after its evaluation. */
export interface RuleAlerts {
  readonly rule: SloRule;
  readonly alerts: readonly Alert[];
}
