import type { Clock } from '../../lib/clock.ts';
import { errorMessage } from '../../lib/errors.ts';
import type { Logger } from '../../lib/logger.ts';
import {
  after,
  before,
  between,
  DAY,
  type EpochMs,
  epochMs,
  HOUR,
  type Milliseconds,
  ms,
  SECOND,
} from '../../lib/units.ts';
import { type ActionStore, notRestored, type Store } from '../../messages/store.ts';
import {
  actionsOf,
  addSilence,
  appendLedger,
  endSilence,
  expiredActions,
  expiredEvidence,
  expiredLedger,
  keepEvidence,
  keptEvidence,
  ledgerSince,
  recordAction,
  silencesSince,
} from './actions.ts';
import { type Database, openDatabase } from './database.ts';
import { removeHolder, writeHolder } from './folder.ts';
import { createGroupCommit } from './group-commit.ts';
import { createGroupStates, type GroupStates } from './group-states.ts';
import {
  addMessages,
  addRestored,
  type Batch,
  claimMessage,
  commit,
  emptyBatch,
  expiredMessages,
  type LevelContext,
  type LevelMemory,
  loadMemory,
  pendingMessages,
  renewLease,
  resumeQueue,
  settleMessage,
  shownMessage,
  type TickClaim,
} from './messages.ts';

export interface LevelStoreOptions {
  /** Created if it does not exist. One process at a time. */
  readonly dir: string;
  /** For the age of claims and messages. */
  readonly clock?: Pick<Clock, 'now'>;
  readonly logger?: Pick<Logger, 'error' | 'info'>;
}

/** Where a message is, is kept this long after its last edit. */
const MESSAGE_RETENTION: Milliseconds = ms(90 * DAY);

/** Time between two deletions of what is kept no longer. */
const DELETE_EVERY: Milliseconds = ms(6 * HOUR);

/** The folder is not reopened more often than this while its disk is full. */
const REOPEN_EVERY: Milliseconds = ms(5 * SECOND);

/** Every claim walks through all of them otherwise, and there are ten for each group. */
const SWEEP_CLAIMS_EVERY: Milliseconds = ms(10 * SECOND);

function deleteExpiredClaims(memory: LevelMemory, batch: Batch, instant: EpochMs): void {
  for (const [key, { expiresAt }] of memory.claims) {
    if (expiresAt > instant) continue;
    batch.operations.push({ type: 'del', table: 'tick', key });
    batch.effects.push(() => memory.claims.delete(key));
  }
  // At once, for the other claims of the same write; after a write that failed the memory is read again.
  memory.claimsSweptAt = instant;
}

function claimTick(
  { memory, now }: LevelContext,
  batch: Batch,
  claim: Parameters<Store['claimTick']>[0],
): boolean {
  const key = `${claim.group}!${claim.evalTime}`;
  const instant = now();
  const known = memory.claims.get(key);
  if (known !== undefined && known.expiresAt > instant) return false;
  if (memory.claimsSweptAt === undefined || between(memory.claimsSweptAt, instant) >= SWEEP_CLAIMS_EVERY)
    deleteExpiredClaims(memory, batch, instant);
  const value: TickClaim = { group: claim.group, expiresAt: after(instant, claim.ttl) };
  batch.operations.push({ type: 'put', table: 'tick', key, value });
  batch.effects.push(() => memory.claims.set(key, value));
  return true;
}

async function applyEvaluation(
  { context, states }: { readonly context: LevelContext; readonly states: GroupStates },
  batch: Batch,
  change: Parameters<Store['applyEvaluation']>[0],
): Promise<'applied' | 'stale'> {
  const stored = await states.load(change.group);
  if (change.follows !== undefined && change.follows !== (stored?.evalTime ?? 0)) return 'stale';
  const isLater = stored !== undefined && stored.evalTime >= change.state.evalTime;
  if (isLater && stored.evalTime !== change.replaces) return 'stale';
  const { operations, done } = await states.put(change.group, change.state);
  batch.operations.push(...operations);
  batch.effects.push(done);
  await addMessages(context, batch, change.messages);
  return 'applied';
}

const RESTORED_KEY = 'messages';

interface RestoredAt {
  readonly at: EpochMs;
  /** The messages of some channels are still to be read. */
  readonly isPartial?: boolean;
}

/** Whether the folder's messages were looked for in Slack; `applyEvaluation` requires it after the first check. */
function createRestoring(context: LevelContext, states: GroupStates) {
  let isRequired = false;
  /** It stays restored. */
  let isKnown = false;
  const isRestored = async (): Promise<boolean> => {
    isRequired = true;
    isKnown ||= (await restoredAt()) !== undefined;
    return isKnown;
  };
  const restoredAt = async () =>
    (await context.database.get('restored', RESTORED_KEY)) as RestoredAt | undefined;
  return {
    isRestored,
    partialSince: async (): Promise<EpochMs | undefined> => {
      const known = await restoredAt();
      return known?.isPartial === true ? known.at : undefined;
    },
    require: async (): Promise<void> => {
      if (isRequired && !(await isRestored())) throw notRestored();
    },
    restore: async (found: Parameters<Store['restore']>[0]): Promise<boolean> => {
      const known = await restoredAt();
      const { at, isPartial, completes } = found;
      const isDue =
        completes === undefined ? known === undefined : known?.isPartial === true && known.at === completes;
      if (!isDue) return false;
      const batch = emptyBatch();
      for (const { group, state } of found.groups) {
        const { operations, done } = await states.put(group, state);
        batch.operations.push(...operations);
        batch.effects.push(done);
      }
      await addRestored(context, batch, found);
      batch.operations.push({ type: 'put', table: 'restored', key: RESTORED_KEY, value: { at, isPartial } });
      await commit(context, batch);
      return true;
    },
  };
}

async function deleteExpired(context: LevelContext): Promise<void> {
  const { database, now } = context;
  await database.write(await expiredMessages(context, before(now(), MESSAGE_RETENTION)));
  await database.write(await expiredActions(context, MESSAGE_RETENTION));
  await database.write(await expiredEvidence(context));
  await database.write(await expiredLedger(context, before(now(), MESSAGE_RETENTION)));
}

/** Runs jobs one after the other, so that nothing changes between a job's reads and its write. */
function createQueue(): <T>(job: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (job) => {
    const run = last.then(job);
    last = run.catch(() => undefined);
    return run;
  };
}

interface RecoveryOptions {
  readonly database: Database;
  readonly now: () => EpochMs;
  readonly logger: LevelStoreOptions['logger'];
  /** Reads again what is kept in memory. */
  readonly reload: () => Promise<void>;
}

/**
 * Recovers from writes that fail: a full disk, a volume that was detached. `run` does work that may write. If the write
 * fails, the database is reopened and the work is done once more from its beginning, so that it sees whether the write
 * reached the disk. `run` fails while the database cannot be reopened; two calls must not overlap.
 */
function createRecovery({ database, now, logger, reload }: RecoveryOptions): {
  /** The database, with its writes observed. */
  readonly database: Database;
  readonly run: <T>(work: () => Promise<T>) => Promise<T>;
} {
  /** The first failure since the last write that succeeded. */
  let failure: { readonly since: EpochMs; readonly error: unknown } | undefined;
  let attemptedAt: EpochMs | undefined;

  const noteFailure = (error: unknown): void => {
    if (failure !== undefined) return;
    failure = { since: now(), error };
    const reason = errorMessage(error);
    logger?.error('the embedded store cannot be written; retrying until it can', { reason });
  };

  const noteSuccess = (): void => {
    if (failure === undefined) return;
    const afterSeconds = between(failure.since, now()) / SECOND;
    logger?.info('the embedded store can be written again', { afterSeconds });
    failure = undefined;
    attemptedAt = undefined;
  };

  const reopen = async (): Promise<void> => {
    if (attemptedAt !== undefined && between(attemptedAt, now()) < REOPEN_EVERY) throw failure?.error;
    attemptedAt = now();
    await database.reopen();
    await reload();
  };

  const write: Database['write'] = async (operations) => {
    await database.write(operations);
    if (operations.length > 0) noteSuccess();
  };

  return {
    database: { ...database, write },
    run: async (work) => {
      if (!database.isOpen()) await reopen();
      try {
        return await work();
      } catch (error) {
        if (database.isOpen()) throw error;
        noteFailure(error);
        await reopen();
        return await work();
      }
    },
  };
}

/**
 * Opens the embedded store: LevelDB in a folder, for one process. Every write is one atomic batch that is on disk when
 * its promise resolves.
 * @throws UpstreamError of the store: `bad-request` when another process holds the folder (the message names it) or
 *   another version wrote it, `unavailable` when the disk refuses.
 */
export async function openLevelStore(options: LevelStoreOptions): Promise<Store> {
  const store = await createLevelStore(await openDatabase(options.dir, options.logger), options);
  await writeHolder(options.dir, Date.now());
  return store;
}

/** Does work that may write, after all such work before it. */
type Change = <T>(work: () => Promise<T>) => Promise<T>;

const actionMethods = (context: LevelContext, change: Change): ActionStore => ({
  keepEvidence: (kept) => change(() => keepEvidence(context, kept)),
  keptEvidence: (query) => keptEvidence(context, query),
  appendLedger: (entries) => change(() => appendLedger(context, entries)),
  ledger: (query) => ledgerSince(context, query),
  recordAction: (done) => change(() => recordAction(context, done)),
  actions: (alertIds) => actionsOf(context, alertIds),
  addSilence: (made) => change(() => addSilence(context, made)),
  endSilence: (done) => change(() => endSilence(context, done)),
  silences: (since) => silencesSince(context, since),
});

/** What a tick writes: together with the ticks of other groups at that time. */
const tickMethods = (
  of: {
    readonly context: LevelContext;
    readonly states: GroupStates;
    readonly restoring: Pick<ReturnType<typeof createRestoring>, 'require'>;
  },
  commitGroup: ReturnType<typeof createGroupCommit>,
): Pick<Store, 'claimTick' | 'applyEvaluation'> => ({
  claimTick: (claim) => commitGroup(claim.group, async (batch) => claimTick(of.context, batch, claim)),
  applyEvaluation: (evaluated) =>
    commitGroup(evaluated.group, async (batch) => {
      await of.restoring.require();
      return await applyEvaluation(of, batch, evaluated);
    }),
});

/** The store on an open database. */
export async function createLevelStore(opened: Database, options: LevelStoreOptions): Promise<Store> {
  const { dir, clock = { now: () => epochMs(Date.now()) }, logger } = options;
  const { database, run } = createRecovery({
    database: opened,
    now: clock.now,
    logger,
    reload: async () => {
      // Leases stay, as their holders are still running.
      context.memory = await loadMemory(opened);
    },
  });
  const context: LevelContext = { database, memory: await loadMemory(opened), now: clock.now };
  resumeQueue(context.memory, clock.now());
  await deleteExpired(context);
  let deletedAt = clock.now();
  const serial = createQueue();
  let isClosed = false;
  const attempt: Change = (work) => (isClosed ? work() : run(work));
  const change: Change = (work) => serial(() => attempt(work));
  const states = createGroupStates(database);
  const writing = { run: attempt, commit: (batch: Batch) => commit(context, batch) };
  const commitGroup = createGroupCommit({ serial, ...writing, isOpen: () => database.isOpen() });
  /** Behind the work that has to be done now; what it could not delete, it deletes the next time. */
  const deleteWhenDue = (): void => {
    if (between(deletedAt, clock.now()) < DELETE_EVERY) return;
    deletedAt = clock.now();
    change(() => deleteExpired(context)).catch((error: unknown) =>
      logger?.error('expired records could not be deleted', { reason: errorMessage(error) }),
    );
  };
  const restoring = createRestoring(context, states);
  const ticks = tickMethods({ context, states, restoring }, commitGroup);
  return {
    claimTick: async (claim) => {
      const isOurs = await ticks.claimTick(claim);
      deleteWhenDue();
      return isOurs;
    },
    loadGroup: async (group) => states.known(group) ?? (await serial(() => states.load(group))),
    groups: () => database.keys('group'),
    applyEvaluation: ticks.applyEvaluation,
    isRestored: () => restoring.isRestored(),
    partialSince: () => restoring.partialSince(),
    restore: (found) => change(() => restoring.restore(found)),
    removeGroup: (group) => change(async () => database.write((await states.remove(group)).operations)),
    claimMessage: (request) => change(() => claimMessage(context, request)),
    renewLease: (claim) => change(() => renewLease(context, claim)),
    settleMessage: (settlement) => change(() => settleMessage(context, settlement)),
    pendingMessages: async () => pendingMessages(context),
    shownMessage: (key) => shownMessage(context, key),
    ...actionMethods(context, change),
    isOpen: () => database.isOpen(),
    close: () =>
      serial(async () => {
        if (isClosed) return;
        isClosed = true;
        await removeHolder(dir);
        await database.close();
      }),
  };
}
