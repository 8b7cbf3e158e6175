import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { before, MINUTE, ms } from '../../src/lib/units.ts';
import { createLinks } from '../../src/links/link.ts';
import { launchBrowser } from '../support/browser.ts';
import { GENERATIONS } from '../support/generations.ts';
import { requireOrSkip } from '../support/live.ts';
import { type RealPrometheus, startRealPrometheus } from '../support/real-prometheus.ts';
import { played, type Stage, startStage } from '../support/stage.ts';
import { START } from '../support/virtual-clock.ts';

requireOrSkip('chromium')('the links in answers, opened in a browser', () => {
  let stage: Stage;
  let browser: Browser;

  beforeAll(async () => {
    browser = await launchBrowser();
    const lost = { kind: 'dropped-headers', service: 'checkout', share: 0.5 } as const;
    stage = await startStage({ transport: 'socket', script: played({ from: 1, to: 60, fault: lost }) });
    await stage.live(45);
  });
  afterAll(async () => {
    await browser?.close();
    await stage?.close();
  });

  /** A page behind a link, as text, with what went wrong while it was opened. */
  async function open(url: string) {
    const page = await browser.newPage();
    const errors: string[] = [];
    page.on('pageerror', (error) => errors.push(error.message));
    page.on('response', (response) => {
      if (response.status() >= 400) errors.push(`${response.status()} ${response.url()}`);
    });
    await page.goto(url);
    const text = (await page.textContent('body')) ?? '';
    const marked = await page.locator('.found[data-span-id]').count();
    await page.close();
    return { text, errors, marked };
  }

  /** Of buttons and tables, and those inside texts, where `&` is escaped. */
  function linksIn(message: unknown): readonly string[] {
    const json = JSON.stringify(message);
    const found = [...json.matchAll(/"url":"(http[^"]+)"|<(http[^|>]+)\|/g)];
    return [...new Set(found.map(([, url, inText]) => url ?? inText?.replaceAll('&amp;', '&') ?? ''))];
  }

  /** Requests of the last minutes, complete in Jaeger, in one trace or in several. */
  function requests(isWhole: boolean) {
    const { clock, world } = stage;
    const window = { start: before(clock.now(), ms(2 * MINUTE)), end: before(clock.now(), ms(10_000)) };
    return world.mesh.record
      .requests(window)
      .filter(({ traceIds }) => traceIds.length > 0 && (traceIds.length === 1) === isWhole);
  }

  test('every link of every answer about traces leads to a page that shows it', async () => {
    const [one, two] = requests(true);
    const [fallen] = requests(false);
    expect(fallen?.traceIds.length).toBeGreaterThan(1);
    const asked = [
      '/trace slowest checkout last 5m',
      `/trace ${one?.traceIds[0]}`,
      `/trace ${one?.requestId}`,
      `/trace ${fallen?.requestId}`,
      `/trace compare ${one?.traceIds[0]} ${two?.traceIds[0]}`,
      '/latency checkout last 5m',
    ];
    const opened: string[] = [];
    for (const text of asked) {
      const links = linksIn((await stage.ask(text)).blocks);
      expect(links.length, text).toBeGreaterThan(0);
      for (const url of links) {
        const page = await open(url);
        expect(page.errors, url).toEqual([]);
        expect(page.text, url).not.toMatch(/not found|No trace/i);
        const id = /\/trace\/([0-9a-f]{32})/.exec(url)?.[1];
        if (id !== undefined) expect(page.text, url).toContain(id);
        if (url.includes('uiFind=')) expect(page.marked, url).toBeGreaterThan(0);
        opened.push(new URL(url).pathname.replace(/[0-9a-f]{32}/g, '*'));
      }
    }
    expect(new Set(opened)).toEqual(new Set(['/search', '/trace/*', '/trace/*...*', '/graph']));
  });

  test('a request that fell apart is notified with the hop that lost its headers', async () => {
    const [fallen] = requests(false);
    const answer = JSON.stringify((await stage.ask(`/trace ${fallen?.requestId}`)).blocks);
    expect(answer).toMatch(/traces carry this request id\. .*checkout\.shop when calling/);
  });
});

/** Both versions of Prometheus take the same address; the newer one sends it on with its parameters whole. */
describeGraphs();

function describeGraphs(): void {
  for (const { name, need, binary } of GENERATIONS) {
    requireOrSkip(need)(`the graph of ${name}`, () => {
      let prometheus: RealPrometheus;
      beforeAll(async () => {
        prometheus = await startRealPrometheus({ binary });
      });
      afterAll(async () => {
        await prometheus?.close();
      });
      test('opens on the expression and the window', async () => {
        const window = { start: before(START, ms(10 * MINUTE)), end: START };
        const url = createLinks({ prometheus: prometheus.url }).graph({
          expr: 'a{b="c//d/../e"} > 1',
          window,
        });
        // Builds without the pages' scripts answer 500 or show the classic page: what counts is where it leads to.
        const arrived = new URL((await fetch(url ?? '')).url);
        expect(arrived.pathname).toBe(need === 'prometheus-3' ? '/query' : '/classic/graph');
        expect(Object.fromEntries(arrived.searchParams)).toEqual(
          Object.fromEntries(new URL(url ?? '').searchParams),
        );
      });
    });
  }
}
