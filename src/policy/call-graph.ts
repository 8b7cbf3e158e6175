/** Who calls whom: services by name, each with the services it sends requests to. */
export type CallGraph = ReadonlyMap<string, ReadonlySet<string>>;

type CalleesOf = (service: string) => readonly string[];

/** A service on the way of the search, with the callees that were not looked at yet. */
interface Visit {
  readonly service: string;
  readonly order: number;
  readonly callees: Iterator<string>;
  /** The earliest service on the way that can be reached from here. */
  earliest: number;
}

/**
 * The services in groups: those that call each other in a loop together, every other one by itself, and callees before
 * their callers. Each call is looked at once. Source: R. Tarjan, Depth-first search and linear graph algorithms, 1972.
 */
function loopsOf(services: Iterable<string>, calleesOf: CalleesOf): readonly (readonly string[])[] {
  const groups: string[][] = [];
  const orders = new Map<string, number>();
  /** Services of which it is not known yet with whom they are in a loop. */
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
    for (const member of group) isOpen.delete(member);
    groups.push(group);
  };
  for (const root of services) {
    const way = orders.has(root) ? [] : [enter(root)];
    for (let visit = way.at(-1); visit !== undefined; visit = way.at(-1)) {
      const { done, value: callee } = visit.callees.next();
      if (done === true) {
        way.pop();
        leave(visit, way.at(-1));
      } else if (!orders.has(callee)) way.push(enter(callee));
      else if (isOpen.has(callee)) visit.earliest = Math.min(visit.earliest, orders.get(callee) ?? 0);
    }
  }
  return groups;
}

/** The first by name, so that every replica says the same. */
const first = (names: readonly string[]): string => names.reduce((a, b) => (b < a ? b : a));

/**
 * For each breaching service whose breach may come from another's: the service at the end of the chain of breaching
 * callees. Services that call each other in a loop explain nothing about one another, and are left out.
 *
 *     frontend -> checkout -> payments        frontend: payments, checkout: payments
 *     (slow)      (slow)      (slow)
 *
 * Of several ends the first by name is taken.
 */
export function causesOf(breaching: Iterable<string>, graph: CallGraph): ReadonlyMap<string, string> {
  const services = new Set(breaching);
  const calleesOf: CalleesOf = (service) =>
    [...(graph.get(service) ?? [])].filter((callee) => services.has(callee));
  const ends = new Map<string, string>();
  const causes = new Map<string, string>();
  for (const group of loopsOf(services, calleesOf)) {
    const members = new Set(group);
    const below = group.flatMap(calleesOf).filter((callee) => !members.has(callee));
    const end = first(below.length === 0 ? group : below.map((callee) => ends.get(callee) ?? callee));
    for (const member of group) {
      ends.set(member, end);
      if (below.length > 0) causes.set(member, end);
    }
  }
  return causes;
}
