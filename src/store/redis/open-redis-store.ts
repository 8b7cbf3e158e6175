import { hostname } from 'node:os';
import type { RuleGroupState } from '../../alerts/alert.ts';
import { decodeRecord, encodeRecord, requireKnownVersion } from '../../alerts/record-codec.ts';
import { UpstreamError } from '../../lib/errors.ts';
import type { Logger } from '../../lib/logger.ts';
import { after, DAY, type EpochMs, epochMs } from '../../lib/units.ts';
import {
  type Attempt,
  type ClaimedMessage,
  type DesiredMessage,
  type MessageUpdate,
  notRestored,
  type ShownMessage,
  type SilenceUpdate,
  type Store,
  type ThreadLine,
} from '../../messages/store.ts';
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
  /** The time of the server's clock. */
  serverTime(): Promise<EpochMs>;
  /** Announces this replica to the others, which otherwise happens every 30 s. */
  announce(): Promise<void>;
}

/** Format of everything that is stored. */
const STORE_VERSION = 4;

/** A message is kept this long after its last edit. */
const MESSAGE_RETENTION = 90 * DAY;

interface RedisContext {
  readonly client: StoreClient;
  /** `{PREFIX}:`. */
  readonly prefix: string;
  /** Identifies this process in claims. */
  readonly replica: string;
  /** The key that routes a script to the prefix's node. */
  readonly routing: string;
}

/** An optional record as an argument: scripts have no undefined. */
const optional = (record: object | undefined): string => (record === undefined ? '' : encodeRecord(record));

/** The arguments of one message update, as the scripts read them. */
function updateArguments(update: MessageUpdate): readonly string[] {
  const { key, isNew, desired, isTouched, line, at, notBefore = at } = update;
  return [
    key,
    isNew === true ? '1' : '',
    optional(desired),
    isTouched === true ? '1' : '',
    line?.key ?? '',
    optional(line),
    optional(line?.silence),
    String(at),
    String(notBefore),
  ];
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
  isRestoreRequired: boolean,
  { group, state, messages, replaces, follows }: Parameters<Store['applyEvaluation']>[0],
): Promise<'applied' | 'stale'> {
  const args = [
    prefix,
    group,
    String(state.evalTime),
    encodeRecord(state),
    replaces === undefined ? '' : String(replaces),
    isRestoreRequired ? '1' : '',
    follows === undefined ? '' : String(follows),
    ...messages.flatMap(updateArguments),
  ];
  const answer = await client.storeApply(routing, ...args);
  if (answer === -1) throw notRestored();
  return answer === 1 ? 'applied' : 'stale';
}

/** Follows the instant of a restore that lacks the messages of some channels. */
const PARTIAL = ' partial';

async function partialSince({ client, prefix }: RedisContext): Promise<EpochMs | undefined> {
  const restored = await client.get(`${prefix}restored`);
  return restored?.endsWith(PARTIAL) === true ? epochMs(Number.parseInt(restored, 10)) : undefined;
}

async function restore(
  { client, prefix, routing }: RedisContext,
  { at, groups, messages, updates, isPartial = false, completes }: Parameters<Store['restore']>[0],
): Promise<boolean> {
  const args = [
    prefix,
    isPartial ? `${at}${PARTIAL}` : String(at),
    completes === undefined ? '' : `${completes}${PARTIAL}`,
    String(groups.length),
    String(messages.length),
    ...groups.flatMap(({ group, state }) => [group, String(state.evalTime), encodeRecord(state)]),
    ...messages.flatMap(({ shown, desired, lineKeys }) => [
      shown.key,
      encodeRecord(shown),
      encodeRecord(desired),
      JSON.stringify(lineKeys),
    ]),
    ...updates.flatMap(updateArguments),
  ];
  return (await client.storeRestore(routing, ...args)) === 1;
}

type Claimed = readonly [key: string, token: string, fields: readonly string[], lines: readonly string[]];

const isClaimed = (answer: unknown): answer is Claimed =>
  Array.isArray(answer) && answer.length === 4 && Array.isArray(answer[2]) && Array.isArray(answer[3]);

const recordIn = (text: string | undefined): unknown =>
  text === undefined || text === '' ? undefined : decodeRecord(text);

async function claimMessage(
  { client, prefix, routing }: RedisContext,
  { now, lease }: Parameters<Store['claimMessage']>[0],
): Promise<ClaimedMessage | undefined> {
  const answer = await client.storeClaim(routing, prefix, String(now), String(after(now, lease)));
  if (answer === null) return undefined;
  if (!isClaimed(answer)) throw unexpected('claiming a message');
  const [key, token, [desired, shown, attempt, silence, failures, revision, synced], lines] = answer;
  return {
    key,
    token: Number(token),
    desired: recordIn(desired) as DesiredMessage | undefined,
    shown: recordIn(shown) as ShownMessage | undefined,
    attempt: recordIn(attempt) as Attempt | undefined,
    silence: recordIn(silence) as SilenceUpdate | undefined,
    lines: lines.map((line) => recordIn(line) as ThreadLine).toSorted((a, b) => a.at - b.at),
    failures: Number(failures),
    revision: Number(revision),
    syncedRevision: Number(synced),
  };
}

async function renewLease(
  { client, prefix, routing }: RedisContext,
  { key, token, until, attempt }: Parameters<Store['renewLease']>[0],
): Promise<boolean> {
  const args = [key, String(token), String(until), optional(attempt)];
  return (await client.storeRenew(routing, prefix, ...args)) === 1;
}

async function settleMessage(
  { client, prefix, routing }: RedisContext,
  settlement: Parameters<Store['settleMessage']>[0],
): Promise<boolean> {
  const { key, token, shown, attempt, failures, syncedRevision, dueAt, isFinal, lineKeys } = settlement;
  const args = [
    key,
    String(token),
    optional(shown),
    optional(attempt),
    String(failures),
    String(syncedRevision),
    String(dueAt),
    isFinal ? '1' : '',
    String(MESSAGE_RETENTION),
    ...lineKeys,
  ];
  return (await client.storeSettle(routing, prefix, ...args)) === 1;
}

async function pendingMessages({ client, prefix }: RedisContext): ReturnType<Store['pendingMessages']> {
  const key = `${prefix}pending`;
  const [depth, oldest] = await Promise.all([client.zcard(key), client.zrange(key, '0', '0', 'WITHSCORES')]);
  const oldestAt = oldest[1];
  return { depth, oldestAt: oldestAt === undefined ? undefined : epochMs(Number(oldestAt)) };
}

async function shownMessage(
  { client, prefix }: RedisContext,
  key: string,
): Promise<ShownMessage | undefined> {
  const text = await client.hget(`${prefix}message:${key}`, 'shown');
  return text === null ? undefined : (decodeRecord(text) as ShownMessage);
}

async function serverTime(client: StoreClient): Promise<EpochMs> {
  const [seconds = 0, microseconds = 0] = await client.time();
  return epochMs(seconds * 1_000 + Math.floor(microseconds / 1_000));
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
 * Runs operations with converted errors, the first one after `verify` succeeded, which a Redis that cannot be reached at
 * the start delays. Notes when Redis refuses writes and when it accepts them again.
 */
function createGuards(url: string, logger: Logger | undefined, verify: () => Promise<void>) {
  const translate = createErrorTranslator(url);
  let refusal: string | undefined;
  let isVerified = false;
  let unverified: string | undefined;
  const verified = async (): Promise<void> => {
    if (isVerified) return;
    await verify().catch((error: unknown) => {
      unverified = translate(error).message;
      throw error;
    });
    isVerified = true;
    unverified = undefined;
  };
  const guarded = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      await verified();
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
  return { guarded, writing, refusal: () => refusal, unverified: () => unverified };
}

const conflictText = (conflict: string | undefined): string | undefined =>
  conflict && `another installation uses the same REDIS_PREFIX: ${conflict}`;

/**
 * Opens the store for several replicas: Redis 6.2 or later, one server, Sentinels or a Cluster. The server's settings
 * (`appendfsync`, replicas) decide what is durable when a promise resolves. A command without an answer is an error with
 * an unknown outcome; every operation may be repeated. A server that cannot be reached is a `problem`, and operations fail
 * until it can.
 * @throws UpstreamError of the store when the address, the credentials or the version of the data are wrong; no message contains a secret of the URL.
 */
export async function openRedisStore(options: RedisStoreOptions): Promise<RedisStore> {
  const { logger, rules, replica = `${hostname()}:${process.pid}` } = options;
  const prefix = `{${options.prefix}}:`;
  const client = await connect(options);
  const context: RedisContext = { client, prefix, replica, routing: `${prefix}version` };
  const { guarded, writing, refusal, unverified } = createGuards(options.url, logger, () =>
    checkVersion(context),
  );
  const replicas = rules && watchReplicas({ ...context, rules, logger, tolerance: options.tolerance });
  try {
    await guarded(async () => replicas?.announce());
  } catch (error) {
    // Without a connection, the operations fail and the first one that succeeds checks the version.
    if (!(error instanceof UpstreamError) || !error.retryable) {
      replicas?.stop();
      await close(context);
      throw error;
    }
  }
  const actions = createActions({ ...context, updateArguments, retention: MESSAGE_RETENTION });
  let isClosed = false;
  let isRestoreRequired = false;
  return {
    claimTick: (claim) => writing(() => claimTick(context, claim)),
    loadGroup: (group) => guarded(() => loadGroup(context, group)),
    groups: () => guarded(() => client.smembers(`${prefix}groups`)),
    applyEvaluation: (change) => writing(() => applyEvaluation(context, isRestoreRequired, change)),
    isRestored: () => {
      isRestoreRequired = true;
      return guarded(async () => (await client.get(`${prefix}restored`)) !== null);
    },
    partialSince: () => guarded(() => partialSince(context)),
    restore: (found) => writing(() => restore(context, found)),
    removeGroup: (group) =>
      writing(async () => void (await client.storeRemoveGroup(context.routing, prefix, group))),
    // Not `writing`: without a due message it writes nothing.
    claimMessage: (request) => guarded(() => claimMessage(context, request)),
    renewLease: (claim) => writing(() => renewLease(context, claim)),
    settleMessage: (settlement) => writing(() => settleMessage(context, settlement)),
    pendingMessages: () => guarded(() => pendingMessages(context)),
    shownMessage: (key) => guarded(() => shownMessage(context, key)),
    recordAction: (done) => writing(() => actions.recordAction(done)),
    actions: (alertIds) => guarded(() => actions.actions(alertIds)),
    addSilence: (made) => writing(() => actions.addSilence(made)),
    endSilence: (done) => writing(() => actions.endSilence(done)),
    silences: (since) => guarded(() => actions.silences(since)),
    appendLedger: (entries) => writing(() => actions.appendLedger(entries)),
    keepEvidence: (kept) => writing(() => actions.keepEvidence(kept)),
    keptEvidence: (query) => guarded(() => actions.keptEvidence(query)),
    ledger: (query) => guarded(() => actions.ledger(query)),
    isOpen: () => !isClosed && client.status === 'ready' && (unverified() ?? refusal()) === undefined,
    problem: () => unverified() ?? refusal() ?? conflictText(replicas?.conflict()),
    serverTime: () => guarded(() => serverTime(client)),
    announce: () => guarded(async () => replicas?.announce()),
    close: async () => {
      isClosed = true;
      replicas?.stop();
      await close(context);
    },
  };
}
