import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { decodeRecord, encodeRecord, requireKnownVersion } from '../../alerts/record-codec.ts';
import { UpstreamError } from '../../lib/errors.ts';
import { describeHolder, probeFolder } from './folder.ts';

/*
 * The key space. Values are records (JSON), except for the version.
 *
 *   meta!version              format of everything else
 *   tick!GROUP!EVAL_TIME      a claimed tick, until it expires
 *   group!GROUP               GroupRecord: the RuleGroupState without what the records of its alerts hold
 *   alert!ALERT_ID            Alert
 *   entry!SEQ                 OutboxRecord; SEQ has 16 digits, so that key order is queue order
 *   done!ID                   when an entry was completed, for a day
 *   ref!ALERT_ID              MessageRef
 *   action!ALERT_ID           AlertActions
 *   silence!ID                StoredSilence
 */
type Table = 'tick' | 'group' | 'alert' | 'entry' | 'done' | 'ref' | 'action' | 'silence';

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

/** Format of a folder. */
const FOLDER_VERSION = 3;

/** The character after `!`: ends a table's range of keys. */
const AFTER_SEPARATOR = '"';

const ADVICE = 'Check that its folder (DATA_DIR) is writable and that the disk has free space.';

function unavailable(cause: unknown): UpstreamError {
  if (cause instanceof UpstreamError) return cause;
  const message = `The embedded store failed: ${cause instanceof Error ? cause.message : String(cause)}`;
  return new UpstreamError({ system: 'store', code: 'unavailable', message, advice: ADVICE, cause });
}

async function guarded<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw unavailable(error);
  }
}

function isLocked(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && 'code' in cause && cause.code === 'LEVEL_LOCKED';
}

async function openOrExplain(level: ClassicLevel, dir: string): Promise<void> {
  try {
    await level.open();
  } catch (error) {
    if (!isLocked(error)) throw unavailable(error);
    throw new UpstreamError({
      system: 'store',
      code: 'bad-request',
      message: await describeHolder(dir),
      advice: 'Stop that process, or give this one a folder of its own (DATA_DIR).',
      cause: error,
    });
  }
}

async function checkVersion(level: ClassicLevel, dir: string): Promise<void> {
  const found = await level.get(VERSION_KEY);
  if (found === undefined) await level.put(VERSION_KEY, String(FOLDER_VERSION), { sync: true });
  else requireKnownVersion(found, { known: FOLDER_VERSION, where: `The folder ${dir}` });
}

const tableRange = (table: Table) => ({ gt: `${table}!`, lt: `${table}${AFTER_SEPARATOR}` });

function databaseOn(level: ClassicLevel, dir: string): Database {
  // LevelDB accepts no more writes after one has failed; the outcome of that one is unknown until it is reopened.
  let hasFailed = false;
  let reopening: Promise<void> = Promise.resolve();
  const reading = <T>(work: () => Promise<T>): Promise<T> => guarded(() => reopening.then(work, work));
  const keyless = (table: Table, key: string): string => key.slice(table.length + 1);
  const write = async (operations: readonly Operation[]): Promise<void> => {
    if (operations.length === 0) return;
    const batch = operations.map((operation) => {
      const key = `${operation.table}!${operation.key}`;
      return operation.type === 'put'
        ? ({ type: 'put', key, value: encodeRecord(operation.value) } as const)
        : ({ type: 'del', key } as const);
    });
    try {
      await level.batch(batch, { sync: true });
    } catch (error) {
      hasFailed = true;
      throw unavailable(error);
    }
  };
  return {
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
    write,
    reopen: () => {
      reopening = guarded(async () => {
        await probeFolder(dir);
        await level.close();
        await openOrExplain(level, dir);
        hasFailed = false;
      });
      return reopening;
    },
    isOpen: () => level.status === 'open' && !hasFailed,
    close: () => guarded(() => level.close()),
  };
}

/**
 * Opens the database in a folder, which is created if it does not exist, and locks it.
 * @throws UpstreamError `bad-request` when another process holds it or another version wrote it.
 */
export async function openDatabase(dir: string): Promise<Database> {
  await guarded(() => mkdir(dir, { recursive: true }));
  const level = new ClassicLevel(join(dir, 'db'));
  await openOrExplain(level, dir);
  try {
    await checkVersion(level, dir);
  } catch (error) {
    await level.close();
    throw unavailable(error);
  }
  return databaseOn(level, dir);
}
