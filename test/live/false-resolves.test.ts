import { afterEach, describe, expect, test } from 'vitest';
import type { Message } from '../../demo/slack/model.ts';
import { MINUTE, SECOND } from '../../src/lib/units.ts';
import { GENERATIONS, type ServerVersion } from '../support/generations.ts';
import { requireOrSkip } from '../support/live.ts';
import { latencySeries, SCRAPE, type Traffic, type TrafficAt } from '../support/mesh-samples.ts';
import {
  openMetrics,
  type RealPrometheus,
  startRealPrometheus,
  type WrittenSample,
} from '../support/real-prometheus.ts';
import { type Stage, startStage } from '../support/stage.ts';
import { START } from '../support/virtual-clock.ts';

/*
 * The whole bot, asking a real Prometheus that holds these stories:
 *
 *     before      START            +3 min                         +40 min
 *     |  fast     |  a third slow  |  what the story is about     |
 */
const HISTORY = 40;
const SCRAPES = HISTORY + (40 * MINUTE) / SCRAPE;
const SPELL = HISTORY + (3 * MINUTE) / SCRAPE;

const FAST: Traffic = { requests: 300, slow: 0 };
const SLOW: Traffic = { requests: 300, slow: 0.33 };

const story =
  (then: Traffic | undefined): TrafficAt =>
  (scrape) =>
    scrape < HISTORY ? FAST : scrape < SPELL ? SLOW : then;

/** Each service and its traffic; what `renamed` was called goes on as `renamed-v2`. */
const SERVICES: Readonly<Record<string, TrafficAt>> = {
  recovering: story(FAST),
  breaching: story(SLOW),
  noDataReason: story(undefined),
  idle: story({ requests: 0, slow: 0 }),
  renamed: story(undefined),
  'renamed-v2': (scrape) => (scrape < SPELL ? undefined : FAST),
  downed: story(undefined),
};

/** Where the series of `downed` were scraped; its target answers until the spell. */
const TARGET = { job: 'mesh', instance: '10.0.0.9:15020' };

function* targetUp(): Generator<WrittenSample> {
  for (let i = 0; i < SCRAPES; i++)
    yield {
      labels: { __name__: 'up', ...TARGET },
      t: START + (i - HISTORY) * SCRAPE,
      value: i < SPELL ? 1 : 0,
    };
}

const rules = (more: { services: string; window?: string; for?: string; summary?: string }): string => `
slos:
- name: TooSlow
  preset: istio
  by: [destination_service_name]
  selector: 'reporter="destination",destination_service_name=~"${more.services}"'
  objective: { quantile: 0.99, below: 500ms, window: ${more.window ?? '1m'} }
  interval: 15s
  alert: { for: ${more.for ?? '30s'} }
  annotations: { summary: "${more.summary ?? 'slow'}" }
`;

/** A hand-written rule over these services: `$fast` and `$all` are requests per second, `$slow(w)` the share over a window. */
function handWritten(expr: string, services: string): string {
  const rate = (metric: string, le: string, window: string): string =>
    `sum by (destination_service_name) (rate(istio_request_duration_milliseconds_${metric}{${le}reporter="destination",destination_service_name=~"${services}"}[${window}]))`;
  const fast = (window: string): string => rate('bucket', String.raw`le=~"500(\\.0)?",`, window);
  const all = (window: string): string => rate('count', '', window);
  const written = expr
    .replaceAll(/\$slow\((\w+)\)/g, (_, window: string) => `(1 - ${fast(window)} / ${all(window)})`)
    .replaceAll('$fast', fast('1m'))
    .replaceAll('$all', all('1m'));
  return `groups:\n- name: TooSlow\n  interval: 15s\n  rules:\n  - alert: TooSlow\n    for: 30s\n    expr: |\n      ${written}\n`;
}

/** Rules without one value and threshold, and whether they have a recovery condition; one without it ends as in Prometheus. */
const FORMS: Readonly<Record<string, readonly [expr: string, hasRecovery: boolean]>> = {
  'compares two series': ['$fast < 0.99 * $all', false],
  'filters inside of a count': ['count by (destination_service_name) ($slow(1m) > 0.01) > 0', false],
  'joins burn rates by `or`': [
    '($slow(1m) > 0.014 and $slow(2m) > 0.014) or ($slow(3m) > 0.006 and $slow(5m) > 0.006)',
    true,
  ],
};

function* samples({ le }: ServerVersion): Generator<WrittenSample> {
  for (const [name, traffic] of Object.entries(SERVICES))
    for (const { labels, values } of latencySeries({ name, le }, SCRAPES, traffic))
      for (const [i, value] of values.entries())
        if (value !== undefined)
          yield {
            labels: name === 'downed' ? { ...labels, ...TARGET } : labels,
            t: START + (i - HISTORY) * SCRAPE,
            value,
          };
  yield* targetUp();
}

const isOver = ({ text }: Message): boolean =>
  /recovered|resolved|no longer (?:breaching|returned)/i.test(text);

/** What the channel shows about a service. */
function shown({ messages, world, channelId }: Stage, service: string) {
  const posts = messages().filter(
    ({ text, threadTs }) => threadTs === undefined && new RegExp(`\\b${service}(?!-)\\b`).test(text),
  );
  const thread = posts.flatMap(({ ts }) => world.workspace.thread(channelId, ts, world.readerId).slice(1));
  return {
    posts: posts.length,
    headline: posts.map(({ text }) => text).join('\n'),
    isOver: [...posts, ...thread].some(isOver),
    thread: thread.map(({ text }) => text).join('\n'),
  };
}

/** What every story that is no recovery comes to. */
const STANDS = { posts: 1, isOver: false };

for (const serverVersion of GENERATIONS) {
  requireOrSkip('promtool', serverVersion.need)(
    `asking ${serverVersion.name}, nothing but recovery resolves`,
    () => {
      let prometheus: RealPrometheus | undefined;
      let stage: Stage | undefined;
      afterEach(async () => {
        await stage?.close();
        await prometheus?.close();
        stage = undefined;
        prometheus = undefined;
      });

      /** The bot, with a breach of each of these services on the channel. */
      async function breached(
        ...services: readonly string[]
      ): Promise<{ on: Stage; source: RealPrometheus }> {
        return await breachedBy(rules({ services: services.join('|') }), services);
      }

      async function breachedBy(
        given: string,
        services: readonly string[],
      ): Promise<{ on: Stage; source: RealPrometheus }> {
        const { binary } = serverVersion;
        prometheus = await startRealPrometheus({ binary, openMetrics: openMetrics(samples(serverVersion)) });
        stage = await startStage({ transport: 'socket', rules: given, prometheusUrl: prometheus.url });
        const on = stage;
        await on.until('every breach is posted', () =>
          services.every((service) => shown(on, service).posts === 1),
        );
        return { on, source: prometheus };
      }

      describe('when series change', () => {
        test('a target that vanishes, a service without traffic and a renamed one stand, the recovered one ends', async () => {
          const { on } = await breached('recovering', 'noDataReason', 'idle', 'renamed', 'downed');
          await on.until('the recovery is notified', () => shown(on, 'recovering').isOver, 400);
          await on.live((5 * MINUTE) / SECOND);
          for (const service of ['noDataReason', 'idle', 'renamed', 'downed']) {
            expect(shown(on, service), service).toMatchObject(STANDS);
            expect(shown(on, service).thread, service).toMatch(/no data/i);
          }
          // These were scraped by nobody: there is no target to blame.
          for (const service of ['noDataReason', 'renamed'])
            expect(shown(on, service).thread, service).toMatch(/The series of istio_request\w+ are missing/);
          expect(shown(on, 'idle').thread).toContain('count no requests');
          expect(shown(on, 'downed').thread).toMatch(/down or no longer scraped/);
          expect(shown(on, 'renamed-v2').posts).toBe(0);
        });
      });

      describe('when series change under a hand-written rule', () => {
        test.each(Object.entries(FORMS))('that %s', async (_, [expr, hasRecovery]) => {
          const services = ['recovering', 'noDataReason', 'renamed', 'downed'];
          const { on } = await breachedBy(handWritten(expr, services.join('|')), services);
          await on.until('the recovery is notified', () => shown(on, 'recovering').isOver, 600);
          await on.live((5 * MINUTE) / SECOND);
          for (const service of ['noDataReason', 'renamed', 'downed'])
            if (hasRecovery) expect(shown(on, service), service).toMatchObject(STANDS);
            else expect(shown(on, service).headline, service).toMatch(/no longer returned/);
        });
      });

      describe('when the rule changes', () => {
        test.each([
          ['its text', { summary: 'slower than promised' }],
          ['its window', { window: '2m' }],
          ['how long it waits', { for: '10m' }],
          ['what it looks at, so that it sees nothing', { services: 'nothing' }],
        ])('%s, the alert stands', async (_, change) => {
          const { on } = await breached('breaching');
          await on.changeRules(rules({ services: 'breaching', ...change }));
          await on.live((3 * MINUTE) / SECOND);
          expect(shown(on, 'breaching')).toMatchObject(STANDS);
        });
      });

      describe('when Prometheus is killed', () => {
        test('both stand until it is back, and then the recovered one ends', async () => {
          const { on, source } = await breached('recovering', 'breaching');
          await source.kill();
          await on.live((10 * MINUTE) / SECOND);
          expect(shown(on, 'recovering')).toMatchObject(STANDS);
          expect(shown(on, 'breaching')).toMatchObject(STANDS);
          await source.restart();
          await on.until('the recovery is notified', () => shown(on, 'recovering').isOver);
          expect(shown(on, 'breaching')).toMatchObject(STANDS);
        });
      });
    },
  );
}
