import type { GrafanaPlaces } from '../lib/links.ts';
import type { TimeWindow } from '../lib/units.ts';
import { query, trimmed } from './address.ts';

const rangeOf = ({ start, end }: TimeWindow) => ({ from: String(start), to: String(end) });

/** The form of Explore's address from Grafana 10.1 on. */
const explore = (base: string, pane: object): string =>
  `${trimmed(base)}/explore?${query([
    ['schemaVersion', 1],
    ['orgId', 1],
    ['panes', JSON.stringify({ a: pane })],
  ])}`;

/** Explore on an expression and a window. `metrics`: the UID of the data source; the default one when it is not given. */
export function grafanaExplore(
  base: string,
  { expr, window, metrics }: { expr: string; window: TimeWindow; metrics: string | undefined },
): string {
  const uid = metrics === undefined ? {} : { uid: metrics };
  return explore(base, {
    datasource: metrics,
    queries: [{ refId: 'A', datasource: { type: 'prometheus', ...uid }, expr, range: true }],
    range: rangeOf(window),
  });
}

/** Explore on one trace. */
export function grafanaTrace(
  base: string,
  of: {
    readonly traceId: string;
    readonly spanId?: string;
    readonly window: TimeWindow;
    readonly traces: NonNullable<GrafanaPlaces['traces']>;
  },
): string {
  const { traceId, spanId, window, traces } = of;
  return explore(base, {
    datasource: traces.uid,
    queries: [
      {
        refId: 'A',
        datasource: traces,
        // A query of Jaeger's data source without a type is an id; Tempo's takes the id as TraceQL.
        queryType: traces.type === 'tempo' ? 'traceql' : undefined,
        query: traceId,
      },
    ],
    range: rangeOf(window),
    panelsState: spanId === undefined ? undefined : { trace: { spanId } },
  });
}

/** A dashboard on a service and a window. Without variables of its own it gets the service as `var-service`. */
export function grafanaDashboard(
  base: string,
  of: {
    readonly service: string;
    readonly namespace?: string;
    readonly window: TimeWindow;
    readonly dashboard: string;
  },
): string {
  const [path = '', variables = 'var-service={service}'] = of.dashboard.split('?', 2);
  const given = variables
    .replaceAll('{service}', () => encodeURIComponent(of.service))
    .replaceAll('{namespace}', () => encodeURIComponent(of.namespace ?? ''));
  const { from, to } = rangeOf(of.window);
  return `${trimmed(base)}/d/${path}?${query([
    ['from', from],
    ['to', to],
  ])}&${given}`;
}
