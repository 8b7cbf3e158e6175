import type { CallGraph } from './call-graph.ts';
import type { OtherAlert } from './suppress.ts';

/** Alerts by a key, and below it by their owner. */
type AlertsByKey = Map<string, Map<string, readonly OtherAlert[]>>;

/** What one owner has below each key. */
type OwnKeys = ReadonlyMap<string, readonly OtherAlert[]>;

/**
 * The alerts of many owners (rule groups). Finds those that inhibition by the call graph needs for the alerts of one owner,
 * without looking at all: thousands of groups are evaluated at the same time.
 */
export interface AlertIndex {
  /** Replaces the alerts of an owner. Costs as much as the owner has alerts. */
  set(owner: string, alerts: readonly OtherAlert[]): void;
  /** The number of alerts of all other owners that are not resolved. */
  activeExcept(owner: string): number;
  /**
   * The alerts of other owners that decide about these: those of the services that can be reached from theirs over
   * services with alerts, those that suppressed one of them, and those that they suppressed.
   */
  related(owner: string, own: readonly OtherAlert[], calls?: CallGraph): readonly OtherAlert[];
}

const KEYS: Readonly<Record<'service' | 'alertId' | 'cause', (each: OtherAlert) => string | undefined>> = {
  service: ({ service }) => service,
  alertId: ({ alert }) => alert.alertId,
  cause: ({ alert: { suppressed } }) => suppressed?.alertId,
};

function byKey(
  alerts: readonly OtherAlert[],
  keyOf: (each: OtherAlert) => string | undefined,
): Map<string, OtherAlert[]> {
  const found = new Map<string, OtherAlert[]>();
  for (const each of alerts) {
    const key = keyOf(each);
    if (key === undefined) continue;
    const same = found.get(key);
    if (same === undefined) found.set(key, [each]);
    else same.push(each);
  }
  return found;
}

/** Alerts of all owners by one key. */
function createByKey(keyOf: (each: OtherAlert) => string | undefined) {
  const all: AlertsByKey = new Map();
  const keysOf = new Map<string, OwnKeys>();
  return {
    set: (owner: string, alerts: readonly OtherAlert[]): void => {
      const now = byKey(alerts, keyOf);
      for (const key of keysOf.get(owner)?.keys() ?? []) {
        if (now.has(key)) continue;
        const owners = all.get(key);
        owners?.delete(owner);
        if (owners?.size === 0) all.delete(key);
      }
      for (const [key, same] of now) {
        const owners = all.get(key) ?? new Map<string, readonly OtherAlert[]>();
        // An owner that stays keeps its place: of several causes the same one is taken again.
        all.set(key, owners.set(owner, same));
      }
      if (now.size === 0) keysOf.delete(owner);
      else keysOf.set(owner, now);
    },
    of: (key: string, except: string): readonly OtherAlert[] =>
      [...(all.get(key) ?? [])].flatMap(([owner, alerts]) => (owner === except ? [] : alerts)),
  };
}

type ByKey = ReturnType<typeof createByKey>;

/** The alerts of other owners about the services that these are about, or that those call over services with alerts. */
function reachable(
  byService: ByKey,
  { owner, own, calls }: { owner: string; own: readonly OtherAlert[]; calls: CallGraph | undefined },
): readonly OtherAlert[] {
  const found: OtherAlert[] = [];
  const mine = new Set(own.flatMap(({ service }) => service ?? []));
  const seen = new Set(mine);
  // Grows while it is walked through.
  for (const service of seen) {
    const others = byService.of(service, owner);
    found.push(...others);
    if (others.length === 0 && !mine.has(service)) continue;
    for (const callee of calls?.get(service) ?? []) seen.add(callee);
  }
  return found;
}

const isActive = ({ alert }: OtherAlert): boolean => alert.state !== 'resolved';

/** An index without alerts. */
export function createAlertIndex(): AlertIndex {
  const byService = createByKey(KEYS.service);
  const byId = createByKey(KEYS.alertId);
  const byCause = createByKey(KEYS.cause);
  const active = new Map<string, number>();
  let allActive = 0;
  return {
    set: (owner, alerts) => {
      for (const each of [byService, byId, byCause]) each.set(owner, alerts);
      const count = alerts.filter(isActive).length;
      allActive += count - (active.get(owner) ?? 0);
      if (count === 0) active.delete(owner);
      else active.set(owner, count);
    },
    activeExcept: (owner) => allActive - (active.get(owner) ?? 0),
    related: (owner, own, calls) => {
      const about = reachable(byService, { owner, own, calls });
      const causes = [...own, ...about].flatMap(({ alert }) => alert.suppressed?.alertId ?? []);
      return [
        ...new Set([
          ...about,
          ...causes.flatMap((alertId) => byId.of(alertId, owner)),
          ...own.flatMap(({ alert }) => byCause.of(alert.alertId, owner)),
        ]),
      ];
    },
  };
}
