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

/** The scripts as commands: key, prefix, then what the script says. */
type ScriptCommands = Readonly<
  Record<keyof typeof SCRIPTS, (key: string, ...args: readonly string[]) => Promise<unknown>>
>;

export type StoreClient = Redis & ScriptCommands;

/** Measured: a local command takes 0.1 ms, so this is an outage and no slowness. */
const COMMAND_TIMEOUT = 2_000;
const CONNECT_TIMEOUT = 5_000;
const MAX_RECONNECT_DELAY = 2_000;

const ADVICE: Readonly<Partial<Record<UpstreamErrorCode, string>>> = {
  'not-authenticated': 'Look at the user and the password in REDIS_URL.',
  timeout: 'Look whether Redis is overloaded or stopped.',
};

function codeOf(message: string): UpstreamErrorCode {
  if (/^(NOAUTH|WRONGPASS|NOPERM)\b/.test(message)) return 'not-authenticated';
  if (/timed? ?out/i.test(message)) return 'timeout';
  if (/^(WRONGTYPE|ERR)\b/.test(message)) return 'bad-answer';
  return 'unavailable';
}

/** Secrets of a URL, which no message may show. */
function secretsOf(url: string): readonly string[] {
  try {
    const { password, username } = new URL(url);
    return [password, decodeURIComponent(password), username].filter((secret) => secret.length > 2);
  } catch {
    return [];
  }
}

/**
 * Turns ioredis's errors into ours. Theirs are not passed on as the cause: they carry the command with its arguments,
 * which for AUTH is the password.
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
      advice: ADVICE[code] ?? 'Look whether Redis runs and REDIS_URL is right.',
    });
  };
}

function createClient(options: ConnectionOptions): StoreClient {
  const client = new Redis(options.url, {
    lazyConnect: true,
    connectTimeout: options.connectTimeout ?? CONNECT_TIMEOUT,
    // Without it a command waits for ever on a server that accepts and is silent.
    commandTimeout: options.commandTimeout ?? COMMAND_TIMEOUT,
    // A command that waits in a queue through an outage is carried out after its caller was notified that it failed.
    enableOfflineQueue: false,
    // A command in flight when the connection breaks would be carried out twice.
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 1,
    retryStrategy: (attempt) => Math.min(50 * 2 ** Math.min(attempt, 10), MAX_RECONNECT_DELAY),
  });
  for (const [name, lua] of Object.entries(SCRIPTS)) client.defineCommand(name, { numberOfKeys: 1, lua });
  return client as StoreClient;
}

/** Writes one line when the connection is lost and one when it is back, not one for each attempt in between. */
function noteOutages(client: StoreClient, logger: Logger | undefined): void {
  let isDown = false;
  client.on('reconnecting', () => {
    if (!isDown) logger?.warn('the connection to Redis is lost');
    isDown = true;
  });
  client.on('ready', () => {
    if (isDown) logger?.info('connected to Redis again');
    isDown = false;
  });
}

/**
 * Connects, and goes on reconnecting whenever the connection is lost.
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
    // `connect` itself says only that the connection is closed; why it is comes as an event.
    throw translate(lastError ?? error);
  }
  noteOutages(client, options.logger);
  return client;
}
