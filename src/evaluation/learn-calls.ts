import type { Clock } from '../lib/clock.ts';
import { withDeadline } from '../lib/deadline.ts';
import type { Logger } from '../lib/logger.ts';
import type { MetricsSource, Sample } from '../lib/metrics-source.ts';
import { between, type EpochMs, MINUTE, type Milliseconds, ms, SECOND } from '../lib/units.ts';
import type { CallGraph } from '../policy/call-graph.ts';

/** Tells who calls whom, as traffic shows it; undefined as long as nothing could be learned. Never throws. */
export type LearnCalls = (at: EpochMs) => Promise<CallGraph | undefined>;

/** Who calls whom changes with deployments: to ask now and then is enough. */
const FRESH_FOR: Milliseconds = ms(MINUTE);
const DEADLINE: Milliseconds = ms(5 * SECOND);

/** Istio's request counter of the receiving side: sidecars report as `destination`, ambient mode as `waypoint`. */
export const CALLS =
  'sum by (source_workload, source_workload_namespace, destination_workload, destination_workload_namespace, destination_service_name)' +
  ' (rate(istio_requests_total{reporter=~"destination|waypoint"}[5m])) > 0';

/** A service under the names that rules know it by. */
interface Names {
  readonly names: ReadonlySet<string>;
  readonly namespace: string;
}

const keyOf = (workload: string, namespace: string): string => `${namespace}/${workload}`;

/** Services by the workload that answers for them: a caller is known by its workload only. */
function servicesOf(samples: readonly Sample[]): ReadonlyMap<string, ReadonlySet<string>> {
  const services = new Map<string, Set<string>>();
  for (const { labels } of samples) {
    const { destination_workload: workload = '', destination_workload_namespace: namespace = '' } = labels;
    const key = keyOf(workload, namespace);
    const known = services.get(key) ?? new Set([workload]);
    known.add(labels['destination_service_name'] ?? workload);
    services.set(key, known);
  }
  return services;
}

function connect(graph: Map<string, Set<string>>, from: string, to: string): void {
  const callees = graph.get(from) ?? new Set();
  callees.add(to);
  graph.set(from, callees);
}

/**
 * The call graph in Istio's request counters. Services stand in it by name and by `name.namespace`, since some rules
 * tell namespaces apart and others do not; the two kinds of name are never connected.
 */
export function callGraphOf(samples: readonly Sample[]): CallGraph {
  const services = servicesOf(samples);
  const namesOf = (workload: string, namespace: string): Names => ({
    names: services.get(keyOf(workload, namespace)) ?? new Set([workload]),
    namespace,
  });
  const graph = new Map<string, Set<string>>();
  for (const { labels } of samples) {
    const from = namesOf(labels['source_workload'] ?? '', labels['source_workload_namespace'] ?? '');
    const to = namesOf(labels['destination_workload'] ?? '', labels['destination_workload_namespace'] ?? '');
    for (const caller of from.names)
      for (const callee of to.names) {
        connect(graph, caller, callee);
        connect(graph, `${caller}.${from.namespace}`, `${callee}.${to.namespace}`);
      }
  }
  return graph;
}

/** Learns the call graph from Prometheus, and keeps what it learned for a minute, or until it is answered again. */
export function createLearnCalls(deps: {
  readonly metrics: Pick<MetricsSource, 'instant'>;
  readonly clock: Clock;
  readonly logger: Logger;
}): LearnCalls {
  const { metrics, clock, logger } = deps;
  let known: CallGraph | undefined;
  let askedAt: EpochMs | undefined;
  return async (at) => {
    // Failures count as well: a Prometheus that does not answer must not cost every evaluation its time.
    if (askedAt !== undefined && between(askedAt, at) < FRESH_FOR) return known;
    askedAt = at;
    try {
      const samples = await withDeadline({ clock, duration: DEADLINE, system: 'prometheus' }, (signal) =>
        metrics.instant({ expr: CALLS, at }, signal),
      );
      known = callGraphOf(samples);
    } catch (error) {
      logger.warn('who calls whom could not be learned: breaches are not folded by what is not known', {
        reason: error instanceof Error ? error.message : String(error),
      });
    }
    return known;
  };
}
