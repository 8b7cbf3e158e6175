import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
import { createWorkspacePage, type WorkspacePage } from '../../demo/slack/page/server.ts';
import { ADA, createFakeWorkspace, type FakeWorkspace } from '../unit/demo/slack/page/fake-workspace.ts';
import { NOW } from '../unit/demo/slack/page/render.ts';
import { launchBrowser } from './browser.ts';

const commands = [
  { command: '/trace', description: 'Slow traces', usageHint: 'slowest <service>' },
  { command: '/latency', description: 'Latency', usageHint: '<service>' },
];

/** The page of the stand-in workspace in a real browser, new for each test. */
export interface PageInBrowser {
  workspace: FakeWorkspace;
  page: WorkspacePage;
  url: string;
  tab: Page;
  /** Loads the page and waits until it follows the workspace. */
  open(): Promise<void>;
  /** Ends the page's server, and starts it again on the same port after `meanwhile`. */
  restart(meanwhile: () => Promise<void>): Promise<void>;
}

/** Registers what a test file needs to use the page. A mistake of the page's scripts, or a dialog they were tricked into, fails the test. */
export function usePageInBrowser(): PageInBrowser {
  let browser: Browser;
  const mistakes: string[] = [];
  const held = {} as PageInBrowser;
  const serve = (): WorkspacePage =>
    createWorkspacePage({ workspace: held.workspace, clock: { now: () => NOW }, readerId: ADA.id, commands });

  beforeAll(async () => {
    browser = await launchBrowser();
  });
  afterAll(() => browser.close());
  beforeEach(async () => {
    held.workspace = createFakeWorkspace();
    held.page = serve();
    ({ url: held.url } = await held.page.listen({ port: 0 }));
    held.tab = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    held.tab.setDefaultTimeout(10_000);
    held.tab.on('pageerror', (error) => mistakes.push(error.message));
    held.tab.on('dialog', (dialog) => mistakes.push(`dialog: ${dialog.message()}`));
  });
  afterEach(async () => {
    await held.tab.close();
    await held.page.close();
    expect(mistakes.splice(0)).toEqual([]);
  });

  held.open = async () => {
    await held.tab.goto(held.url);
    await held.tab.waitForSelector('body[data-live]');
  };
  held.restart = async (meanwhile) => {
    const port = Number(new URL(held.url).port);
    await held.page.close();
    await meanwhile();
    held.page = serve();
    await held.page.listen({ port });
  };
  return held;
}
