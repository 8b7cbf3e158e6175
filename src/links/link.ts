import type { GraphQuery, KialiSubject, LinkBases, Links } from '../lib/links.ts';
import {
  between,
  formatDuration,
  goDuration,
  HOUR,
  MINUTE,
  type Milliseconds,
  ms,
  SECOND,
  type TimeWindow,
  toEpochUs,
  utcTime,
} from '../lib/units.ts';

type Parameters = readonly (readonly [string, string | number | undefined])[];

/** A URL with escaped parameters; undefined ones are left out. */
const withQuery = (url: string, parameters: Parameters): string =>
  `${url}?${parameters
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`)
    .join('&')}`;

/** The limit of Jaeger's search page (jaeger-ui, search form). */
const JAEGER_UI_MAX_LIMIT = 1_500;

/** A span ID takes 19 characters in the URL of a trace, and Slack's buttons open at most 3,000. */
const MAX_MARKED_SPANS = 100;

const jaegerLinks = (base: string): Pick<Links, 'traceSearch' | 'trace' | 'compareTraces'> => ({
  traceSearch: ({ service, operation, window, minDuration, isFailed = false, limit }) =>
    withQuery(`${base}/search`, [
      ['service', service],
      ['operation', operation],
      ['start', toEpochUs(window.start)],
      ['end', toEpochUs(window.end)],
      // Older versions ignore start and end without it.
      ['lookback', 'custom'],
      ['minDuration', minDuration === undefined ? undefined : goDuration(minDuration)],
      ['tags', isFailed ? '{"error":"true"}' : undefined],
      ['limit', Math.min(limit, JAEGER_UI_MAX_LIMIT)],
    ]),
  // `uiFind` takes words separated by blanks; a span ID marks that span (jaeger-ui, filter-spans).
  trace: (traceId, marked = []) => {
    const page = `${base}/trace/${encodeURIComponent(traceId)}`;
    const spans = marked.slice(0, MAX_MARKED_SPANS).join(' ');
    return spans === '' ? page : withQuery(page, [['uiFind', spans]]);
  },
  // The path is for the page, `cohort` for its menus (jaeger-ui, TraceDiff/url).
  compareTraces: (...ids) => {
    const [a, b] = ids.map(encodeURIComponent);
    return `${base}/trace/${a}...${b}?cohort=${a}&cohort=${b}`;
  },
});

/** Works for Prometheus 2 and 3: 3.x redirects `/graph` to `/query` and reads the tab numbers (urlStateEncoding.ts). */
function prometheusGraph(base: string, { expr, window, figure }: GraphQuery): string {
  const end = utcTime(window.end);
  const second: Parameters = [
    ['g1.expr', figure],
    ['g1.tab', 1],
    ['g1.moment_input', end],
  ];
  return withQuery(`${base}/graph`, [
    ['g0.expr', expr],
    ['g0.tab', 0],
    ['g0.range_input', formatDuration(between(window.start, window.end))],
    ['g0.end_input', end],
    ['g0.moment_input', end],
    ...(figure === undefined ? [] : second),
  ]);
}

const rangeOf = ({ start, end }: TimeWindow) => ({ from: String(start), to: String(end) });

/** Explore, in the URL format of Grafana 10.1 and later. */
const explore = (base: string, pane: object): string =>
  withQuery(`${base}/explore`, [
    ['schemaVersion', 1],
    ['orgId', 1],
    ['panes', JSON.stringify({ a: pane })],
  ]);

/** Links that need a data source or a dashboard are undefined without it. */
function grafanaLinks(
  base: string,
  { metrics, traces, dashboard }: NonNullable<LinkBases['grafanaPlaces']>,
): Pick<Links, 'grafanaExplore' | 'grafanaTrace' | 'grafanaDashboard'> {
  return {
    grafanaExplore: ({ expr, window }) =>
      explore(base, {
        datasource: metrics,
        queries: [{ refId: 'A', datasource: { type: 'prometheus', uid: metrics }, expr, range: true }],
        range: rangeOf(window),
      }),
    grafanaTrace: ({ traceId, spanId, window }) => {
      if (traces === undefined) return undefined;
      // Without a type, Jaeger's data source takes the query as an ID; Tempo's takes the ID as TraceQL.
      const queryType = traces.type === 'tempo' ? 'traceql' : undefined;
      return explore(base, {
        datasource: traces.uid,
        queries: [{ refId: 'A', datasource: traces, queryType, query: traceId }],
        range: rangeOf(window),
        panelsState: spanId === undefined ? undefined : { trace: { spanId } },
      });
    },
    grafanaDashboard: ({ service, namespace = '', window }) => {
      if (dashboard === undefined) return undefined;
      const [path = '', template = 'var-service={service}'] = dashboard.split('?', 2);
      const variables = template
        .replaceAll('{service}', () => encodeURIComponent(service))
        .replaceAll('{namespace}', () => encodeURIComponent(namespace));
      return `${withQuery(`${base}/d/${path}`, Object.entries(rangeOf(window)))}&${variables}`;
    },
  };
}

/** The durations in the menu of Kiali's graph (kiali-ui, serverConfig durations). */
const KIALI_DURATIONS: readonly Milliseconds[] = [
  ...[1, 2, 5, 10, 30].map((minutes) => ms(minutes * MINUTE)),
  ...[1, 3, 6, 12, 24, 7 * 24, 30 * 24].map((hours) => ms(hours * HOUR)),
];

/** Kiali's graph ends now: the shortest duration that reaches back far enough, in seconds. */
function kialiDuration(reach: Milliseconds): number {
  const longest = KIALI_DURATIONS.at(-1) ?? reach;
  return (KIALI_DURATIONS.find((duration) => duration >= reach) ?? longest) / SECOND;
}

const kialiPath = ({ kind, namespace, name }: KialiSubject): string =>
  `namespaces/${encodeURIComponent(namespace)}/${kind}/${encodeURIComponent(name)}`;

const kialiLinks = (base: string): Pick<Links, 'kialiTraces' | 'kialiNode' | 'kialiGraph'> => ({
  kialiTraces: ({ traceId, spanId, ...subject }) =>
    withQuery(`${base}/console/${kialiPath(subject)}`, [
      ['tab', 'traces'],
      ['traceId', traceId],
      ['spanId', spanId],
    ]),
  kialiNode: ({ reach, ...subject }) =>
    withQuery(`${base}/console/graph/node/${kialiPath(subject)}`, [['duration', kialiDuration(reach)]]),
  kialiGraph: ({ namespaces, reach, traceId }) =>
    withQuery(`${base}/console/graph/namespaces`, [
      ['namespaces', namespaces.join(',')],
      ['graphType', 'versionedApp'],
      ['duration', kialiDuration(reach)],
      ['traceId', traceId],
    ]),
});

const none = (): undefined => undefined;

const NO_LINKS: Links = {
  traceSearch: none,
  trace: none,
  compareTraces: none,
  graph: none,
  kialiTraces: none,
  kialiNode: none,
  kialiGraph: none,
  grafanaExplore: none,
  grafanaTrace: none,
  grafanaDashboard: none,
};

/** Links to the tools at these addresses, which may have a base path and slashes at their end. */
export function createLinks({ jaeger, prometheus, kiali, grafana, grafanaPlaces = {} }: LinkBases): Links {
  const on = <Part>(address: string | undefined, build: (base: string) => Part): Part | undefined =>
    address === undefined ? undefined : build(address.replace(/\/+$/, ''));
  return {
    ...NO_LINKS,
    ...on(jaeger, jaegerLinks),
    ...on(prometheus, (base) => ({ graph: (query: GraphQuery) => prometheusGraph(base, query) })),
    ...on(kiali, kialiLinks),
    ...on(grafana, (base) => grafanaLinks(base, grafanaPlaces)),
  };
}
