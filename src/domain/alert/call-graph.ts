/** Who calls whom: services by name, each with the services it sends requests to. */
export type CallGraph = ReadonlyMap<string, ReadonlySet<string>>;

/** The breaching services that can be reached from one over breaching services only, itself not among them unless in a loop. */
function reachable(from: string, graph: CallGraph, breaching: ReadonlySet<string>): ReadonlySet<string> {
  const found = new Set<string>();
  const open = [from];
  for (let service = open.pop(); service !== undefined; service = open.pop()) {
    for (const callee of graph.get(service) ?? []) {
      if (!breaching.has(callee) || found.has(callee)) continue;
      found.add(callee);
      open.push(callee);
    }
  }
  return found;
}

/**
 * For each breaching service whose breach may come from another's: the service at the end of the chain of breaching
 * callees. Services that call each other in a loop explain nothing about one another, and are left out.
 *
 *     frontend -> checkout -> payments        frontend: payments, checkout: payments
 *     (slow)      (slow)      (slow)
 *
 * Of several ends the first by name is taken, so that every replica says the same.
 */
export function causesOf(breaching: Iterable<string>, graph: CallGraph): ReadonlyMap<string, string> {
  const services = new Set([...breaching].sort());
  const below = new Map(Array.from(services, (service) => [service, reachable(service, graph, services)]));
  const calls = (from: string, to: string): boolean => below.get(from)?.has(to) === true;
  /** Nothing beneath it breaches but what calls it back. */
  const isEnd = (service: string): boolean =>
    [...(below.get(service) ?? [])].every((callee) => calls(callee, service));
  const causes = new Map<string, string>();
  for (const service of services) {
    const end = [...(below.get(service) ?? [])].sort().find((each) => isEnd(each) && !calls(each, service));
    if (end !== undefined) causes.set(service, end);
  }
  return causes;
}
