import { crc32 } from 'node:zlib';

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
export function createStateTracker(
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
export function damageOf(
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
