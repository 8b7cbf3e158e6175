import { assert, integer, property } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createLinks, goDuration, utcTime } from '../../../src/domain/link.ts';
import { epochMs, us } from '../../../src/domain/units.ts';

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

  it("Kiali's page of a service", () => {
    expect(links.kialiService({ namespace: 'shop', service: 'check out' })).toBe(
      'https://kiali.example.com/console/namespaces/shop/services/check%20out?tab=traces',
    );
  });

  it('Grafana Explore on the expression and the window', () => {
    const url = links.grafanaExplore({ expr: 'a > 1', window });
    expect(url?.split('?')[0]).toBe('https://grafana.example.com/g/explore');
    expect(JSON.parse(parametersOf(url)['panes'] ?? '')).toEqual({
      a: {
        queries: [{ refId: 'A', datasource: { type: 'prometheus' }, expr: 'a > 1', range: true }],
        range: { from: String(window.start), to: String(window.end) },
      },
    });
  });

  it('are absent for tools without an address', () => {
    const none = createLinks({});
    expect([
      none.traceSearch({ service: 'a', window, limit: 1 }),
      none.trace('a'),
      none.compareTraces('a', 'b'),
      none.graph({ expr: 'a', window }),
      none.kialiService({ namespace: 'a', service: 'b' }),
      none.grafanaExplore({ expr: 'a', window }),
    ]).toEqual(Array.from({ length: 6 }));
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
      { seed: 20_261_120 },
    );
  });
});
