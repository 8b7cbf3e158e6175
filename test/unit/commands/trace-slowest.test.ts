import { describe, expect, it } from 'vitest';
import { epochUs, us } from '../../../src/lib/units.ts';
import type { Span } from '../../../src/traces/trace.ts';
import { aTrace } from '../../support/fake-trace-source.ts';
import { START } from '../../support/virtual-clock.ts';
import { MINUTE, open, textOf } from './bench.ts';

const HOST = 'checkout.shop.svc.cluster.local:8080/*';

/** Requests of 10, 20, 30 ... ms, one a second, each to one of the URLs in turn; spans named after the host. */
const inMesh = (count: number, urls: readonly string[]) =>
  Array.from({ length: count }, (_, i) => {
    const request: Partial<Span> = {
      serviceName: 'checkout.shop',
      spanName: HOST,
      start: epochUs((START + MINUTE + i * 1_000) * 1_000),
      duration: us((i + 1) * 10_000),
      attributes: { 'http.method': 'POST', 'http.url': `http://shop.example${urls[i % urls.length] ?? ''}` },
    };
    return aTrace(`${i + 1}`, [request]);
  });

const slowest = async (text: string, traces = inMesh(30, ['/checkout', '/quote/17?full=1', '/stock'])) => {
  const { answer, source } = open(traces);
  const { answer: given } = await answer('/trace', `slowest checkout.shop ${text}`);
  const durations =
    given.kind === 'slowest' ? given.view.result.rows.map(({ duration }) => duration / 1_000) : [];
  return { given, durations, source };
};

describe('the slowest of what a mesh does not name', () => {
  it.each([
    ['as an answer shows it', 'op "POST /checkout" top 2', [280, 250]],
    ['in another case', 'op "post /Checkout" top 2', [280, 250]],
    ['by its path alone', 'op /checkout top 2', [280, 250]],
    ['by one of a kind', 'op "POST /quote/4" top 2', [290, 260]],
    ['by its kind', 'op /quote/{id} top 2', [290, 260]],
    ['from a duration on', 'op /stock over 250ms', [300, 270]],
    ['by the name of the spans, which is of all', `op "${HOST}" top 2`, [300, 290]],
  ])('%s', async (_, text, expected) => {
    const { durations, given } = await slowest(text);
    expect(durations).toEqual(expected);
    expect(given).toMatchObject({ view: { result: { isComplete: true } } });
  });

  it('is exact where few of many match, and the backend returns only some', async () => {
    const urls = [
      '/checkout',
      ...Array.from({ length: 19 }, (_, i) => `/other-${'abcdefghijklmnopqrs'.charAt(i)}`),
    ];
    const traces = inMesh(600, urls);
    const { durations, given, source } = await slowest('op /checkout top 3', traces);
    expect(durations).toEqual([5810, 5610, 5410]);
    expect(given).toMatchObject({ view: { result: { isComplete: true } } });
    expect(source.searches.length).toBeGreaterThan(1);
  });

  it('with failed it searches, and links, the spans that failed', async () => {
    const { given, source } = await slowest('failed');
    expect(source.searches.every(({ attributes }) => attributes?.['error'] === true)).toBe(true);
    expect(JSON.stringify(given)).toMatch(/error%22%3A%22true/u);
  });

  it('is filtered here, neither by the search nor by the link to the page of Jaeger', async () => {
    const { given, source } = await slowest('op /checkout');
    expect(source.searches.every((search) => search.operation === undefined)).toBe(true);
    expect(given).toMatchObject({ view: { command: { operation: '/checkout' } } });
    expect(JSON.stringify(given)).not.toContain('operation=');
  });

  it.each([
    [
      'op /chekout',
      'checkout.shop has no span named "/chekout", and no request to it from 14:00 to 14:30 UTC. The last 45 s may still be arriving.',
    ],
    [
      'op /stock over 1s',
      'checkout.shop has no span named "/stock", and no request of 1 s or more to it from 14:00 to 14:30 UTC. The last 45 s may still be arriving.',
    ],
  ])('explains that there is none: %s', async (text, expected) => {
    expect(textOf((await slowest(text)).given)).toBe(expected);
  });
});
