import { expect, test } from 'vitest';
import { readSettings, secretsOf } from '../../src/settings/env.ts';

const basic = Buffer.from('grafana:hunter2-basic').toString('base64');
const read = readSettings({
  SLACK_BOT_TOKEN: 'xoxb-1111111111-2222222222-bottoken',
  SLACK_SIGNING_SECRET: '0123456789abcdef0123456789abcdef',
  SLACK_CHANNEL: '#slo',
  PROMETHEUS_URL: 'http://prometheus:9090',
  PROMETHEUS_HEADERS: 'Authorization: Bearer tenant-token;;X-Scope-OrgID: a',
  JAEGER_URL: 'http://jaeger:16686',
  JAEGER_HEADERS: `Authorization: Basic ${basic}`,
  REDIS_URL: 'redis+sentinel://:pa%2Fss%40word@s1,s2:26380/main?sentinelPassword=sentinel%20pw',
  HTTPS_PROXY: 'http://me:proxy-pw@proxy:3128',
});

test.each([
  ['the bot token', 'xoxb-1111111111-2222222222-bottoken'],
  ['the signing secret', '0123456789abcdef0123456789abcdef'],
  ['a bearer token without its scheme', 'tenant-token'],
  ['basic credentials as they are sent', basic],
  ['the password in basic credentials', 'hunter2-basic'],
  ['the password of Redis as its address holds it', 'pa%2Fss%40word'],
  ['the password of Redis as it is', 'pa/ss@word'],
  ['the password of the Sentinels', 'sentinel pw'],
  ['the password of the proxy', 'proxy-pw'],
])('%s is masked in the log', (_, text) => {
  if (!read.ok) throw new Error(JSON.stringify(read.problems));
  expect(secretsOf(read.settings)).toContain(text);
});

test('a text of a few letters is not: it stands in too many words', () => {
  if (!read.ok) throw new Error(JSON.stringify(read.problems));
  expect(secretsOf(read.settings)).not.toContain('a');
});
