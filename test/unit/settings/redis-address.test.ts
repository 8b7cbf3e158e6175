import { describe, expect, it } from 'vitest';
import { parseRedisAddress, type RedisAddress } from '../../../src/settings/values.ts';

const server = (host: string, port = 6_379, over: Partial<RedisAddress> = {}): RedisAddress => ({
  kind: 'server',
  hosts: [{ host, port }],
  isTls: false,
  database: 0,
  ...over,
});

describe('an address of Redis', () => {
  const valid: Readonly<Record<string, RedisAddress>> = {
    'redis://redis': server('redis'),
    'redis://localhost:6380/3': server('localhost', 6_380, { database: 3 }),
    'redis://[fd00::1]:6380': server('fd00::1', 6_380),
    'rediss://:p%40ss%2F@redis:6380/1': server('redis', 6_380, {
      isTls: true,
      password: 'p@ss/',
      database: 1,
    }),
    'redis://ann:secret@redis': server('redis', 6_379, { username: 'ann', password: 'secret' }),
    'redis+sentinel://s1:26380,s2/main': {
      kind: 'sentinel',
      hosts: [
        { host: 's1', port: 26_380 },
        { host: 's2', port: 26_379 },
      ],
      isTls: false,
      database: 0,
      master: 'main',
    },
    'rediss+sentinel://ann:pw@s1/main/2?sentinelPassword=other': {
      kind: 'sentinel',
      hosts: [{ host: 's1', port: 26_379 }],
      isTls: true,
      username: 'ann',
      password: 'pw',
      database: 2,
      master: 'main',
      sentinelPassword: 'other',
    },
    'redis+cluster://:pw@n1:7000': {
      kind: 'cluster',
      hosts: [{ host: 'n1', port: 7_000 }],
      isTls: false,
      password: 'pw',
      database: 0,
    },
    'redis://n1:7000,n2:7001,[::1]': {
      kind: 'cluster',
      hosts: [
        { host: 'n1', port: 7_000 },
        { host: 'n2', port: 7_001 },
        { host: '::1', port: 6_379 },
      ],
      isTls: false,
      database: 0,
    },
  };
  it.each(Object.entries(valid))('%s', (address, parsed) => {
    expect(parseRedisAddress(address)).toEqual(parsed);
  });

  it.each([
    'http://redis:6379',
    'redis:6379',
    'redis://',
    'redis://redis:99999',
    'redis://redis/first',
    'redis://redis/0/1',
    'redis://:%zz@redis',
    'redis+sentinel://s1,s2',
    'redis+sentinel://s1,,s2/main',
    'redis+cluster://n1,n2/3',
    'redis+cloud://redis',
  ])('%s is invalid', (address) => {
    expect(parseRedisAddress(address)).toBeUndefined();
  });
});
