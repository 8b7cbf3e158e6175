import { mkdir } from 'node:fs/promises';
import type { Locator, Page } from 'playwright-core';
import { ms, SECOND } from '../../src/lib/units.ts';
import { launchBrowser } from './browser.ts';
import { takeGallery } from './gallery.ts';
import { startStage } from './stage.ts';

/**
 * Takes the pictures of the README: `npm run screenshots`, on a machine with Chromium. Virtual time, so always the same.
 * `npm run screenshots -- FOLDER` takes pictures of every message and answer instead, on a phone and on a desktop.
 */
const FOLDER = 'docs/images';
const WIDTH = 1280;
/** Free room below the message, in pixels. */
const MARGIN = 4;

const [gallery] = process.argv.slice(2);
if (gallery !== undefined) {
  const browser = await launchBrowser();
  await takeGallery(browser, gallery);
  await browser.close();
  process.exit(0);
}
await mkdir(FOLDER, { recursive: true });
const stage = await startStage({
  transport: 'socket',
  script: {
    opening: [
      {
        title: 'the database of payments is slow',
        at: ms(10 * SECOND),
        until: ms(90 * SECOND),
        fault: { kind: 'slow-database', service: 'payments-db', factor: 30 },
      },
    ],
    cycle: [],
    cycleStart: ms(0),
    cycleLength: ms(60 * SECOND),
  },
});
const browser = await launchBrowser();
try {
  const tab = await browser.newPage({ viewport: { width: WIDTH, height: 900 } });
  await tab.goto(stage.world.pageUrl);
  await tab.waitForSelector('body[data-live]');
  await stage.live(85);
  const breach = tab.locator('[data-role="messages"] [data-message-ts]', { hasText: 'checkout: ' }).first();
  await breach.locator('a[href*="/trace/"]').first().waitFor();
  await frame(tab, breach);
  await tab.screenshot({ path: `${FOLDER}/breach.png` });
  await tab.setViewportSize({ width: WIDTH, height: 720 });
  await tab.fill('[data-role="composer-input"]', '/trace slowest checkout');
  await tab.keyboard.press('Enter');
  const answer = tab.locator('[data-message-ts][data-ephemeral]').last();
  await answer.waitFor();
  await frame(tab, answer);
  await tab.screenshot({ path: `${FOLDER}/slowest.png` });
  const traceId = /\/trace\/([0-9a-f]+)/u.exec(
    (await answer.locator('a[href*="/trace/"]').first().getAttribute('href')) ?? '',
  )?.[1];
  // Slack takes a message a second.
  await stage.live(2);
  await tab.fill('[data-role="composer-input"]', `/trace ${traceId}`);
  await tab.keyboard.press('Enter');
  await tab.getByRole('button', { name: 'Show picture' }).last().click();
  const picture = tab.locator('[data-message-ts][data-ephemeral] img[alt^="Waterfall of"]').last();
  await picture.waitFor();
  await frame(tab, tab.locator('[data-message-ts][data-ephemeral]').last());
  await picture.screenshot({ path: `${FOLDER}/trace.png` });
  await stage.live(2);
  await tab.setViewportSize({ width: WIDTH, height: 720 });
  await tab.fill('[data-role="composer-input"]', '/trace why checkout last 2m');
  await tab.keyboard.press('Enter');
  const why = tab.locator('[data-message-ts][data-ephemeral]', { hasText: 'resamples' }).last();
  await why.waitFor();
  await frame(tab, why);
  await tab.screenshot({ path: `${FOLDER}/why.png` });
} finally {
  await browser.close();
  await stage.close();
}

/** As much of an element as is used here: these types know no browser. */
interface Scrollable {
  scrollIntoView(options: { block: 'start' }): void;
}

/** Makes the window as high as the message needs, and brings it into sight. */
async function frame(tab: Page, message: Locator): Promise<void> {
  const list = tab.locator('[data-role="messages"]');
  const [around, within] = [await boxOf(list), await boxOf(message)];
  const { height } = tab.viewportSize() ?? { height: around.height };
  await tab.setViewportSize({
    width: WIDTH,
    height: Math.ceil(height - around.height + within.height + MARGIN),
  });
  // The page follows the end of the list until it has seen that the reader scrolled away: once is not enough.
  for (let tries = 0; tries < 50; tries++) {
    await message.evaluate((element) =>
      (element as unknown as Scrollable).scrollIntoView({ block: 'start' }),
    );
    await tab.evaluate('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))');
    const [shown, frame] = [await boxOf(message), await boxOf(list)];
    if (shown.y >= frame.y - 1 && shown.y + shown.height <= frame.y + frame.height + 1) return;
  }
  throw new Error('the message does not stay where it was scrolled to');
}

async function boxOf(element: Locator): Promise<{ y: number; height: number }> {
  const box = await element.boundingBox();
  if (box === null) throw new Error('the element is not shown');
  return box;
}
