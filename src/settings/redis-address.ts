/** What to write instead of an address of Redis that is none; undefined for one that is. */
export function redisAdvice(value: string): string | undefined {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  const isRedis = url !== undefined && /^rediss?:$/.test(url.protocol) && url.hostname !== '';
  return isRedis
    ? undefined
    : 'Write an address like redis://redis:6379/0 or rediss://:password@redis:6380/0.';
}
