import { after, type EpochMs, epochMs, MINUTE, type Milliseconds } from '../../lib/units.ts';
import type {
  ClaimedMessage,
  MessageRecord,
  MessageUpdate,
  RestoredMessage,
  Settlement,
  ShownMessage,
  Store,
  ThreadLine,
} from '../../messages/store.ts';
import type { Database, Operation } from './database.ts';

/** A message's record with its place in the queue and its lease. */
interface StoredMessage extends MessageRecord {
  readonly token: number;
  /** When it is to be shown; absent: it is shown as it should be. */
  readonly dueAt?: EpochMs;
  /** Since when it is not. */
  readonly pendingSince?: EpochMs;
  readonly leasedUntil?: EpochMs;
  /** Keys of the lines that its thread shows. */
  readonly lineKeys: readonly string[];
}

/** What is kept of a message whose final form is shown. */
interface FinalMessage {
  readonly shown: ShownMessage;
  readonly lineKeys: readonly string[];
}

/** A tick that a process has claimed. */
export interface TickClaim {
  readonly group: string;
  readonly expiresAt: EpochMs;
}

/** The store's copy in memory: changed only after the write it mirrors is on disk. */
export interface LevelMemory {
  /** Messages that are not shown as they should be, by key. */
  readonly pending: Map<string, StoredMessage>;
  readonly claims: Map<string, TickClaim>;
  /** When expired claims were last deleted; absent: not yet. */
  claimsSweptAt?: EpochMs;
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

/** Reads what the store keeps in memory. */
export async function loadMemory(database: Database): Promise<LevelMemory> {
  const [messages, ticks] = await Promise.all([database.all('message'), database.all('tick')]);
  const pending = messages
    .map(([, message]) => message as StoredMessage)
    .filter(({ dueAt }) => dueAt !== undefined)
    .sort((a, b) => (a.pendingSince ?? 0) - (b.pendingSince ?? 0));
  return {
    pending: new Map(pending.map((message) => [message.key, message])),
    claims: new Map(ticks.map(([key, claim]) => [key, claim as TickClaim])),
  };
}

/** A message that was put off further than this waits no longer than it after a start: the clock may have been wrong. */
const LONGEST_WAIT: Milliseconds = MINUTE;

/** After a start nobody holds a lease. */
export function resumeQueue({ pending }: LevelMemory, now: EpochMs): void {
  const latest = after(now, LONGEST_WAIT);
  for (const { leasedUntil: _lease, dueAt = latest, ...message } of pending.values())
    pending.set(message.key, { ...message, dueAt: epochMs(Math.min(dueAt, latest)) });
}

/** Line keys that are remembered of one message: far more than an alert that lasts for weeks has. */
const MOST_LINES = 500;

function addPut({ memory }: LevelContext, batch: Batch, message: StoredMessage): void {
  const { key, dueAt } = message;
  batch.operations.push({ type: 'put', table: 'message', key, value: message });
  batch.effects.push(() =>
    dueAt === undefined ? memory.pending.delete(key) : memory.pending.set(key, message),
  );
}

const newMessage = (key: string): StoredMessage => ({
  key,
  lines: [],
  lineKeys: [],
  failures: 0,
  revision: 0,
  syncedRevision: 0,
  token: 0,
});

async function read({ database, memory }: LevelContext, key: string): Promise<StoredMessage | undefined> {
  const known = memory.pending.get(key) ?? (await database.get('message', key));
  if (known !== undefined) return known as StoredMessage;
  const final = (await database.get('ref', key)) as FinalMessage | undefined;
  return final === undefined ? undefined : { ...newMessage(key), ...final };
}

const isKnown = ({ lines, lineKeys }: StoredMessage, { key }: ThreadLine): boolean =>
  lineKeys.includes(key) || lines.some((line) => line.key === key);

/** A message with an update; the same object when nothing changes. */
function updated(message: StoredMessage, update: MessageUpdate): StoredMessage {
  const { desired = message.desired, line, at, notBefore = at } = update;
  const isChanged = update.desired !== undefined || update.isTouched === true;
  const lines = line === undefined || isKnown(message, line) ? message.lines : [...message.lines, line];
  if (!isChanged && lines === message.lines) return message;
  return {
    ...message,
    desired,
    revision: message.revision + Number(isChanged),
    lines,
    silence: line?.silence ?? message.silence,
    dueAt: message.dueAt ?? notBefore,
    pendingSince: message.pendingSince ?? at,
  };
}

/** The messages that updates change. */
async function changedMessages(
  context: LevelContext,
  updates: readonly MessageUpdate[],
  added: ReadonlyMap<string, StoredMessage>,
): Promise<ReadonlyMap<string, StoredMessage>> {
  const changed = new Map<string, StoredMessage>();
  for (const update of updates) {
    const { key, isNew } = update;
    const known = changed.get(key) ?? added.get(key) ?? (await read(context, key));
    if (known === undefined && isNew !== true) continue;
    const next = updated(known ?? newMessage(key), update);
    if (next !== known) changed.set(key, next);
  }
  return changed;
}

/** Adds updates of messages to a batch. */
export async function addMessages(
  context: LevelContext,
  batch: Batch,
  updates: readonly MessageUpdate[],
): Promise<void> {
  const changed = await changedMessages(context, updates, new Map());
  for (const message of changed.values()) addPut(context, batch, message);
}

/** Adds messages that are in Slack, with updates of them. */
export async function addRestored(
  context: LevelContext,
  batch: Batch,
  { messages, updates }: { messages: readonly RestoredMessage[]; updates: readonly MessageUpdate[] },
): Promise<void> {
  const restored = messages.map(({ shown, desired, lineKeys }): [string, StoredMessage] => [
    shown.key,
    { ...newMessage(shown.key), shown, desired, lineKeys },
  ]);
  const changed = await changedMessages(context, updates, new Map(restored));
  for (const message of new Map([...restored, ...changed]).values()) addPut(context, batch, message);
}

function firstDue({ pending }: LevelMemory, now: EpochMs): StoredMessage | undefined {
  let first: StoredMessage | undefined;
  for (const message of pending.values()) {
    const { dueAt = epochMs(Number.POSITIVE_INFINITY), leasedUntil = epochMs(0) } = message;
    if (dueAt <= now && leasedUntil <= now && (first?.dueAt === undefined || dueAt < first.dueAt))
      first = message;
  }
  return first;
}

export async function claimMessage(
  context: LevelContext,
  { now, lease }: Parameters<Store['claimMessage']>[0],
): Promise<ClaimedMessage | undefined> {
  const message = firstDue(context.memory, now);
  if (message === undefined) return undefined;
  const claimed: StoredMessage = { ...message, token: message.token + 1, leasedUntil: after(now, lease) };
  const batch = emptyBatch();
  addPut(context, batch, claimed);
  await commit(context, batch);
  return claimed;
}

export async function renewLease(
  context: LevelContext,
  { key, token, until, attempt }: Parameters<Store['renewLease']>[0],
): Promise<boolean> {
  const message = context.memory.pending.get(key);
  if (message?.token !== token) return false;
  const batch = emptyBatch();
  addPut(context, batch, { ...message, leasedUntil: until, attempt: attempt ?? message.attempt });
  await commit(context, batch);
  return true;
}

export async function settleMessage(context: LevelContext, settlement: Settlement): Promise<boolean> {
  const { key, token, shown, attempt, lineKeys, failures, syncedRevision, isFinal } = settlement;
  const message = context.memory.pending.get(key);
  if (message?.token !== token) return false;
  const { leasedUntil: _lease, ...kept } = message;
  const lines = message.lines.filter((line) => !lineKeys.includes(line.key));
  const isPending = lines.length > 0 || message.revision > syncedRevision;
  const settled: StoredMessage = {
    ...kept,
    shown: shown ?? message.shown,
    attempt,
    lines,
    lineKeys: [...message.lineKeys, ...lineKeys].slice(-MOST_LINES),
    failures,
    syncedRevision,
    dueAt: isPending ? settlement.dueAt : undefined,
    pendingSince: isPending ? message.pendingSince : undefined,
  };
  const batch = emptyBatch();
  if (isPending) addPut(context, batch, settled);
  else if (isFinal || settled.shown === undefined) addFinal(context, batch, settled);
  else addPut(context, batch, settled);
  await commit(context, batch);
  return true;
}

/** Of a message in its final form only its place in Slack is kept; one that was never shown is deleted. */
function addFinal({ memory }: LevelContext, batch: Batch, { key, shown, lineKeys }: StoredMessage): void {
  const final = shown === undefined ? undefined : ({ shown, lineKeys } satisfies FinalMessage);
  if (final !== undefined) batch.operations.push({ type: 'put', table: 'ref', key, value: final });
  batch.operations.push({ type: 'del', table: 'message', key });
  batch.effects.push(() => memory.pending.delete(key));
}

export async function shownMessage(context: LevelContext, key: string): Promise<ShownMessage | undefined> {
  return (await read(context, key))?.shown;
}

/** Operations that delete the messages that ended before an instant. */
export async function expiredMessages(
  { database }: LevelContext,
  until: EpochMs,
): Promise<readonly Operation[]> {
  return (await database.all('ref'))
    .filter(([, final]) => (final as FinalMessage).shown.editedAt <= until)
    .map(([key]) => ({ type: 'del', table: 'ref', key }) as const);
}

export function pendingMessages({ memory }: LevelContext): Awaited<ReturnType<Store['pendingMessages']>> {
  let oldestAt: EpochMs | undefined;
  for (const { pendingSince } of memory.pending.values())
    if (pendingSince !== undefined && (oldestAt === undefined || pendingSince < oldestAt))
      oldestAt = pendingSince;
  return { depth: memory.pending.size, oldestAt };
}
