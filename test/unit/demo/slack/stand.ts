import { App, HTTPReceiver, LogLevel, SocketModeReceiver } from '@slack/bolt';
import { type ChatPostMessageResponse, WebClient, type WebClientOptions } from '@slack/web-api';
import {
  createSlackServer,
  type SlackServer,
  type SlackServerOptions,
} from '../../../../demo/slack/server.ts';
import { DEFAULT_APP, DEFAULT_SIGNING_SECRET, DEFAULT_TOKENS } from '../../../../demo/slack/state.ts';
import {
  createSlackWorkspace,
  type SlackWorkspace,
  type SlackWorkspaceOptions,
} from '../../../../demo/slack/workspace.ts';
import { epochMs, MINUTE, type Milliseconds, ms } from '../../../../src/lib/units.ts';

export const CHANNEL = 'C0INCIDENTS';
export const ALICE = 'U0ALICE0000';
export const BOB = 'U0BOB000000';
const START = epochMs(Date.UTC(2026, 10, 20, 14, 0, 0));

/** A clock that moves when told. */
export function createClock(start = START) {
  let now = start as number;
  return {
    now: () => epochMs(now),
    advance: (by: Milliseconds | number) => {
      now += by;
    },
  };
}

export interface Stand {
  readonly url: string;
  readonly workspace: SlackWorkspace;
  readonly server: SlackServer;
  readonly clock: ReturnType<typeof createClock>;
  readonly client: WebClient;
  /** Another client of the same server. */
  readonly clientWith: (token: string | undefined, options?: WebClientOptions) => WebClient;
  /** Runs when the stand is closed, the last added first. */
  readonly onClose: (end: () => unknown) => void;
  readonly close: () => Promise<void>;
}

const silent = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  setLevel: () => undefined,
  getLevel: () => LogLevel.ERROR,
  setName: () => undefined,
};

/** Instead of `token`, with which Bolt calls auth.test in the background: a call that may outlive the stand. */
const authorize = () =>
  Promise.resolve({
    botToken: DEFAULT_TOKENS.bot,
    botId: DEFAULT_APP.botId,
    botUserId: DEFAULT_APP.botUserId,
  });

export interface StandOptions {
  readonly workspace?: Partial<SlackWorkspaceOptions>;
  readonly server?: Partial<SlackServerOptions>;
}

/** A workspace on a free port, with a real client whose retries are off so that each call is one request. */
export async function startSlack(options: StandOptions = {}): Promise<Stand> {
  const clock = createClock();
  const workspace = createSlackWorkspace({ clock, commands: ['/trace', '/slo'], ...options.workspace });
  const server = createSlackServer({ workspace, acknowledgeWithin: ms(10_000), ...options.server });
  const { url } = await server.listen();
  const ends: (() => unknown)[] = [() => server.close()];
  const clientWith: Stand['clientWith'] = (token, more = {}) =>
    new WebClient(token, {
      slackApiUrl: `${url}/api/`,
      retryConfig: { retries: 0 },
      rejectRateLimitedCalls: true,
      logger: silent,
      ...more,
    });
  return {
    url,
    workspace,
    server,
    clock,
    client: clientWith(DEFAULT_TOKENS.bot),
    clientWith,
    onClose: (end) => ends.push(end),
    close: async () => {
      for (const end of ends.reverse()) await Promise.resolve(end());
    },
  };
}

/** A Bolt app on signed HTTP, connected to the stand. Register listeners in `setUp`. */
export async function startHttpApp(
  stand: Stand,
  setUp: (app: App) => void,
  options: { signingSecret?: string; unhandledAfter?: number } = {},
): Promise<string> {
  const receiver = new HTTPReceiver({
    signingSecret: options.signingSecret ?? DEFAULT_SIGNING_SECRET,
    logger: silent,
    unhandledRequestTimeoutMillis: options.unhandledAfter ?? 60_000,
  });
  const app = new App({
    receiver,
    authorize,
    logger: silent,
    clientOptions: { slackApiUrl: `${stand.url}/api/`, retryConfig: { retries: 0 } },
  });
  app.error(() => Promise.resolve());
  setUp(app);
  const http = await receiver.start({ port: 0, host: '127.0.0.1' } as unknown as number);
  const { port } = http.address() as { port: number };
  stand.onClose(() => {
    http.closeAllConnections();
    return receiver.stop();
  });
  const requestUrl = `http://127.0.0.1:${port}/slack/events`;
  stand.server.deliverTo({ mode: 'http', requestUrl });
  return requestUrl;
}

/** A Bolt app on Socket Mode, connected to the stand. */
export async function startSocketApp(
  stand: Stand,
  setUp: (app: App) => void,
  options: { reconnectAfter?: Milliseconds } = {},
): Promise<SocketModeReceiver> {
  const receiver = new SocketModeReceiver({
    appToken: DEFAULT_TOKENS.app,
    logger: silent,
    // The gap before a reconnect is this long, and so late may a pong be: a busy machine is no reason for one.
    clientPingTimeout: options.reconnectAfter ?? MINUTE,
    installerOptions: {
      clientOptions: {
        slackApiUrl: `${stand.url}/api/`,
        retryConfig: { forever: true, retries: 10, minTimeout: 20, maxTimeout: 50, factor: 2 },
      },
    },
  });
  const app = new App({
    receiver,
    authorize,
    logger: silent,
    clientOptions: { slackApiUrl: `${stand.url}/api/`, retryConfig: { retries: 0 } },
  });
  app.error(() => Promise.resolve());
  setUp(app);
  stand.server.deliverTo({ mode: 'socket' });
  await receiver.start();
  stand.onClose(() => receiver.stop());
  return receiver;
}

/** Shorter than a test may take, so that its failure says what it waited for. */
const GIVE_UP_MS = 50_000;

/** Resolves once `condition` holds, looking again every few milliseconds. */
export async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + GIVE_UP_MS;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`it did not come true: ${condition.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** The name of Slack's error with which the call was refused. */
export async function refusal(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => 'accepted',
    (error: unknown) => (error as { data?: { error?: string } }).data?.error ?? String(error),
  );
}

export const seconds = (count: number): Milliseconds => ms(count * 1_000);
export const minutes = (count: number): Milliseconds => ms(count * 60_000);

/** chat.postMessage on any client. */
export const send = (
  client: WebClient,
  args: Record<string, unknown> & { channel: string },
): Promise<ChatPostMessageResponse> => client.apiCall('chat.postMessage', args);
