import type { Labels } from '../lib/labels.ts';
import { type Matcher, matches } from '../lib/matcher.ts';

/** An inhibition rule of Alertmanager: a firing source alert suppresses target alerts. */
export interface InhibitRule {
  readonly source: readonly Matcher[];
  readonly target: readonly Matcher[];
  /** Labels that must be equal on both; a missing label equals an empty one. */
  readonly equal: readonly string[];
}

/** The alert data that inhibition needs. */
export interface Inhibitor {
  readonly alertId: string;
  readonly labels: Labels;
}

/** A firing source of a rule. */
interface Source {
  readonly inhibitor: Inhibitor;
  readonly isTarget: boolean;
}

/** Firing sources of a rule by their owner, by the values of the `equal` labels. */
type SourcesByKey = Map<string, Map<string, readonly Source[]>>;

const equalOf = ({ equal }: InhibitRule, labels: Labels): string =>
  equal.length === 1
    ? (labels[equal[0] ?? ''] ?? '')
    : JSON.stringify(equal.map((name) => labels[name] ?? ''));

/** The firing sources of one owner, by the values of the `equal` labels. */
function sourcesIn(rule: InhibitRule, firing: readonly Inhibitor[]): ReadonlyMap<string, readonly Source[]> {
  const sources = new Map<string, Source[]>();
  for (const inhibitor of firing) {
    const { labels } = inhibitor;
    if (!matches(rule.source, labels)) continue;
    const key = equalOf(rule, labels);
    const same = sources.get(key) ?? [];
    same.push({ inhibitor, isTarget: matches(rule.target, labels) });
    sources.set(key, same);
  }
  return sources;
}

/** The firing alerts of many owners (rule groups), to find what inhibits an alert without looking at all of them. */
export interface InhibitionIndex {
  /** Replaces the firing alerts of an owner. Costs as much as the owner has alerts. */
  set(owner: string, firing: readonly Inhibitor[]): void;
  /**
   * The alert that inhibits a target, or undefined; one of the target's own owner first. An alert that is source and
   * target of a rule is not inhibited by others that are both, itself included: otherwise two of them would suppress each
   * other. Source: alertmanager inhibit/inhibit.go, Inhibitor.Mutes.
   */
  inhibitorOf(target: Inhibitor, owner: string): Inhibitor | undefined;
}

/** Replaces the sources of an owner; those that stay keep their place, so that the same one is found again. */
function replaceSources(
  all: SourcesByKey,
  owner: string,
  { before, now }: Readonly<Record<'before' | 'now', ReadonlyMap<string, readonly Source[]> | undefined>>,
): void {
  for (const key of before?.keys() ?? []) {
    if (now?.has(key) === true) continue;
    const owners = all.get(key);
    owners?.delete(owner);
    if (owners?.size === 0) all.delete(key);
  }
  for (const [key, sources] of now ?? []) {
    const owners = all.get(key) ?? new Map<string, readonly Source[]>();
    all.set(key, owners.set(owner, sources));
  }
}

/** An index of the firing alerts that inhibit others by these rules. */
export function createInhibitionIndex(rules: readonly InhibitRule[]): InhibitionIndex {
  const indexed = rules.map((rule) => ({
    rule,
    all: new Map() as SourcesByKey,
    byOwner: new Map<string, ReadonlyMap<string, readonly Source[]>>(),
  }));
  return {
    set: (owner, firing) => {
      for (const { rule, all, byOwner } of indexed) {
        const now = sourcesIn(rule, firing);
        replaceSources(all, owner, { before: byOwner.get(owner), now });
        if (now.size === 0) byOwner.delete(owner);
        else byOwner.set(owner, now);
      }
    },
    inhibitorOf: ({ alertId, labels }, owner) => {
      for (const { rule, all } of indexed) {
        if (all.size === 0 || !matches(rule.target, labels)) continue;
        const owners = all.get(equalOf(rule, labels));
        if (owners === undefined) continue;
        const isBoth = matches(rule.source, labels);
        const inhibits = ({ inhibitor, isTarget }: Source): boolean =>
          inhibitor.alertId !== alertId && !(isBoth && isTarget);
        const own = owners.get(owner)?.find(inhibits);
        if (own !== undefined) return own.inhibitor;
        for (const sources of owners.values()) {
          const found = sources.find(inhibits);
          if (found !== undefined) return found.inhibitor;
        }
      }
      return undefined;
    },
  };
}

/** The services that each service calls, by name. */
export type CallGraph = ReadonlyMap<string, ReadonlySet<string>>;

type CalleesOf = (service: string) => readonly string[];

/** A service on the current path of the search, with the callees that are not visited yet. */
interface Visit {
  readonly service: string;
  readonly order: number;
  readonly callees: Iterator<string>;
  /** The lowest order of the services on the path that can be reached from here. */
  earliest: number;
}

/**
 * The strongly connected components of the call graph: services that call each other in a loop are one component, every
 * other service is its own. Callees come before their callers. Source: R. Tarjan, Depth-first search and linear graph algorithms, 1972.
 */
function componentsOf(services: Iterable<string>, calleesOf: CalleesOf): readonly (readonly string[])[] {
  const groups: string[][] = [];
  const orders = new Map<string, number>();
  /** Services whose component is not complete yet. */
  const open: string[] = [];
  const isOpen = new Set<string>();
  const enter = (service: string): Visit => {
    const order = orders.size;
    orders.set(service, order);
    open.push(service);
    isOpen.add(service);
    return { service, order, earliest: order, callees: calleesOf(service)[Symbol.iterator]() };
  };
  const leave = ({ service, order, earliest }: Visit, caller: Visit | undefined): void => {
    if (caller !== undefined) caller.earliest = Math.min(caller.earliest, earliest);
    if (earliest < order) return;
    const group = open.splice(open.lastIndexOf(service));
    for (const each of group) isOpen.delete(each);
    groups.push(group);
  };
  for (const root of services) {
    const path = orders.has(root) ? [] : [enter(root)];
    for (let visit = path.at(-1); visit !== undefined; visit = path.at(-1)) {
      const { done, value: callee } = visit.callees.next();
      if (done === true) {
        path.pop();
        leave(visit, path.at(-1));
      } else if (!orders.has(callee)) path.push(enter(callee));
      else if (isOpen.has(callee)) visit.earliest = Math.min(visit.earliest, orders.get(callee) ?? 0);
    }
  }
  return groups;
}

/** The first by name, so that every replica takes the same one. */
const first = (names: readonly string[]): string | undefined => names.toSorted()[0];

/**
 * The probable cause of each breaching service: the last one in its chain of breaching callees that `isCause` accepts.
 * Services that call each other in a loop are not the cause of each other, and are left out.
 *
 *     frontend -> checkout -> payments -> auth            frontend: payments, checkout: payments
 *     (slow)      (slow)      (slow)      (no cause)
 *
 * If there are several, the first by name is taken.
 */
export function causesOf(
  breaching: Iterable<string>,
  graph: CallGraph,
  isCause: (service: string) => boolean = () => true,
): ReadonlyMap<string, string> {
  const services = new Set(breaching);
  const calleesOf: CalleesOf = (service) =>
    [...(graph.get(service) ?? [])].filter((callee) => services.has(callee));
  const lasts = new Map<string, string>();
  const causes = new Map<string, string>();
  for (const group of componentsOf(services, calleesOf)) {
    const inGroup = new Set(group);
    const callees = group.flatMap(calleesOf).filter((callee) => !inGroup.has(callee));
    const below = first(callees.flatMap((callee) => lasts.get(callee) ?? []));
    const last = below ?? first(group.filter(isCause));
    for (const service of group) {
      if (last !== undefined) lasts.set(service, last);
      if (below !== undefined) causes.set(service, below);
    }
  }
  return causes;
}
