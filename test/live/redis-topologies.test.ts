import { afterEach, expect, it } from 'vitest';
import { MINUTE } from '../../src/lib/units.ts';
import { openRedisStore, type RedisStore } from '../../src/store/redis/open-redis-store.ts';
import { anUpdate, at, GROUP, state } from '../contract/store/fixtures.ts';
import { describeStore } from '../contract/store-contract.ts';
import { requireOrSkip } from '../support/live.ts';
import { type RealRedis, startRealRedis } from '../support/real-redis.ts';
import {
  onServer,
  startCluster,
  startReplica,
  startSentinels,
  type Topology,
} from '../support/redis-topologies.ts';
import { startRelay } from '../support/relay.ts';
import { createSpyLogger } from '../support/spies.ts';

/** What a test has started, ended in the opposite order. */
const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const closing = <T extends { close(): Promise<unknown> }>(started: T): T => {
  cleanups.push(async () => void (await started.close()));
  return started;
};

const open = async (url: string, over: Partial<Parameters<typeof openRedisStore>[0]> = {}) =>
  closing(await openRedisStore({ url, prefix: 'test', commandTimeout: 1_000, ...over }));

let evalTime = 0;
const write = (store: RedisStore) =>
  store.claimTick({ group: GROUP, evalTime: at((evalTime += 1)), ttl: MINUTE });

/** Waits until the store takes a write; it must within ten seconds. */
const untilWritable = (store: RedisStore) =>
  expect.poll(() => write(store).catch(() => false), { timeout: 10_000, interval: 100 }).toBe(true);

async function survivesFailover({ url, master }: Topology): Promise<void> {
  const logger = createSpyLogger();
  const store = await open(url, { logger });
  await store.applyEvaluation({ group: GROUP, state: state(at(1)), messages: [anUpdate('e1')] });
  // Replication is asynchronous.
  await onServer(master, (redis) => redis.wait(1, 1_000));
  await master.kill();
  await expect(write(store)).rejects.toMatchObject({ system: 'store' });
  await untilWritable(store);
  expect((await store.loadGroup(GROUP))?.evalTime).toBe(at(1));
  expect((await store.pendingMessages()).depth).toBe(1);
  expect(store.isOpen()).toBe(true);
}

requireOrSkip('redis-server', 'redis-sentinel')('a Redis behind Sentinels', () => {
  it('goes on with the new master after a failover', { timeout: 40_000 }, async () => {
    await survivesFailover(closing(await startSentinels()));
  });
});

requireOrSkip('redis-server')('a Redis Cluster', () => {
  it('goes on with the replica of a node that failed', { timeout: 40_000 }, async () => {
    await survivesFailover(closing(await startCluster('{test}:seq')));
  });

  let cluster: Topology | undefined;
  let count = 0;
  describeStore('the store on a Cluster', async () => {
    cluster ??= await startCluster('{any}:seq');
    const { url } = cluster;
    const prefix = `test-${count++}`;
    return { open: () => openRedisStore({ url, prefix }), dispose: async () => undefined };
  });

  it('is closed at the end', async () => {
    await cluster?.close();
  });
});

requireOrSkip('redis-server')('a Redis that refuses writes', () => {
  /** A stable address in front of servers, as a load balancer or a service is. */
  async function behindAddress(server: RealRedis) {
    const relay = await startRelay(server.port);
    cleanups.push(() => relay.cut());
    return { url: `redis://127.0.0.1:${relay.port}`, relay };
  }

  it('is left for the new master at the same address', { timeout: 30_000 }, async () => {
    const old = closing(await startRealRedis());
    const replica = closing(await startReplica(old));
    const { url, relay } = await behindAddress(old);
    const logger = createSpyLogger();
    const store = await open(url, { logger });
    expect(await write(store)).toBe(true);
    await onServer(replica, (redis) => redis.replicaof('NO', 'ONE'));
    await onServer(old, (redis) => redis.replicaof('127.0.0.1', replica.port));
    await expect(write(store)).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('READONLY'),
      advice: 'Check which server of Redis is the master, and whether it accepts writes.',
    });
    expect(store.isOpen()).toBe(false);
    expect(store.problem()).toContain('READONLY');
    relay.connectTo(replica.port);
    await untilWritable(store);
    expect(store.isOpen()).toBe(true);
    expect(store.problem()).toBeUndefined();
    expect(logger.messages('error')).toEqual(['Redis refuses writes']);
    expect(logger.messages('info')).toContain('Redis accepts writes again');
  });

  it('that is full refuses writes until it has space, with the reason in the readiness', {
    timeout: 20_000,
  }, async () => {
    const redis = closing(await startRealRedis());
    const store = await open(redis.url);
    await onServer(redis, (server) => server.config('SET', 'maxmemory', '1'));
    await expect(write(store)).rejects.toMatchObject({ advice: 'Check maxmemory of Redis: it is full.' });
    expect(await store.claimMessage({ now: at(1), lease: MINUTE })).toBeUndefined();
    expect(store.isOpen()).toBe(false);
    expect(store.problem()).toContain('OOM');
    await onServer(redis, (server) => server.config('SET', 'maxmemory', '0'));
    await untilWritable(store);
    expect(store.isOpen()).toBe(true);
  });
});

requireOrSkip('redis-server')('two replicas on one prefix', () => {
  const rules = (hash: string) => ({ hash, description: `#${hash}, 1 rule` });

  it('with the same rules are one installation', async () => {
    const { url } = closing(await startRealRedis());
    const one = await open(url, { replica: 'one', rules: () => rules('a'), tolerance: 0 });
    const two = await open(url, { replica: 'two', rules: () => rules('a'), tolerance: 0 });
    await one.announce();
    expect([one.problem(), two.problem()]).toEqual([undefined, undefined]);
  });

  it('with other rules are named, once they had time to become the same', async () => {
    const { url } = closing(await startRealRedis());
    const logger = createSpyLogger();
    let current = rules('a');
    const one = await open(url, { replica: 'one', rules: () => current, tolerance: 50, logger });
    const two = await open(url, { replica: 'two', rules: () => rules('b'), tolerance: 50 });
    await one.announce();
    expect(one.problem()).toBeUndefined();
    await new Promise((resolve) => setTimeout(resolve, 60));
    await two.announce();
    await one.announce();
    await one.announce();
    expect(one.problem()).toBe('another installation uses the same REDIS_PREFIX: two (#b, 1 rule)');
    expect(logger.messages('error')).toEqual([
      'another installation with other rules uses the same REDIS_PREFIX',
    ]);
    current = rules('b');
    await one.announce();
    expect(one.problem()).toBeUndefined();
    expect(logger.messages('info')).toEqual(['no other installation uses the REDIS_PREFIX any more']);
  });

  it('that have other prefixes are two installations', async () => {
    const { url } = closing(await startRealRedis());
    const one = await open(url, { replica: 'one', rules: () => rules('a'), tolerance: 0 });
    await open(url, { prefix: 'other', replica: 'two', rules: () => rules('b'), tolerance: 0 });
    await one.announce();
    expect(one.problem()).toBeUndefined();
  });
});
