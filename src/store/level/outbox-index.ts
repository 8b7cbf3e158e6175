import { type EpochMs, epochMs } from '../../lib/units.ts';
import type { OutboxEntry } from '../../messages/store.ts';

/** An entry as it is kept: with its place in the queue and the lease on it. */
export interface OutboxRecord {
  /** Entries of one alert go out in this order. */
  readonly seq: number;
  readonly entry: OutboxEntry;
  readonly takenAt?: EpochMs;
  readonly leasedUntil?: EpochMs;
}

/** The outbox in memory, in the order of the queue: an image of what is on disk, changed only after a write. */
export interface OutboxIndex {
  get(id: string): OutboxRecord | undefined;
  all(): readonly OutboxRecord[];
  put(record: OutboxRecord): void;
  remove(id: string): void;
  /** Refreshes of an alert that nobody has taken yet: a newer entry makes them pointless. */
  untakenRefreshes(alertId: string): readonly OutboxRecord[];
  /** The first record in the queue that may be taken now. */
  firstDue(now: EpochMs): OutboxRecord | undefined;
  depth(): number;
  oldestAt(): EpochMs | undefined;
}

const isDue = ({ entry, leasedUntil = epochMs(0) }: OutboxRecord, now: EpochMs): boolean =>
  entry.notBefore <= now && leasedUntil <= now;

export function createOutboxIndex(initial: readonly OutboxRecord[]): OutboxIndex {
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
