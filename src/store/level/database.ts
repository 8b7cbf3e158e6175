import { mkdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { crc32 } from 'node:zlib';
import { ClassicLevel } from 'classic-level';
import { decodeRecord, encodeRecord, requireKnownVersion } from '../../alerts/record-codec.ts';
import { createTurns, type NextStep } from '../../lib/concurrency.ts';
import { UpstreamError } from '../../lib/errors.ts';
import type { Logger } from '../../lib/logger.ts';
import {
  describeHolder,
  lacksCurrent,
  openWriteCount,
  probeFolder,
  readWriteCount,
  setAside,
  type WriteCount,
} from './folder.ts';

/*
 * The key space. Values are records (JSON), except in `meta`.
 *
 *   meta!version              format of everything else
 *   meta!state                DatabaseState after the last write
 *   tick!GROUP!EVAL_TIME      a claimed tick, until it expires
 *   group!GROUP               GroupRecord: the RuleGroupState without what the records of its alerts hold
 *   alert!ALERT_ID            AlertRecord: the Alert without what its group's record holds
 *   message!KEY               StoredMessage, until its final form is shown
 *   ref!KEY                   FinalMessage: where a message is in Slack, for ninety days after its end
 *   action!ALERT_ID           AlertActions
 *   silence!ID                StoredSilence
 *   ledger!TIME-HASH          LedgerEntry
 *   restored!messages         RestoredAt: the folder's messages were looked for in Slack
 */
type Table =
  | 'tick'
  | 'group'
  | 'alert'
  | 'message'
  | 'ref'
  | 'action'
  | 'silence'
  | 'restored'
  | 'ledger'
  | 'evidence'
  | 'evidence-time';

/** One change of a batch. */
export type Operation =
  | { readonly type: 'put'; readonly table: Table; readonly key: string; readonly value: object }
  | { readonly type: 'del'; readonly table: Table; readonly key: string };

/** Tables of records, with batches that are on disk when they resolve. */
export interface Database {
  get(table: Table, key: string): Promise<unknown>;
  /** In the order of the keys; undefined for those that are not there. */
  getMany(table: Table, keys: readonly string[]): Promise<readonly unknown[]>;
  /** All keys and records of a table, in key order. */
  all(table: Table): Promise<readonly (readonly [key: string, record: unknown])[]>;
  keys(table: Table): Promise<readonly string[]>;
  /** One atomic, synced write. After a failure the database is not open: the outcome is unknown until `reopen`. */
  write(operations: readonly Operation[]): Promise<void>;
  /**
   * Closes the database and opens it, so that it holds what is on disk. Reads wait for it.
   * @throws UpstreamError when no file can be written to the folder; the database can still be read.
   */
  reopen(): Promise<void>;
  isOpen(): boolean;
  close(): Promise<void>;
}

const VERSION_KEY = 'meta!version';
const STATE_KEY = 'meta!state';

/** Format of a folder. */
const FOLDER_VERSION = 6;

/** The character after `!`: ends a table's range of keys. */
const AFTER_SEPARATOR = '"';

const ADVICE = 'Check that its folder (DATA_DIR) is writable and that the disk has free space.';

/** The innermost message: LevelDB's own errors only say that the database failed to open. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? reasonOf(error.cause) : error.message;
}

function unavailable(dir: string, cause: unknown): UpstreamError {
  if (cause instanceof UpstreamError) return cause;
  const message = `The embedded store in ${dir} failed: ${reasonOf(cause)}`;
  return new UpstreamError({ system: 'store', code: 'unavailable', message, advice: ADVICE, cause });
}

/** Damage of the database, which no retry repairs. */
class DamageError extends Error {}

/** LevelDB's code of an error, like `LEVEL_LOCKED`. */
function levelCode(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  return levelCode(error.cause) ?? code;
}

async function openLevel(level: ClassicLevel, dir: string): Promise<void> {
  try {
    await level.open();
  } catch (error) {
    if (levelCode(error) === 'LEVEL_LOCKED') {
      throw new UpstreamError({
        system: 'store',
        code: 'bad-request',
        message: await describeHolder(dir),
        advice: 'Stop that process, or set DATA_DIR to another folder.',
        cause: error,
      });
    }
    throw asDamage(error);
  }
}

/** An error as damage when LevelDB reports corrupt or missing files. */
function asDamage(error: unknown): Error {
  const reason = reasonOf(error);
  const isMissing = levelCode(error) === 'LEVEL_IO_ERROR' && reason.endsWith('No such file or directory');
  const isDamage = isMissing || levelCode(error) === 'LEVEL_CORRUPTION' || error instanceof SyntaxError;
  if (isDamage) return new DamageError(reason);
  return error instanceof Error ? error : new Error(reason);
}

async function checkVersion(level: ClassicLevel, dir: string): Promise<void> {
  const found = await level.get(VERSION_KEY);
  if (found === undefined) await level.put(VERSION_KEY, String(FOLDER_VERSION), { sync: true });
  else requireKnownVersion(found, { known: FOLDER_VERSION, where: `The folder ${dir}` });
}

/**
 * Reads the state of all records.
 * @throws DamageError when it differs from the recorded one.
 */
async function checkedTracker(level: ClassicLevel, dir: string): Promise<StateTracker> {
  const text = await level.get(STATE_KEY);
  const recorded = text === undefined ? undefined : (JSON.parse(text) as DatabaseState);
  const before = await level.iterator({ lt: 'meta!' }).all();
  const after = await level.iterator({ gt: `meta${AFTER_SEPARATOR}` }).all();
  const tracker = createStateTracker([...before, ...after], recorded?.writes ?? 0);
  const damage = damageOf(tracker.state(), recorded, await readWriteCount(dir));
  if (damage !== undefined) throw new DamageError(damage);
  return tracker;
}

const tableRange = (table: Table) => ({ gt: `${table}!`, lt: `${table}${AFTER_SEPARATOR}` });

/** Where LevelDB's files are, below `DATA_DIR`. */
export const DATABASE_FOLDER = 'db';
const databaseFolder = (dir: string): string => join(dir, DATABASE_FOLDER);

interface OpenLevel {
  readonly level: ClassicLevel;
  readonly tracker: StateTracker;
  readonly writeCount: WriteCount;
}

type Guard = <T>(work: () => Promise<T>) => Promise<T>;

const keyless = (table: Table, key: string): string => key.slice(table.length + 1);

const readsOf = (
  level: ClassicLevel,
  reading: Guard,
): Pick<Database, 'get' | 'getMany' | 'all' | 'keys'> => ({
  get: (table, key) =>
    reading(async () => {
      const text = await level.get(`${table}!${key}`);
      return text === undefined ? undefined : decodeRecord(text);
    }),
  getMany: (table, keys) =>
    reading(async () => {
      const texts = await level.getMany(keys.map((key) => `${table}!${key}`));
      return texts.map((text) => (text === undefined ? undefined : decodeRecord(text)));
    }),
  all: (table) =>
    reading(async () => {
      const rows = await level.iterator(tableRange(table)).all();
      return rows.map(([key, text]) => [keyless(table, key), decodeRecord(text)] as const);
    }),
  keys: (table) =>
    reading(async () => {
      const keys = await level.keys(tableRange(table)).all();
      return keys.map((key) => keyless(table, key));
    }),
});

/** Characters that are encoded before other work runs: a few milliseconds. */
const ENCODED_IN_A_TURN = 500_000;

async function encoded(
  operations: readonly Operation[],
  nextStep: NextStep,
): Promise<readonly RecordChange[]> {
  const changes: RecordChange[] = [];
  for (const operation of operations) {
    const value = operation.type === 'put' ? encodeRecord(operation.value) : undefined;
    changes.push({ key: `${operation.table}!${operation.key}`, value });
    await nextStep(value?.length ?? 0);
  }
  return changes;
}

function databaseOn(dir: string, { level, tracker: first, writeCount }: OpenLevel): Database {
  let tracker = first;
  // LevelDB accepts no more writes after one has failed; the outcome of that one is unknown until it is reopened.
  let hasFailed = false;
  let isClosed = false;
  let reopening: Promise<void> = Promise.resolve();
  let writing: Promise<void> = Promise.resolve();
  const turns = createTurns(ENCODED_IN_A_TURN);
  const guarded: Guard = async (work) => {
    try {
      return await work();
    } catch (error) {
      throw unavailable(dir, error);
    }
  };
  const reading: Guard = (work) => guarded(() => reopening.then(work, work));
  const writeBatch = async (operations: readonly Operation[]): Promise<void> => {
    const changes = await encoded(operations, turns.begin());
    const { state, done } = tracker.after(changes);
    const batch = [...changes, { key: STATE_KEY, value: JSON.stringify(state) }].map(({ key, value }) =>
      value === undefined ? ({ type: 'del', key } as const) : ({ type: 'put', key, value } as const),
    );
    try {
      await level.batch(batch, { sync: true });
    } catch (error) {
      hasFailed = true;
      throw unavailable(dir, error);
    }
    done();
    await writeCount.set(state.writes);
  };
  return {
    ...readsOf(level, reading),
    write: (operations) => {
      if (operations.length === 0) return Promise.resolve();
      // One at a time: the state of each batch follows from the one before.
      const written = writing.then(() => writeBatch(operations));
      writing = written.catch(() => undefined);
      return written;
    },
    reopen: () => {
      reopening = guarded(async () => {
        await probeFolder(dir);
        await level.close();
        await openLevel(level, dir);
        tracker = await checkedTracker(level, databaseFolder(dir));
        hasFailed = false;
      });
      return reopening;
    },
    isOpen: () => level.status === 'open' && !hasFailed,
    close: () =>
      guarded(async () => {
        if (isClosed) return;
        isClosed = true;
        await level.close();
        await writeCount.close();
      }),
  };
}

/** @throws DamageError when the database is damaged. */
async function openChecked(dir: string): Promise<OpenLevel> {
  const folder = databaseFolder(dir);
  // LevelDB would start empty, and delete the other files.
  if (await lacksCurrent(folder)) throw new DamageError('its file CURRENT is missing');
  const level = new ClassicLevel(folder);
  await openLevel(level, dir);
  try {
    await checkVersion(level, dir);
    const tracker = await checkedTracker(level, folder);
    return { level, tracker, writeCount: await openWriteCount(folder) };
  } catch (error) {
    await level.close();
    throw asDamage(error);
  }
}

/**
 * Creates a folder and those above it. Node's own recursive `mkdir` never ends where the file system refuses a new folder as if
 * the one above were missing, as /proc does.
 */
async function createFolder(dir: string): Promise<void> {
  const known = await stat(dir).catch(() => undefined);
  if (known?.isDirectory() === true) return;
  if (known !== undefined) throw new Error(`${dir} is a file, not a folder`);
  const above = dirname(dir);
  if (above !== dir) await createFolder(above);
  await mkdir(dir).catch((error: unknown) => {
    // Another process made it meanwhile.
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  });
}

/**
 * Opens the database in a folder, which is created if it does not exist, and locks it. A damaged database is moved aside
 * and an empty one is opened in its place.
 * @throws UpstreamError `bad-request` when another process holds it or another version wrote it.
 */
export async function openDatabase(dir: string, logger?: Pick<Logger, 'error'>): Promise<Database> {
  try {
    await createFolder(dir);
    const opened = await openChecked(dir).catch(async (error: unknown) => {
      if (!(error instanceof DamageError)) throw error;
      const movedTo = await setAside(databaseFolder(dir));
      logger?.error('the embedded store was damaged: moved aside, starting with an empty one', {
        folder: movedTo,
        reason: error.message,
      });
      return await openChecked(dir);
    });
    return databaseOn(dir, opened);
  } catch (error) {
    throw unavailable(dir, error);
  }
}

/*
 * LevelDB does not report every damage: it ignores the rest of a damaged log, starts empty when CURRENT is missing, and
 * reads tables without their checksums. Every batch therefore also writes the state of the whole database, which is
 * compared with its records at the start. A file beside the database holds the number of batches, so that a database that
 * lost its last batches, or all of them, is detected as well.
 */

/** The state of all records. */
export interface DatabaseState {
  /** Number of batches written. */
  readonly writes: number;
  /** Number of records. */
  readonly records: number;
  /** Sum of the records' checksums, modulo 2^32. */
  readonly sum: number;
}

/** A change of a record; without a value it is deleted. */
export interface RecordChange {
  readonly key: string;
  readonly value?: string;
}

const checksumOf = (key: string, value: string): number => crc32(value, crc32(`${key}\n`));

/** Computes the state of a database as its records change. */
export interface StateTracker {
  state(): DatabaseState;
  /** The state after a batch, and what to do once the batch is on disk. */
  after(changes: readonly RecordChange[]): { readonly state: DatabaseState; readonly done: () => void };
}

/** Starts with the records that are on disk and their number of batches. */
function createStateTracker(
  rows: Iterable<readonly [key: string, value: string]>,
  writes: number,
): StateTracker {
  const checksums = new Map<string, number>();
  let total = 0;
  for (const [key, value] of rows) {
    const checksum = checksumOf(key, value);
    checksums.set(key, checksum);
    total = (total + checksum) >>> 0;
  }
  let current: DatabaseState = { writes, records: checksums.size, sum: total };
  return {
    state: () => current,
    after: (changes) => {
      let { records, sum } = current;
      const changed = new Map<string, number | undefined>();
      for (const { key, value } of changes) {
        const old = changed.has(key) ? changed.get(key) : checksums.get(key);
        const checksum = value === undefined ? undefined : checksumOf(key, value);
        changed.set(key, checksum);
        records += Number(checksum !== undefined) - Number(old !== undefined);
        sum = (sum - (old ?? 0) + (checksum ?? 0)) >>> 0;
      }
      const state: DatabaseState = { writes: current.writes + 1, records, sum };
      const done = (): void => {
        for (const [key, checksum] of changed) {
          if (checksum === undefined) checksums.delete(key);
          else checksums.set(key, checksum);
        }
        current = state;
      };
      return { state, done };
    },
  };
}

/** Describes damage: how the records differ from the recorded state; undefined when they are intact. */
function damageOf(
  found: DatabaseState,
  recorded: DatabaseState | undefined,
  lastWrite: number | undefined,
): string | undefined {
  const writes = recorded?.writes ?? 0;
  if (lastWrite !== undefined && writes < lastWrite)
    return `the last ${lastWrite - writes} of ${lastWrite} writes are missing`;
  if (recorded === undefined) return found.records === 0 ? undefined : 'its state record is missing';
  if (found.records !== recorded.records)
    return `found ${found.records} records, expected ${recorded.records}`;
  return found.sum === recorded.sum ? undefined : 'the checksum of its records is wrong';
}
