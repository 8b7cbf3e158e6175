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
