import { describe, expect, it } from 'vitest';
import type { Message } from '../../../demo/slack/model.ts';
import { DEFAULT_TOKENS } from '../../../demo/slack/state.ts';
import { createCalls } from '../../../src/slack/calls.ts';
import { createSlackNotifier } from '../../../src/slack/notifier.ts';
import { HTTP, type Reply, SOCKET, says, useBot } from './bot.ts';
import { ALICE, INCIDENTS } from './slack-server.ts';
import { anEnrichedView } from './views.ts';

const bot = useBot();

/** The answer to a typed command. */
async function answerTo(text: string): Promise<Message> {
  const message = bot.next();
  await bot.type(text);
  return message;
}

async function postBreach(): Promise<Message> {
  const { apiUrl, clock, log, recorder } = bot.stand;
  const notifier = createSlackNotifier({
    botToken: DEFAULT_TOKENS.bot,
    apiUrl,
    clock,
    logger: log,
    recorder,
  });
  const message = bot.next();
  await notifier.post({ channel: '#incidents', view: anEnrichedView(), key: 'k' });
  return message;
}

describe.each([
  ['signed HTTP', HTTP],
  ['Socket Mode', SOCKET],
])('buttons over %s', (_name, transport) => {
  it('Slowest traces: runs for the window of the breach and answers the person who pressed it', async () => {
    await bot.start(transport);
    const breach = await postBreach();
    const message = bot.next();
    expect(await bot.press(breach, 'slowest_traces')).toEqual({ ok: true });
    expect(await message).toMatchObject({ ephemeralFor: ALICE });
    expect(bot.asked).toEqual([
      {
        command: '/trace',
        text: 'slowest checkout at 2026-11-20T13:59:00.000Z/2026-11-20T14:01:00.000Z',
        now: bot.stand.clock.now(),
        by: ALICE,
      },
    ]);
    expect(bot.stand.workspace.messages(INCIDENTS, ALICE)[0]?.text).toBe(breach.text);
  });

  it('a link: acknowledged, so that nobody sees a warning sign', async () => {
    await bot.start(transport);
    const breach = await postBreach();
    expect(await bot.press(breach, 'open_link_0')).toEqual({ ok: true });
    expect(bot.asked).toEqual([]);
  });

  it('Share: the same answer for all, with the name of who shared it, in place of the private one', async () => {
    await bot.start(transport);
    const text = 'slowest checkout at 2026-11-20T13:30:00Z/2026-11-20T14:00:00Z';
    bot.answerWith(() => says('These.', { reproducible: `/trace ${text}` }));
    const privately = await answerTo('/trace slowest checkout last 30m');
    const shared = bot.next();
    const gone = bot.next('message-deleted');
    expect(await bot.press(privately, 'share_answer')).toEqual({ ok: true });
    const message = await shared;
    expect(message.ephemeralFor).toBeUndefined();
    expect(JSON.stringify(message.blocks)).toContain(`<@${ALICE}> ran \`/trace ${text}\``);
    expect(JSON.stringify(message.blocks)).not.toContain('share_answer');
    expect((await gone).ts).toBe(privately.ts);
    expect(bot.asked[1]).toMatchObject({ command: '/trace', text });
  });

  it('a suggested name and the menu: run the same command with the selected service', async () => {
    await bot.start(transport);
    const unknown: Reply = {
      answer: {
        kind: 'unknown-service',
        name: 'chekout',
        nearest: ['checkout'],
        all: ['cart', 'checkout'],
        retry: '/trace slowest {service} top 3',
      },
      share: false,
    };
    bot.answerWith(({ text }) => (text.includes('chekout') ? unknown : says('Found.')));
    const asked = await answerTo('/trace slowest chekout top 3');
    const byButton = bot.next();
    await bot.press(asked, 'pick_service_0');
    await byButton;
    const byMenu = bot.next();
    await bot.press(asked, 'pick_service', 'cart');
    await byMenu;
    expect(bot.asked.map(({ text }) => text)).toEqual([
      'slowest chekout top 3',
      'slowest checkout top 3',
      'slowest cart top 3',
    ]);
  });
});

describe('what an older or a newer version left in Slack', () => {
  it('an unknown button is acknowledged and runs nothing', async () => {
    await bot.start(HTTP);
    const { apiUrl, clock, log, recorder } = bot.stand;
    const calls = createCalls({ botToken: DEFAULT_TOKENS.bot, apiUrl, clock, logger: log, recorder });
    const posted = bot.next();
    const old = { type: 'button', text: { type: 'plain_text', text: 'Old' }, action_id: 'old', value: 'v' };
    await calls.call('chat.postMessage', {
      channel: INCIDENTS,
      text: 'old',
      blocks: [{ type: 'actions', elements: [old] }],
    });
    expect(await bot.press(await posted, 'old')).toEqual({ ok: true });
    expect(bot.asked).toEqual([]);
  });

  it('a command nobody knows any more is answered with those there are', async () => {
    await bot.start(HTTP);
    const message = await answerTo('/retired checkout');
    expect(message.text).toContain('Unknown command');
    expect(JSON.stringify(message.blocks)).toContain('/latency');
    expect(bot.asked).toEqual([]);
  });
});

describe('an answer finds its way', () => {
  it('as an ephemeral message of the bot where the response_url fails', async () => {
    await bot.start(HTTP);
    bot.stand.server.faults.add({ method: 'response_url', do: { kind: 'http', status: 500 } });
    expect(await answerTo('/slo')).toMatchObject({ ephemeralFor: ALICE, text: 'Nothing there.' });
    expect(bot.stand.server.calls().map(({ method }) => method)).toContain('chat.postEphemeral');
  });

  it('a shared one as a message of the bot', async () => {
    await bot.start(HTTP);
    bot.answerWith(() => says('Here.', { share: true }));
    bot.stand.server.faults.add({ method: 'response_url', do: { kind: 'reset-before-accept' } });
    const message = await answerTo('/slo share');
    expect(message.ephemeralFor).toBeUndefined();
    expect(bot.stand.server.calls().map(({ method }) => method)).toContain('chat.postMessage');
  });

  it('keeps the private answer when sharing failed', async () => {
    await bot.start(HTTP);
    bot.answerWith(() => says('These.', { reproducible: '/slo status' }));
    const privately = await answerTo('/slo');
    bot.stand.server.faults.add({ method: '*', times: 10, do: { kind: 'http', status: 500 } });
    await bot.press(privately, 'share_answer');
    await bot.app.stop();
    bot.stand.server.faults.clear();
    const left = bot.stand.workspace.messages(INCIDENTS, ALICE).map(({ ts }) => ts);
    expect(left).toEqual([privately.ts]);
  });
});
