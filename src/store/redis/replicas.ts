import type { Logger } from '../../lib/logger.ts';
import type { StoreClient } from './connection.ts';

/*
 * Keys, below the prefix:
 *
 *   replicas       set      names of the replicas
 *   replica:NAME   string   ReplicaRecord as JSON; expires without an announcement
 */

/** The rules of a replica. */
export interface ReplicaRules {
  /** The same for the same rules. */
  readonly hash: string;
  /** For people, to recognize the installation. */
  readonly description: string;
}

/** What a replica tells the others. */
interface ReplicaRecord extends ReplicaRules {
  /** For how long it has had these rules, in ms: its clock may be wrong. */
  readonly age: number;
}

export interface ReplicasOptions {
  readonly client: Pick<StoreClient, 'get' | 'sadd' | 'set' | 'smembers' | 'srem'>;
  /** `{PREFIX}:`. */
  readonly prefix: string;
  readonly replica: string;
  readonly rules: () => ReplicaRules;
  readonly logger?: Pick<Logger, 'error' | 'info'>;
  /** How long replicas may differ, as they do during a rolling update, in ms. */
  readonly tolerance?: number;
}

/** A replica that does not announce itself for this long is gone, in ms. */
const EXPIRY = 90_000;

/** Time between two announcements, in ms. */
const ANNOUNCE_EVERY = 30_000;

const TOLERANCE = 3 * 60_000;

/** Finds replicas that use the same prefix with other rules: a second installation, or a forgotten one. */
export interface Replicas {
  /** Announces this replica and reads the others. */
  announce(): Promise<void>;
  /** Names the replicas with other rules; undefined without any. */
  conflict(): string | undefined;
  stop(): void;
}

export function watchReplicas(options: ReplicasOptions): Replicas {
  const { client, prefix, replica, rules, logger, tolerance = TOLERANCE } = options;
  let own = { ...rules(), since: performance.now() };
  let conflict: string | undefined;

  const others = async (): Promise<readonly (readonly [string, ReplicaRecord])[]> => {
    const found: (readonly [string, ReplicaRecord])[] = [];
    for (const other of await client.smembers(`${prefix}replicas`)) {
      if (other === replica) continue;
      const text = await client.get(`${prefix}replica:${other}`);
      if (text === null) await client.srem(`${prefix}replicas`, other);
      else found.push([other, JSON.parse(text) as ReplicaRecord]);
    }
    return found;
  };

  const note = (found: string | undefined): void => {
    if (found !== undefined && found !== conflict) {
      logger?.error('another installation with other rules uses the same REDIS_PREFIX', { replicas: found });
    }
    if (found === undefined && conflict !== undefined)
      logger?.info('no other installation uses the REDIS_PREFIX any more');
    conflict = found;
  };

  const announce = async (): Promise<void> => {
    const current = rules();
    if (current.hash !== own.hash) own = { ...current, since: performance.now() };
    const age = Math.round(performance.now() - own.since);
    const record: ReplicaRecord = { ...current, age };
    await client.set(`${prefix}replica:${replica}`, JSON.stringify(record), 'PX', EXPIRY);
    await client.sadd(`${prefix}replicas`, replica);
    const different = (await others()).filter(
      ([, other]) => other.hash !== own.hash && Math.min(other.age, age) >= tolerance,
    );
    const names = different.map(([name, { description }]) => `${name} (${description})`).sort();
    note(names.length === 0 ? undefined : names.join(', '));
  };

  // A failure is one of the store, which its other operations report.
  const timer = setInterval(() => void announce().catch(() => undefined), ANNOUNCE_EVERY);
  timer.unref();
  return { announce, conflict: () => conflict, stop: () => clearInterval(timer) };
}
