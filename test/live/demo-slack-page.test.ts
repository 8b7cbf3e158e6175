import { expect, it } from 'vitest';
import type { DeliveryOutcome } from '../../demo/slack/model.ts';
import { requireOrSkip } from '../support/live.ts';
import { usePageInBrowser } from '../support/slack-page-browser.ts';
import { ADA, ALERTS, CHECKOUT, SAM } from '../unit/demo/slack/page/fake-workspace.ts';
import { NOW, tsAt } from '../unit/demo/slack/page/render.ts';
import { answerBlocks, breachBlocks, silenceView } from '../unit/demo/slack/page/sample-blocks.ts';

const FAILED: DeliveryOutcome = { ok: false, error: 'dispatch_failed', detail: 'no answer within 3 s' };
const describe = requireOrSkip('chromium');
const on = usePageInBrowser();

const list = '[data-role=messages]';
const composer = '[data-role=composer] textarea';
const entry = (ts: string): string => `[data-role=messages] [data-message-ts="${ts}"]`;
const gone = (selector: string): Promise<unknown> => on.tab.waitForSelector(selector, { state: 'detached' });
const distanceToEnd = (): Promise<number> =>
  on.tab.$eval(list, (element) => element.scrollHeight - element.scrollTop - element.clientHeight);

describe('messages', () => {
  it('follows the end, stays where the reader scrolled to, and offers the way back', async () => {
    for (let i = 0; i < 40; i += 1) on.workspace.post({ ts: tsAt(i - 90), text: `line ${i}` });
    await on.open();
    on.workspace.post({ ts: tsAt(-9), blocks: breachBlocks(NOW / 1_000) });
    await on.tab.waitForSelector(entry(tsAt(-9)));
    expect(await distanceToEnd()).toBeLessThan(2);
    await on.tab.$eval(list, (element) => element.scrollTo(0, 100));
    await expect.poll(() => on.tab.$eval(list, (element) => element.scrollTop)).toBe(100);
    // The scroll event, by which the page learns of it, comes before the next frame.
    await on.tab.evaluate('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))');
    on.workspace.post({ ts: tsAt(-8), text: 'below' });
    await on.tab.waitForSelector('[data-role=jump]:not([hidden])');
    expect(await on.tab.$eval(list, (element) => element.scrollTop)).toBe(100);
    await on.tab.click('[data-role=jump]');
    await expect.poll(distanceToEnd).toBeLessThan(2);
  });

  it('puts a late message in its place, changes and removes messages', async () => {
    on.workspace.post({ ts: tsAt(-9), text: 'second' });
    await on.open();
    on.workspace.post({ ts: tsAt(-20), text: 'first' });
    await on.tab.waitForSelector(entry(tsAt(-20)));
    await on.tab.waitForSelector(`${entry(tsAt(-20))} + [data-message-ts="${tsAt(-9)}"]`);
    on.workspace.edit(ALERTS.id, tsAt(-9), { text: 'changed', editedAt: NOW });
    await on.tab.waitForSelector(`${entry(tsAt(-9))} [data-role=edited]`);
    on.workspace.deleteMessage(ALERTS.id, tsAt(-9));
    await gone(entry(tsAt(-9)));
  });

  it('runs nothing that stands in a message', async () => {
    await on.open();
    on.workspace.post({ ts: tsAt(-9), text: '<img src=x onerror=alert(1)><script>alert(2)</script>' });
    expect(await on.tab.textContent(`${entry(tsAt(-9))} [data-role=message-body]`)).toBe(
      '<img src=x onerror=alert(1)><script>alert(2)</script>',
    );
  });

  it('dots another channel, and takes the dot away when it is opened', async () => {
    await on.open();
    on.workspace.post({ ts: tsAt(-9), channelId: CHECKOUT.id, text: 'new' });
    const item = `[data-role=channel][data-channel=${CHECKOUT.id}]`;
    await on.tab.waitForSelector(`${item}.is-unread`);
    await on.tab.click(`${item} a`);
    await on.tab.waitForSelector(`${item}:not(.is-unread) a[aria-current=page]`);
    await on.tab.waitForSelector(entry(tsAt(-9)));
  });

  it('opens a thread, shows replies as they come, and closes it again', async () => {
    on.workspace.post({ ts: tsAt(-9), text: 'root' });
    await on.open();
    await on.tab.hover(entry(tsAt(-9)));
    await on.tab.click('[data-role=thread-start]');
    await on.tab.fill('[data-role=thread-composer] textarea', 'on it');
    await on.tab.keyboard.press('Enter');
    await on.tab.waitForSelector('[data-role=thread-messages] >> text=on it');
    on.workspace.post({ ts: tsAt(-1), userId: SAM.id, text: 'me too', threadTs: tsAt(-9) });
    await on.tab.waitForSelector('[data-role=thread-messages] >> text=me too');
    await on.tab.waitForSelector(`${entry(tsAt(-9))} >> text=2 replies`);
    await on.tab.goBack();
    await gone('[data-role=thread-composer]');
  });
});

describe('the composer', () => {
  it('offers commands, completes one, sends it, and recalls it', async () => {
    await on.open();
    await on.tab.fill(composer, '/');
    await expect.poll(() => on.tab.$$eval('[role=option]:not([hidden])', (all) => all.length)).toBe(2);
    await on.tab.keyboard.type('la');
    await on.tab.keyboard.press('Tab');
    expect(await on.tab.inputValue(composer)).toBe('/latency ');
    expect(await on.tab.isVisible('[data-command="/latency"] >> text=<service>')).toBe(true);
    await on.tab.keyboard.type('cart');
    await on.tab.keyboard.press('Enter');
    await expect.poll(() => on.workspace.typed.map((each) => each.text)).toEqual(['/latency cart']);
    expect(await on.tab.textContent('[data-role=command-echo]')).toContain('/latency cart');
    await on.tab.keyboard.press('ArrowUp');
    expect(await on.tab.inputValue(composer)).toBe('/latency cart');
  });

  it('shows what the reader sends, and why a command failed', async () => {
    await on.open();
    await on.tab.fill(composer, 'hello');
    await on.tab.keyboard.press('Enter');
    await on.tab.waitForSelector(`[data-user=${ADA.id}] >> text=hello`);
    on.workspace.outcome = FAILED;
    await on.tab.fill(composer, '/trace slowest cart');
    await on.tab.keyboard.press('Enter');
    await on.tab.waitForSelector('[data-ephemeral] >> text=/trace failed with the error "dispatch_failed"');
  });

  it('gives a text back that could not be sent', async () => {
    await on.open();
    on.workspace.outcome = { ok: false, error: 'dispatch_unknown_error', detail: 'is_archived' };
    await on.tab.fill(composer, 'hello');
    await on.tab.keyboard.press('Enter');
    await on.tab.waitForSelector('[data-role=composer-error] >> text=is_archived');
    expect(await on.tab.inputValue(composer)).toBe('hello');
  });
});

describe('buttons and menus', () => {
  it('waits for the app, and says under the message when it did not answer', async () => {
    on.workspace.post({ ts: tsAt(-9), blocks: breachBlocks(NOW / 1_000) });
    let answer: (outcome: DeliveryOutcome) => void = () => undefined;
    on.workspace.press = () => new Promise((resolve) => (answer = resolve));
    await on.open();
    await on.tab.click('[data-action-id=acknowledge]');
    await on.tab.waitForSelector('[data-action-id=acknowledge].is-pending[aria-busy=true]');
    answer(FAILED);
    await on.tab.waitForSelector('[data-action-id=acknowledge]:not(.is-pending)');
    expect(await on.tab.textContent(`${entry(tsAt(-9))} [data-role=action-error]`)).toContain(
      'dispatch_failed',
    );
  });

  it('asks before it sends what has to be confirmed', async () => {
    on.workspace.post({ ts: tsAt(-9), blocks: breachBlocks(NOW / 1_000) });
    await on.open();
    await on.tab.click('[data-action-id=silence]');
    await on.tab.click('[data-role=confirm-deny]');
    await on.tab.click('[data-action-id=silence]');
    await on.tab.click('[data-role=confirm-agree]');
    await expect.poll(() => on.workspace.pressed.map((each) => each.actionId)).toEqual(['silence']);
  });

  it('sends what is chosen in a menu', async () => {
    on.workspace.post({ ts: tsAt(-9), blocks: answerBlocks(), ephemeralFor: ADA.id });
    await on.open();
    await on.tab.selectOption('[data-action-id=choose_service]', 'payments');
    await expect
      .poll(() => on.workspace.pressed)
      .toEqual([
        {
          userId: ADA.id,
          channelId: ALERTS.id,
          messageTs: tsAt(-9),
          blockId: 'title',
          actionId: 'choose_service',
          selectedValue: 'payments',
        },
      ]);
  });
});

describe('forms', () => {
  it('asks for what is missing, keeps what was filled in when the app refuses, and sends it all', async () => {
    await on.open();
    on.workspace.showView(silenceView());
    await on.tab.click('[data-role=modal-submit]');
    await on.tab.waitForSelector('text=Please complete this required field.');
    await on.tab.fill('[data-role=modal] textarea', 'deploy');
    await on.tab.selectOption('[data-role=modal] select', '4 hours');
    await on.tab.check('text=The owner');
    on.workspace.showView({ ...silenceView(), errors: { comment: 'Too short' } });
    await on.tab.waitForSelector('[data-role=input-error] >> text=Too short');
    await on.tab.click('[data-role=modal-submit]');
    await expect
      .poll(() => on.workspace.submitted.map((each) => each.values))
      .toEqual([
        {
          duration: { duration: '4 hours' },
          comment: { comment: 'deploy' },
          day: { day: '2026-11-21' },
          time: { time: '15:00' },
          scope: { scope: 'This alert' },
          tell: { tell: 'The owner' },
        },
      ]);
  });

  it('closes by Escape, through the workspace', async () => {
    on.workspace.showView(silenceView());
    await on.open();
    await on.tab.waitForSelector('dialog[open] [data-role=modal]');
    await on.tab.keyboard.press('Escape');
    await gone('[data-role=modal]');
    expect(on.workspace.closedViews).toEqual(['V0SILENCE']);
  });
});

describe('the page', () => {
  it('comes back after the workspace was away, with what happened meanwhile', async () => {
    await on.open();
    await on.restart(async () => {
      await on.tab.waitForSelector('[data-role=connection] >> text=Connection lost');
      on.workspace.post({ ts: tsAt(-9), text: 'meanwhile' });
    });
    await on.tab.waitForSelector(entry(tsAt(-9)));
  });

  it('shows a notice as long as there is one', async () => {
    await on.open();
    on.page.setNotice('The mesh is starting…');
    await on.tab.waitForSelector('[data-role=notice]:not([hidden]) >> text=The mesh is starting…');
    on.page.setNotice(undefined);
    await on.tab.waitForSelector('[data-role=notice]', { state: 'hidden' });
  });

  it('fits a narrow screen, with the channels behind a button', async () => {
    await on.tab.setViewportSize({ width: 400, height: 800 });
    on.workspace.post({ ts: tsAt(-9), blocks: breachBlocks(NOW / 1_000) });
    await on.open();
    expect(await on.tab.evaluate('document.documentElement.scrollWidth')).toBe(400);
    expect(await on.tab.isVisible('#sidebar')).toBe(false);
    await on.tab.click('[data-role=menu]');
    await on.tab.waitForSelector('#sidebar', { state: 'visible' });
  });
});
