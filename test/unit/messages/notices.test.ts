import { afterEach, beforeEach, expect, test } from 'vitest';
import { DEFAULT_TOKENS } from '../../../demo/slack/state.ts';
import { ms, SECOND } from '../../../src/lib/units.ts';
import { createNotices } from '../../../src/messages/notices.ts';
import { createSlackNotifier } from '../../../src/slack/notifier.ts';
import { ALICE, INCIDENTS, inVirtualTime, startSlack, type TestSlack } from '../slack/slack-server.ts';

let stand: TestSlack;
let ended: AbortController;
beforeEach(async () => {
  stand = await startSlack();
  ended = new AbortController();
});
afterEach(async () => {
  ended.abort();
  await stand.close();
});

function replica(problem: () => string | undefined, delay = 0) {
  const { apiUrl, clock, log: logger, recorder } = stand;
  const notifier = createSlackNotifier({ botToken: DEFAULT_TOKENS.bot, apiUrl, clock, logger, recorder });
  const notice = {
    name: 'store',
    title: 'The store cannot be used',
    effect: 'Nothing is evaluated.',
    endTitle: 'The store can be used again',
    problem,
  };
  const notices = createNotices({
    notices: [notice],
    notifier,
    channel: '#incidents',
    clock,
    logger,
    recorder,
    delay: ms(delay * SECOND),
  });
  notices.watch(ended.signal);
  return notices;
}

const pass = (seconds: number): Promise<void> =>
  inVirtualTime(stand.clock, stand.clock.sleep(ms(seconds * SECOND)), 1_000);

const texts = (): readonly string[] => stand.workspace.messages(INCIDENTS, ALICE).map(({ text }) => text);

test('an outage is said once by two replicas, after half a minute, and its end in the same message', async () => {
  let problem: string | undefined;
  replica(() => problem);
  replica(() => problem, 12);
  await pass(10);
  problem = 'Redis: OOM command not allowed';
  await pass(20);
  expect(texts()).toEqual([]);
  await pass(60);
  expect(texts()).toEqual(['🛠 The store cannot be used']);
  problem = undefined;
  await pass(60);
  expect(texts()).toEqual(['✅ The store can be used again']);

  problem = 'Redis: READONLY';
  await pass(60);
  expect(texts()).toEqual(['✅ The store can be used again', '🛠 The store cannot be used']);
});

test('a short problem is not said; the message of an earlier process is ended', async () => {
  let problem: string | undefined = 'Redis: READONLY';
  replica(() => problem);
  await pass(60);
  ended.abort();
  expect(texts()).toEqual(['🛠 The store cannot be used']);
  problem = undefined;
  ended = new AbortController();
  replica(() => problem);
  await pass(50);
  expect(texts()).toEqual(['✅ The store can be used again']);
  problem = 'Redis: LOADING';
  await pass(20);
  problem = undefined;
  await pass(60);
  expect(texts()).toHaveLength(1);
});
