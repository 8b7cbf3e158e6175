import { hostname } from 'node:os';
import type { RuleGroupState } from '../../alerts/alert.ts';
import { decodeRecord, encodeRecord, requireKnownVersion } from '../../alerts/record-codec.ts';
import { UpstreamError } from '../../lib/errors.ts';
import type { Logger } from '../../lib/logger.ts';
import { after, DAY, epochMs } from '../../lib/units.ts';
import type { MessageRef, OutboxEntry, Store, TakenEntry } from '../../messages/store.ts';
import { createActions } from './actions.ts';
import {
  type ConnectionOptions,
  connect,
  createErrorTranslator,
  refusesWrites,
  type StoreClient,
} from './connection.ts';
import { type ReplicaRules, watchReplicas } from './replicas.ts';

export interface RedisStoreOptions extends ConnectionOptions {
  /** Begins every key (`REDIS_PREFIX`): the same for all replicas of an installation, different for each installation. */
  readonly prefix: string;
  /** The rules in use, to detect another installation with the same prefix; not checked when absent. */
  readonly rules?: () => ReplicaRules;
  /** How long the rules of replicas may differ, as during a rolling update, in ms. */
  readonly tolerance?: number;
  /** The name of this replica; its host and process when absent. */
  readonly replica?: string;
}

export interface RedisStore extends Store {
  /** Why the store cannot be used as it should: Redis refuses writes, or another installation has the same prefix. */
  problem(): string | undefined;
  /** Announces this replica to the others, which otherwise happens every 30 s. */
  announce(): Promise<void>;
}

/** Format of everything that is stored. */
const STORE_VERSION = 2;

/** A message's reference is kept this long after the last edit. */
const REF_RETENTION = 90 * DAY;

interface RedisContext {
  readonly client: StoreClient;
  /** `{PREFIX}:`. */
  readonly prefix: string;
  /** Identifies this process in claims. */
  readonly replica: string;
  /** The key that routes a script to the prefix's node. */
  readonly routing: string;
}

/** The fields of an entry that do not change while it waits. */
type Payload = Omit<OutboxEntry, 'notBefore' | 'attempt' | 'unknownSince'>;

/** An optional argument: scripts have no undefined. */
const optional = (value: number | undefined): string => (value === undefined ? '' : String(value));

/** The arguments of one entry, as the scripts read them. */
function entryArguments(entry: OutboxEntry): readonly string[] {
  const { notBefore, attempt: _attempt, unknownSince, ...payload } = entry;
  return [
    entry.id,
    entry.alertId,
    entry.kind,
    String(entry.createdAt),
    String(notBefore),
    optional(unknownSince),
    encodeRecord(payload satisfies Payload),
  ];
}

function isTextList(answer: unknown): answer is readonly string[] {
  return Array.isArray(answer) && answer.every((item) => typeof item === 'string');
}

function unexpected(what: string): UpstreamError {
  return new UpstreamError({
    system: 'store',
    code: 'bad-answer',
    message: `Redis returned an unexpected answer (${what}).`,
    advice: 'Check whether a proxy in front of Redis changes its answers.',
  });
}

async function checkVersion({ client, prefix }: RedisContext): Promise<void> {
  const key = `${prefix}version`;
  await client.set(key, String(STORE_VERSION), 'NX');
  requireKnownVersion((await client.get(key)) ?? '', {
    known: STORE_VERSION,
    where: `The data in Redis under ${prefix}`,
  });
}

async function claimTick(context: RedisContext, claim: Parameters<Store['claimTick']>[0]): Promise<boolean> {
  const key = `${context.prefix}tick:${claim.group}:${claim.evalTime}`;
  return (await context.client.set(key, context.replica, 'PX', claim.ttl, 'NX')) === 'OK';
}

async function loadGroup(
  { client, prefix }: RedisContext,
  group: string,
): Promise<RuleGroupState | undefined> {
  const text = await client.hget(`${prefix}group:${group}`, 'state');
  return text === null ? undefined : (decodeRecord(text) as RuleGroupState);
}

async function applyEvaluation(
  { client, prefix, routing }: RedisContext,
  { group, state, entries }: Parameters<Store['applyEvaluation']>[0],
): Promise<'applied' | 'stale'> {
  const args = [
    prefix,
    group,
    String(state.evalTime),
    encodeRecord(state),
    ...entries.flatMap(entryArguments),
  ];
  return (await client.storeApply(routing, ...args)) === 1 ? 'applied' : 'stale';
}

async function takeEntry(
  { client, prefix, routing }: RedisContext,
  { now, lease }: Parameters<Store['takeEntry']>[0],
): Promise<TakenEntry | undefined> {
  const leasedUntil = after(now, lease);
  const answer = await client.storeTake(routing, prefix, String(now), String(leasedUntil));
  if (answer === null) return undefined;
  if (!isTextList(answer)) throw unexpected('taking an entry');
  const [payload = '', notBefore, attempt, unknownSince = ''] = answer;
  return {
    ...(decodeRecord(payload) as Payload),
    notBefore: epochMs(Number(notBefore)),
    attempt: Number(attempt),
    unknownSince: unknownSince === '' ? undefined : epochMs(Number(unknownSince)),
    leasedUntil,
  };
}

async function completeEntry(
  { client, prefix, routing }: RedisContext,
  { id, ref, follow = [] }: Parameters<Store['completeEntry']>[0],
): Promise<void> {
  const reference = ref === undefined ? ['', ''] : [ref.alertId, encodeRecord(ref)];
  const entries = follow.flatMap(entryArguments);
  await client.storeComplete(routing, prefix, id, ...reference, String(REF_RETENTION), ...entries);
}

async function postponeEntry(
  { client, prefix, routing }: RedisContext,
  { id, notBefore, unknownSince, attempt }: Parameters<Store['postponeEntry']>[0],
): Promise<void> {
  const args = [String(notBefore), optional(unknownSince), optional(attempt)];
  await client.storePostpone(routing, prefix, id, ...args);
}

async function outbox({ client, prefix }: RedisContext): ReturnType<Store['outbox']> {
  const key = `${prefix}created`;
  const [depth, oldest] = await Promise.all([client.zcard(key), client.zrange(key, '0', '0', 'WITHSCORES')]);
  const oldestAt = oldest[1];
  return { depth, oldestAt: oldestAt === undefined ? undefined : epochMs(Number(oldestAt)) };
}

async function messageRef(
  { client, prefix }: RedisContext,
  alertId: string,
): Promise<MessageRef | undefined> {
  const text = await client.get(`${prefix}ref:${alertId}`);
  return text === null ? undefined : (decodeRecord(text) as MessageRef);
}

async function close({ client }: RedisContext): Promise<void> {
  if (client.status === 'end') return;
  try {
    await client.quit();
  } catch {
    // The server is unreachable.
    client.disconnect();
  }
}

/** Runs operations with converted errors, and notes when Redis refuses writes and when it accepts them again. */
function createGuards(url: string, logger: Logger | undefined) {
  const translate = createErrorTranslator(url);
  let refusal: string | undefined;
  const guarded = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      const translated = translate(error);
      if (refusesWrites(error)) {
        const { message: reason, advice } = translated;
        if (refusal === undefined) logger?.error('Redis refuses writes', { reason, advice });
        refusal = reason;
      }
      throw translated;
    }
  };
  const writing = async <T>(work: () => Promise<T>): Promise<T> => {
    const done = await guarded(work);
    if (refusal !== undefined) logger?.info('Redis accepts writes again');
    refusal = undefined;
    return done;
  };
  return { guarded, writing, refusal: () => refusal };
}

/**
 * Opens the store for several replicas: Redis 6.2 or later, one server, Sentinels or a Cluster. The server's settings
 * (`appendfsync`, replicas) decide what is durable when a promise resolves. A command without an answer is an error with
 * an unknown outcome; every operation may be repeated.
 * @throws UpstreamError of the store; no message contains a secret of the URL.
 */
export async function openRedisStore(options: RedisStoreOptions): Promise<RedisStore> {
  const { logger, rules, replica = `${hostname()}:${process.pid}` } = options;
  const prefix = `{${options.prefix}}:`;
  const client = await connect(options);
  const context: RedisContext = { client, prefix, replica, routing: `${prefix}seq` };
  const { guarded, writing, refusal } = createGuards(options.url, logger);
  const replicas = rules && watchReplicas({ ...context, rules, logger, tolerance: options.tolerance });
  try {
    await guarded(() => checkVersion(context));
    await guarded(async () => replicas?.announce());
  } catch (error) {
    replicas?.stop();
    await close(context);
    throw error;
  }
  const actions = createActions({ ...context, entryArguments, retention: REF_RETENTION });
  let isClosed = false;
  return {
    claimTick: (claim) => writing(() => claimTick(context, claim)),
    loadGroup: (group) => guarded(() => loadGroup(context, group)),
    groups: () => guarded(() => client.smembers(`${prefix}groups`)),
    applyEvaluation: (change) => writing(() => applyEvaluation(context, change)),
    removeGroup: (group) =>
      writing(async () => void (await client.storeRemoveGroup(context.routing, prefix, group))),
    // Not `writing`: without a due entry it writes nothing.
    takeEntry: (request) => guarded(() => takeEntry(context, request)),
    completeEntry: (done) => writing(() => completeEntry(context, done)),
    postponeEntry: (entry) => writing(() => postponeEntry(context, entry)),
    outbox: () => guarded(() => outbox(context)),
    messageRef: (alertId) => guarded(() => messageRef(context, alertId)),
    recordAction: (done) => writing(() => actions.recordAction(done)),
    actions: (alertIds) => guarded(() => actions.actions(alertIds)),
    addSilence: (made) => writing(() => actions.addSilence(made)),
    endSilence: (done) => writing(() => actions.endSilence(done)),
    silences: (since) => guarded(() => actions.silences(since)),
    isOpen: () => !isClosed && client.status === 'ready' && refusal() === undefined,
    problem: () => {
      const conflict = replicas?.conflict();
      const shared = conflict && `another installation uses the same REDIS_PREFIX: ${conflict}`;
      return refusal() ?? shared;
    },
    announce: () => guarded(async () => replicas?.announce()),
    close: async () => {
      isClosed = true;
      replicas?.stop();
      await close(context);
    },
  };
}
