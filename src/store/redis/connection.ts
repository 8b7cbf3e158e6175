import { Redis } from 'ioredis';
import { UpstreamError, type UpstreamErrorCode } from '../../lib/errors.ts';
import type { Logger } from '../../lib/logger.ts';
import { SCRIPTS } from './scripts.ts';

export interface ConnectionOptions {
  /** `redis://[user:password@]host[:port][/db]`, or `rediss://` for TLS. */
  readonly url: string;
  readonly logger?: Logger;
  /** How long one command may take, in milliseconds. */
  readonly commandTimeout?: number;
  /** How long the first connection may take, in milliseconds. */
  readonly connectTimeout?: number;
}

/** The scripts as commands: key, prefix, then the script's arguments. */
type ScriptCommands = Readonly<
  Record<keyof typeof SCRIPTS, (key: string, ...args: readonly string[]) => Promise<unknown>>
>;

export type StoreClient = Redis & ScriptCommands;

/** Measured: a local command takes 0.1 ms, so this long is an outage. */
const COMMAND_TIMEOUT = 2_000;
const CONNECT_TIMEOUT = 5_000;
const MAX_RECONNECT_DELAY = 2_000;

const ADVICE: Readonly<Partial<Record<UpstreamErrorCode, string>>> = {
  'not-authenticated': 'Check the user and the password in REDIS_URL.',
  timeout: 'Check whether Redis is overloaded or stopped.',
};

function codeOf(message: string): UpstreamErrorCode {
  if (/^(NOAUTH|WRONGPASS|NOPERM)\b/.test(message)) return 'not-authenticated';
  if (/timed? ?out/i.test(message)) return 'timeout';
  if (/^(WRONGTYPE|ERR)\b/.test(message)) return 'bad-answer';
  return 'unavailable';
}

/** Secrets in a URL, masked in every message. */
function secretsOf(url: string): readonly string[] {
  try {
    const { password, username } = new URL(url);
    return [password, decodeURIComponent(password), username].filter((secret) => secret.length > 2);
  } catch {
    return [];
  }
}

/**
 * Converts ioredis's errors. The original is not kept as the cause: it holds the command with its arguments, which for
 * AUTH is the password.
 */
export function createErrorTranslator(url: string): (error: unknown) => UpstreamError {
  const secrets = secretsOf(url);
  return (error) => {
    if (error instanceof UpstreamError) return error;
    const raw = error instanceof Error ? error.message : String(error);
    const message = secrets.reduce((text, secret) => text.replaceAll(secret, '***'), raw);
    const code = codeOf(raw);
    return new UpstreamError({
      system: 'store',
      code,
      message: `Redis: ${message}`,
      advice: ADVICE[code] ?? 'Check that Redis is running and that REDIS_URL is correct.',
    });
  };
}

function createClient(options: ConnectionOptions): StoreClient {
  const client = new Redis(options.url, {
    lazyConnect: true,
    connectTimeout: options.connectTimeout ?? CONNECT_TIMEOUT,
    // Without it a command waits for ever on a server that accepts connections and does not answer.
    commandTimeout: options.commandTimeout ?? COMMAND_TIMEOUT,
    // A queued command would run after the outage, when its caller already has an error.
    enableOfflineQueue: false,
    // A command in flight when the connection breaks would run twice.
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 1,
    retryStrategy: (attempt) => Math.min(50 * 2 ** Math.min(attempt, 10), MAX_RECONNECT_DELAY),
  });
  for (const [name, lua] of Object.entries(SCRIPTS)) client.defineCommand(name, { numberOfKeys: 1, lua });
  return client as StoreClient;
}

/** Logs one line when the connection is lost and one when it is back, not one per attempt. */
function logOutages(client: StoreClient, logger: Logger | undefined): void {
  let isDown = false;
  client.on('reconnecting', () => {
    if (!isDown) logger?.warn('connection to Redis lost');
    isDown = true;
  });
  client.on('ready', () => {
    if (isDown) logger?.info('connection to Redis restored');
    isDown = false;
  });
}

/**
 * Connects, and reconnects whenever the connection is lost.
 * @throws UpstreamError when the first connection cannot be made.
 */
export async function connect(options: ConnectionOptions): Promise<StoreClient> {
  const translate = createErrorTranslator(options.url);
  if (!/^rediss?:\/\//.test(options.url)) {
    throw new UpstreamError({
      system: 'store',
      code: 'bad-request',
      message: 'The address of Redis does not start with redis:// or rediss://.',
      advice: 'Write REDIS_URL as redis://[user:password@]host[:port][/db].',
    });
  }
  const client = createClient(options);
  let lastError: Error | undefined;
  client.on('error', (error) => {
    lastError = error;
  });
  try {
    await client.connect();
  } catch (error) {
    client.disconnect();
    // `connect` rejects with "Connection is closed"; the reason is in the error event.
    throw translate(lastError ?? error);
  }
  logOutages(client, options.logger);
  return client;
}
