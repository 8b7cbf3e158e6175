import { App } from '@slack/bolt';
import { repeat } from '../lib/background.ts';
import type { Clock } from '../lib/clock.ts';
import { faultText } from '../lib/errors.ts';
import type { Phrase } from '../lib/format.ts';
import type { Logger } from '../lib/logger.ts';
import { type EpochMs, epochMs, MINUTE, type Milliseconds, ms, SECOND } from '../lib/units.ts';
import { phraseText } from './blocks/mrkdwn.ts';
import {
  type CallData,
  type Calls,
  type CallsOptions,
  createCalls,
  createSlackLogger,
  reasonOf,
  SLACK_TIMEOUT,
} from './calls.ts';
import { createChannels } from './channels.ts';
import { type InteractionParts, registerInteractions } from './interactions.ts';
import { DIRECT } from './network.ts';
import { openTransport, type Transport, tokenProblem } from './receivers.ts';

/** What the bot says in a channel that it was invited to. */
export interface Greetings {
  /** Channels that the settings and the rules name. */
  readonly channels: () => readonly string[];
  /** `here`: those of them that are the channel. */
  readonly lines: (here: ReadonlySet<string>) => readonly Phrase[];
  /** True for one caller per join, on whatever replica: Slack sends an event again that was acknowledged late. */
  readonly claim: (join: { readonly channelId: string; readonly at: EpochMs }) => Promise<boolean>;
}

export interface GreetingParts {
  readonly greetings?: Greetings;
  readonly calls: Calls;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Lets a stop wait for it. */
  readonly track: (work: () => Promise<void>) => Promise<void>;
  /** The bot's own user; undefined until Slack has said it. */
  readonly botUserId: () => string | undefined;
}

/**
 * Greets in a channel once somebody has invited the bot. When the bot joins by itself, to read the history, there is no
 * inviter: a greeting would stand in the middle of an incident.
 */
function registerGreeting(app: App, { greetings, botUserId, track, ...parts }: GreetingParts): void {
  if (greetings === undefined) return;
  app.event('member_joined_channel', async ({ event }) => {
    const { user, channel: channelId, inviter, event_ts: at } = event;
    if (user !== botUserId() || inviter === undefined || inviter === user) return;
    await track(async () => {
      try {
        const isFirst = await greetings.claim({ channelId, at: epochMs(Math.round(Number(at) * 1_000)) });
        if (isFirst) await greet({ ...parts, greetings }, channelId);
      } catch (error) {
        parts.logger.warn('a channel was joined without a greeting', { channelId, error: faultText(error) });
      }
    });
  });
}

async function greet(
  {
    calls,
    clock,
    logger,
    greetings,
  }: Pick<GreetingParts, 'calls' | 'clock' | 'logger'> & { readonly greetings: Greetings },
  channelId: string,
): Promise<void> {
  const channels = createChannels({ calls, clock });
  const here = new Set<string>();
  for (const name of greetings.channels()) {
    const found = await channels.idOf(name);
    if (found.kind === 'id' && found.id === channelId) here.add(name);
  }
  const text = greetings
    .lines(here)
    .map((line) => phraseText(line))
    .join('\n');
  const message = { channel: channelId, text, unfurl_links: false };
  const outcome = await calls.call('chat.postMessage', message, { channel: channelId });
  if (outcome.kind !== 'done')
    logger.warn('a greeting was not posted', { channelId, reason: reasonOf(outcome) });
}

export interface SlackAppOptions
  extends Omit<CallsOptions, 'timeout'>,
    Pick<InteractionParts, 'commands' | 'painter'>,
    Pick<GreetingParts, 'greetings'> {
  readonly transport: Transport;
}

export interface SlackApp {
  /**
   * Checks the tokens and starts to accept commands. A token that Slack rejects is a `problem`, and is tried again. In
   * Socket Mode it waits for the first connection or refusal without a limit.
   * @throws the system's error when the port is in use.
   */
  start(): Promise<{ readonly port?: number }>;
  /** Stops accepting commands and waits up to ten seconds for those that run. */
  stop(): Promise<void>;
  /** Whether commands can arrive and Slack accepts the token. */
  isConnected(): boolean;
  /** Why it is not connected, with what to do if a token was rejected; undefined when it is. */
  problem(): string | undefined;
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
  const connection = openTransport(options.transport, {
    apiUrl,
    network,
    logger: slackLogger,
    onFailure: connectionFailures(options),
    clock,
  });
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
  const token = watchToken({ ...options, calls });
  const isAllowed = (body: unknown): boolean => {
    const own = token.workspace();
    return own === undefined || isFrom(own, body);
  };
  const botUserId = (): string | undefined => token.workspace()?.botUserId;
  registerGreeting(app, { ...options, calls, track: running.track, botUserId });
  registerInteractions(app, { ...options, network, calls, track: running.track, isAllowed });

  const problem = (): string | undefined => token.problem() ?? connection.problem();
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
    isConnected: () => problem() === undefined,
    problem,
  };
}

/** Logs and counts failures to connect; the same one once, until another one or a connection. */
function connectionFailures({ logger, recorder }: Pick<SlackAppOptions, 'logger' | 'recorder'>) {
  let last: string | undefined;
  return (problem: string | undefined): void => {
    if (problem === undefined && last !== undefined) logger.info('slack: connected');
    if (problem !== undefined) recorder.backgroundFailed({ work: 'slack-connection' });
    if (problem !== undefined && problem !== last)
      logger.error('slack: no connection, commands cannot arrive; alerts are posted', { problem });
    last = problem;
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

/** Checks regularly whether Slack still accepts the bot token. A check without an answer leaves the last result. */
function watchToken(parts: Pick<SlackAppOptions, 'clock' | 'logger' | 'recorder'> & { calls: Calls }): {
  check(): Promise<void>;
  watch(): void;
  end(): void;
  /** Why the bot cannot post; undefined while Slack accepts the token. */
  problem(): string | undefined;
  /** The workspace of the token, from the last check that Slack answered. */
  workspace(): Workspace | undefined;
} {
  const { calls, logger } = parts;
  const ended = new AbortController();
  let problem: string | undefined = 'Slack has not responded yet.';
  /** The code of the last rejection, which is logged once. */
  let logged: string | undefined;
  let hasRun = false;
  let workspace: Workspace | undefined;

  async function check(): Promise<void> {
    const outcome = await calls.call('auth.test', {});
    if (outcome.kind === 'done') {
      if (problem !== undefined && logged !== undefined) logger.info('slack: the token is accepted again');
      problem = undefined;
      logged = undefined;
      workspace = workspaceOf(outcome.data) ?? workspace;
      return;
    }
    // Once it was accepted, a check without an answer says nothing about the token.
    if (outcome.kind !== 'refused') {
      if (logged === undefined && problem !== undefined)
        problem = `Slack does not respond (${reasonOf(outcome)}).`;
      return;
    }
    problem = tokenProblem('bot', outcome.code);
    if (logged !== outcome.code)
      logger.error('slack: the token was rejected', { code: outcome.code, problem });
    logged = outcome.code;
  }
  return {
    check,
    watch: () =>
      void repeat({ ...parts, work: 'slack-token', signal: ended.signal }, async () => {
        if (hasRun) await check();
        hasRun = true;
        return problem === undefined ? AUTH_INTERVAL : AUTH_INTERVAL_WHEN_BAD;
      }),
    end: () => ended.abort(),
    problem: () => problem,
    workspace: () => workspace,
  };
}

/** The workspace that the bot token belongs to, or the organization with all its workspaces. */
export interface Workspace {
  readonly teamId: string;
  /** Set when the app is installed for the whole organization (Enterprise Grid). */
  readonly enterpriseId?: string;
  /** The user of the bot there. */
  readonly botUserId?: string;
}

const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined;

const fieldOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;

/** Reads the response of `auth.test`; undefined when it names no workspace. */
export function workspaceOf(data: CallData): Workspace | undefined {
  const teamId = textOf(data['team_id']);
  if (teamId === undefined) return undefined;
  const enterpriseId = data['is_enterprise_install'] === true ? textOf(data['enterprise_id']) : undefined;
  return { teamId, enterpriseId, botUserId: textOf(data['user_id']) };
}

/**
 * Whether a request of Slack comes from the workspace. A command has `team_id` and `enterprise_id`, an interaction `team`
 * and `enterprise`. The signature alone does not show it: an app that is distributed has one secret for all workspaces.
 */
export function isFrom({ teamId, enterpriseId }: Workspace, body: unknown): boolean {
  const team = textOf(fieldOf(body, 'team_id')) ?? textOf(fieldOf(fieldOf(body, 'team'), 'id'));
  if (team === teamId) return true;
  const enterprise =
    textOf(fieldOf(body, 'enterprise_id')) ??
    textOf(fieldOf(fieldOf(body, 'enterprise'), 'id')) ??
    textOf(fieldOf(fieldOf(body, 'team'), 'enterprise_id'));
  return enterpriseId !== undefined && enterprise === enterpriseId;
}
