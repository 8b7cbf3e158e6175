import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { HTTPReceiver, type Receiver, type Logger as SlackLogger, SocketModeReceiver } from '@slack/bolt';
import { WebAPIPlatformError } from '@slack/web-api';
import { LRUCache } from 'lru-cache';
import { limitConnections, SERVER_LIMITS, type ServerLimits } from '../http/server.ts';
import type { Clock } from '../lib/clock.ts';
import { ms } from '../lib/units.ts';
import { DIRECT, type SlackNetwork } from './network.ts';
import { APP_TOKEN_SCOPE, HTTP_PATH } from './scopes.ts';

/** How Slack reaches the bot. */
export type Transport =
  | {
      readonly mode: 'http';
      readonly signingSecret: string;
      readonly port: number;
      /** Default: all interfaces. */
      readonly host?: string;
      /** For slow clients; absent: those of every server. */
      readonly limits?: ServerLimits;
    }
  | {
      readonly mode: 'socket';
      readonly appToken: string;
      /** Before a lost connection is replaced, in ms; absent: two seconds. */
      readonly reconnectDelay?: number;
    };

export interface Connection {
  readonly receiver: Receiver;
  /**
   * Starts accepting requests; resolves with the port in HTTP mode. In Socket Mode it resolves with the first connection
   * or refusal, and goes on trying.
   */
  open(): Promise<number | undefined>;
  close(): Promise<void>;
  /** Why requests cannot arrive; undefined when they can. */
  problem(): string | undefined;
}

interface ConnectionOptions {
  readonly apiUrl?: string;
  readonly network?: SlackNetwork;
  readonly logger: SlackLogger;
  readonly clock: Pick<Clock, 'sleep'>;
  /** Receives each failure to connect, and undefined with each connection. */
  readonly onFailure: (problem: string | undefined) => void;
}

/** Slack's requests have a few kilobytes. */
const BODY_LIMIT = 512 * 1_024;

export function openTransport(transport: Transport, options: ConnectionOptions): Connection {
  return transport.mode === 'http' ? overHttp(transport, options) : overSocket(transport, options);
}

function overHttp(
  { signingSecret, port, host, limits = SERVER_LIMITS }: Extract<Transport, { mode: 'http' }>,
  { logger }: Pick<ConnectionOptions, 'logger'>,
): Connection {
  const receiver = new HTTPReceiver({
    signingSecret,
    endpoints: HTTP_PATH,
    bodyLimit: BODY_LIMIT,
    logger,
    // Bolt's own handler logs an error for every request to another path.
    dispatchErrorHandler: ({ response }) => {
      response.writeHead(404).end();
    },
  });
  refuseReplays(receiver);
  let server: Server | undefined;
  return {
    receiver,
    async open() {
      const listening = await receiver.start({ port, host }, limits);
      limitConnections(listening);
      server = listening;
      return (listening.address() as AddressInfo).port;
    },
    async close() {
      if (server === undefined) return;
      const closed = receiver.stop();
      // Idle keep-alive connections would keep the server open.
      server.closeIdleConnections();
      server = undefined;
      await closed;
    },
    problem: () => (server?.listening ? undefined : NOT_CONNECTED),
  };
}

/** How far ahead of this machine's clock a request may be signed, in ms. Bolt refuses those older than five minutes. */
const MAX_AHEAD = 60_000;

/** How long a signature is remembered, in ms: longer than it is valid. */
const REPLAY_WINDOW = 7 * 60_000;

/**
 * Refuses requests signed for the future, which would be valid for longer than Bolt allows, and answers a request that
 * was received before without processing it again.
 */
function refuseReplays(receiver: HTTPReceiver): void {
  const received = new LRUCache<string, true>({ max: 100_000, ttl: REPLAY_WINDOW });
  const handle = receiver.requestListener;
  receiver.requestListener = (request, response) => {
    const signature = request.headers['x-slack-signature'];
    const signedAt = Number(request.headers['x-slack-request-timestamp']) * 1_000;
    const isReplay = typeof signature === 'string' && received.has(signature);
    if (isReplay || signedAt > Date.now() + MAX_AHEAD) {
      request.resume();
      response.writeHead(isReplay ? 200 : 401).end();
      return;
    }
    if (typeof signature === 'string') {
      received.set(signature, true);
      response.once('close', () => {
        // Only what was processed is remembered: a wrong signature takes no memory, and Slack may try again.
        if (!response.writableFinished || response.statusCode >= 300) received.delete(signature);
      });
    }
    handle(request, response);
  };
}

/**
 * Retries without end: with a finite number a network outage ends in an unhandled rejection and the process exits.
 * `retries: Infinity` would loop inside node-retry.
 */
const RECONNECT = {
  forever: true,
  retries: 10,
  minTimeout: 500,
  maxTimeout: 4_000,
  factor: 2,
  randomize: true,
} as const;

/**
 * How long socket-mode 3.1 waits before it replaces a connection that Slack wants refreshed (fixed in 3.2), in ms.
 * Commands in that time fail.
 */
const RECONNECT_DELAY = 2_000;

/**
 * How late a pong may be, in ms. It includes times in which this process is busy or has no CPU: a connection that is
 * closed for that reason fails the commands of the next seconds.
 */
const PONG_TIMEOUT = 10_000;

/** The library has one setting for both, and reads it again at each ping. */
function allowLatePongs(client: SocketModeReceiver['client']): void {
  client.on('connected', () => {
    const socket = client.websocket as { options: { clientPingTimeoutMS: number } } | undefined;
    if (socket !== undefined) socket.options.clientPingTimeoutMS = PONG_TIMEOUT;
  });
}

/** The pause before the next attempt to connect after a refusal: doubled with each, in ms. */
const REFUSAL_DELAY = { first: 5_000, longest: 60_000 } as const;

/**
 * Makes the client try until it succeeds. On its own it gives up when a token is refused or an answer is malformed, on a
 * reconnect by a rejection that nothing handles and that would end the process.
 */
function keepConnecting(
  client: SocketModeReceiver['client'],
  {
    clock,
    signal,
    onRefused,
  }: Pick<ConnectionOptions, 'clock'> & {
    readonly signal: () => AbortSignal;
    readonly onRefused: (error: unknown) => void;
  },
): void {
  const persistent =
    <T>(attempt: () => Promise<T>, whenEnded: T) =>
    async (): Promise<T> => {
      const ended = signal();
      for (let delay: number = REFUSAL_DELAY.first; ; delay = Math.min(2 * delay, REFUSAL_DELAY.longest)) {
        try {
          return await attempt();
        } catch (error) {
          if (ended.aborted) return whenEnded;
          onRefused(error);
          await clock.sleep(ms(delay), ended);
          if (ended.aborted) return whenEnded;
        }
      }
    };
  // Private, and repeated by the client through this property.
  const methods = client as unknown as { retrieveWSSURL: () => Promise<string> };
  methods.retrieveWSSURL = persistent(methods.retrieveWSSURL.bind(client), '');
  const start = client.start.bind(client);
  client.start = persistent(start, {} as Awaited<ReturnType<typeof start>>);
}

function overSocket(
  { appToken, reconnectDelay = RECONNECT_DELAY }: Extract<Transport, { mode: 'socket' }>,
  { apiUrl, network = DIRECT, logger, clock, onFailure }: ConnectionOptions,
): Connection {
  let ended = new AbortController();
  let refusal: string | undefined;
  let settle: () => void = () => undefined;
  const first = new Promise<void>((resolve) => {
    settle = resolve;
  });
  const receiver = new SocketModeReceiver({
    appToken,
    dispatcher: network.dispatcher,
    logger,
    clientPingTimeout: reconnectDelay,
    installerOptions: {
      // The client writes into this object. No headers: they would replace the app-level token with the bot token.
      clientOptions: {
        slackApiUrl: apiUrl,
        retryConfig: RECONNECT,
        // Retries go on after `disconnect`: once closed, a call stays pending and is not repeated.
        fetch: (url, init) =>
          ended.signal.aborted ? new Promise<Response>(() => undefined) : network.fetch(url, init),
      },
    },
  });
  const { client } = receiver;
  allowLatePongs(client);
  const note = (problem: string | undefined): void => {
    refusal = problem;
    onFailure(problem);
    settle();
  };
  client.on('connected', () => note(undefined));
  keepConnecting(client, {
    clock,
    signal: () => ended.signal,
    onRefused: (error) => note(refusalText(error)),
  });
  return {
    receiver,
    async open() {
      ended = new AbortController();
      void receiver.start();
      await first;
      return undefined;
    },
    async close() {
      ended.abort();
      settle();
      await receiver.stop();
    },
    problem: () => {
      if (refusal !== undefined) return refusal;
      return !ended.signal.aborted && client.websocket?.isActive() ? undefined : NOT_CONNECTED;
    },
  };
}

const NOT_CONNECTED = 'not connected';

function refusalText(error: unknown): string {
  const code: unknown = error instanceof WebAPIPlatformError ? error.data.error : undefined;
  if (typeof code === 'string' && /^[a-z0-9_.]{1,80}$/u.test(code)) return tokenProblem('app-level', code);
  return `Socket Mode could not be opened (${error instanceof Error ? error.name : 'unknown error'}).`;
}

const SETUP_ADVICE = {
  bot: 'Reinstall the Slack app and set SLACK_BOT_TOKEN to its Bot User OAuth Token.',
  'app-level': `Generate an app-level token with the scope ${APP_TOKEN_SCOPE} and set SLACK_APP_TOKEN to it.`,
} as const;

/** That Slack rejected a token, and which variable to set. */
export const tokenProblem = (token: keyof typeof SETUP_ADVICE, code: string): string =>
  `Slack rejected the ${token} token (${code}). ${SETUP_ADVICE[token]}`;
