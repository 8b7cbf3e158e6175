import { afterEach, describe, expect, test } from 'vitest';
import { createJaegerServer, type JaegerServer } from '../../../../demo/jaeger/server.ts';
import { createJaegerStore, type JaegerStore } from '../../../../demo/jaeger/store.ts';
import { aSpan, spanId, TEN, traceId } from './a-span.ts';

let running: JaegerServer | undefined;
afterEach(async () => {
  await running?.close();
  running = undefined;
});

async function serve(store: JaegerStore): Promise<{ url: string }> {
  running = createJaegerServer({ store, clock: { now: () => TEN / 1_000 + 60_000 } });
  return running.listen();
}

describe('pages behind the deep links', () => {
  const store = createJaegerStore();
  store.add([
    aSpan({
      trace: 1,
      spanId: spanId(1),
      durationUs: 800_000,
      attributes: { note: '<script>alert(1)</script>' },
    }),
    aSpan({
      trace: 1,
      spanId: spanId(2),
      parentSpanId: spanId(1),
      service: 'cart.shop',
      name: '<b>get</b>',
      failed: true,
    }),
    aSpan({ trace: 2, durationUs: 300_000 }),
    aSpan({ trace: 3, durationUs: 600_000 }),
  ]);
  const text = async (url: string): Promise<string> => (await fetch(url)).text();
  const idsOn = (page: string): string[] =>
    [...page.matchAll(/data-trace-id="(\w+)"/g)].map(([, id = '']) => id);

  test('the search page lists what matches, slowest first', async () => {
    const { url } = await serve(store);
    const page = await text(
      `${url}/search?service=checkout.shop&start=${TEN}&end=${TEN + 1}&minDuration=500ms&limit=20&lookback=custom`,
    );
    expect(idsOn(page)).toEqual([traceId(1), traceId(3)]);
    expect(page).toContain('2 traces');
    expect(page).toContain(`href="/trace/${traceId(1)}"`);
  });

  test.each([
    ['by a tag', 'tags=%7B%22note%22%3A%22%3Cscript%3Ealert(1)%3C%2Fscript%3E%22%7D', [traceId(1)]],
    ['by an operation that is not there', 'operation=nope', []],
    ['with a look-back word instead of a window', 'lookback=5m', [traceId(1), traceId(3), traceId(2)]],
  ])('the search page understands a search %s', async (_what, query, expected) => {
    const { url } = await serve(store);
    const page = await text(`${url}/search?service=checkout.shop&end=${TEN + 1_000_000}&${query}`);
    expect(idsOn(page)).toEqual(expected);
    expect(page).not.toContain('<script>');
  });

  test('the search page shows what is wrong with a parameter', async () => {
    const { url } = await serve(store);
    expect(await text(`${url}/search?service=checkout.shop&minDuration=500`)).toContain(
      'missing unit in duration',
    );
  });

  test('the search page shows traces that are named by id', async () => {
    const { url } = await serve(store);
    expect(idsOn(await text(`${url}/search?traceID=${traceId(2)}&traceID=3`))).toEqual([
      traceId(3),
      traceId(2),
    ]);
  });

  test('the trace page shows every span, escaped, with errors marked', async () => {
    const { url } = await serve(store);
    const page = await text(`${url}/trace/${traceId(1)}`);
    expect(page.match(/data-span-id/g)).toHaveLength(2);
    expect(page).toContain('&lt;b&gt;get&lt;/b&gt;');
    expect(page).toContain('&lt;script&gt;');
    expect(page).not.toContain('<script>');
    expect(page).toContain('1 failed');
    expect(page).toContain('800.0 ms');
  });

  test.each(['1', traceId(1).toUpperCase(), `${traceId(1)}?uiFind=${spanId(2)}`])(
    'the trace page opens for %s',
    async (path) => {
      const { url } = await serve(store);
      const page = await text(`${url}/trace/${path}`);
      expect(page).toContain(traceId(1));
      expect(page.includes(`class="found" data-span-id="${spanId(2)}"`)).toBe(path.includes('uiFind'));
    },
  );

  test('a comparison shows both traces', async () => {
    const { url } = await serve(store);
    const page = await text(`${url}/trace/${traceId(2)}...${traceId(3)}?cohort=${traceId(2)}`);
    expect(page).toContain(`trace ${traceId(2)}`);
    expect(page).toContain(`trace ${traceId(3)}`);
  });

  test('a trace that is not stored is a 404 that says so', async () => {
    const { url } = await serve(store);
    const answer = await fetch(`${url}/trace/ffff`);
    expect([answer.status, await answer.text()]).toEqual([404, expect.stringContaining('Trace not found')]);
  });

  test('the first page leads to the services', async () => {
    const { url } = await serve(store);
    expect(await text(url)).toContain('href="/search?service=checkout.shop"');
  });
});
