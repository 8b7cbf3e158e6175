import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { formatMistakes, readSettings, type Settings } from '../../../src/settings/env.ts';
import type { Environment } from '../../../src/settings/environment.ts';
import { parseHeaders } from '../../../src/settings/headers.ts';
import { describeSecret, secret } from '../../../src/settings/secret.ts';

const BOT_TOKEN = 'xoxb-1111-aaaaaaaaaaaa';
const APP_TOKEN = 'xapp-1-bbbbbbbbbbbb';
const SIGNING_SECRET = '0123456789abcdef0123456789abcdef';

const least: Environment = {
  SLACK_BOT_TOKEN: BOT_TOKEN,
  SLACK_APP_TOKEN: APP_TOKEN,
  SLACK_CHANNEL: '#slo-alerts',
  PROMETHEUS_URL: 'http://prometheus:9090',
  JAEGER_URL: 'http://jaeger:16686',
};

const http: Environment = { ...least, SLACK_APP_TOKEN: undefined, SLACK_SIGNING_SECRET: SIGNING_SECRET };

function settings(environment: Environment): Settings {
  const result = readSettings(environment);
  if (!result.ok) throw new Error(formatMistakes(result.mistakes));
  return result.settings;
}

function mistakes(environment: Environment) {
  const result = readSettings(environment);
  return result.ok ? [] : result.mistakes;
}

describe('the settings', () => {
  it('have defaults for what need not be said', () => {
    expect(JSON.parse(JSON.stringify(settings(least)))).toEqual({
      slack: {
        botToken: '[secret]',
        transport: { kind: 'socket', appToken: '[secret]' },
        apiUrl: 'https://slack.com/api/',
        channel: '#slo-alerts',
        showsPictures: true,
      },
      prometheus: { url: 'http://prometheus:9090', publicUrl: 'http://prometheus:9090', headers: '[secret]' },
      jaeger: { url: 'http://jaeger:16686', publicUrl: 'http://jaeger:16686', headers: '[secret]' },
      grafanaPlaces: {},
      dataDir: './data',
      rulesFiles: ['./rules.yaml'],
      logLevel: 'info',
      opsPort: 9464,
    });
  });

  it('take everything that is said', () => {
    const all = settings({
      ...http,
      SLACK_PORT: '8080',
      SLACK_API_URL: 'https://slack-gov.com/api',
      SLACK_CHANNEL: 'C0123456789',
      PROMETHEUS_PUBLIC_URL: 'https://prometheus.example.com',
      PROMETHEUS_HEADERS: 'Authorization: Bearer abc;;X-Scope-OrgID: shop',
      JAEGER_PUBLIC_URL: 'https://jaeger.example.com/jaeger',
      JAEGER_HEADERS: 'Authorization: Basic dTpw\nX-A: 1; 2',
      KIALI_URL: 'https://kiali.example.com',
      GRAFANA_URL: 'https://grafana.example.com',
      GRAFANA_METRICS: 'p1',
      GRAFANA_TRACES: 'tempo:t1',
      GRAFANA_DASHBOARD: 'abc?var-app={service}',
      REDIS_URL: 'rediss://:pw@redis:6380/1',
      REDIS_PREFIX: 'tailwatch-eu',
      DATA_DIR: '/data',
      RULES_FILE: ' a.yaml, rules ,',
      LOG_LEVEL: 'debug',
      OPS_PORT: '0',
    });
    expect(all).toMatchObject({
      slack: {
        apiUrl: 'https://slack-gov.com/api/',
        channel: 'C0123456789',
        transport: { kind: 'http', port: 8080 },
      },
      prometheus: { publicUrl: 'https://prometheus.example.com' },
      jaeger: { publicUrl: 'https://jaeger.example.com/jaeger' },
      kialiUrl: 'https://kiali.example.com',
      grafanaUrl: 'https://grafana.example.com',
      grafanaPlaces: {
        metrics: 'p1',
        traces: { type: 'tempo', uid: 't1' },
        dashboard: 'abc?var-app={service}',
      },
      dataDir: '/data',
      rulesFiles: ['a.yaml', 'rules'],
      logLevel: 'debug',
      opsPort: 0,
    });
    const { transport } = all.slack;
    expect(transport.kind === 'http' ? transport.signingSecret.reveal() : undefined).toBe(SIGNING_SECRET);
    expect(all.prometheus.headers.reveal()).toEqual({ Authorization: 'Bearer abc', 'X-Scope-OrgID': 'shop' });
    expect(all.jaeger.headers.reveal()).toEqual({ Authorization: 'Basic dTpw', 'X-A': '1; 2' });
    expect(all.redis?.url.reveal()).toBe('rediss://:pw@redis:6380/1');
    expect(all.redis?.prefix).toBe('tailwatch-eu');
  });

  it('take a blank variable for one that is not set, and no blanks around values', () => {
    const read = settings({ ...least, KIALI_URL: ' ', SLACK_BOT_TOKEN: ` ${BOT_TOKEN}\n`, OPS_PORT: '' });
    expect(read).not.toMatchObject({ kialiUrl: expect.anything() });
    expect(read.slack.botToken.reveal()).toBe(BOT_TOKEN);
    expect(read.opsPort).toBe(9464);
  });

  it('use Socket Mode when both ways are set, and say so', () => {
    const result = readSettings({ ...least, SLACK_SIGNING_SECRET: SIGNING_SECRET });
    expect(result).toMatchObject({
      ok: true,
      settings: { slack: { transport: { kind: 'socket' } } },
      notes: [{ variable: 'SLACK_SIGNING_SECRET', advice: expect.stringContaining('Socket Mode is used') }],
    });
  });
});

describe('every mistake is reported at once', () => {
  it('with nothing set', () => {
    expect(mistakes({}).map(({ variable, found }) => [variable, found])).toEqual([
      ['SLACK_BOT_TOKEN', 'nothing'],
      ['SLACK_CHANNEL', 'nothing'],
      ['PROMETHEUS_URL', 'nothing'],
      ['JAEGER_URL', 'nothing'],
      ['SLACK_APP_TOKEN', 'nothing, and no SLACK_SIGNING_SECRET either'],
    ]);
  });

  it('with everything wrong', () => {
    const wrong = {
      SLACK_BOT_TOKEN: 'xoxp-1111-aaaaaaaaaaaa',
      SLACK_APP_TOKEN: BOT_TOKEN,
      SLACK_SIGNING_SECRET: APP_TOKEN,
      SLACK_PORT: '70000',
      SLACK_API_URL: 'slack.com/api',
      SLACK_CHANNEL: 'Shop Alerts',
      SLACK_PICTURES: 'yes',
      PROMETHEUS_URL: 'prometheus:9090',
      PROMETHEUS_PUBLIC_URL: 'https://prometheus/?a=b',
      PROMETHEUS_HEADERS: 'Bearer abc',
      JAEGER_URL: 'http://user:hunter2@jaeger',
      JAEGER_PUBLIC_URL: 'ftp://jaeger',
      JAEGER_HEADERS: 'Host: a;;A:',
      KIALI_URL: 'kiali',
      GRAFANA_URL: 'https://grafana/#home',
      GRAFANA_METRICS: 'my prometheus',
      GRAFANA_TRACES: 'zipkin:z1',
      GRAFANA_DASHBOARD: 'https://grafana/d/abc',
      REDIS_URL: 'http://redis:6379',
      REDIS_PREFIX: '{a b}',
      RULES_FILE: ',',
      LOG_LEVEL: 'verbose',
      OPS_PORT: '9464x',
    };
    const found = mistakes(wrong);
    expect(found.map(({ variable }) => variable)).toEqual(Object.keys(wrong));
    expect(Object.fromEntries(found.map((mistake) => [mistake.variable, mistake]))).toMatchObject({
      SLACK_BOT_TOKEN: { found: 'a text that begins with xoxp (22 characters, not shown)' },
      SLACK_SIGNING_SECRET: { advice: expect.stringContaining('32 hexadecimal digits') },
      SLACK_CHANNEL: { found: '"Shop Alerts"' },
      SLACK_PICTURES: { found: '"yes"', advice: 'Write on or off.' },
      PROMETHEUS_HEADERS: { advice: expect.stringContaining('header 1 has no `Name:`') },
      JAEGER_URL: { advice: expect.stringContaining('write `Authorization: Basic …` into JAEGER_HEADERS') },
      JAEGER_HEADERS: { advice: expect.stringMatching(/header 1 is Host.*header 2 \(A\) has no value/) },
      LOG_LEVEL: { found: '"verbose"', advice: 'Write one of debug, info, warn, error.' },
    });
    const text = formatMistakes(found);
    for (const hidden of ['hunter2', 'aaaaaaaaaaaa', 'bbbbbbbbbbbb', 'Bearer abc'])
      expect(text).not.toContain(hidden);
  });

  it('two listeners on one port are a mistake over HTTP only', () => {
    expect(mistakes({ ...http, OPS_PORT: '3000' }).map(({ variable }) => variable)).toEqual(['OPS_PORT']);
    expect(mistakes({ ...least, OPS_PORT: '3000' })).toEqual([]);
    expect(mistakes({ ...http, OPS_PORT: '0', SLACK_PORT: '0' })).toEqual([]);
  });

  it('is written as a name, what was found and what to write', () => {
    expect(formatMistakes(mistakes({ ...least, LOG_LEVEL: 'x' }))).toBe(
      'LOG_LEVEL: found "x".\n  Write one of debug, info, warn, error.',
    );
  });
});

describe('a variable that nothing reads', () => {
  it('is noted when its name is nearly one of ours', () => {
    const { SLACK_BOT_TOKEN: token, ...others } = least;
    const { notes } = readSettings({ ...others, KIALI_URI: 'z', SLACK_BOT_TOKN: token });
    expect(notes.map(({ variable, advice }) => [variable, advice])).toEqual([
      ['KIALI_URI', 'Did you mean KIALI_URL?'],
      ['SLACK_BOT_TOKN', 'Did you mean SLACK_BOT_TOKEN?'],
    ]);
  });

  it('is passed over when it is another name of the same thing, or a stranger', () => {
    const strangers = {
      REDIS_PORT: 'tcp://10.0.0.1:6379',
      PROMETHEUS_PORT: 'x',
      JAEGER_SERVICE_HOST: 'x',
      PATH: '/bin',
    };
    expect(readSettings({ ...least, ...strangers }).notes).toEqual([]);
  });
});

describe('a secret', () => {
  it('is not shown by anything that prints', () => {
    const held = { token: secret('xoxb-hidden') };
    const shown = [
      JSON.stringify(held),
      inspect(held, { depth: 9, showHidden: true }),
      held.token.toString(),
      inspect(held.token),
    ];
    expect(shown.join()).not.toContain('hidden');
    expect(held.token.reveal()).toBe('xoxb-hidden');
  });

  it.each([
    ['xoxb-123', 'a text that begins with xoxb (8 characters, not shown)'],
    ['https://hooks.slack.com/x', 'a text that begins with https (25 characters, not shown)'],
    ['hunter2', 'a text (7 characters, not shown)'],
  ])('%s is described by its kind and length', (text, expected) => {
    expect(describeSecret(text)).toBe(expected);
  });
});

describe('headers', () => {
  it.each([
    ['', {}],
    ['Authorization: Bearer a:b=', { Authorization: 'Bearer a:b=' }],
    ['A: 1\r\n\r\nB: 2', { A: '1', B: '2' }],
    ['Cookie: a=1; b=2;;X-B:3', { Cookie: 'a=1; b=2', 'X-B': '3' }],
  ])('%j', (text, headers) => {
    expect(parseHeaders(text)).toEqual({ ok: true, headers });
  });

  it.each([
    ['a name with a blank', 'My Header: secret-value', 'header 1 has a name that HTTP does not allow'],
    [
      'a value beyond Latin-1',
      'A: secret-value→',
      'header 1 (A) has a value with characters that HTTP does not allow',
    ],
    [
      'one that is set anyway',
      'A: 1;;content-type: secret-value',
      'header 2 is content-type, which is set with every request',
    ],
    ['no name', ': secret-value', 'header 1 has no `Name:` before its value'],
  ])('%s is refused without repeating the value', (_, text, problem) => {
    expect(parseHeaders(text)).toEqual({ ok: false, problem });
  });
});

describe('advice fits what was found', () => {
  it.each([
    ['a token that is cut off', { SLACK_BOT_TOKEN: 'xoxb-12' }, /whole token.*after xoxb- come/],
    ['a token of another kind', { SLACK_BOT_TOKEN: 'xoxp-1111-aaaaaaaaaaaa' }, /begins with xoxb-/],
    ['no address of Jaeger', { JAEGER_URL: 'jaeger' }, /like http:\/\/jaeger-query:16686/],
    ['no address of Kiali', { KIALI_URL: 'kiali' }, /like https:\/\/kiali/],
  ])('%s', (_, wrong, advice) => {
    const found = mistakes({ ...least, ...wrong });
    expect(found).toHaveLength(1);
    expect(found[0]?.advice).toMatch(advice);
  });
});
