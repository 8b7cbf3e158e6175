import type { Microseconds, Milliseconds, TimeWindow } from './units.ts';

/** The subject of a Kiali page. Traces name applications; Prometheus names services and workloads. */
export interface KialiSubject {
  readonly kind: 'services' | 'workloads' | 'applications';
  readonly namespace: string;
  readonly name: string;
}

/** An application by its name in Istio's traces, `<app>.<namespace>`; undefined for a name without a namespace. */
export function kialiApplication(tracedService: string): KialiSubject | undefined {
  const [name, namespace, ...more] = tracedService.split('.');
  return name === undefined || name === '' || namespace === undefined || namespace === '' || more.length > 0
    ? undefined
    : { kind: 'applications', namespace, name };
}

/** Data sources and dashboard of a Grafana, for links into it. */
export interface GrafanaPlaces {
  /** UID of the Prometheus data source; absent: Grafana's default data source. */
  readonly metrics?: string;
  /** The data source of traces. */
  readonly traces?: { readonly type: 'jaeger' | 'tempo'; readonly uid: string };
  /** A service dashboard: its UID, and its variables with `{service}` and `{namespace}`. */
  readonly dashboard?: string;
}

/** Addresses of the tools for browsers; absent ones get no links. */
export interface LinkBases {
  readonly jaeger?: string;
  readonly prometheus?: string;
  readonly kiali?: string;
  readonly grafana?: string;
  readonly grafanaPlaces?: GrafanaPlaces;
}

/** Builds links into other tools. Each is undefined when its tool has no address. */
export interface Links {
  /** Jaeger's search. `minDuration` leaves the slowest, as the URL has no sort order. */
  traceSearch(search: {
    service: string;
    operation?: string;
    window: TimeWindow;
    minDuration?: Microseconds;
    /** Only traces with a failed span. */
    isFailed?: boolean;
    limit: number;
  }): string | undefined;
  /** Jaeger's page of a trace. Marks the spans with these IDs, as many as a URL holds, and collapses the others. */
  trace(traceId: string, marked?: readonly string[]): string | undefined;
  /** Jaeger's comparison of two traces; `a` is the baseline. */
  compareTraces(a: string, b: string): string | undefined;
  /** Prometheus's graph of an expression over a window, and below it the value of `figure` at the end of the window. */
  graph(query: GraphQuery): string | undefined;
  /** Kiali's traces of a service, workload or application, one of its traces, or one span of a trace. */
  kialiTraces(of: KialiSubject & { traceId?: string; spanId?: string }): string | undefined;
  /** Kiali's graph around a service, workload or application, from `reach` ago until now. */
  kialiNode(of: KialiSubject & { reach: Milliseconds }): string | undefined;
  /** Kiali's graph of namespaces, with an overlaid trace. */
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

/** A labeled URL: the query behind a number. */
export interface Link {
  readonly label: string;
  readonly url: string;
}

/** Links of the tools that have an address. */
export const existingLinks = (
  urls: readonly (readonly [label: string, url: string | undefined])[],
): readonly Link[] => urls.flatMap(([label, url]) => (url === undefined ? [] : [{ label, url }]));
