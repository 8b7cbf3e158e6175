import { App } from '@slack/bolt';
import type { Clock } from '../lib/clock.ts';
import { faultText } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { MINUTE, type Milliseconds, ms, SECOND } from '../lib/units.ts';
import {
  type Calls,
  type CallsOptions,
  createCalls,
  createSlackLogger,
  reasonOf,
  SLACK_TIMEOUT,
} from './calls.ts';
import { type InteractionParts, registerInteractions } from './interactions.ts';
import { DIRECT } from './network.ts';
import { openTransport, SlackSetupError, type Transport } from './receivers.ts';

export interface SlackAppOptions
  extends Omit<CallsOptions, 'timeout'>,
    Pick<InteractionParts, 'commands' | 'painter'> {
  readonly transport: Transport;
}

export interface SlackApp {
  /**
   * Checks the token and starts to accept commands. In Socket Mode it waits for the first connection without a limit.
   * @throws SlackSetupError when Slack rejects a token; the system's error when the port is in use.
   */
  start(): Promise<{ readonly port?: number }>;
  /** Stops accepting commands and waits up to ten seconds for those that run. */
  stop(): Promise<void>;
  /** Whether commands can arrive and Slack accepts the token. */
  isConnected(): boolean;
}

const AUTH_INTERVAL: Milliseconds = MINUTE;
/** Shorter, so that a token that is valid again is noticed soon. */
const AUTH_INTERVAL_WHEN_BAD: Milliseconds = ms(10 * SECOND);
/** How long a stop waits for running commands. */
const STOP_TIMEOUT: Milliseconds = ms(10 * SECOND);

/** The Bolt app that answers commands, buttons and forms. */
export function createSlackApp(options: SlackAppOptions): SlackApp {
  const { clock, logger, apiUrl, network = DIRECT } = options;
  const slackLogger = createSlackLogger(logger);
  const connection = openTransport(options.transport, { apiUrl, network, logger: slackLogger });
  const app = new App({
    receiver: connection.receiver,
    // `watchToken` checks the token; Bolt would call auth.test at each first request.
    authorize: async () => ({ botToken: options.botToken }),
    logger: slackLogger,
    convoStore: false,
    clientOptions: {
      slackApiUrl: apiUrl,
      fetch: network.fetch,
      retryConfig: { retries: 0 },
      timeout: SLACK_TIMEOUT,
    },
  });
  const calls = createCalls(options);
  const running = trackWork(clock);
  registerInteractions(app, { ...options, network, calls, track: running.track });
  const token = watchToken({ clock, logger, calls });

  let stopped: Promise<void> | undefined;

  async function stop(): Promise<void> {
    token.end();
    await connection.close().catch((error: unknown) => {
      logger.warn('slack: closing the connection failed', { error: faultText(error) });
    });
    await running.settled(STOP_TIMEOUT);
  }

  return {
    async start() {
      await token.check();
      const port = await connection.open();
      token.watch();
      return { port };
    },
    stop() {
      stopped ??= stop();
      return stopped;
    },
    isConnected: () => connection.isOpen() && token.isGood(),
  };
}

/** Keeps account of work that goes on after Slack has its acknowledgement. */
function trackWork(clock: Clock): {
  readonly track: (work: () => Promise<void>) => Promise<void>;
  settled(timeout: Milliseconds): Promise<void>;
} {
  const running = new Set<Promise<void>>();
  return {
    track: async (work) => {
      const promise = work();
      running.add(promise);
      await promise.finally(() => running.delete(promise));
    },
    async settled(timeout) {
      const timer = new AbortController();
      await Promise.race([Promise.allSettled(running), clock.sleep(timeout, timer.signal)]);
      timer.abort();
    },
  };
}

/** Checks regularly whether Slack still accepts the token. A failed check leaves the last result. */
function watchToken({ clock, logger, calls }: { clock: Clock; logger: Logger; calls: Calls }): {
  check(): Promise<void>;
  watch(): void;
  end(): void;
  isGood(): boolean;
} {
  const ended = new AbortController();
  let isGood = false;

  /** Slack's error code if it rejects the token. */
  async function test(): Promise<string | undefined> {
    const outcome = await calls.call('auth.test', {});
    if (outcome.kind === 'done') isGood = true;
    if (outcome.kind !== 'refused') return undefined;
    if (isGood) logger.error('slack: the token was rejected', { code: reasonOf(outcome) });
    isGood = false;
    return outcome.code;
  }

  async function loop(): Promise<void> {
    while (!ended.signal.aborted) {
      await clock.sleep(isGood ? AUTH_INTERVAL : AUTH_INTERVAL_WHEN_BAD, ended.signal);
      if (!ended.signal.aborted) await test();
    }
  }

  return {
    async check() {
      const code = await test();
      if (code !== undefined) throw new SlackSetupError(code, 'bot');
    },
    watch: () => void loop(),
    end: () => ended.abort(),
    isGood: () => isGood,
  };
}
