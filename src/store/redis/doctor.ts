import { type Diagnosis, faulty, healthy, warning } from '../../lib/diagnosis.ts';
import { onServers, type RedisServer } from './connection.ts';

const NAME = 'redis';

/**
 * Checks the servers of a Redis: version, role, eviction, persistence.
 * @throws UpstreamError when it cannot be reached.
 */
export async function diagnoseRedis(url: string): Promise<readonly Diagnosis[]> {
  return await onServers({ url }, async (servers) => {
    const all = await Promise.all(servers.map(diagnoseServer));
    // The same finding of several masters is one line.
    const lines = new Map(all.flat().map((each) => [JSON.stringify(each), each]));
    return [...lines.values()];
  });
}

type Info = ReadonlyMap<string, string>;

/** The fields of `INFO`. */
const infoOf = (text: string): Info =>
  new Map(
    text
      .split(/\r?\n/)
      .map((line) => line.split(':', 2))
      .flatMap(([name, value]) =>
        name === undefined || value === undefined ? [] : [[name, value] as const],
      ),
  );

/** Checks one server that takes writes. */
export async function diagnoseServer(server: RedisServer): Promise<readonly Diagnosis[]> {
  const info = infoOf(await server.info());
  // Managed services refuse CONFIG.
  const saves = await server.config('GET', 'save').then(
    (answer) => (Array.isArray(answer) ? String(answer[1]) : undefined),
    () => undefined,
  );
  return [serverDiagnosis(info), evictionDiagnosis(info), ...persistenceDiagnoses(info, saves)];
}

/** The first version with what the scripts use. */
const OLDEST = 6;

function serverDiagnosis(info: Info): Diagnosis {
  const version = info.get('redis_version') ?? 'unknown';
  const mode = info.get('redis_mode') ?? 'standalone';
  if (mode === 'sentinel')
    return faulty(NAME, [
      'REDIS_URL is the address of a Sentinel.',
      'Write redis+sentinel://host1,host2/master, so that the bot finds the master.',
    ]);
  if (info.get('role') !== 'master')
    return faulty(NAME, [
      'The server is a replica and refuses writes.',
      'Use the address of the master, or of the Sentinels: redis+sentinel://host1,host2/master.',
    ]);
  if (Number.parseInt(version, 10) < OLDEST)
    return warning(NAME, [`The version is ${version}.`, `Upgrade to Redis ${OLDEST} or later, or Valkey.`]);
  return healthy(NAME, `It responds; version ${version}, ${mode}.`);
}

function evictionDiagnosis(info: Info): Diagnosis {
  const name = 'redis maxmemory-policy';
  const policy = info.get('maxmemory_policy');
  if (policy === undefined || policy === 'noeviction') return healthy(name, 'No key is evicted.');
  const found = [
    `It is ${policy}: when memory is full, alerts and messages are deleted.`,
    'Set maxmemory-policy noeviction.',
  ] as const;
  return info.get('maxmemory') === '0' ? warning(name, found) : faulty(name, found);
}

function persistenceDiagnoses(info: Info, saves: string | undefined): readonly Diagnosis[] {
  const name = 'redis persistence';
  const failed = ['aof_last_write_status', 'rdb_last_bgsave_status'].find(
    (field) => info.get(field) === 'err',
  );
  if (failed !== undefined)
    return [
      faulty(name, [`The last write to disk failed (${failed}).`, 'Check the disk of Redis, and its log.']),
    ];
  if (info.get('aof_enabled') === '1') return [healthy(name, 'Every write goes to an append-only file.')];
  const lost = 'acknowledgements, silences made in Slack and pending alerts are lost';
  return [
    warning(
      name,
      saves === ''
        ? [
            `Nothing is written to disk: when Redis restarts, ${lost}.`,
            'Set appendonly yes and appendfsync everysec.',
          ]
        : [
            `Only snapshots are written: when Redis crashes, later ${lost}.`,
            'Set appendonly yes and appendfsync everysec.',
          ],
    ),
  ];
}
