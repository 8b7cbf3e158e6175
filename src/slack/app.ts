import { App } from '@slack/bolt';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import { MINUTE, ms, SECOND } from '../lib/units.ts';
import type { PicturePainter } from '../traces/pictures.ts';
import { type CallsOptions, createCalls, createSlackLogger, reasonOf } from './calls.ts';
import { type ConversationOptions, createConversation } from './conversation.ts';
import { listen } from './listeners.ts';
import { createPictureShow } from './picture-show.ts';
import { openTransport, SlackSetupError, type Transport } from './receivers.ts';
import { createRunning } from './responder.ts';

export interface SlackAppOptions
  extends Omit<CallsOptions, 'timeout'>,
    Omit<ConversationOptions, 'pictures'> {
  readonly transport: Transport;
  /** Draws the pictures of answers; without it an answer is text alone. */
  readonly painter?: Pick<PicturePainter, 'draw'>;
}

export interface SlackApp {
  /**
   * Checks the token and begins to take commands. Rejects with `SlackSetupError` when Slack refuses the token, with
   * the system's error when the port is taken. In Socket Mode it waits for the first connection, however long.
   */
  start(): Promise<{ readonly port?: number }>;
  /** Takes no more commands and waits for those that run, at most ten seconds. */
  stop(): Promise<void>;
  /** Whether commands can arrive and Slack takes the token. */
  isConnected(): boolean;
}

const AUTH_INTERVAL = MINUTE;
/** While Slack does not answer or refuses, a good answer should not be long in coming to notice. */
const AUTH_INTERVAL_WHEN_BAD = ms(10 * SECOND);
const LAST_WORDS = ms(10 * SECOND);

/** The bot's ears: Bolt on an explicit receiver, commands and buttons, nothing else. */
export function createSlackApp(options: SlackAppOptions): SlackApp {
  const { clock, logger, apiUrl, transport } = options;
  const slackLogger = createSlackLogger(logger);
  const connection = openTransport(transport, {
    apiUrl,
    logger: slackLogger,
  });
  const app = new App({
    receiver: connection.receiver,
    // The token is checked by this program, under a deadline; Bolt would ask at every first request.
    authorize: async () => ({ botToken: options.botToken }),
    logger: slackLogger,
    convoStore: false,
    clientOptions: {
      slackApiUrl: apiUrl,
      retryConfig: { retries: 0 },
      timeout: 10_000,
    },
  });
  const calls = createCalls(options);
  const running = createRunning(clock);
  const { painter } = options;
  const pictures = painter && createPictureShow({ calls, painter, clock, logger });
  const conversation = createConversation({ ...options, ...(pictures === undefined ? {} : { pictures }) });
  const { recorder, commands } = options;
  listen(app, { calls, clock, logger, recorder, commands, conversation, running });
  const token = watchToken({ clock, logger, authTest: () => calls.call('auth.test', {}) });

  let stopped: Promise<void> | undefined;

  async function stop(): Promise<void> {
    token.end();
    await connection.close().catch((error: unknown) => {
      logger.warn('slack: closing failed', { error: error instanceof Error ? error.message : 'unknown' });
    });
    await running.settled(LAST_WORDS);
  }

  return {
    async start() {
      await token.check();
      const port = await connection.open();
      token.watch();
      return port === undefined ? {} : { port };
    },
    stop() {
      stopped ??= stop();
      return stopped;
    },
    isConnected: () => connection.isOpen() && token.isGood(),
  };
}

/** Asks Slack now and then whether it still takes the token. No answer leaves the last one percentiles. */
function watchToken(parts: {
  clock: Clock;
  logger: Logger;
  authTest: () => ReturnType<ReturnType<typeof createCalls>['call']>;
}): { check(): Promise<void>; watch(): void; end(): void; isGood(): boolean } {
  const { clock, logger, authTest } = parts;
  const ended = new AbortController();
  let isGood = false;

  async function ask(): Promise<string | undefined> {
    const outcome = await authTest();
    if (outcome.kind === 'done') isGood = true;
    if (outcome.kind !== 'refused') return undefined;
    if (isGood) logger.error('slack: the token is refused', { code: reasonOf(outcome) });
    isGood = false;
    return outcome.code;
  }

  async function loop(): Promise<void> {
    while (!ended.signal.aborted) {
      await clock.sleep(isGood ? AUTH_INTERVAL : AUTH_INTERVAL_WHEN_BAD, ended.signal);
      if (!ended.signal.aborted) await ask();
    }
  }

  return {
    async check() {
      const code = await ask();
      if (code !== undefined) throw new SlackSetupError(code, 'bot');
    },
    watch: () => void loop(),
    end: () => {
      ended.abort();
    },
    isGood: () => isGood,
  };
}
