import { assert, integer, property } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type GrafanaPlaces, kialiApplication, type Links } from '../../../src/lib/links.ts';
import { DAY, epochMs, goDuration, MINUTE, ms, us, utcTime } from '../../../src/lib/units.ts';
import { createLinks } from '../../../src/links/link.ts';

const window = { start: epochMs(Date.UTC(2026, 10, 20, 14)), end: epochMs(Date.UTC(2026, 10, 20, 14, 10)) };

const links = createLinks({
  jaeger: 'https://jaeger.example.com/jaeger/',
  prometheus: 'https://prometheus.example.com',
  kiali: 'https://kiali.example.com//',
  grafana: 'https://grafana.example.com/g',
});

/** The parameters of a link; reading them proves that they are escaped. */
const parametersOf = (url: string | undefined): Record<string, string> =>
  Object.fromEntries(new URL(url ?? '').searchParams);

const id = '4bf92f3577b34da6a3ce929d0e0e4736';
const other = '0000000000000000687eda40ed5b1dc3';
const explore = (pane: object): string =>
  `https://grafana.example.com/g/explore?schemaVersion=1&orgId=1&panes=${encodeURIComponent(JSON.stringify({ a: pane }))}`;
const range = { from: '1795183200000', to: '1795183800000' };

/** One link of each form, by what it opens. */
function urlsOf(on: Links): Readonly<Record<string, string | undefined>> {
  const checkout = { namespace: 'shop', name: 'check out' };
  return {
    "Jaeger's comparison of two traces": on.compareTraces(id, other),
    "Kiali's traces of a service": on.kialiTraces({ kind: 'services', ...checkout }),
    "Kiali's traces of an application, on one": on.kialiTraces({
      kind: 'applications',
      ...checkout,
      traceId: id,
    }),
    "Kiali's traces of a workload, on one span": on.kialiTraces({
      kind: 'workloads',
      ...checkout,
      traceId: id,
      spanId: 'b7',
    }),
    "Kiali's graph around a service": on.kialiNode({ kind: 'services', ...checkout, reach: ms(10 * MINUTE) }),
    "Kiali's graph around a workload, for longer than it reaches": on.kialiNode({
      kind: 'workloads',
      ...checkout,
      reach: ms(90 * DAY),
    }),
    "Kiali's graph of namespaces": on.kialiGraph({ namespaces: ['istio-system', 'shop'], reach: ms(0) }),
    "Kiali's graph with a trace over it": on.kialiGraph({
      namespaces: ['shop'],
      reach: ms(11 * MINUTE),
      traceId: id,
    }),
    'Grafana Explore on an expression': on.grafanaExplore({ expr: 'a > 1', window }),
    'Grafana Explore on a trace': on.grafanaTrace({ traceId: id, window }),
    'Grafana Explore on a span': on.grafanaTrace({ traceId: id, spanId: 'b7', window }),
    "Grafana's dashboard of a service": on.grafanaDashboard({
      service: 'check out',
      namespace: 'shop',
      window,
    }),
  };
}

const KIALI = 'https://kiali.example.com/console';

/** The same, as they are without anything known of the Grafana but its address. */
const expected: Readonly<Record<string, string | undefined>> = {
  "Jaeger's comparison of two traces": `https://jaeger.example.com/jaeger/trace/${id}...${other}?cohort=${id}&cohort=${other}`,
  "Kiali's traces of a service": `${KIALI}/namespaces/shop/services/check%20out?tab=traces`,
  "Kiali's traces of an application, on one": `${KIALI}/namespaces/shop/applications/check%20out?tab=traces&traceId=${id}`,
  "Kiali's traces of a workload, on one span": `${KIALI}/namespaces/shop/workloads/check%20out?tab=traces&traceId=${id}&spanId=b7`,
  "Kiali's graph around a service": `${KIALI}/graph/node/namespaces/shop/services/check%20out?duration=600`,
  "Kiali's graph around a workload, for longer than it reaches": `${KIALI}/graph/node/namespaces/shop/workloads/check%20out?duration=2592000`,
  "Kiali's graph of namespaces": `${KIALI}/graph/namespaces?namespaces=istio-system%2Cshop&graphType=versionedApp&duration=60`,
  "Kiali's graph with a trace over it": `${KIALI}/graph/namespaces?namespaces=shop&graphType=versionedApp&duration=1800&traceId=${id}`,
  'Grafana Explore on an expression': explore({
    queries: [{ refId: 'A', datasource: { type: 'prometheus' }, expr: 'a > 1', range: true }],
    range,
  }),
  'Grafana Explore on a trace': undefined,
  'Grafana Explore on a span': undefined,
  "Grafana's dashboard of a service": undefined,
};

const jaegerQuery = { refId: 'A', datasource: { type: 'jaeger', uid: 'j1' }, query: id };
const tempoQuery = { refId: 'A', datasource: { type: 'tempo', uid: 't1' }, queryType: 'traceql', query: id };

/** A Grafana of which more is known, and how the links into it look. */
const grafanas: readonly (readonly [string, GrafanaPlaces, Readonly<Record<string, string>>])[] = [
  [
    'with a Jaeger, a Prometheus that is not its default, and a dashboard',
    { metrics: 'p1', traces: { type: 'jaeger', uid: 'j1' }, dashboard: 'abc/service' },
    {
      'Grafana Explore on an expression': explore({
        datasource: 'p1',
        queries: [{ refId: 'A', datasource: { type: 'prometheus', uid: 'p1' }, expr: 'a > 1', range: true }],
        range,
      }),
      'Grafana Explore on a trace': explore({ datasource: 'j1', queries: [jaegerQuery], range }),
      'Grafana Explore on a span': explore({
        datasource: 'j1',
        queries: [jaegerQuery],
        range,
        panelsState: { trace: { spanId: 'b7' } },
      }),
      "Grafana's dashboard of a service":
        'https://grafana.example.com/g/d/abc/service?from=1795183200000&to=1795183800000&var-service=check%20out',
    },
  ],
  [
    "with a Tempo, and Istio's own dashboard",
    {
      traces: { type: 'tempo', uid: 't1' },
      dashboard: 'istio?var-service={service}.{namespace}.svc.cluster.local&var-datasource=p1',
    },
    {
      'Grafana Explore on a trace': explore({ datasource: 't1', queries: [tempoQuery], range }),
      "Grafana's dashboard of a service":
        'https://grafana.example.com/g/d/istio?from=1795183200000&to=1795183800000&var-service=check%20out.shop.svc.cluster.local&var-datasource=p1',
    },
  ],
];

const AWKWARD = 'GET /a?b=c&d #e +f "g" é';

describe('links that open a tool on what a message says', () => {
  it("Jaeger's search has the window in microseconds and the threshold as the shortest duration", () => {
    const url = links.traceSearch({
      service: 'checkout.shop',
      operation: AWKWARD,
      window,
      minDuration: us(500_000),
      limit: 20,
    });
    expect(url?.split('?')[0]).toBe('https://jaeger.example.com/jaeger/search');
    expect(parametersOf(url)).toEqual({
      service: 'checkout.shop',
      operation: AWKWARD,
      start: '1795183200000000',
      end: '1795183800000000',
      lookback: 'custom',
      minDuration: '500ms',
      limit: '20',
    });
  });

  it("Jaeger's search leaves out what is not asked, and asks for no more than the page can show", () => {
    const url = links.traceSearch({ service: 'checkout', window, limit: 100_000 });
    expect(parametersOf(url)).toMatchObject({ limit: '1500' });
    expect(url).not.toMatch(/operation|minDuration/);
  });

  it('a trace', () => {
    expect(links.trace('abc/../def')).toBe('https://jaeger.example.com/jaeger/trace/abc%2F..%2Fdef');
  });

  it("Jaeger's comparison has the good trace first, in the path and as its cohort", () => {
    expect(links.compareTraces('a1', 'b2')).toBe(
      'https://jaeger.example.com/jaeger/trace/a1...b2?cohort=a1&cohort=b2',
    );
    expect(links.compareTraces('a/1', 'b?2')).toBe(
      'https://jaeger.example.com/jaeger/trace/a%2F1...b%3F2?cohort=a%2F1&cohort=b%3F2',
    );
  });

  it('a trace with spans marked, as many as an address holds', () => {
    expect(links.trace('a1', ['b2', 'c3'])).toBe('https://jaeger.example.com/jaeger/trace/a1?uiFind=b2%20c3');
    const all = links.trace(
      'a1',
      Array.from({ length: 500 }, (_, i) => `${i}`.padStart(16, '0')),
    );
    expect(all?.length).toBeGreaterThan(1_500);
    expect(all?.length).toBeLessThan(2_500);
  });

  it("Prometheus's graph ends where the window ends and is as long", () => {
    const url = links.graph({ expr: 'a{b="c+d"} > 1', window });
    expect(url?.split('?')[0]).toBe('https://prometheus.example.com/graph');
    expect(parametersOf(url)).toEqual({
      'g0.expr': 'a{b="c+d"} > 1',
      'g0.tab': '0',
      'g0.range_input': '10m',
      'g0.end_input': '2026-11-20 14:10:00',
      'g0.moment_input': '2026-11-20 14:10:00',
    });
  });

  it("Prometheus's graph with the value of a figure as it was when the window ended", () => {
    expect(parametersOf(links.graph({ expr: 'a', window, figure: 'b[10m]' }))).toMatchObject({
      'g0.expr': 'a',
      'g1.expr': 'b[10m]',
      'g1.tab': '1',
      'g1.moment_input': '2026-11-20 14:10:00',
    });
  });

  it.each(Object.entries(expected))('%s', (name, url) => {
    expect(urlsOf(links)[name]).toBe(url);
  });

  it.each(grafanas)('Grafana %s', (_, grafanaPlaces, urls) => {
    const found = urlsOf(createLinks({ grafana: 'https://grafana.example.com/g/', grafanaPlaces }));
    expect(found).toMatchObject(urls);
  });

  it.each([
    ['checkout.shop', { kind: 'applications', namespace: 'shop', name: 'checkout' }],
    ['checkout', undefined],
    ['.shop', undefined],
    ['checkout.', undefined],
    ['api.shop.example.com', undefined],
  ])('the application of %s in Kiali', (service, application) => {
    expect(kialiApplication(service)).toEqual(application);
  });

  it('are absent for tools without an address', () => {
    const none = createLinks({});
    const urls = [
      none.traceSearch({ service: 'a', window, limit: 1 }),
      none.trace('a'),
      none.compareTraces('a', 'b'),
      none.graph({ expr: 'a', window }),
      ...Object.values(urlsOf(none)),
    ];
    expect(urls.filter((url) => url !== undefined)).toEqual([]);
  });
});

describe('times and durations in links', () => {
  it.each([
    [812_000, '812ms'],
    [1_500_000, '1500ms'],
    [250, '250us'],
    [0, '0ms'],
  ])('%d microseconds are %s to Go', (value, expected) => {
    expect(goDuration(us(value))).toBe(expected);
  });

  it.each([
    [0, '1970-01-01 00:00:00'],
    [Date.UTC(2024, 1, 29, 23, 59, 59, 999), '2024-02-29 23:59:59'],
    [Date.UTC(2000, 11, 31), '2000-12-31 00:00:00'],
    [-1, '1969-12-31 23:59:59'],
  ])('%d is %s', (instant, expected) => {
    expect(utcTime(epochMs(instant))).toBe(expected);
  });

  it('every instant is written as ISO 8601 has it', () => {
    assert(
      property(integer({ min: 0, max: Date.UTC(2200, 0) }), (instant) => {
        expect(utcTime(epochMs(instant))).toBe(
          new Date(instant).toISOString().slice(0, 19).replace('T', ' '),
        );
      }),
    );
  });
});
