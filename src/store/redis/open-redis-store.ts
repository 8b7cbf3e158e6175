import { hostname } from 'node:os';
import type { RuleGroupState } from '../../alerts/alert.ts';
import { decodeRecord, encodeRecord, requireKnownVersion } from '../../alerts/record-codec.ts';
import { UpstreamError } from '../../lib/errors.ts';
import { after, DAY, epochMs } from '../../lib/units.ts';
import type { MessageRef, OutboxEntry, Store, TakenEntry } from '../../messages/store.ts';
import { createActions } from './actions.ts';
import { type ConnectionOptions, connect, createErrorTranslator, type StoreClient } from './connection.ts';

export interface RedisStoreOptions extends ConnectionOptions {
  /** Begins every key (`REDIS_PREFIX`): the same for all replicas of an installation, different for each installation. */
  readonly prefix: string;
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

/**
 * Opens the store for several replicas: Redis 6.2 or later. The server's settings (`appendfsync`, replicas) decide what is
 * durable when a promise resolves. A command without an answer is an error with an unknown outcome; every operation may
 * be repeated.
 * @throws UpstreamError of the store; no message contains a secret of the URL.
 */
export async function openRedisStore(options: RedisStoreOptions): Promise<Store> {
  const prefix = `{${options.prefix}}:`;
  const client = await connect(options);
  const context: RedisContext = {
    client,
    prefix,
    replica: `${hostname()}:${process.pid}`,
    routing: `${prefix}seq`,
  };
  const translate = createErrorTranslator(options.url);
  const guarded = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw translate(error);
    }
  };
  try {
    await guarded(() => checkVersion(context));
  } catch (error) {
    await close(context);
    throw error;
  }
  const actions = createActions({ ...context, entryArguments, retention: REF_RETENTION });
  let isClosed = false;
  return {
    claimTick: (claim) => guarded(() => claimTick(context, claim)),
    loadGroup: (group) => guarded(() => loadGroup(context, group)),
    groups: () => guarded(() => client.smembers(`${prefix}groups`)),
    applyEvaluation: (change) => guarded(() => applyEvaluation(context, change)),
    removeGroup: (group) =>
      guarded(async () => void (await client.storeRemoveGroup(context.routing, prefix, group))),
    takeEntry: (request) => guarded(() => takeEntry(context, request)),
    completeEntry: (done) => guarded(() => completeEntry(context, done)),
    postponeEntry: (entry) => guarded(() => postponeEntry(context, entry)),
    outbox: () => guarded(() => outbox(context)),
    messageRef: (alertId) => guarded(() => messageRef(context, alertId)),
    recordAction: (done) => guarded(() => actions.recordAction(done)),
    actions: (alertIds) => guarded(() => actions.actions(alertIds)),
    addSilence: (made) => guarded(() => actions.addSilence(made)),
    endSilence: (done) => guarded(() => actions.endSilence(done)),
    silences: (since) => guarded(() => actions.silences(since)),
    isOpen: () => !isClosed && client.status === 'ready',
    close: async () => {
      isClosed = true;
      await close(context);
    },
  };
}
