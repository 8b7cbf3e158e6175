import type { Microseconds, Milliseconds, TimeWindow } from './units.ts';

/** What Kiali has a page of. The tracing backend names applications; Prometheus names services and workloads. */
export interface KialiSubject {
  readonly kind: 'services' | 'workloads' | 'applications';
  readonly namespace: string;
  readonly name: string;
}

/** Istio names an application in traces `<app>.<namespace>`; undefined for a name without a namespace. */
export function kialiApplication(tracedService: string): KialiSubject | undefined {
  const [name, namespace, ...more] = tracedService.split('.');
  return name === undefined || name === '' || namespace === undefined || namespace === '' || more.length > 0
    ? undefined
    : { kind: 'applications', namespace, name };
}

/** What links into a Grafana need to know of it. */
export interface GrafanaPlaces {
  /** Uid of the Prometheus data source; Grafana's default one when absent. */
  readonly metrics?: string;
  /** The data source that holds the traces. */
  readonly traces?: { readonly type: 'jaeger' | 'tempo'; readonly uid: string };
  /** A dashboard of a service: its uid, and its variables with `{service}` and `{namespace}` in them. */
  readonly dashboard?: string;
}

/** Addresses of the tools as a browser reaches them; absent ones get no links. */
export interface LinkBases {
  readonly jaeger?: string;
  readonly prometheus?: string;
  readonly kiali?: string;
  readonly grafana?: string;
  /** What is known of that Grafana; links that need more of it are left out. */
  readonly grafanaPlaces?: GrafanaPlaces;
}

/** Builds the links that open a tool on exactly what a message says. Each is undefined when its tool has no address. */
export interface Links {
  /** Jaeger's search page. `minDuration` makes it show the slowest, since the sort order is not part of its URL. */
  traceSearch(search: {
    service: string;
    operation?: string;
    window: TimeWindow;
    minDuration?: Microseconds;
    limit: number;
  }): string | undefined;
  /** Jaeger's page of a trace. With span ids it marks them, as many as an address holds, and folds the rest away. */
  trace(traceId: string, marked?: readonly string[]): string | undefined;
  /** Jaeger's comparison of two traces, in which the first is the one that things ought to be like. */
  compareTraces(a: string, b: string): string | undefined;
  /** Prometheus's graph of an expression over a window, and below it the value of `figure` at the window's end. */
  graph(query: GraphQuery): string | undefined;
  /** Kiali's traces of a service, a workload or an application, or one of its traces, or one span of that. */
  kialiTraces(of: KialiSubject & { traceId?: string; spanId?: string }): string | undefined;
  /** Kiali's graph around a service, a workload or an application, from `reach` ago until now. */
  kialiNode(of: KialiSubject & { reach: Milliseconds }): string | undefined;
  /** Kiali's graph of namespaces, with a trace drawn over it. */
  kialiGraph(of: {
    namespaces: readonly string[];
    reach: Milliseconds;
    traceId?: string;
  }): string | undefined;
  /** Grafana Explore on an expression over a window. */
  grafanaExplore(query: { expr: string; window: TimeWindow }): string | undefined;
  /** Grafana Explore on a trace; undefined without a data source of traces. */
  grafanaTrace(of: { traceId: string; spanId?: string; window: TimeWindow }): string | undefined;
  /** The dashboard of a service; undefined when none is configured. */
  grafanaDashboard(of: { service: string; namespace?: string; window: TimeWindow }): string | undefined;
}

export interface GraphQuery {
  readonly expr: string;
  readonly window: TimeWindow;
  readonly figure?: string;
}

/** A name and the address that shows the same figure: every figure in a message can be looked up. */
export interface Link {
  readonly label: string;
  readonly url: string;
}
