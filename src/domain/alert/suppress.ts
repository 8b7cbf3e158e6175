import type { SloRule, Slot } from '../slo/rule.ts';
import { between, MINUTE, type Milliseconds, ms } from '../units.ts';
import type { Alert, Suppression } from './alert.ts';
import { type CallGraph, causesOf } from './call-graph.ts';
import { type InhibitRule, inhibitorOf } from './inhibition.ts';
import { matchersText } from './matcher.ts';
import { PLAIN_ROUTE, type Routing } from './route.ts';
import {
  isSilencing,
  isUnderMaintenance,
  type MaintenanceWindow,
  type Silence,
  type StoredSilence,
} from './silence.ts';
import type { LocalTimeIn } from './time-interval.ts';

/** What the rule files say about who is told what, and when nobody is. */
export interface NoisePolicy extends Routing {
  readonly silences: readonly Silence[];
  readonly maintenance: readonly MaintenanceWindow[];
  readonly inhibitRules: readonly InhibitRule[];
  /** Fold a breach into that of the service it calls. */
  readonly inhibitsByCallGraph: boolean;
  /** More than so many alerts of one rule that begin in one tick share a message; 0: never. Ten when absent. */
  readonly storm?: number;
  /** So many firings and ends of one alert are told in an hour; 0: all of them. Six when absent. */
  readonly flap?: number;
  /** `compat: prometheus`: every deliberate difference from Prometheus is off. */
  readonly isPrometheus?: boolean;
}

/** Everything is told, where its rule says. */
export const NO_POLICY: NoisePolicy = {
  route: PLAIN_ROUTE,
  silences: [],
  maintenance: [],
  inhibitRules: [],
  inhibitsByCallGraph: false,
};

/** An alert beside others of the mesh. */
export interface Neighbour {
  readonly alert: Alert;
  readonly rule: Pick<SloRule, 'valueKind'>;
  /** The service the alert is about. */
  readonly service?: string;
}

/** What a suppression depends on besides the alert itself. */
export interface Surroundings {
  readonly slot: Slot;
  readonly localTime: LocalTimeIn;
  /** All alerts of all groups, as far as they are known. */
  readonly neighbours: readonly Neighbour[];
  /** Absent: not asked for, or not known. */
  readonly calls?: CallGraph;
}

/**
 * An alert stays folded for this long after the end of its cause. Both windows hold the same slow requests, so the two
 * end within some evaluations of each other; what is still there afterwards stands for itself.
 */
const OUTLIVES_AFTER: Milliseconds = ms(MINUTE);

type Reason = Pick<Suppression, 'kind' | 'by'> & Partial<Suppression>;

/** Why a silence holds back. Who made it in Slack stands by itself: names of people there are ids. */
export function reasonOf(silence: Silence | StoredSilence): Reason {
  const { createdBy, comment, endsAt } = silence;
  const why = comment === '' ? matchersText(silence.matchers) : comment;
  return 'id' in silence
    ? { kind: 'silence', by: why, until: endsAt, silence: { id: silence.id, by: createdBy } }
    : { kind: 'silence', by: `${createdBy}: ${why}`, until: endsAt };
}

/** The silence or the planned work that holds for an alert now. */
export function hushOf(
  alert: Pick<Alert, 'labels'>,
  policy: NoisePolicy,
  { slot, localTime }: Pick<Surroundings, 'slot' | 'localTime'>,
): Reason | undefined {
  const silence = policy.silences.find((each) => isSilencing(each, alert.labels, slot));
  if (silence !== undefined) {
    return reasonOf(silence);
  }
  const window = policy.maintenance.find((each) =>
    isUnderMaintenance(each, alert.labels, { at: slot, localTime }),
  );
  return window === undefined ? undefined : { kind: 'maintenance', by: window.name };
}

const isFiring = ({ alert }: Neighbour): boolean => alert.state === 'firing';
const isLatency = ({ rule }: Pick<Neighbour, 'rule'>): boolean => rule.valueKind !== 'number';
const severityOf = (alert: Alert): string => alert.labels['severity'] ?? '';

/** Whether an alert's message is loud enough to stand for another's: a page never hides behind a ticket. */
const isAsLoud = (cause: Alert, target: Alert): boolean =>
  severityOf(cause) === severityOf(target) || severityOf(cause) === 'page';

/** Whether somebody sees, or will see, its message: what nobody sees must not stand for anything. */
const isVisible = ({ suppressed }: Alert): boolean => suppressed === undefined;

function isCause({ alert }: Neighbour, target: Alert, slot: Slot): boolean {
  if (alert.state !== 'resolved') return true;
  const isHeldByIt = target.suppressed?.episode === alert.episode;
  return isHeldByIt && between(alert.resolvedAt ?? slot, slot) < OUTLIVES_AFTER;
}

/** The alert of the service at the end of the chain of slow callees. A pending one counts: its breach is there already. */
function slowCalleeOf(self: Neighbour, around: Surroundings): Neighbour | undefined {
  const { calls, neighbours, slot } = around;
  if (calls === undefined || self.service === undefined || !isLatency(self)) return undefined;
  const candidates = neighbours.filter(
    (each) =>
      isLatency(each) && (each.alert.episode === self.alert.episode || isCause(each, self.alert, slot)),
  );
  const breaching = candidates.flatMap(({ service }) => (service === undefined ? [] : [service]));
  const cause = causesOf([...breaching, self.service], calls).get(self.service);
  return candidates.find(
    ({ service, alert }) => service === cause && isVisible(alert) && isAsLoud(alert, self.alert),
  );
}

/**
 * Why an alert's message is held back now, or undefined. Pure, and asked anew at every evaluation, so that it ends by
 * itself: with the silence, with the work, with the cause.
 */
export function suppressionOf(
  self: Neighbour,
  policy: NoisePolicy,
  around: Surroundings,
): Suppression | undefined {
  const { alert } = self;
  const since = alert.suppressed?.since ?? around.slot;
  const quiet = hushOf(alert, policy, around);
  if (quiet !== undefined) return { ...quiet, since };
  const firing = policy.inhibitRules.length === 0 ? [] : around.neighbours.filter(isFiring);
  const inhibitor = inhibitorOf(
    policy.inhibitRules,
    alert,
    firing.map((each) => each.alert),
  );
  if (inhibitor !== undefined) {
    const by = inhibitor.labels['alertname'] ?? '';
    return { kind: 'inhibited', by, episode: inhibitor.episode, since };
  }
  const cause = policy.inhibitsByCallGraph ? slowCalleeOf(self, around) : undefined;
  if (cause === undefined) return undefined;
  return { kind: 'call-graph', by: cause.service ?? '', episode: cause.alert.episode, since };
}

/** The services whose breaches an alert's message stands for, in order. */
export function foldedInto(alert: Alert, neighbours: readonly Neighbour[]): readonly string[] {
  const folded = neighbours.filter(
    (each) =>
      each.alert.state === 'firing' &&
      each.alert.suppressed?.kind === 'call-graph' &&
      each.alert.suppressed.episode === alert.episode,
  );
  return [...new Set(folded.flatMap(({ service }) => (service === undefined ? [] : [service])))].sort();
}
