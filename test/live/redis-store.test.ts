import { inspect } from 'node:util';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { MINUTE } from '../../src/lib/units.ts';
import type { Store } from '../../src/messages/store.ts';
import { openRedisStore } from '../../src/store/redis/open-redis-store.ts';
import { aLine, anUpdate, aShown, at, GROUP, LEASE, state } from '../contract/store/fixtures.ts';
import { describeStore } from '../contract/store-contract.ts';
import { requireOrSkip } from '../support/live.ts';
import { type RealRedis, startRealRedis } from '../support/real-redis.ts';
import { createSpyLogger } from '../support/spies.ts';
import { START } from '../support/virtual-clock.ts';

const SETTLED = { lineKeys: [], failures: 0, dueAt: at(0), syncedRevision: 1, isFinal: false };

requireOrSkip('redis-server')('on a real Redis', () => {
  let redis: RealRedis;
  let count = 0;
  const nextPrefix = (): string => `test-${count++}`;

  beforeAll(async () => {
    redis = await startRealRedis();
  });

  afterAll(async () => {
    await redis.close();
  });

  describeStore('the store on Redis', async () => {
    const prefix = nextPrefix();
    return { open: () => openRedisStore({ url: redis.url, prefix }), dispose: async () => undefined };
  });

  describe('shared by replicas', () => {
    let replicas: Store[];

    beforeEach(async () => {
      const prefix = nextPrefix();
      replicas = await Promise.all(
        Array.from({ length: 3 }, () => openRedisStore({ url: redis.url, prefix })),
      );
    });

    afterEach(async () => {
      await Promise.all(replicas.map((replica) => replica.close()));
    });

    it('gives each tick to one replica, however often all claim it', async () => {
      for (let second = 0; second < 50; second++) {
        const claims = await Promise.all(
          replicas.map((replica) => replica.claimTick({ group: GROUP, evalTime: at(second), ttl: MINUTE })),
        );
        expect(claims.filter(Boolean)).toHaveLength(1);
      }
    });

    it('applies one of the evaluations of an evaluation time, and turns away a replica that wakes up late', async () => {
      const [a, b] = replicas as [Store, Store];
      const change = (seconds: number, id: string) => ({
        group: GROUP,
        state: state(at(seconds)),
        messages: [anUpdate(id)],
      });
      expect(await a.applyEvaluation(change(30, 'a'))).toBe('applied');
      expect(await b.applyEvaluation(change(30, 'b'))).toBe('stale');
      expect(await b.applyEvaluation(change(0, 'c'))).toBe('stale');
      expect(await b.pendingMessages()).toEqual({ depth: 1, oldestAt: START });
    });

    it('gives every message to one replica at a time', async () => {
      const messages = Array.from({ length: 60 }, (_, i) => anUpdate(`m${i}`));
      await replicas[0]?.applyEvaluation({ group: GROUP, state: state(START), messages });
      const shown: string[] = [];
      await Promise.all(
        replicas.map(async (replica) => {
          for (;;) {
            const message = await replica.claimMessage({ now: at(1), lease: LEASE });
            if (message === undefined) return;
            const { key, token } = message;
            shown.push(key);
            expect(await replica.settleMessage({ key, token, ...SETTLED, shown: aShown(key) })).toBe(true);
          }
        }),
      );
      expect(shown.toSorted()).toEqual(messages.map(({ key }) => key).toSorted());
    });
  });

  it('keeps two prefixes apart, and all keys of one in one slot of a cluster', async () => {
    const [one, two] = [nextPrefix(), nextPrefix()];
    const first = await openRedisStore({ url: redis.url, prefix: one });
    const second = await openRedisStore({ url: redis.url, prefix: two });
    await first.applyEvaluation({ group: GROUP, state: state(START), messages: [anUpdate('e1')] });
    await first.claimTick({ group: GROUP, evalTime: START, ttl: MINUTE });
    await first.claimMessage({ now: at(1), lease: LEASE });
    await first.settleMessage({ key: 'e1', token: 1, ...SETTLED, shown: aShown('e1') });
    expect(await second.groups()).toEqual([]);
    const client = new Redis(redis.url);
    const keys = await client.keys(`*${one}*`);
    expect(keys.length).toBeGreaterThanOrEqual(5);
    for (const key of keys) expect(key.startsWith(`{${one}}:`)).toBe(true);
    await client.quit();
    await first.close();
    await second.close();
  });

  it('knows the time of the server', async () => {
    const store = await openRedisStore({ url: redis.url, prefix: nextPrefix() });
    const from = Date.now();
    const serverTime = await store.serverTime();
    expect(serverTime).toBeGreaterThanOrEqual(from - 1);
    expect(serverTime).toBeLessThanOrEqual(Date.now() + 1);
    await store.close();
  });

  it('lets everything about a message that has ended expire', async () => {
    const prefix = nextPrefix();
    const store = await openRedisStore({ url: redis.url, prefix });
    const messages = [anUpdate('m1', { line: aLine('l1') })];
    await store.applyEvaluation({ group: GROUP, state: state(START), messages });
    await store.recordAction({
      alertId: 'm1',
      kind: 'closed',
      action: { by: 'U0ANN', at: START },
      messages: [],
    });
    const { token = 0 } = (await store.claimMessage({ now: at(1), lease: LEASE })) ?? {};
    const settled = { ...SETTLED, key: 'm1', token, shown: aShown('m1'), lineKeys: ['l1'], isFinal: true };
    await store.settleMessage(settled);
    const client = new Redis(redis.url);
    const keys = (await client.keys(`{${prefix}}:*m1`)).sort();
    expect(keys.map((key) => key.split(':')[1])).toEqual(['action', 'message', 'shown-lines']);
    for (const key of keys) expect(await client.pttl(key)).toBeGreaterThan(0);
    expect((await client.hkeys(`{${prefix}}:message:m1`)).includes('desired')).toBe(false);
    await client.quit();
    await store.close();
  });

  it('refuses a prefix that a newer version has written', async () => {
    const prefix = nextPrefix();
    const client = new Redis(redis.url);
    await client.set(`{${prefix}}:version`, '99');
    await client.quit();
    await expect(openRedisStore({ url: redis.url, prefix })).rejects.toMatchObject({
      code: 'bad-request',
      message: `The data in Redis under {${prefix}}: was written by a newer version (found format 99, expected 4).`,
    });
  });
});

requireOrSkip('redis-server')('when Redis is not well', () => {
  let redis: RealRedis;

  beforeEach(async () => {
    redis = await startRealRedis({ password: 'sw0rd fish/@' });
  });

  afterEach(async () => {
    await redis.close();
  });

  const claim = (store: Store, seconds = 0) =>
    store.claimTick({ group: GROUP, evalTime: at(seconds), ttl: MINUTE });

  it('an operation fails soon while the server is silent', async () => {
    const store = await openRedisStore({ url: redis.url, prefix: 'test', commandTimeout: 300 });
    redis.freeze();
    await expect(claim(store)).rejects.toMatchObject({ system: 'store', code: 'timeout' });
    redis.thaw();
    await store.close();
  });

  it('an evaluation whose answer was lost is applied once, however often it is tried', async () => {
    const store = await openRedisStore({ url: redis.url, prefix: 'test', commandTimeout: 300 });
    const change = { group: GROUP, state: state(at(30)), messages: [anUpdate('e1')] };
    redis.freeze();
    await expect(store.applyEvaluation(change)).rejects.toMatchObject({ code: 'timeout' });
    redis.thaw();
    // The server finds the command in its socket when it wakes up: this one comes after it and is turned away.
    expect(await store.applyEvaluation(change)).toBe('stale');
    expect((await store.pendingMessages()).depth).toBe(1);
    await store.close();
  });

  it('an operation fails at once while the server is down, and works again when it is back', async () => {
    const logger = createSpyLogger();
    const store = await openRedisStore({ url: redis.url, prefix: 'test', commandTimeout: 500, logger });
    await store.applyEvaluation({ group: GROUP, state: state(START), messages: [anUpdate('e1')] });
    await redis.kill();
    await expect(claim(store)).rejects.toMatchObject({ name: 'UpstreamError', system: 'store' });
    await expect.poll(() => store.isOpen(), { timeout: 5_000 }).toBe(false);
    const startedAt = Date.now();
    await expect(claim(store)).rejects.toMatchObject({ system: 'store' });
    expect(Date.now() - startedAt).toBeLessThan(400);
    await redis.restart();
    await expect.poll(() => store.isOpen(), { timeout: 10_000 }).toBe(true);
    expect(await claim(store)).toBe(true);
    expect(await store.claimMessage({ now: at(1), lease: LEASE })).toMatchObject({ key: 'e1' });
    expect(logger.messages('warn')).toEqual(['connection to Redis lost']);
    await store.close();
  });

  it('opens without a Redis, and works as soon as there is one', async () => {
    await redis.kill();
    const logger = createSpyLogger();
    const store = await openRedisStore({ url: redis.url, prefix: 'test', connectTimeout: 1_000, logger });
    expect(logger.messages('error')).toEqual(['Redis cannot be reached and is tried again']);
    expect(store.isOpen()).toBe(false);
    expect(store.problem()).toContain('Redis');
    await expect(claim(store)).rejects.toMatchObject({ system: 'store' });
    await redis.restart();
    await expect.poll(() => claim(store).catch(() => undefined), { timeout: 10_000 }).toBe(true);
    expect(store.isOpen()).toBe(true);
    expect(store.problem()).toBeUndefined();
    await store.close();
  });

  it.each([
    ['a wrong password', (url: string) => url.replace('sw0rd', 'gu3ss'), 'not-authenticated'],
    ['something that is no address of Redis', () => 'http://user:sw0rd%20fish@localhost', 'bad-request'],
  ])('opening with %s fails with a sentence that shows no secret', async (_, change, code) => {
    const error: unknown = await openRedisStore({
      url: change(redis.url),
      prefix: 'test',
      connectTimeout: 1_000,
    }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: 'UpstreamError', system: 'store', code });
    const shown = inspect(error, { depth: 10, showHidden: true });
    expect(shown).not.toMatch(/sw0rd|gu3ss|fish/);
  });
});
