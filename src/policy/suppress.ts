import type { Alert, Suppression } from '../alerts/alert.ts';
import { matchersText } from '../lib/matcher.ts';
import { between, MINUTE, type Milliseconds, ms } from '../lib/units.ts';
import type { SloRule, Slot } from '../rules/rule.ts';
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
const isOver = ({ state }: Alert): boolean => state === 'resolved';
const isLatency = ({ rule }: Pick<Neighbour, 'rule'>): boolean => rule.valueKind !== 'number';
const severityOf = (alert: Alert): string => alert.labels['severity'] ?? '';

/** Whether an alert's message is loud enough to stand for another's: a page never hides behind a ticket. */
const isAsLoud = (cause: Alert, target: Alert): boolean =>
  severityOf(cause) === severityOf(target) || severityOf(cause) === 'page';

/** Whether somebody sees, or will see, its message: what nobody sees must not stand for anything. */
const isVisible = ({ suppressed }: Alert): boolean => suppressed === undefined;

/** Alerts beside each other, with the service at the end of the chain of slow callees for each service. */
interface Chains {
  readonly causes: ReadonlyMap<string, string>;
  readonly byService: ReadonlyMap<string, readonly Neighbour[]>;
}

function chainsOf(slow: readonly Neighbour[], calls: CallGraph): Chains {
  const byService = new Map<string, Neighbour[]>();
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
  neighbours,
  slot,
}: Surroundings): (self: Neighbour) => Neighbour | undefined {
  if (calls === undefined) return () => undefined;
  const slow = neighbours.filter(isLatency);
  const lately = new Map(
    slow
      .filter(({ alert }) => isOver(alert) && between(alert.resolvedAt ?? slot, slot) < OUTLIVES_AFTER)
      .map((each) => [each.alert.episode, each]),
  );
  const known = new Map<Neighbour | undefined, Chains>();
  const chainsWith = (ended: Neighbour | undefined): Chains => {
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
    const { causes, byService } = chainsWith(lately.get(self.alert.suppressed?.episode ?? ''));
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
): (self: Neighbour) => Suppression | undefined {
  const { inhibitRules, inhibitsByCallGraph } = policy;
  const firing = inhibitRules.length === 0 ? [] : around.neighbours.filter(isFiring);
  const inhibitorOf = createInhibition(
    inhibitRules,
    firing.map(({ alert }) => alert),
  );
  const slowCalleeOf = inhibitsByCallGraph ? createSlowCallees(around) : () => undefined;
  return (self) => {
    const { alert } = self;
    const since = alert.suppressed?.since ?? around.slot;
    const quiet = hushOf(alert, policy, around);
    if (quiet !== undefined) return { ...quiet, since };
    const inhibitor = inhibitorOf(alert);
    if (inhibitor !== undefined) {
      const by = inhibitor.labels['alertname'] ?? '';
      return { kind: 'inhibited', by, episode: inhibitor.episode, since };
    }
    const cause = slowCalleeOf(self);
    if (cause === undefined) return undefined;
    return { kind: 'call-graph', by: cause.service ?? '', episode: cause.alert.episode, since };
  };
}

/** The services whose breaches a message stands for, in order, by the episode of its alert. */
export function foldedByCause(neighbours: readonly Neighbour[]): ReadonlyMap<string, readonly string[]> {
  const services = new Map<string, Set<string>>();
  for (const { alert, service } of neighbours) {
    const { state, suppressed } = alert;
    if (state !== 'firing' || suppressed?.kind !== 'call-graph') continue;
    if (service === undefined || suppressed.episode === undefined) continue;
    const folded = services.get(suppressed.episode) ?? new Set();
    services.set(suppressed.episode, folded.add(service));
  }
  return new Map(Array.from(services, ([episode, folded]) => [episode, [...folded].sort()]));
}

/** The alerts of one rule after its evaluation. */
export interface RuleAlerts {
  readonly rule: SloRule;
  readonly alerts: readonly Alert[];
}
