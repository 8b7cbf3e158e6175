import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { DEMO_RULES } from '../../demo/rules.ts';
import type { Message } from '../../demo/slack/model.ts';
import { FEW_TRACES, played, SLOW_PAYMENTS, type Stage, startStage } from './stage.ts';

/*
 * Pictures of every message and answer, to look at: `npm run screenshots -- FOLDER`. Each is taken as wide as Slack shows
 * it on a phone and on a desktop; `index.html` lists all of them.
 */

const WIDTHS = [390, 1280] as const;
/** As high as the longest message: the list of the page scrolls, and what is outside of it is not in a picture. */
const HEIGHT = 4_000;

/** Commands while the database of payments is slow. `ID` stands for the id of the slowest trace. */
const DURING_A_BREACH = [
  '/trace slowest checkout',
  '/trace slowest checkout last 5m op "POST /checkout" over 500ms top 3',
  '/trace ID',
  '/trace why checkout',
  '/trace compare ID',
  '/trace propagation checkout',
  '/trace 00000000000000000000000000000bad',
  '/trace 5f9c8a1e-2f7b-9d34-8e6a-1b2c3d4e5f60',
  '/trace slowest chekout',
  '/trace nonsense',
  '/trace help',
  '/latency checkout',
  '/latency checkout last 15m',
  '/latency checkout ID',
  '/latency checkout to payments',
  '/latency help',
  '/latency',
  '/slo',
  '/slo services',
  '/slo show ServiceSlow',
  '/slo show Nothing',
  '/slo silence cart for 2h moving the database',
  '/slo silence everything for 1h',
  '/slo silence chekout',
  '/slo silences',
  '/slo unsilence nothing',
  '/slo acknowledge frontend',
  '/slo acknowledge nothing',
  '/slo unacknowledge frontend',
  '/slo close checkout',
  '/slo test cart',
  '/slo history',
  '/slo help',
  '/slo nonsense',
] as const;

interface Gallery {
  /** Takes pictures of a message, or of the thread below it, at all widths. */
  readonly take: (name: string, message: Message | undefined, part?: 'message' | 'thread') => Promise<void>;
}

const isTop = ({ threadTs, ephemeralFor }: Message): boolean =>
  threadTs === undefined && ephemeralFor === undefined;

/** The first message of the channel with this text, also after an edit changed it. */
function messageOf(stage: Stage, pattern: RegExp): () => Message | undefined {
  let ts: string | undefined;
  return () => {
    const found = stage
      .messages()
      .find((each) => (ts === undefined ? isTop(each) && pattern.test(each.text) : each.ts === ts));
    ts = found?.ts;
    return found;
  };
}

async function galleryOf(stage: Stage, browser: Browser, folder: string): Promise<Gallery> {
  const tabs = new Map<number, Page>();
  for (const width of WIDTHS) tabs.set(width, await browser.newPage({ viewport: { width, height: HEIGHT } }));
  return {
    async take(name, message, part = 'message') {
      if (message === undefined) throw new Error(`${name}: there is no such message`);
      for (const [width, tab] of tabs) {
        await tab.goto(stage.world.pageUrl);
        await tab.waitForSelector('body[data-live]');
        const found = tab.locator(`[data-role="messages"] [data-message-ts="${message.ts}"]`);
        if (part === 'thread') await found.locator('[data-role="thread-open"]').click();
        const shown = part === 'thread' ? tab.locator('[data-role="thread-messages"]') : found;
        await shown.screenshot({ path: join(folder, `${name}-${width}.png`) });
      }
    },
  };
}

/** The part of a picture's name that says which command it answers. */
const nameOf = (command: string): string =>
  command
    .replaceAll(/[^\w]+/g, '-')
    .replaceAll(/^-|-$/g, '')
    .slice(0, 60);

/** One of the services of the demo breaches, with people who act. */
async function breach(browser: Browser, folder: string): Promise<void> {
  const stage = await startStage({
    transport: 'socket',
    rules: DEMO_RULES.replace('severities:', 'route: { remind_after: 20s }\nseverities:'),
    script: played({ from: 5, to: 100, fault: SLOW_PAYMENTS }),
  });
  try {
    const { take } = await galleryOf(stage, browser, folder);
    const alert = messageOf(stage, /payments: p99/);
    await stage.until('it is posted', () => alert() !== undefined);
    await take('breach-posted', alert());
    await stage.live(20);
    await take('breach', alert());
    const slowest = JSON.stringify((await stage.ask('/trace slowest checkout')).blocks);
    const id = /\/trace\/([0-9a-f]{32})/.exec(slowest)?.[1] ?? '';
    for (const [index, command] of DURING_A_BREACH.entries())
      await take(
        `answer-${String(index).padStart(2, '0')}-${nameOf(command)}`,
        await stage.ask(command.replace('ID', id)),
      );
    await stage.live(10);
    for (const [index, message] of stage.messages().filter(isTop).entries())
      await take(`open-${index}`, message);
    await take('thread-reminder', alert(), 'thread');
    await stage.ask('/slo acknowledge payments');
    await stage.live(3);
    await take('breach-acknowledged', alert());
    await stage.ask('/slo silence payments for 1h known');
    await stage.live(8);
    await take('breach-silenced', alert());
    await stage.until('it is over', () => alert()?.text.startsWith('✅') === true, 200);
    await stage.live(70);
    await take('breach-resolved', alert());
    await take('thread-resolved', alert(), 'thread');
    await take('answer-slo-quiet', await stage.ask('/slo'));
  } finally {
    await stage.close();
  }
}

/** Many alerts at once, a source that is down, a lost store, and an alert that comes and goes. */
async function trouble(browser: Browser, folder: string): Promise<void> {
  const flap = [0, 1, 2].map((round) => ({
    from: 260 + round * 130,
    to: 280 + round * 130,
    fault: { kind: 'slow-code', service: 'recommendations', factor: 200 } as const,
  }));
  const stage = await startStage({
    transport: 'socket',
    sampling: FEW_TRACES,
    rules: DEMO_RULES.replace(
      'inhibit: call-graph\nflap_threshold: 0',
      'group_threshold: 1\nflap_threshold: 4',
    ).replace('severity: page', 'severity: ticket'),
    script: played({ from: 5, to: 150, fault: SLOW_PAYMENTS }, ...flap),
  });
  try {
    const { take } = await galleryOf(stage, browser, folder);
    const group = messageOf(stage, /ServiceSlow/);
    await stage.until('it is posted', () => group() !== undefined);
    await stage.live(20);
    await take('group', group());
    stage.world.prometheus.faults.set({ status: 503 });
    const outage = messageOf(stage, /Prometheus/);
    await stage.until('the outage is posted', () => outage() !== undefined);
    await take('outage', outage());
    await take('outage-answer', await stage.ask('/slo'));
    await take('outage-latency', await stage.ask('/latency checkout'));
    stage.world.prometheus.faults.set(undefined);
    await stage.live(40);
    await take('outage-over', outage());
    await stage.restart({ losesData: true });
    await stage.live(10);
    await take('lost-store', messageOf(stage, /🛠/)());
    await stage.until('it is over', () => group()?.text.startsWith('✅') === true, 200);
    await take('group-resolved', group());
    await stage.live(430);
    for (const [index, message] of stage.messages().filter(isTop).entries())
      await take(`trouble-${index}`, message);
  } finally {
    await stage.close();
  }
}

async function writeIndex(folder: string, names: readonly string[]): Promise<void> {
  const images = names.map((name) => `<figure><figcaption>${name}</figcaption><img src="${name}"></figure>`);
  await writeFile(join(folder, 'index.html'), `<!doctype html><title>Messages</title>${images.join('\n')}\n`);
}

/** Takes all pictures. */
export async function takeGallery(browser: Browser, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await breach(browser, folder);
  await trouble(browser, folder);
  const names = (await readdir(folder)).filter((name) => name.endsWith('.png')).sort();
  await writeIndex(folder, names);
}
