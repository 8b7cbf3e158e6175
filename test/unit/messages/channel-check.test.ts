import { afterEach, beforeEach, expect, test } from 'vitest';
import { DEFAULT_TOKENS } from '../../../demo/slack/state.ts';
import { MINUTE } from '../../../src/lib/units.ts';
import { createChannelCheck } from '../../../src/messages/channel-check.ts';
import { createSlackNotifier } from '../../../src/slack/notifier.ts';
import { GENERAL, INCIDENTS, inVirtualTime, startSlack, type TestSlack } from '../slack/slack-server.ts';

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

function checkOf(channels: () => readonly string[]) {
  const { apiUrl, clock, log: logger, recorder } = stand;
  const slack = createSlackNotifier({ botToken: DEFAULT_TOKENS.bot, apiUrl, clock, logger, recorder });
  return createChannelCheck({ slack, channels, clock, logger, recorder });
}

/** Waits for a check: its answers come over a real socket. */
async function checked(asOften: number): Promise<void> {
  const lists = () => stand.server.calls().filter(({ method }) => method === 'conversations.list').length;
  await inVirtualTime(
    stand.clock,
    (async () => {
      while (lists() < asOften) await new Promise((resolve) => setTimeout(resolve, 2));
    })(),
  );
  await inVirtualTime(stand.clock, new Promise((resolve) => setTimeout(resolve, 10)));
}

test('unknown and archived channels are named once, until they are fixed; a reload checks at once', async () => {
  const { conversations } = stand.workspace.state;
  const general = conversations.channel(GENERAL);
  if (general === undefined) throw new Error('no channel');
  conversations.changeChannel({ ...general, isArchived: true });
  let channels = ['#incidents', '#nosuch', '#general', INCIDENTS, 'C0NOSUCH00'];
  const check = checkOf(() => channels);
  check.watch(ended.signal);
  await checked(1);
  const problems = [
    '#nosuch was not found. Check its name; /invite the bot to a private channel.',
    '#general is archived. Unarchive it, or name another one.',
    'C0NOSUCH00 was not found. Check its name; /invite the bot to a private channel.',
  ];
  expect(check.problems()).toEqual(problems);
  await stand.clock.advance(MINUTE);
  await checked(2);
  expect(stand.log.messages('error')).toHaveLength(3);

  channels = ['#incidents'];
  check.recheck();
  await checked(3);
  expect(check.problems()).toEqual([]);
  expect(stand.log.messages('info')).toContain('every channel can be posted to again');
});
