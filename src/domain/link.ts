import { query, trimmed } from './address.ts';
import { type GrafanaPlaces, grafanaDashboard, grafanaExplore, grafanaTrace } from './link-grafana.ts';
import { type KialiSubject, kialiGraph, kialiNode, kialiTraces } from './link-kiali.ts';
import type { EpochMs, Microseconds, Milliseconds, TimeWindow } from './units.ts';
import { formatDuration, toEpochUs } from './units.ts';

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

interface GraphQuery {
  readonly expr: string;
  readonly window: TimeWindow;
  readonly figure?: string;
}

/** A Go duration, as Jaeger's search form takes it: `812ms`, `1.5s` is written `1500ms`, `250us`. */
export function goDuration(duration: Microseconds): string {
  return duration % 1_000 === 0 ? `${duration / 1_000}ms` : `${duration}us`;
}

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

/** `2026-11-20 14:05:00`, what Prometheus's graph page reads as the end of its range. Civil date from days: Howard Hinnant's algorithm. */
export function utcTime(instant: EpochMs): string {
  const seconds = Math.floor(instant / 1_000);
  const days = Math.floor(seconds / 86_400);
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1_460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const monthIndex = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * monthIndex + 2) / 5) + 1;
  const month = monthIndex < 10 ? monthIndex + 3 : monthIndex - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  const two = (value: number): string => String(value).padStart(2, '0');
  const secondOfDay = seconds - days * 86_400;
  const clock = [Math.floor(secondOfDay / 3_600), Math.floor(secondOfDay / 60) % 60, secondOfDay % 60];
  return `${year}-${two(month)}-${two(day)} ${clock.map(two).join(':')}`;
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
