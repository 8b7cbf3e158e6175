import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSlackApp, type SlackApp } from '../../../../src/adapters/slack/app.ts';
import type { Transport } from '../../../../src/adapters/slack/receivers.ts';
import type { Commands } from '../../../../src/app/use-cases.ts';
import { DEFAULT_SIGNING_SECRET, DEFAULT_TOKENS } from '../../../../src/demo/slack/state.ts';
import { ALICE, createStand, INCIDENTS, type Stand } from './stand.ts';

type Asked = Parameters<Commands['answer']>[0];
type Reply = Awaited<ReturnType<Commands['answer']>>;

/** Commands that keep what they were asked and answer as told. */
function fakeCommands(reply: (asked: Asked, signal?: AbortSignal) => Reply | Promise<Reply>) {
  const asked: Asked[] = [];
  const commands: Commands = {
    answer: async (request, signal) => {
      asked.push(request);
      return reply(request, signal);
    },
  };
  return { asked, commands };
}

const nothing = (text: string): Reply => ({ answer: { kind: 'nothing', text, links: [] }, share: false });

const TRANSPORTS: Readonly<Record<string, Transport>> = {
  'signed HTTP': { mode: 'http', signingSecret: DEFAULT_SIGNING_SECRET, port: 0, host: '127.0.0.1' },
  'Socket Mode': { mode: 'socket', appToken: DEFAULT_TOKENS.app },
};

let stand: Stand;
let app: SlackApp | undefined;

beforeEach(async () => {
  stand = await createStand();
});
afterEach(async () => {
  await app?.stop();
  app = undefined;
  await stand.close();
});

async function start(transport: Transport, commands: Commands): Promise<void> {
  const { apiUrl, clock, log, recorder } = stand;
  app = createSlackApp({
    transport,
    botToken: DEFAULT_TOKENS.bot,
    apiUrl,
    clock,
    logger: log,
    recorder,
    commands,
  });
  if (transport.mode === 'socket') stand.server.deliverTo({ mode: 'socket' });
  const { port } = await app.start();
  if (transport.mode === 'http')
    stand.server.deliverTo({ mode: 'http', requestUrl: `http://127.0.0.1:${port}/slack/events` });
}

const type = (text: string) => stand.workspace.type({ userId: ALICE, channelId: INCIDENTS, text });

/** The next message that comes into being, or what it has become when it is edited. */
const nextMessage = () =>
  new Promise<ReturnType<Stand['workspace']['messages']>[number]>((resolve) => {
    const stop = stand.workspace.subscribe((event) => {
      if (event.kind !== 'message-posted') return;
      stop();
      resolve(event.message);
    });
  });

describe.each(Object.entries(TRANSPORTS))('commands over %s', (_name, transport) => {
  it('acknowledges, then answers to the person who asked', async () => {
    const { commands, asked } = fakeCommands(() => nothing('No traces of <checkout> & co.'));
    await start(transport, commands);
    expect(app?.isConnected()).toBe(true);
    const message = nextMessage();
    expect(await type('/trace slowest checkout last 30m')).toEqual({ ok: true });
    expect(await message).toMatchObject({
      ephemeralFor: ALICE,
      text: 'No traces of &lt;checkout&gt; &amp; co.',
    });
    expect(asked).toEqual([{ command: '/trace', text: 'slowest checkout last 30m', now: stand.clock.now() }]);
  });
});
