import { mkdir } from 'node:fs/promises';
import { ms, SECOND } from '../../src/domain/units.ts';
import { launchBrowser } from './browser.ts';
import { startStage } from './stage.ts';

/** Takes the pictures of the README: `npm run screenshots`, on a machine with Chromium. Virtual time, so always the same. */
const FOLDER = 'docs/images';

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
  const tab = await browser.newPage({ viewport: { width: 1280, height: 1040 } });
  await tab.goto(stage.world.pageUrl);
  await tab.waitForSelector('body[data-live]');
  await stage.live(85);
  const breach = tab.locator('[data-role="messages"] [data-message-ts]', { hasText: 'checkout: ' }).first();
  await breach.evaluate('(message) => message.scrollIntoView({ block: "start" })');
  await tab.screenshot({ path: `${FOLDER}/breach.png` });
  await tab.fill('[data-role="composer-input"]', '/trace slowest checkout');
  await tab.keyboard.press('Enter');
  await tab.waitForSelector('[data-message-ts][data-ephemeral]');
  await tab.setViewportSize({ width: 1280, height: 720 });
  await tab.screenshot({ path: `${FOLDER}/slowest.png` });
} finally {
  await browser.close();
  await stage.close();
}
