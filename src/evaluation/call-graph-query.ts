import type { Clock } from '../lib/clock.ts';
import { withDeadline } from '../lib/deadline.ts';
import { errorMessage } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import type { MetricsSource, Sample } from '../lib/metrics-source.ts';
import { between, type EpochMs, MINUTE, type Milliseconds, ms, SECOND } from '../lib/units.ts';
import type { CallGraph } from '../policy/inhibition.ts';

/** Returns the call graph by the traffic at an instant; undefined while it is unknown. Never throws. */
export type CallGraphAt = (at: EpochMs) => Promise<CallGraph | undefined>;

/** The call graph changes with deployments only. */
const MAX_AGE: Milliseconds = MINUTE;
const DEADLINE: Milliseconds = ms(5 * SECOND);

/** Istio's request counter of the receiving side: sidecars report as `destination`, ambient mode as `waypoint`. */
export const CALL_GRAPH_QUERY =
  'sum by (source_workload, source_workload_namespace, destination_workload, destination_workload_namespace, destination_service_name)' +
  ' (rate(istio_requests_total{reporter=~"destination|waypoint"}[5m])) > 0';

const keyOf = (workload: string, namespace: string): string => `${namespace}/${workload}`;

/** The names of the services of each workload: the metric names a caller by its workload only. */
function servicesByWorkload(samples: readonly Sample[]): ReadonlyMap<string, ReadonlySet<string>> {
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

/**
 * The call graph of Istio's request counters. It has each service as `name` and as `name.namespace`, because the labels
 * of some rules have no namespace. The two kinds of name are never connected.
 */
export function callGraphOf(samples: readonly Sample[]): CallGraph {
  const services = servicesByWorkload(samples);
  const namesOf = (workload: string, namespace: string): Iterable<string> =>
    services.get(keyOf(workload, namespace)) ?? [workload];
  const graph = new Map<string, Set<string>>();
  const connect = (caller: string, callee: string): void => {
    const callees = graph.get(caller) ?? new Set();
    graph.set(caller, callees.add(callee));
  };
  for (const { labels } of samples) {
    const { source_workload_namespace: from = '', destination_workload_namespace: to = '' } = labels;
    for (const caller of namesOf(labels['source_workload'] ?? '', from))
      for (const callee of namesOf(labels['destination_workload'] ?? '', to)) {
        connect(caller, callee);
        connect(`${caller}.${from}`, `${callee}.${to}`);
      }
  }
  return graph;
}

/** Queries the call graph at most once a minute. After a failed query it returns the last one. */
export function createCallGraphQuery(options: {
  readonly metrics: Pick<MetricsSource, 'instant'>;
  readonly clock: Clock;
  readonly logger: Logger;
}): CallGraphAt {
  const { metrics, clock, logger } = options;
  let known: CallGraph | undefined;
  let queriedAt: EpochMs | undefined;
  return async (at) => {
    // Failed queries count as well: an outage of Prometheus must not delay every evaluation.
    if (queriedAt !== undefined && between(queriedAt, at) < MAX_AGE) return known;
    queriedAt = at;
    try {
      const samples = await withDeadline({ clock, duration: DEADLINE, system: 'prometheus' }, (signal) =>
        metrics.instant({ expr: CALL_GRAPH_QUERY, at }, signal),
      );
      known = callGraphOf(samples);
    } catch (error) {
      logger.warn('call graph query failed; inhibition uses the last known call graph', {
        reason: errorMessage(error),
      });
    }
    return known;
  };
}
