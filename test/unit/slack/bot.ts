import { afterEach, beforeEach } from 'vitest';
import type { Message } from '../../../demo/slack/model.ts';
import { DEFAULT_SIGNING_SECRET, DEFAULT_TOKENS } from '../../../demo/slack/state.ts';
import type { Answer } from '../../../src/commands/answer.ts';
import type { Commands } from '../../../src/commands/commands.ts';
import { createSlackApp, type SlackApp } from '../../../src/slack/app.ts';
import type { Transport } from '../../../src/slack/receivers.ts';
import { ALICE, INCIDENTS, startSlack, type TestSlack } from './slack-server.ts';

export type Asked = Parameters<Commands['answer']>[0];
export interface Kept {
  readonly command: Parameters<Commands['run']>[0];
  readonly sender: Parameters<Commands['run']>[1];
}
export type Reply = Awaited<ReturnType<Commands['answer']>>;

export const HTTP = {
  mode: 'http',
  signingSecret: DEFAULT_SIGNING_SECRET,
  port: 0,
  host: '127.0.0.1',
} as const satisfies Transport;
export const SOCKET = {
  mode: 'socket',
  appToken: DEFAULT_TOKENS.app,
  reconnectDelay: 100,
} as const satisfies Transport;

/** An answer of one sentence. */
export const says = (text: string, more: Partial<Reply> = {}): Reply => ({
  answer: { kind: 'nothing', text, links: [] },
  share: false,
  ...more,
});

/** The bot's Slack side, with commands that answer as a test tells them. */
export interface Bot {
  readonly stand: TestSlack;
  readonly app: SlackApp;
  /** The requests that the commands received. */
  readonly asked: readonly Asked[];
  /** What forms asked to be done. */
  readonly kept: readonly Kept[];
  /** From now on forms are answered so. */
  answerFormWith(reply: () => Promise<Answer>): void;
  /** From now on commands answer so. */
  answerWith(reply: (asked: Asked) => Reply | Promise<Reply>): void;
  start(
    transport: Transport,
    more?: Partial<Parameters<typeof createSlackApp>[0]>,
  ): Promise<{ readonly url: string }>;
  type(text: string): ReturnType<TestSlack['workspace']['type']>;
  /** Waits for the next event of this kind and returns its message. */
  next(kind?: 'message-posted' | 'message-deleted'): Promise<Message>;
  /** Presses the element with this action in a message. */
  press(
    message: Message,
    actionId: string,
    selectedValue?: string,
  ): ReturnType<TestSlack['workspace']['press']>;
}

/** Sets up a workspace before every test of a file; `start` connects the bot to it. */
export function useBot(): Bot {
  let stand: TestSlack | undefined;
  let app: SlackApp | undefined;
  let asked: Asked[] = [];
  let kept: Kept[] = [];
  let answerToForm: () => Promise<Answer> = async () => says('Nothing there.').answer;
  let answer: (asked: Asked) => Reply | Promise<Reply> = () => says('Nothing there.');
  beforeEach(async () => {
    stand = await startSlack();
    asked = [];
    kept = [];
    answerToForm = async () => says('Nothing there.').answer;
    answer = () => says('Nothing there.');
  });
  afterEach(async () => {
    await app?.stop();
    app = undefined;
    await stand?.close();
  });
  const current = (): TestSlack => {
    if (stand === undefined) throw new Error('the workspace is set up before each test');
    return stand;
  };
  return {
    get stand() {
      return current();
    },
    get app() {
      if (app === undefined) throw new Error('the bot was not started');
      return app;
    },
    get asked() {
      return asked;
    },
    get kept() {
      return kept;
    },
    answerFormWith: (reply) => {
      answerToForm = reply;
    },
    answerWith: (reply) => {
      answer = reply;
    },
    async start(transport, more = {}) {
      const { apiUrl, clock, log, recorder, server } = current();
      const commands: Commands = {
        answer: async (request) => {
          asked.push(request);
          return answer(request);
        },
        run: async (command, sender) => {
          kept.push({ command, sender });
          return answerToForm();
        },
      };
      app = createSlackApp({
        transport,
        botToken: DEFAULT_TOKENS.bot,
        apiUrl,
        clock,
        logger: log,
        recorder,
        commands,
        ...more,
      });
      if (transport.mode === 'socket') server.deliverTo({ mode: 'socket' });
      const { port } = await app.start();
      const url = `http://127.0.0.1:${port ?? 0}/slack/events`;
      if (transport.mode === 'http') server.deliverTo({ mode: 'http', requestUrl: url });
      return { url };
    },
    type: (text) => current().workspace.type({ userId: ALICE, channelId: INCIDENTS, text }),
    next: (kind = 'message-posted') =>
      new Promise((resolve) => {
        const stop = current().workspace.subscribe((event) => {
          if (event.kind !== kind) return;
          stop();
          resolve(event.message);
        });
      }),
    press: (message, actionId, selectedValue) =>
      current().workspace.press({
        userId: ALICE,
        channelId: message.channelId,
        messageTs: message.ts,
        blockId: blockOf(message, actionId),
        actionId,
        ...(selectedValue === undefined ? {} : { selectedValue }),
      }),
  };
}

/** The id of the block that holds an element: the stand-in gives every block one, as Slack does. */
function blockOf(message: Message, actionId: string): string {
  const block = message.blocks.find((each) =>
    JSON.stringify(each['elements'] ?? []).includes(`"${actionId}"`),
  );
  if (block === undefined) throw new Error(`no element ${actionId} in ${JSON.stringify(message.blocks)}`);
  return String(block['block_id']);
}
