import type { Logger } from '../../lib/logger.ts';
import { between, type EpochMs, type Milliseconds, ms, SECOND } from '../../lib/units.ts';
import type { Database } from './database.ts';

/** The folder of a disk that is full is not opened again and again for nothing. */
const REOPEN_EVERY: Milliseconds = ms(5 * SECOND);

/** Brings the store back after a write that failed: a full disk, a volume that was away. */
export interface Recovery {
  /** The database, with an eye on its writes. */
  readonly database: Database;
  /**
   * Does a piece of work that may write. Where its write fails, the database is opened anew and the work is done once
   * more, from its beginning: whether that write is on disk it then sees like everybody else. Fails while the database
   * cannot be opened. Not for two pieces at once.
   */
  run<T>(work: () => Promise<T>): Promise<T>;
}

export interface RecoveryOptions {
  readonly database: Database;
  readonly now: () => EpochMs;
  readonly logger: Pick<Logger, 'error' | 'info'> | undefined;
  /** Reads what is kept in memory anew. */
  readonly reload: () => Promise<void>;
}

export function createRecovery({ database, now, logger, reload }: RecoveryOptions): Recovery {
  /** The failure that no write has followed yet that went through. */
  let failure: { readonly since: EpochMs; readonly error: unknown } | undefined;
  let attemptedAt: EpochMs | undefined;

  const noteFailure = (error: unknown): void => {
    if (failure !== undefined) return;
    failure = { since: now(), error };
    logger?.error('the embedded store cannot be written to: its folder is opened anew until it can', {
      reason: error instanceof Error ? error.message : String(error),
    });
  };

  const noteWrite = (): void => {
    if (failure === undefined) return;
    const afterSeconds = between(failure.since, now()) / SECOND;
    logger?.info('the embedded store can be written to again', { afterSeconds });
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
    if (operations.length > 0) noteWrite();
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
