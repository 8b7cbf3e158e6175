import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import { after, DAY, type EpochMs, epochMs, type Milliseconds, ms } from '../../lib/units.ts';
import type { MessageRef, OutboxEntry, Store, TakenEntry } from '../../messages/store.ts';
import { type Database, openDatabase } from './database.ts';
import {
  type Claim,
  commit,
  type Draft,
  draftEntries,
  draftRecord,
  draftRemoval,
  emptyDraft,
  type Image,
  type Parts,
} from './draft.ts';
import { createGroupStates, type GroupStates } from './group-states.ts';
import { removeHolder, writeHolder } from './holder.ts';
import { createOutboxIndex, type OutboxRecord } from './outbox-index.ts';
import {
  actionsOf,
  addSilence,
  endSilence,
  forgettableActions,
  recordAction,
  silencesSince,
} from './people.ts';
import { createRecovery } from './recovery.ts';

export interface LevelStoreOptions {
  /** The folder; it is made when it is not there. One process at a time. */
  readonly dir: string;
  /** For the age of claims and completed ids. */
  readonly clock?: Pick<Clock, 'now'>;
  readonly logger?: Pick<Logger, 'error' | 'info'>;
}

/** A completed entry's id is remembered so long: much longer than any tick can be late. */
const DONE_RETENTION: Milliseconds = DAY;

/** Where a message is, is remembered so long after its last edit. */
const REF_RETENTION: Milliseconds = ms(90 * DAY);

function draftForgetting({ image, now }: Parts, draft: Draft): void {
  for (const [id, at] of image.done) {
    if (after(at, DONE_RETENTION) > now()) break;
    draft.operations.push({ type: 'del', table: 'done', key: id });
    draft.effects.push(() => image.done.delete(id));
  }
}

async function claimTick(parts: Parts, claim: Parameters<Store['claimTick']>[0]): Promise<boolean> {
  const { image, now } = parts;
  const key = `${claim.group}!${claim.evalTime}`;
  const instant = now();
  const known = image.claims.get(key);
  if (known !== undefined && known.expiresAt > instant) return false;
  const draft = emptyDraft();
  for (const [old, { expiresAt }] of image.claims) {
    if (expiresAt > instant || old === key) continue;
    draft.operations.push({ type: 'del', table: 'tick', key: old });
    draft.effects.push(() => image.claims.delete(old));
  }
  const value: Claim = { group: claim.group, expiresAt: after(instant, claim.ttl) };
  draft.operations.push({ type: 'put', table: 'tick', key, value });
  draft.effects.push(() => image.claims.set(key, value));
  await commit(parts, draft);
  return true;
}

async function applyEvaluation(
  parts: Parts,
  states: GroupStates,
  change: Parameters<Store['applyEvaluation']>[0],
): Promise<'applied' | 'stale'> {
  const stored = await states.load(change.group);
  if (stored !== undefined && stored.evalTime >= change.state.evalTime) return 'stale';
  const draft = emptyDraft();
  const { operations, done } = await states.put(change.group, change.state);
  draft.operations.push(...operations);
  draft.effects.push(done);
  draftEntries(parts, draft, change.entries);
  await commit(parts, draft);
  return 'applied';
}

async function takeEntry(
  parts: Parts,
  { now, lease }: Parameters<Store['takeEntry']>[0],
): Promise<TakenEntry | undefined> {
  const record = parts.image.outbox.firstDue(now);
  if (record === undefined) return undefined;
  const { takenAt } = record;
  const unknownSince = record.entry.unknownSince ?? takenAt;
  const entry: OutboxEntry = {
    ...record.entry,
    attempt: record.entry.attempt + 1,
    ...(unknownSince === undefined ? {} : { unknownSince }),
  };
  const leasedUntil = after(now, lease);
  const draft = emptyDraft();
  draftRecord(parts, draft, { seq: record.seq, entry, takenAt: now, leasedUntil });
  await commit(parts, draft);
  return { ...entry, leasedUntil };
}

async function completeEntry(parts: Parts, done: Parameters<Store['completeEntry']>[0]): Promise<void> {
  const { image, now } = parts;
  const record = image.outbox.get(done.id);
  if (record === undefined) return;
  const draft = emptyDraft();
  draftForgetting(parts, draft);
  draftRemoval(parts, draft, record);
  const at = now();
  draft.operations.push({ type: 'put', table: 'done', key: done.id, value: { at } });
  draft.effects.push(() => image.done.set(done.id, at));
  if (done.ref !== undefined) {
    draft.operations.push({ type: 'put', table: 'ref', key: done.ref.alertId, value: done.ref });
  }
  draftEntries(parts, draft, done.follow ?? []);
  await commit(parts, draft);
}

async function postponeEntry(parts: Parts, entry: Parameters<Store['postponeEntry']>[0]): Promise<void> {
  const record = parts.image.outbox.get(entry.id);
  if (record === undefined) return;
  if (entry.attempt !== undefined && entry.attempt !== record.entry.attempt) return;
  const { unknownSince: _known, ...rest } = record.entry;
  const unknownSince = entry.unknownSince ?? record.entry.unknownSince;
  const postponed: OutboxEntry = {
    ...rest,
    notBefore: entry.notBefore,
    ...(unknownSince === undefined ? {} : { unknownSince }),
  };
  const draft = emptyDraft();
  draftRecord(parts, draft, { seq: record.seq, entry: postponed });
  await commit(parts, draft);
}

async function loadImage(database: Database): Promise<Image> {
  const [entries, done, ticks] = await Promise.all([
    database.all('entry'),
    database.all('done'),
    database.all('tick'),
  ]);
  const records = entries.map(([, record]) => record as OutboxRecord);
  const completed = done.map(([id, record]) => [id, (record as { at: EpochMs }).at] as const);
  return {
    outbox: createOutboxIndex(records),
    done: new Map(completed.sort(([, a], [, b]) => a - b)),
    claims: new Map(ticks.map(([key, claim]) => [key, claim as Claim])),
    lastSeq: records.reduce((last, { seq }) => Math.max(last, seq), 0),
  };
}

/** Whoever held a lease is gone, since this process has the folder now: what it had in hand is due, and unknown. */
function endLeases({ outbox }: Image): void {
  for (const { leasedUntil: _lease, ...kept } of outbox.all()) outbox.put(kept);
}

async function forgetOldRefs(parts: Parts): Promise<void> {
  const { database, now } = parts;
  const old = (await database.all('ref')).filter(
    ([, ref]) => after((ref as MessageRef).editedAt, REF_RETENTION) <= now(),
  );
  await database.write(old.map(([key]) => ({ type: 'del', table: 'ref', key }) as const));
  await database.write(await forgettableActions(parts, REF_RETENTION));
}

/** Runs jobs one after the other: what one reads, no other changes before it writes. */
function createQueue(): <T>(job: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (job) => {
    const run = last.then(job);
    last = run.catch(() => undefined);
    return run;
  };
}

/**
 * Opens the embedded store: LevelDB in a folder, for one process. Every write is one atomic batch that is on disk when
 * its promise resolves.
 * @throws UpstreamError of the store: `bad-request` when another process holds the folder (the message says which) or
 *   a newer version wrote it, `unavailable` when the disk does not let us.
 */
export async function openLevelStore(options: LevelStoreOptions): Promise<Store> {
  const store = await createLevelStore(await openDatabase(options.dir), options);
  await writeHolder(options.dir, Date.now());
  return store;
}

/** The store on a database that is open. */
export async function createLevelStore(database: Database, options: LevelStoreOptions): Promise<Store> {
  const { dir, clock = { now: () => epochMs(Date.now()) }, logger } = options;
  const image = await loadImage(database);
  endLeases(image);
  const recovery = createRecovery({
    database,
    now: clock.now,
    logger,
    reload: async () => {
      // Numbers that were drawn are not used again; leases hold on, as their holders are alive.
      const { lastSeq } = parts.image;
      parts.image = await loadImage(database);
      parts.image.lastSeq = Math.max(lastSeq, parts.image.lastSeq);
    },
  });
  const parts: Parts = { database: recovery.database, image, now: clock.now };
  await forgetOldRefs(parts);
  const serial = createQueue();
  let isClosed = false;
  const change = <T>(work: () => Promise<T>): Promise<T> =>
    serial(() => (isClosed ? work() : recovery.run(work)));
  const states = createGroupStates(parts.database);
  return {
    claimTick: (claim) => change(() => claimTick(parts, claim)),
    loadGroup: async (group) => states.known(group) ?? (await serial(() => states.load(group))),
    groups: () => database.keys('group'),
    applyEvaluation: (evaluated) => change(() => applyEvaluation(parts, states, evaluated)),
    removeGroup: (group) => change(async () => parts.database.write((await states.remove(group)).operations)),
    takeEntry: (request) => change(() => takeEntry(parts, request)),
    completeEntry: (done) => change(() => completeEntry(parts, done)),
    postponeEntry: (entry) => change(() => postponeEntry(parts, entry)),
    outbox: async () => {
      const { outbox } = parts.image;
      const oldestAt = outbox.oldestAt();
      return { depth: outbox.depth(), oldestAt };
    },
    messageRef: async (alertId) => (await database.get('ref', alertId)) as MessageRef | undefined,
    recordAction: (done) => change(() => recordAction(parts, done)),
    actions: (alertIds) => actionsOf(parts, alertIds),
    addSilence: (made) => change(() => addSilence(parts, made)),
    endSilence: (done) => change(() => endSilence(parts, done)),
    silences: (since) => silencesSince(parts, since),
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
