import type { GrafanaPlaces } from '../lib/links.ts';

/** As Grafana makes and takes them. */
const UID = /^[\w-]{1,40}$/;
const TRACES = /^(jaeger|tempo):([\w-]{1,40})$/;
const DASHBOARD = /^[\w-]{1,40}(?:\/[\w-]+)?(?:\?[^\s#?]*)?$/;

/** What to write instead of a uid that is none; undefined for one that is. */
export const metricsAdvice = (value: string): string | undefined =>
  UID.test(value) ? undefined : "Write the data source's uid, the last part of its page's address.";

/** What to write instead of a data source of traces that is none. */
export const tracesAdvice = (value: string): string | undefined =>
  TRACES.test(value)
    ? undefined
    : 'Write the type of the data source and its uid, like jaeger:P1234 or tempo:P1234.';

/** What to write instead of a dashboard that is none. */
export const dashboardAdvice = (value: string): string | undefined =>
  DASHBOARD.test(value)
    ? undefined
    : "Write the dashboard's uid, and its variables behind it where they differ: abc123?var-app={service}.";

/** What links into a Grafana need to know of it, from texts that passed. */
export function grafanaPlaces(
  texts: Readonly<Record<'metrics' | 'traces' | 'dashboard', string | undefined>>,
): GrafanaPlaces {
  const { metrics, traces, dashboard } = texts;
  const [, type, uid] = TRACES.exec(traces ?? '') ?? [];
  return {
    metrics,
    traces: uid === undefined ? undefined : { type: type === 'tempo' ? 'tempo' : 'jaeger', uid },
    dashboard,
  };
}
