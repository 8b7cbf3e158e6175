import { after, DAY, type EpochMs, epochMs, type Milliseconds } from '../../lib/units.ts';
import type { OutboxEntry, Store, TakenEntry } from '../../messages/store.ts';
import type { Database, Operation } from './database.ts';

/** A completed entry's id is remembered this long: much longer than any tick can be late. */
const DONE_RETENTION: Milliseconds = DAY;

/** An entry with its position in the queue and its lease. */
interface OutboxRecord {
  /** Entries of one alert are sent in this order. */
  readonly seq: number;
  readonly entry: OutboxEntry;
  readonly takenAt?: EpochMs;
  readonly leasedUntil?: EpochMs;
}

/** The outbox in memory, in queue order: a copy of what is on disk, changed only after a write. */
interface OutboxIndex {
  get(id: string): OutboxRecord | undefined;
  all(): readonly OutboxRecord[];
  put(record: OutboxRecord): void;
  remove(id: string): void;
  /** Refreshes of an alert that were never taken: a newer entry replaces them. */
  untakenRefreshes(alertId: string): readonly OutboxRecord[];
  /** The first record in the queue that may be taken now. */
  firstDue(now: EpochMs): OutboxRecord | undefined;
  depth(): number;
  oldestAt(): EpochMs | undefined;
}

/** A tick that a process has claimed. */
export interface TickClaim {
  readonly group: string;
  readonly expiresAt: EpochMs;
}

/** The store's copy in memory: changed only after the write it mirrors is on disk. */
export interface LevelMemory {
  readonly outbox: OutboxIndex;
  /** Completed ids and when, oldest first. */
  readonly done: Map<string, EpochMs>;
  readonly claims: Map<string, TickClaim>;
  lastSeq: number;
}

export interface LevelContext {
  readonly database: Database;
  /** Read again after a write that failed. */
  memory: LevelMemory;
  readonly now: () => EpochMs;
}

/** Changes for one atomic write, and what to do in memory once they are on disk. */
export interface Batch {
  readonly operations: Operation[];
  readonly effects: (() => void)[];
}

export const emptyBatch = (): Batch => ({ operations: [], effects: [] });

export async function commit({ database }: LevelContext, { operations, effects }: Batch): Promise<void> {
  await database.write(operations);
  for (const effect of effects) effect();
}

const isDue = ({ entry, leasedUntil = epochMs(0) }: OutboxRecord, now: EpochMs): boolean =>
  entry.notBefore <= now && leasedUntil <= now;

function createOutboxIndex(initial: readonly OutboxRecord[]): OutboxIndex {
  const records = new Map<string, OutboxRecord>();
  const alertIds = new Map<string, Map<string, OutboxRecord>>();

  const put = (record: OutboxRecord): void => {
    const { id, alertId } = record.entry;
    records.set(id, record);
    const queue = alertIds.get(alertId) ?? new Map<string, OutboxRecord>();
    queue.set(id, record);
    alertIds.set(alertId, queue);
  };

  const remove = (id: string): void => {
    const alertId = records.get(id)?.entry.alertId ?? '';
    records.delete(id);
    const queue = alertIds.get(alertId);
    queue?.delete(id);
    if (queue?.size === 0) alertIds.delete(alertId);
  };

  const isHead = ({ entry }: OutboxRecord): boolean =>
    alertIds.get(entry.alertId)?.keys().next().value === entry.id;

  const firstDue = (now: EpochMs): OutboxRecord | undefined => {
    for (const record of records.values()) if (isDue(record, now) && isHead(record)) return record;
    return undefined;
  };

  for (const record of [...initial].sort((a, b) => a.seq - b.seq)) put(record);
  return {
    get: (id) => records.get(id),
    all: () => [...records.values()],
    put,
    remove,
    firstDue,
    untakenRefreshes: (alertId) =>
      [...(alertIds.get(alertId)?.values() ?? [])].filter(
        ({ entry }) => entry.kind === 'refresh' && entry.attempt === 0,
      ),
    depth: () => records.size,
    oldestAt: () => records.values().next().value?.entry.createdAt,
  };
}

/** Reads what the store keeps in memory. */
export async function loadMemory(database: Database): Promise<LevelMemory> {
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
    claims: new Map(ticks.map(([key, claim]) => [key, claim as TickClaim])),
    lastSeq: records.reduce((last, { seq }) => Math.max(last, seq), 0),
  };
}

/** For the start: the previous holder of every lease is gone, so its entries are due, with an unknown outcome. */
export function endLeases({ outbox }: LevelMemory): void {
  for (const { leasedUntil: _lease, ...kept } of outbox.all()) outbox.put(kept);
}

const SEQ_DIGITS = 16;
const seqKey = (seq: number): string => String(seq).padStart(SEQ_DIGITS, '0');

function addRemoval({ memory }: LevelContext, batch: Batch, { entry, seq }: OutboxRecord): void {
  batch.operations.push({ type: 'del', table: 'entry', key: seqKey(seq) });
  batch.effects.push(() => memory.outbox.remove(entry.id));
}

function addRecord({ memory }: LevelContext, batch: Batch, record: OutboxRecord): void {
  batch.operations.push({ type: 'put', table: 'entry', key: seqKey(record.seq), value: record });
  batch.effects.push(() => memory.outbox.put(record));
}

/** Adds notifications to a batch. */
export function addEntries(context: LevelContext, batch: Batch, entries: readonly OutboxEntry[]): void {
  const { memory } = context;
  // Entries of one change never replace each other, only those that were there before.
  const added = new Set<string>();
  for (const entry of entries) {
    if (added.has(entry.id) || memory.done.has(entry.id) || memory.outbox.get(entry.id) !== undefined)
      continue;
    added.add(entry.id);
    for (const old of memory.outbox.untakenRefreshes(entry.alertId)) addRemoval(context, batch, old);
    // A number that was assigned in a write that failed is skipped, never used again.
    memory.lastSeq += 1;
    addRecord(context, batch, { seq: memory.lastSeq, entry });
  }
}

export async function takeEntry(
  context: LevelContext,
  { now, lease }: Parameters<Store['takeEntry']>[0],
): Promise<TakenEntry | undefined> {
  const record = context.memory.outbox.firstDue(now);
  if (record === undefined) return undefined;
  const unknownSince = record.entry.unknownSince ?? record.takenAt;
  const entry: OutboxEntry = { ...record.entry, attempt: record.entry.attempt + 1, unknownSince };
  const leasedUntil = after(now, lease);
  const batch = emptyBatch();
  addRecord(context, batch, { seq: record.seq, entry, takenAt: now, leasedUntil });
  await commit(context, batch);
  return { ...entry, leasedUntil };
}

function forgetDone({ memory, now }: LevelContext, batch: Batch): void {
  for (const [id, at] of memory.done) {
    if (after(at, DONE_RETENTION) > now()) break;
    batch.operations.push({ type: 'del', table: 'done', key: id });
    batch.effects.push(() => memory.done.delete(id));
  }
}

export async function completeEntry(
  context: LevelContext,
  { id, ref, follow = [] }: Parameters<Store['completeEntry']>[0],
): Promise<void> {
  const { memory, now } = context;
  const record = memory.outbox.get(id);
  if (record === undefined) return;
  const batch = emptyBatch();
  forgetDone(context, batch);
  addRemoval(context, batch, record);
  const at = now();
  batch.operations.push({ type: 'put', table: 'done', key: id, value: { at } });
  batch.effects.push(() => memory.done.set(id, at));
  if (ref !== undefined) batch.operations.push({ type: 'put', table: 'ref', key: ref.alertId, value: ref });
  addEntries(context, batch, follow);
  await commit(context, batch);
}

export async function postponeEntry(
  context: LevelContext,
  postponed: Parameters<Store['postponeEntry']>[0],
): Promise<void> {
  const record = context.memory.outbox.get(postponed.id);
  if (record === undefined) return;
  const { seq, entry } = record;
  if (postponed.attempt !== undefined && postponed.attempt !== entry.attempt) return;
  const unknownSince = postponed.unknownSince ?? entry.unknownSince;
  const batch = emptyBatch();
  addRecord(context, batch, { seq, entry: { ...entry, notBefore: postponed.notBefore, unknownSince } });
  await commit(context, batch);
}
