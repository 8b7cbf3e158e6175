import { Cluster, type ClusterOptions, Redis, type RedisOptions } from 'ioredis';
import { UpstreamError, type UpstreamErrorCode } from '../../lib/errors.ts';
import type { Logger } from '../../lib/logger.ts';
import { parseRedisAddress, type RedisAddress } from '../../settings/values.ts';
import { SCRIPTS } from './scripts.ts';

export interface ConnectionOptions {
  /** One server, Sentinels or a Cluster; see `parseRedisAddress`. */
  readonly url: string;
  readonly logger?: Logger;
  /** Limit of one command in milliseconds. */
  readonly commandTimeout?: number;
  /** Limit of the first connection in milliseconds. */
  readonly connectTimeout?: number;
}

/** The scripts as commands: key, prefix, then the script's arguments. */
type ScriptCommands = Readonly<
  Record<keyof typeof SCRIPTS, (key: string, ...args: readonly string[]) => Promise<unknown>>
>;

/** The commands that a server and a Cluster have in common. */
export type StoreClient = ScriptCommands &
  Pick<
    Redis,
    | 'connect'
    | 'disconnect'
    | 'get'
    | 'hget'
    | 'on'
    | 'quit'
    | 'sadd'
    | 'set'
    | 'smembers'
    | 'srem'
    | 'status'
    | 'time'
    | 'zcard'
    | 'zrange'
  >;

/** Measured: a local command takes 0.1 ms, so this long is an outage. */
const COMMAND_TIMEOUT = 2_000;
const CONNECT_TIMEOUT = 5_000;
const MAX_RECONNECT_DELAY = 2_000;

/**
 * Errors of a server that is not the master any more or not ready: another server, or the same one later, accepts the
 * command. Inside a script Redis 6 puts them after its own text.
 */
const WRONG_SERVER = /\b(?:READONLY|LOADING|MASTERDOWN|CLUSTERDOWN)\b/;

/** Errors of a server that refuses writes. */
const WRITE_REFUSED = /\b(?:READONLY|LOADING|MASTERDOWN|CLUSTERDOWN|OOM|MISCONF|NOREPLICAS)\b/;

/** Whether an error means that Redis refuses all writes, and not only this one. */
export const refusesWrites = (error: unknown): boolean =>
  error instanceof Error && WRITE_REFUSED.test(error.message);

const ADVICE: Readonly<Partial<Record<UpstreamErrorCode, string>>> = {
  'not-authenticated': 'Check the user and the password in REDIS_URL.',
  timeout: 'Check whether Redis is overloaded or stopped.',
};

function codeOf(message: string): UpstreamErrorCode {
  if (/^(NOAUTH|WRONGPASS|NOPERM)\b/.test(message)) return 'not-authenticated';
  if (/timed? ?out/i.test(message)) return 'timeout';
  if (/^(WRONGTYPE|ERR)\b/.test(message) && !WRITE_REFUSED.test(message)) return 'bad-answer';
  return 'unavailable';
}

function adviceFor(message: string, code: UpstreamErrorCode): string {
  if (/\bOOM\b/.test(message)) return 'Check maxmemory of Redis: it is full.';
  if (WRITE_REFUSED.test(message))
    return 'Check which server of Redis is the master, and whether it accepts writes.';
  return ADVICE[code] ?? 'Check that Redis is running and that REDIS_URL is correct.';
}

/** Secrets in an address, masked in every message. */
function secretsOf(url: string): readonly string[] {
  const { username, password, sentinelPassword } = parseRedisAddress(url) ?? {};
  return [password, sentinelPassword, username]
    .filter((secret) => secret !== undefined)
    .flatMap((secret) => [encodeURIComponent(secret), secret])
    .filter((secret) => secret.length > 2);
}

/** The message of an error; a Cluster's error holds the reason in that of its last node. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const last: unknown = 'lastNodeError' in error ? error.lastNodeError : undefined;
  return last instanceof Error ? `${error.message} ${last.message}` : error.message;
}

/** What ioredis says of a command that it cannot send. */
const NOT_CONNECTED = /^(?:Stream isn't writeable|Connection is closed)/;

const notConnected = (): UpstreamError =>
  new UpstreamError({
    system: 'store',
    code: 'unavailable',
    message: 'Redis is not connected.',
    advice: 'Check that Redis is running and that REDIS_URL is correct.',
  });

/**
 * Converts ioredis's errors. The original is not kept as the cause: it holds the command with its arguments, which for
 * AUTH is the password.
 */
export function createErrorTranslator(url: string): (error: unknown) => UpstreamError {
  const secrets = secretsOf(url);
  return (error) => {
    if (error instanceof UpstreamError) return error;
    const raw = messageOf(error);
    if (NOT_CONNECTED.test(raw)) return notConnected();
    const message = secrets.reduce((text, secret) => text.replaceAll(secret, '***'), raw);
    const code = codeOf(raw);
    return new UpstreamError({
      system: 'store',
      code,
      message: `Redis: ${message}`,
      advice: adviceFor(raw, code),
    });
  };
}

const reconnectDelay = (attempt: number): number =>
  Math.min(50 * 2 ** Math.min(attempt, 10), MAX_RECONNECT_DELAY);

function createCluster({ hosts }: RedisAddress, redisOptions: RedisOptions): Cluster {
  const options: ClusterOptions = {
    lazyConnect: true,
    enableOfflineQueue: false,
    clusterRetryStrategy: reconnectDelay,
    // A command in flight when a node fails would run twice.
    retryDelayOnFailover: 0,
    // Node names in a certificate need the name and not its address.
    ...(redisOptions.tls === undefined ? {} : { dnsLookup: (name, found) => found(null, name) }),
    redisOptions,
  };
  return new Cluster([...hosts], options);
}

function createClient(address: RedisAddress, options: ConnectionOptions): StoreClient {
  const common: RedisOptions = {
    lazyConnect: true,
    username: address.username,
    password: address.password,
    tls: address.isTls ? {} : undefined,
    connectTimeout: options.connectTimeout ?? CONNECT_TIMEOUT,
    // Without it a command never ends on a server that accepts connections and does not answer.
    commandTimeout: options.commandTimeout ?? COMMAND_TIMEOUT,
    // A queued command would run after the outage, when its caller already has an error.
    enableOfflineQueue: false,
    // A command in flight when the connection breaks would run twice.
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 1,
    retryStrategy: reconnectDelay,
    // 1: reconnects without sending the command again.
    reconnectOnError: ({ message }) => (WRONG_SERVER.test(message) ? 1 : false),
  };
  const client = clientOf(address, options.url, common);
  for (const [name, lua] of Object.entries(SCRIPTS)) client.defineCommand(name, { numberOfKeys: 1, lua });
  return client as unknown as StoreClient;
}

function clientOf(address: RedisAddress, url: string, common: RedisOptions): Redis | Cluster {
  switch (address.kind) {
    case 'server':
      return new Redis(url, common);
    case 'cluster': {
      const { lazyConnect: _lazy, enableOfflineQueue: _queue, retryStrategy: _retry, ...ofNodes } = common;
      return createCluster(address, ofNodes);
    }
    case 'sentinel':
      return new Redis({
        ...common,
        db: address.database,
        sentinels: [...address.hosts],
        name: address.master,
        sentinelPassword: address.sentinelPassword,
        enableTLSForSentinelMode: address.isTls,
        sentinelTLS: address.isTls ? {} : undefined,
        sentinelRetryStrategy: reconnectDelay,
        // Reconnects when the Sentinels report another master.
        failoverDetector: true,
      });
  }
}

/** Logs one line when the connection is lost and one when it is back, not one per attempt. */
function logOutages(client: StoreClient, logger: Logger | undefined): void {
  let isDown = client.status !== 'ready';
  client.on('reconnecting', () => {
    if (!isDown) logger?.warn('connection to Redis lost');
    isDown = true;
  });
  client.on('ready', () => {
    if (isDown) logger?.info('connection to Redis restored');
    isDown = false;
  });
}

/** Ends the wait for a first connection: with Sentinels that cannot be reached it would last until they can. */
const FIRST_CONNECTION_LIMIT = 10_000;

async function firstConnection(client: StoreClient): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('connect ETIMEDOUT')), FIRST_CONNECTION_LIMIT);
  });
  await Promise.race([client.connect(), limit]).finally(() => clearTimeout(timer));
}

/** A client, and why its first connection failed. */
interface FirstConnection {
  readonly client: StoreClient;
  readonly failure?: UpstreamError;
}

/** @throws UpstreamError when the address is invalid. */
async function openConnection(options: ConnectionOptions): Promise<FirstConnection> {
  const address = parseRedisAddress(options.url);
  if (address === undefined) {
    throw new UpstreamError({
      system: 'store',
      code: 'bad-request',
      message: 'The address of Redis is invalid.',
      advice: 'Set REDIS_URL to redis://[user:password@]host[:port][/db], or to Sentinels or a Cluster.',
    });
  }
  const client = createClient(address, options);
  let lastError: Error | undefined;
  client.on('error', (error: Error) => {
    lastError = error;
  });
  try {
    await firstConnection(client);
    return { client };
  } catch (error) {
    // `connect` rejects with "Connection is closed"; the reason is in the error event.
    return { client, failure: createErrorTranslator(options.url)(lastError ?? error) };
  }
}

/**
 * Connects, and reconnects whenever the connection is lost or the server is not the master any more. A server that cannot
 * be reached is logged, and connected to when it can.
 * @throws UpstreamError when the address or the credentials are wrong.
 */
export async function connect(options: ConnectionOptions): Promise<StoreClient> {
  const { logger } = options;
  const { client, failure } = await openConnection(options);
  if (failure?.retryable === false) {
    client.disconnect();
    throw failure;
  }
  if (failure !== undefined) {
    const { message: reason, advice } = failure;
    logger?.error('Redis cannot be reached and is tried again', { reason, advice });
  }
  logOutages(client, logger);
  return client;
}

/** One server of a Redis. */
export interface RedisServer {
  info(): Promise<string>;
  config(operation: 'GET', name: string): Promise<unknown>;
}

/**
 * Runs work on the servers that take writes: one, or the masters of a Cluster.
 * @throws UpstreamError when none can be reached.
 */
export async function onServers<T>(
  options: ConnectionOptions,
  work: (servers: readonly RedisServer[]) => Promise<T>,
): Promise<T> {
  const { client, failure } = await openConnection(options);
  try {
    if (failure !== undefined) throw failure;
    const servers = client instanceof Cluster ? client.nodes('master') : [client as unknown as Redis];
    return await work(servers);
  } catch (error) {
    throw createErrorTranslator(options.url)(error);
  } finally {
    client.disconnect();
  }
}
