import type { EpochMs } from '../../lib/units.ts';
import type { OutboxEntry } from '../../messages/store.ts';
import type { Database, Operation } from './database.ts';
import type { OutboxIndex, OutboxRecord } from './outbox-index.ts';

export interface Claim {
  readonly group: string;
  readonly expiresAt: EpochMs;
}

/** The store's image in memory: changed only after the write it mirrors is on disk. */
export interface Image {
  readonly outbox: OutboxIndex;
  /** Completed ids and when, oldest first. */
  readonly done: Map<string, EpochMs>;
  readonly claims: Map<string, Claim>;
  lastSeq: number;
}

export interface Parts {
  readonly database: Database;
  /** Read anew after a write that failed. */
  image: Image;
  readonly now: () => EpochMs;
}

/** Changes to write, and what to do to the image once they are written. */
export interface Draft {
  readonly operations: Operation[];
  readonly effects: (() => void)[];
}

export const emptyDraft = (): Draft => ({ operations: [], effects: [] });

export async function commit({ database }: Parts, { operations, effects }: Draft): Promise<void> {
  await database.write(operations);
  for (const effect of effects) effect();
}

const SEQ_DIGITS = 16;
const seqKey = (seq: number): string => String(seq).padStart(SEQ_DIGITS, '0');

export function draftRemoval({ image }: Parts, draft: Draft, { entry, seq }: OutboxRecord): void {
  draft.operations.push({ type: 'del', table: 'entry', key: seqKey(seq) });
  draft.effects.push(() => image.outbox.remove(entry.id));
}

export function draftRecord({ image }: Parts, draft: Draft, record: OutboxRecord): void {
  draft.operations.push({ type: 'put', table: 'entry', key: seqKey(record.seq), value: record });
  draft.effects.push(() => image.outbox.put(record));
}

/** Adds what is to be notified. */
export function draftEntries(parts: Parts, draft: Draft, entries: readonly OutboxEntry[]): void {
  const { image } = parts;
  // Entries of one change never supersede each other: only what was there before can be pointless.
  const added = new Set<string>();
  for (const entry of entries) {
    if (added.has(entry.id) || image.done.has(entry.id) || image.outbox.get(entry.id) !== undefined) continue;
    added.add(entry.id);
    for (const old of image.outbox.untakenRefreshes(entry.alertId)) draftRemoval(parts, draft, old);
    // A number that was drawn for a write that failed is skipped, never used again.
    image.lastSeq += 1;
    draftRecord(parts, draft, { seq: image.lastSeq, entry });
  }
}
