import { mkdir, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Diagnosis } from '../../../src/lib/diagnosis.ts';
import { diagnoseFolder } from '../../../src/store/level/doctor.ts';
import { openLevelStore } from '../../../src/store/level/open-level-store.ts';
import { diagnoseServer } from '../../../src/store/redis/doctor.ts';
import { makeTempDir } from '../../support/temp-store.ts';

const lines = (found: readonly Diagnosis[]): readonly string[] =>
  found.map(({ status, name, message, advice }) =>
    [`${status} ${name}: ${message}`, advice].filter((part) => part !== undefined).join(' '),
  );

describe('the store folder', () => {
  let dir: string;
  let dispose: () => Promise<void>;
  beforeEach(async () => {
    ({ dir, dispose } = await makeTempDir());
  });
  afterEach(() => dispose());
  const diagnose = async (path = dir) => (await diagnoseFolder(path)).filter(({ name }) => name === 'store');

  it('one that does not exist yet', async () => {
    expect(lines(await diagnose(join(dir, 'new', 'data')))).toEqual([
      `ok store: The folder ${join(dir, 'new', 'data')} (DATA_DIR) does not exist yet and can be created.`,
    ]);
  });

  it('one that a bot has open: its lock is left alone', async () => {
    const store = await openLevelStore({ dir });
    expect(lines(await diagnose())).toEqual([
      expect.stringMatching(/^ok store: The folder .+ is in use by process \d+ on this host, since .+\.$/),
    ]);
    expect(store.isOpen()).toBe(true);
    await store.close();
    expect(lines(await diagnose())).toEqual([`ok store: The folder ${dir} is not in use and is intact.`]);
  });

  it('one that a process of another host has open', async () => {
    const since = '2026-11-20T14:00:00.000Z';
    await writeFile(join(dir, 'holder.json'), JSON.stringify({ pid: 7, host: `not-${hostname()}`, since }));
    expect(lines(await diagnose())).toEqual([
      `warning store: The folder ${dir} is in use by process 7 on host not-${hostname()}, since ${since}. If that is not the bot you are checking, set DATA_DIR to another folder.`,
    ]);
  });

  it('one that is damaged: it is not changed', async () => {
    await (await openLevelStore({ dir })).close();
    await rm(join(dir, 'db', 'CURRENT'));
    const damaged = `error store: The database in ${dir} is damaged: its file CURRENT is missing. Restore DATA_DIR from a backup, or start the bot: it moves the database aside and continues its open messages from Slack.`;
    expect(lines(await diagnose())).toEqual([damaged]);
    expect(lines(await diagnose())).toEqual([damaged]);
    await mkdir(join(dir, 'db.damaged-20261120T140000'));
    expect((await diagnose())[1]).toMatchObject({
      status: 'warning',
      advice: 'Check the disk; then delete that folder.',
    });
  });

  it('one that cannot be written to', async () => {
    expect(lines(await diagnose('/proc/tailwatch'))).toEqual([
      expect.stringMatching(/^error store: No file can be written to \/proc \(.+\)\. Make DATA_DIR writable/),
    ]);
  });
});

describe('Redis', () => {
  const GOOD = {
    redis_version: '7.2.4',
    redis_mode: 'standalone',
    role: 'master',
    maxmemory: '1000000',
    maxmemory_policy: 'noeviction',
    aof_enabled: '1',
    aof_last_write_status: 'ok',
    rdb_last_bgsave_status: 'ok',
  };
  const diagnose = async (info: Partial<typeof GOOD>, save: string | Error = '3600 1') =>
    lines(
      await diagnoseServer({
        info: async () =>
          `# Server\r\n${Object.entries({ ...GOOD, ...info })
            .map(([name, value]) => `${name}:${value}`)
            .join('\r\n')}`,
        config: async () => {
          if (save instanceof Error) throw save;
          return ['save', save];
        },
      }),
    );

  it('one that is set up right', async () => {
    expect(await diagnose({})).toEqual([
      'ok redis: It responds; version 7.2.4, standalone.',
      'ok redis maxmemory-policy: No key is evicted.',
      'ok redis persistence: Every write goes to an append-only file.',
    ]);
  });

  const LOST =
    'acknowledgements, silences made in Slack and pending alerts are lost. Set appendonly yes and appendfsync everysec.';
  it.each<[Partial<typeof GOOD>, string | Error, string]>([
    [
      { redis_version: '5.0.7' },
      '',
      'warning redis: The version is 5.0.7. Upgrade to Redis 6 or later, or Valkey.',
    ],
    [
      { role: 'slave' },
      '',
      'error redis: The server is a replica and refuses writes. Use the address of the master, or of the Sentinels: redis+sentinel://host1,host2/master.',
    ],
    [
      { redis_mode: 'sentinel' },
      '',
      'error redis: REDIS_URL is the address of a Sentinel. Write redis+sentinel://host1,host2/master, so that the bot finds the master.',
    ],
    [
      { maxmemory_policy: 'allkeys-lru' },
      '',
      'error redis maxmemory-policy: It is allkeys-lru: when memory is full, alerts and messages are deleted. Set maxmemory-policy noeviction.',
    ],
    [
      { maxmemory_policy: 'allkeys-lru', maxmemory: '0' },
      '',
      'warning redis maxmemory-policy: It is allkeys-lru: when memory is full, alerts and messages are deleted. Set maxmemory-policy noeviction.',
    ],
    [
      { aof_enabled: '0' },
      '',
      `warning redis persistence: Nothing is written to disk: when Redis restarts, ${LOST}`,
    ],
    [
      { aof_enabled: '0' },
      new Error('ERR unknown command'),
      `warning redis persistence: Only snapshots are written: when Redis crashes, later ${LOST}`,
    ],
    [
      { aof_last_write_status: 'err' },
      '',
      'error redis persistence: The last write to disk failed (aof_last_write_status). Check the disk of Redis, and its log.',
    ],
  ])('%j', async (info, save, line) => {
    expect(await diagnose(info, save)).toContain(line);
  });
});
