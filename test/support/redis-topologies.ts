import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { freePort, type RealRedis, startRealRedis } from './real-redis.ts';

/** A master, its replica, and what else belongs to them. */
export interface Topology {
  readonly url: string;
  readonly master: RealRedis;
  readonly replica: RealRedis;
  close(): Promise<void>;
}

/** Sends commands to one server. */
export async function onServer<T>(
  { port }: { port: number },
  work: (redis: Redis) => Promise<T>,
): Promise<T> {
  const redis = new Redis(port, '127.0.0.1');
  // A server that still starts: the client tries again.
  redis.on('error', () => undefined);
  try {
    return await work(redis);
  } finally {
    redis.disconnect();
  }
}

/** Waits until a server says so: `INFO` or `CLUSTER INFO` contains the text. */
async function untilInfo(
  server: RealRedis,
  text: string,
  command: 'info' | 'cluster' = 'info',
): Promise<void> {
  await onServer(server, async (redis) => {
    for (let attempt = 0; attempt < 200; attempt++) {
      const info = command === 'info' ? await redis.info() : await redis.cluster('INFO');
      if (info.includes(text)) return;
      await wait(50);
    }
    throw new Error(`redis-server on ${server.port} did not report ${text}`);
  });
}

/** A replica of a master, in sync with it. */
export async function startReplica(master: RealRedis): Promise<RealRedis> {
  const replica = await startRealRedis({ settings: { replicaof: `127.0.0.1 ${master.port}` } });
  await untilInfo(replica, 'master_link_status:up');
  return replica;
}

async function startSentinel(master: RealRedis): Promise<{ port: number; close: () => Promise<void> }> {
  const dir = await mkdtemp(join(tmpdir(), 'tailwatch-sentinel-'));
  const port = await freePort();
  const config = join(dir, 'sentinel.conf');
  await writeFile(
    config,
    [
      `port ${port}`,
      'bind 127.0.0.1',
      `dir ${dir}`,
      `sentinel monitor main 127.0.0.1 ${master.port} 2`,
      'sentinel down-after-milliseconds main 500',
      'sentinel failover-timeout main 2000',
      '',
    ].join('\n'),
  );
  const child = spawn('redis-sentinel', [config], { stdio: 'ignore' });
  return {
    port,
    close: async () => {
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      await exited;
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** Three Sentinels that watch a master with one replica. */
export async function startSentinels(): Promise<Topology> {
  const master = await startRealRedis();
  const replica = await startReplica(master);
  const sentinels = await Promise.all([0, 1, 2].map(() => startSentinel(master)));
  for (const sentinel of sentinels) {
    await onServer(sentinel, async (redis) => {
      for (let attempt = 0; attempt < 200; attempt++) {
        const [state] = (await redis.call('SENTINEL', 'MASTERS')) as string[][];
        const valueOf = (name: string) => state?.[state.indexOf(name) + 1];
        if (valueOf('num-slaves') === '1' && valueOf('num-other-sentinels') === '2') return;
        await wait(50);
      }
      throw new Error('the Sentinels did not find each other');
    });
  }
  const hosts = sentinels.map(({ port }) => `127.0.0.1:${port}`).join(',');
  return {
    url: `redis+sentinel://${hosts}/main`,
    master,
    replica,
    close: async () => {
      await Promise.all(sentinels.map((sentinel) => sentinel.close()));
      await Promise.all([master.close(), replica.close()]);
    },
  };
}

const SLOTS = 16_384;

/** A node forgets another one whose handshake takes longer than its timeout, as on a busy machine: they are introduced again. */
async function meet(nodes: readonly RealRedis[], first: RealRedis): Promise<void> {
  const isKnown = async (node: RealRedis): Promise<boolean> =>
    /cluster_known_nodes:4/.test(
      await onServer(node, async (redis) => String(await redis.call('CLUSTER', 'INFO'))),
    );
  for (let attempt = 0; attempt < 60; attempt += 1) {
    for (const node of nodes.slice(1))
      await onServer(node, (redis) => redis.call('CLUSTER', 'MEET', '127.0.0.1', first.port));
    await wait(1_000);
    if ((await Promise.all(nodes.map(isKnown))).every(Boolean)) return;
  }
  throw new Error('the nodes of the Cluster do not know each other after a minute');
}

/** A Cluster of three masters. `master` has the slot of the key, and a replica. */
export async function startCluster(key: string): Promise<Topology> {
  const settings = { 'cluster-enabled': 'yes', 'cluster-node-timeout': 1_000 };
  const nodes = await Promise.all([0, 1, 2, 3].map(() => startRealRedis({ settings })));
  const [first, second, third, replica] = nodes as [RealRedis, RealRedis, RealRedis, RealRedis];
  const masters = [first, second, third];
  const slot = await onServer(first, async (redis) => redis.cluster('KEYSLOT', key));
  for (const [index, node] of masters.entries()) {
    const from = Math.floor((index * SLOTS) / 3);
    const to = Math.floor(((index + 1) * SLOTS) / 3) - 1;
    await onServer(node, (redis) => redis.call('CLUSTER', 'ADDSLOTSRANGE', from, to));
  }
  await meet(nodes, first);
  for (const node of nodes) await untilInfo(node, 'cluster_state:ok', 'cluster');
  const master = masters[Math.min(2, Math.floor((slot * 3) / SLOTS))] ?? first;
  const id = await onServer(master, async (redis) => String(await redis.call('CLUSTER', 'MYID')));
  await onServer(replica, (redis) => redis.call('CLUSTER', 'REPLICATE', id));
  await untilInfo(replica, 'master_link_status:up');
  return {
    url: `redis+cluster://${masters.map(({ port }) => `127.0.0.1:${port}`).join(',')}`,
    master,
    replica,
    close: async () => {
      await Promise.all(nodes.map((node) => node.close()));
    },
  };
}
