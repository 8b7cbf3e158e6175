import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { HTTPReceiver, type Receiver, type Logger as SlackLogger, SocketModeReceiver } from '@slack/bolt';
import { WebAPIPlatformError } from '@slack/web-api';
import { APP_TOKEN_SCOPE, HTTP_PATH } from './scopes.ts';

/** How Slack reaches the bot. */
export type Transport =
  | {
      readonly mode: 'http';
      readonly signingSecret: string;
      readonly port: number;
      /** All interfaces unless notified. */
      readonly host?: string;
    }
  | { readonly mode: 'socket'; readonly appToken: string };

export interface Connection {
  readonly receiver: Receiver;
  /** Begins to take requests; resolves with the port in HTTP mode. */
  open(): Promise<number | undefined>;
  close(): Promise<void>;
  /** Whether requests can arrive now. */
  isOpen(): boolean;
}

/** Slack's own bodies are a few kilobytes. */
const BODY_LIMIT = 512 * 1_024;

export function openTransport(
  transport: Transport,
  options: { apiUrl?: string; logger: SlackLogger },
): Connection {
  return transport.mode === 'http' ? overHttp(transport, options) : overSocket(transport, options);
}

function overHttp(
  { signingSecret, port, host }: Extract<Transport, { mode: 'http' }>,
  { logger }: { logger: SlackLogger },
): Connection {
  const receiver = new HTTPReceiver({
    signingSecret,
    endpoints: HTTP_PATH,
    bodyLimit: BODY_LIMIT,
    logger,
    // Anything else than the endpoint: a plain 404, where Bolt's own handler writes an error for every scanner.
    dispatchErrorHandler: ({ response }) => {
      response.writeHead(404).end();
    },
  });
  let server: Server | undefined;
  return {
    receiver,
    async open() {
      const listening = await receiver.start({ port, host });
      server = listening;
      return (listening.address() as AddressInfo).port;
    },
    async close() {
      if (server === undefined) return;
      const closed = receiver.stop();
      // Keep-alive connections that carry no request would hold the server open.
      server.closeIdleConnections();
      server = undefined;
      await closed;
    },
    isOpen: () => server?.listening ?? false,
  };
}

/**
 * Retries for ever: with any finite number a network outage ends in a rejection that nobody can catch, and the
 * process dies. `forever` with a cap, since `retries: Infinity` never ends inside node-retry.
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
 * After Slack asks for a new connection, socket-mode 3.1 waits this long before it opens one (fixed in 3.2), and
 * commands in that gap fail.
 */
const RECONNECT_AFTER = 2_000;

/**
 * How late a pong may be, in ms. The time in which the program itself stands still counts as well: for want of a
 * processor, or while it works on a large trace. A socket given up for that fails the commands of the next seconds.
 */
const PONG_WITHIN = 10_000;

/** The library has one number for both, and reads this one anew at each ping. */
function allowLatePongs(client: SocketModeReceiver['client']): void {
  client.on('connected', () => {
    const socket = client.websocket as { options: { clientPingTimeoutMS: number } } | undefined;
    if (socket !== undefined) socket.options.clientPingTimeoutMS = PONG_WITHIN;
  });
}

function overSocket(
  { appToken }: Extract<Transport, { mode: 'socket' }>,
  { apiUrl, logger }: { apiUrl?: string; logger: SlackLogger },
): Connection {
  let isClosed = false;
  const receiver = new SocketModeReceiver({
    appToken,
    logger,
    clientPingTimeout: RECONNECT_AFTER,
    installerOptions: {
      // Its own object: the client writes into it. No headers: the bot's token would take the place of the app's.
      clientOptions: {
        slackApiUrl: apiUrl,
        retryConfig: RECONNECT,
        // Retries know no end, not even `disconnect`: once closed, a call is never answered and so never repeated.
        fetch: (url, init) => (isClosed ? new Promise<Response>(() => undefined) : fetch(url, init)),
      },
    },
  });
  allowLatePongs(receiver.client);
  return {
    receiver,
    async open() {
      isClosed = false;
      await receiver.start().catch((error: unknown) => {
        throw error instanceof WebAPIPlatformError ? new SlackSetupError(error.data.error, 'app') : error;
      });
      return undefined;
    },
    async close() {
      isClosed = true;
      await receiver.stop();
    },
    isOpen: () => !isClosed && (receiver.client.websocket?.isActive() ?? false),
  };
}

const REMEDIES = {
  bot: 'install the app again and set SLACK_BOT_TOKEN to its new token',
  app: `make an app-level token with the scope ${APP_TOKEN_SCOPE} and set SLACK_APP_TOKEN to it`,
} as const;

/** Slack does not take a token: only a person can mend that. */
export class SlackSetupError extends Error {
  override readonly name = 'SlackSetupError';
  /** Slack's word for it. */
  readonly code: string;
  constructor(code: string, token: 'bot' | 'app') {
    super(`Slack refuses the ${token} token (${code}): ${REMEDIES[token]}`);
    this.code = code;
  }
}
