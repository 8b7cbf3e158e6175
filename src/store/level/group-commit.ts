import { type Batch, emptyBatch } from './messages.ts';

/** Adds what a change of one rule group writes to a batch; nothing is changed before that is on disk. */
type Prepare<T> = (batch: Batch) => Promise<T>;

interface Waiting {
  readonly group: string;
  readonly prepare: Prepare<unknown>;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

type Outcome = { readonly value: unknown } | { readonly error: unknown };

/** What group commit needs of the store. */
export interface GroupCommitOptions {
  /** Runs a job after all others before it. */
  readonly serial: <T>(job: () => Promise<T>) => Promise<T>;
  /** Runs work that writes, once more after a write that failed. */
  readonly run: <T>(work: () => Promise<T>) => Promise<T>;
  readonly commit: (batch: Batch) => Promise<void>;
  readonly isOpen: () => boolean;
}

/** Changes in one write: a write with more of them is no cheaper, and others wait for it. */
const MAX_CHANGES = 256;
/** Records in one write, which are encoded without a pause. */
const MAX_OPERATIONS = 1_000;

/**
 * Writes the changes of rule groups that wait at the same time together: the groups of one evaluation time need one
 * durable write, not one each. Changes of one group stay in their order, in writes of their own. A change that fails
 * before the write rejects alone.
 */
export function createGroupCommit({ serial, run, commit, isOpen }: GroupCommitOptions) {
  let waiting: readonly Waiting[] = [];
  let isScheduled = false;

  /** The first changes that wait, one for each group. */
  function take(): readonly Waiting[] {
    const groups = new Set<string>();
    const taken = waiting.filter(({ group }) => {
      if (groups.size >= MAX_CHANGES || groups.has(group)) return false;
      groups.add(group);
      return true;
    });
    const isTaken = new Set(taken);
    waiting = waiting.filter((each) => !isTaken.has(each));
    return taken;
  }

  /** The outcomes of the first of these changes, as many as fit into one write. */
  async function writeTogether(changes: readonly Waiting[]): Promise<readonly Outcome[]> {
    const all = emptyBatch();
    const outcomes: Outcome[] = [];
    for (const { prepare } of changes) {
      if (all.operations.length > MAX_OPERATIONS) break;
      const own = emptyBatch();
      try {
        outcomes.push({ value: await prepare(own) });
      } catch (error) {
        // The database failed: all of them are prepared again once it is open.
        if (!isOpen()) throw error;
        outcomes.push({ error });
        continue;
      }
      all.operations.push(...own.operations);
      all.effects.push(...own.effects);
    }
    if (all.operations.length > 0) await commit(all);
    return outcomes;
  }

  async function flush(): Promise<void> {
    isScheduled = false;
    const taken = take();
    try {
      const outcomes = await run(() => writeTogether(taken));
      for (const [index, outcome] of outcomes.entries()) {
        if ('error' in outcome) taken[index]?.reject(outcome.error);
        else taken[index]?.resolve(outcome.value);
      }
      waiting = [...taken.slice(outcomes.length), ...waiting];
    } catch (error) {
      for (const { reject } of taken) reject(error);
    }
    schedule();
  }

  function schedule(): void {
    if (isScheduled || waiting.length === 0) return;
    isScheduled = true;
    void serial(flush);
  }

  return <T>(group: string, prepare: Prepare<T>): Promise<T> =>
    new Promise<T>((resolve, reject) => {
      waiting = [...waiting, { group, prepare, resolve: resolve as (value: unknown) => void, reject }];
      schedule();
    });
}
