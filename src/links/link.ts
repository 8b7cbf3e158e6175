import { utcTime } from '../lib/instant.ts';
import type { GraphQuery, LinkBases, Links } from '../lib/links.ts';
import { formatDuration, goDuration, type Milliseconds, toEpochUs } from '../lib/units.ts';
import { query, trimmed } from './address.ts';
import { grafanaDashboard, grafanaExplore, grafanaTrace } from './link-grafana.ts';
import { kialiGraph, kialiNode, kialiTraces } from './link-kiali.ts';

/** Jaeger's search page cannot show more than this (jaeger-ui, search form). */
const JAEGER_UI_MAX_LIMIT = 1_500;

function jaegerSearch(base: string, search: Parameters<Links['traceSearch']>[0]): string {
  const { service, operation, window, minDuration, limit } = search;
  return `${trimmed(base)}/search?${query([
    ['service', service],
    ['operation', operation],
    ['start', toEpochUs(window.start)],
    ['end', toEpochUs(window.end)],
    // Older pages ignore start and end without it.
    ['lookback', 'custom'],
    ['minDuration', minDuration === undefined ? undefined : goDuration(minDuration)],
    ['limit', Math.min(limit, JAEGER_UI_MAX_LIMIT)],
  ])}`;
}

/** A word of Jaeger's search inside a trace is 19 characters with its blank; Slack's buttons open at most 3,000. */
const MOST_MARKED = 100;

/** `uiFind` takes words separated by blanks; one that is a span's id marks exactly that span (jaeger-ui, filter-spans). */
function jaegerTrace(base: string, traceId: string, marked: readonly string[]): string {
  const page = `${trimmed(base)}/trace/${encodeURIComponent(traceId)}`;
  return marked.length === 0
    ? page
    : `${page}?${query([['uiFind', marked.slice(0, MOST_MARKED).join(' ')]])}`;
}

/** The ids stand in the path for the page and in `cohort` for its menus (jaeger-ui, TraceDiff/url). */
function jaegerComparison(base: string, ids: readonly [string, string]): string {
  const [a, b] = ids.map(encodeURIComponent);
  return `${trimmed(base)}/trace/${a}...${b}?cohort=${a}&cohort=${b}`;
}

/**
 * Both pages of Prometheus take it: 3.x sends `/graph` on to `/query` and still reads the numbers of tabs (urlStateEncoding.ts).
 */
function prometheusGraph(base: string, { expr, window, figure }: GraphQuery): string {
  const range = formatDuration((window.end - window.start) as Milliseconds);
  return `${trimmed(base)}/graph?${query([
    ['g0.expr', expr],
    ['g0.tab', 0],
    ['g0.range_input', range],
    ['g0.end_input', utcTime(window.end)],
    ['g0.moment_input', utcTime(window.end)],
    ...(figure === undefined
      ? []
      : ([
          ['g1.expr', figure],
          ['g1.tab', 1],
          ['g1.moment_input', utcTime(window.end)],
        ] as const)),
  ])}`;
}

/** Those that need more of a Grafana than its address are absent where it is not known. */
function grafanaLinks({
  grafana,
  grafanaPlaces: { metrics, traces, dashboard } = {},
}: LinkBases): Pick<Links, 'grafanaExplore' | 'grafanaTrace' | 'grafanaDashboard'> {
  const isHere = grafana !== undefined;
  return {
    grafanaExplore: (of) => (isHere ? grafanaExplore(grafana, { ...of, metrics }) : undefined),
    grafanaTrace: (of) =>
      isHere && traces !== undefined ? grafanaTrace(grafana, { ...of, traces }) : undefined,
    grafanaDashboard: (of) =>
      isHere && dashboard !== undefined ? grafanaDashboard(grafana, { ...of, dashboard }) : undefined,
  };
}

/** Links on the given addresses. A trailing slash and a base path are both fine. */
export function createLinks(bases: LinkBases): Links {
  const on =
    <Q>(base: string | undefined, build: (base: string, query: Q) => string) =>
    (query: Q): string | undefined =>
      base === undefined ? undefined : build(base, query);
  return {
    traceSearch: on(bases.jaeger, jaegerSearch),
    trace: (traceId, marked = []) =>
      bases.jaeger === undefined ? undefined : jaegerTrace(bases.jaeger, traceId, marked),
    compareTraces: (a, b) =>
      bases.jaeger === undefined ? undefined : jaegerComparison(bases.jaeger, [a, b]),
    graph: on(bases.prometheus, prometheusGraph),
    kialiTraces: on(bases.kiali, kialiTraces),
    kialiNode: on(bases.kiali, kialiNode),
    kialiGraph: on(bases.kiali, kialiGraph),
    ...grafanaLinks(bases),
  };
}
