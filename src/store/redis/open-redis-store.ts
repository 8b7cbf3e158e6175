import { hostname } from 'node:os';
import type { RuleGroupState } from '../../alerts/alert.ts';
import { decodeRecord, encodeRecord, requireKnownVersion } from '../../alerts/record-codec.ts';
import { UpstreamError } from '../../lib/errors.ts';
import { after, DAY, epochMs } from '../../lib/units.ts';
import type { MessageRef, OutboxEntry, Store, TakenEntry } from '../../messages/store.ts';
import { type ConnectionOptions, connect, createErrorTranslator, type StoreClient } from './connection.ts';
import { createPeople } from './people.ts';

export interface RedisStoreOptions extends ConnectionOptions {
  /** Keeps several installations on one Redis apart. All replicas of one installation have the same. */
  readonly namespace?: string;
}

/** Format of everything that is kept. */
const NAMESPACE_VERSION = 1;

/** Where a message is, is remembered so long after its last edit. */
const REF_RETENTION = 90 * DAY;

interface Parts {
  readonly client: StoreClient;
  /** `{NAMESPACE}:`. */
  readonly prefix: string;
  /** Who claims. */
  readonly replica: string;
  /** The key that routes a script to the namespace's node. */
  readonly routing: string;
}

/** The part of an entry that does not change while it waits. */
type Payload = Omit<OutboxEntry, 'notBefore' | 'attempt' | 'unknownSince'>;

/** An argument that may be missing: scripts know no undefined. */
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
    message: `Redis answered something unexpected to ${what}.`,
    advice: 'Look whether something between here and Redis changes its answers.',
  });
}

async function checkVersion({ client, prefix }: Parts, namespace: string): Promise<void> {
  const key = `${prefix}version`;
  await client.set(key, String(NAMESPACE_VERSION), 'NX');
  requireKnownVersion((await client.get(key)) ?? '', {
    known: NAMESPACE_VERSION,
    where: `The namespace ${namespace} in Redis`,
  });
}

async function claimTick(parts: Parts, claim: Parameters<Store['claimTick']>[0]): Promise<boolean> {
  const key = `${parts.prefix}tick:${claim.group}:${claim.evalTime}`;
  return (await parts.client.set(key, parts.replica, 'PX', claim.ttl, 'NX')) === 'OK';
}

async function loadGroup({ client, prefix }: Parts, group: string): Promise<RuleGroupState | undefined> {
  const text = await client.hget(`${prefix}group:${group}`, 'state');
  return text === null ? undefined : (decodeRecord(text) as RuleGroupState);
}

async function applyEvaluation(
  { client, prefix, routing }: Parts,
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
  { client, prefix, routing }: Parts,
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
  { client, prefix, routing }: Parts,
  { id, ref, follow = [] }: Parameters<Store['completeEntry']>[0],
): Promise<void> {
  const reference = ref === undefined ? ['', ''] : [ref.alertId, encodeRecord(ref)];
  const entries = follow.flatMap(entryArguments);
  await client.storeComplete(routing, prefix, id, ...reference, String(REF_RETENTION), ...entries);
}

async function postponeEntry(
  { client, prefix, routing }: Parts,
  { id, notBefore, unknownSince, attempt }: Parameters<Store['postponeEntry']>[0],
): Promise<void> {
  const args = [String(notBefore), optional(unknownSince), optional(attempt)];
  await client.storePostpone(routing, prefix, id, ...args);
}

async function outbox({ client, prefix }: Parts): ReturnType<Store['outbox']> {
  const key = `${prefix}created`;
  const [depth, oldest] = await Promise.all([client.zcard(key), client.zrange(key, '0', '0', 'WITHSCORES')]);
  const oldestAt = oldest[1];
  return { depth, oldestAt: oldestAt === undefined ? undefined : epochMs(Number(oldestAt)) };
}

async function messageRef({ client, prefix }: Parts, alertId: string): Promise<MessageRef | undefined> {
  const text = await client.get(`${prefix}ref:${alertId}`);
  return text === null ? undefined : (decodeRecord(text) as MessageRef);
}

async function close({ client }: Parts): Promise<void> {
  if (client.status === 'end') return;
  try {
    await client.quit();
  } catch {
    // The server is away: there is nothing to say goodbye to.
    client.disconnect();
  }
}

function prefixOf(namespace: string): string {
  if (/^[^{}\s]+$/.test(namespace)) return `{${namespace}}:`;
  throw new UpstreamError({
    system: 'store',
    code: 'bad-request',
    message: 'The namespace in Redis is empty or holds braces or spaces.',
    advice: 'Use letters, digits, dots and dashes.',
  });
}

/**
 * Opens the store for several replicas: Redis 6.2 or later. What is durable when a promise resolves is what the server's
 * own settings make durable (`appendfsync`, replicas). A command whose answer did not come is an error whose outcome is
 * not known; every operation may be repeated.
 * @throws UpstreamError of the store; no message holds a secret of the URL.
 */
export async function openRedisStore(options: RedisStoreOptions): Promise<Store> {
  const { namespace = 'tailwatch' } = options;
  const prefix = prefixOf(namespace);
  const client = await connect(options);
  const parts: Parts = {
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
    await guarded(() => checkVersion(parts, namespace));
  } catch (error) {
    await close(parts);
    throw error;
  }
  const people = createPeople({ ...parts, entryArguments, retention: REF_RETENTION });
  let isClosed = false;
  return {
    claimTick: (claim) => guarded(() => claimTick(parts, claim)),
    loadGroup: (group) => guarded(() => loadGroup(parts, group)),
    groups: () => guarded(() => client.smembers(`${prefix}groups`)),
    applyEvaluation: (change) => guarded(() => applyEvaluation(parts, change)),
    removeGroup: (group) =>
      guarded(async () => void (await client.storeRemoveGroup(parts.routing, prefix, group))),
    takeEntry: (request) => guarded(() => takeEntry(parts, request)),
    completeEntry: (done) => guarded(() => completeEntry(parts, done)),
    postponeEntry: (entry) => guarded(() => postponeEntry(parts, entry)),
    outbox: () => guarded(() => outbox(parts)),
    messageRef: (alertId) => guarded(() => messageRef(parts, alertId)),
    recordAction: (done) => guarded(() => people.recordAction(done)),
    actions: (alertIds) => guarded(() => people.actions(alertIds)),
    addSilence: (made) => guarded(() => people.addSilence(made)),
    endSilence: (done) => guarded(() => people.endSilence(done)),
    silences: (since) => guarded(() => people.silences(since)),
    isOpen: () => !isClosed && client.status === 'ready',
    close: async () => {
      isClosed = true;
      await close(parts);
    },
  };
}
