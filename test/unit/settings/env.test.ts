import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { Settings } from '../../../src/settings/env.ts';
import { describeSecret, problemsText, readSettings } from '../../../src/settings/env.ts';
import { type Environment, parseHeaders, secret } from '../../../src/settings/values.ts';
import { VARIABLES } from '../../../src/settings/variables.ts';

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
  if (!result.ok) throw new Error(problemsText(result.problems));
  return result.settings;
}

function problems(environment: Environment) {
  const result = readSettings(environment);
  return result.ok ? [] : result.problems;
}

describe('the settings', () => {
  it('have defaults', () => {
    expect(JSON.parse(JSON.stringify(settings(least)))).toEqual({
      slack: {
        botToken: '[secret]',
        transport: { kind: 'socket', appToken: '[secret]' },
        apiUrl: 'https://slack.com/api/',
        channel: '#slo-alerts',
        showsPictures: true,
        mentionsAcknowledger: true,
      },
      prometheus: {
        url: 'http://prometheus:9090',
        publicUrl: 'http://prometheus:9090',
        maxSeries: 10_000,
        headers: '[secret]',
      },
      jaeger: { url: 'http://jaeger:16686', publicUrl: 'http://jaeger:16686', headers: '[secret]' },
      grafanaPlaces: {},
      dataDir: './data',
      proxy: {},
      rulesFiles: ['./rules.yaml'],
      logLevel: 'info',
      maxTraceMib: 64,
      redaction: { patterns: [] },
      opsPort: 9464,
    });
  });

  it('read every variable', () => {
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
      HTTPS_PROXY: 'http://me:pw@proxy:3128',
      http_proxy: 'proxy:3129',
      NO_PROXY: '.svc',
      LOG_LEVEL: 'debug',
      OPS_PORT: '0',
      OPS_HOST: '127.0.0.1',
      OPS_TOKEN: '0123456789abcdef',
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://otel:4318',
      OTEL_EXPORTER_OTLP_HEADERS: 'Authorization: Bearer otel-token',
      REDACT_PATTERNS: 'cust-[0-9]+;;order\\d',
      TRACE_ATTRIBUTES: 'http.*, db.statement',
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
      opsHost: '127.0.0.1',
      redaction: { patterns: ['cust-[0-9]+', 'order\\d'], allowedAttributes: ['http.*', 'db.statement'] },
    });
    expect(all.tracing?.endpoint).toBe('http://otel:4318');
    expect(all.tracing?.headers.reveal()).toEqual({ Authorization: 'Bearer otel-token' });
    expect(all.opsToken?.reveal()).toBe('0123456789abcdef');
    const { transport } = all.slack;
    expect(transport.kind === 'http' ? transport.signingSecret.reveal() : undefined).toBe(SIGNING_SECRET);
    expect(all.prometheus.headers.reveal()).toEqual({ Authorization: 'Bearer abc', 'X-Scope-OrgID': 'shop' });
    expect(all.jaeger.headers.reveal()).toEqual({ Authorization: 'Basic dTpw', 'X-A': '1; 2' });
    expect(all.redis?.url.reveal()).toBe('rediss://:pw@redis:6380/1');
    expect(all.redis?.prefix).toBe('tailwatch-eu');
    expect(all.proxy.https?.reveal()).toBe('http://me:pw@proxy:3128');
    expect(all.proxy.http?.reveal()).toBe('http://proxy:3129');
    expect(all.proxy.except).toBe('.svc');
  });

  it('treat a blank variable as not set, and trim values', () => {
    const read = settings({ ...least, KIALI_URL: ' ', SLACK_BOT_TOKEN: ` ${BOT_TOKEN}\n`, OPS_PORT: '' });
    expect(read).not.toMatchObject({ kialiUrl: expect.anything() });
    expect(read.slack.botToken.reveal()).toBe(BOT_TOKEN);
    expect(read.opsPort).toBe(9464);
  });

  it('use Socket Mode when both transports are set, with a warning', () => {
    const result = readSettings({ ...least, SLACK_SIGNING_SECRET: SIGNING_SECRET });
    expect(result).toMatchObject({
      ok: true,
      settings: { slack: { transport: { kind: 'socket' } } },
      warnings: [
        { variable: 'SLACK_SIGNING_SECRET', advice: expect.stringContaining('Socket Mode is used') },
      ],
    });
  });
});

describe('all problems are reported together', () => {
  it('with nothing set', () => {
    expect(problems({}).map(({ variable, problem }) => [variable, problem])).toEqual([
      ['SLACK_BOT_TOKEN', 'not set'],
      ['SLACK_CHANNEL', 'not set'],
      ['PROMETHEUS_URL', 'not set'],
      ['JAEGER_URL', 'not set'],
      ['SLACK_APP_TOKEN', 'not set, and neither is SLACK_SIGNING_SECRET'],
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
      HTTPS_PROXY: 'socks5://me:hunter2@proxy:1080',
      HTTP_PROXY: 'http://',
      LOG_LEVEL: 'verbose',
      OPS_PORT: '9464x',
    };
    const found = problems(wrong);
    expect(found.map(({ variable }) => variable)).toEqual(Object.keys(wrong));
    expect(Object.fromEntries(found.map((each) => [each.variable, each]))).toMatchObject({
      SLACK_BOT_TOKEN: { problem: 'invalid value (hidden, 22 characters, starts with xoxp)' },
      SLACK_SIGNING_SECRET: { advice: expect.stringContaining('32 hexadecimal digits') },
      SLACK_CHANNEL: { problem: 'invalid value "Shop Alerts"' },
      SLACK_PICTURES: { problem: 'invalid value "yes"', advice: 'Use on or off.' },
      PROMETHEUS_HEADERS: { advice: expect.stringContaining('header 1 has no `Name:`') },
      JAEGER_URL: { advice: expect.stringContaining('Use `Authorization: Basic …` in JAEGER_HEADERS') },
      JAEGER_HEADERS: {
        advice: expect.stringMatching(/header 1 \(Host\) is set by.*header 2 \(A\) has no value/),
      },
      LOG_LEVEL: { problem: 'invalid value "verbose"', advice: 'Use debug, info, warn or error.' },
    });
    const text = problemsText(found);
    for (const hidden of ['hunter2', 'aaaaaaaaaaaa', 'bbbbbbbbbbbb', 'Bearer abc'])
      expect(text).not.toContain(hidden);
  });

  it('two servers on one port are a problem over HTTP only', () => {
    expect(problems({ ...http, OPS_PORT: '3000' }).map(({ variable }) => variable)).toEqual(['OPS_PORT']);
    expect(problems({ ...least, OPS_PORT: '3000' })).toEqual([]);
    expect(problems({ ...http, OPS_PORT: '0', SLACK_PORT: '0' })).toEqual([]);
  });

  it('is printed with the variable, what is wrong and what to do', () => {
    expect(problemsText(problems({ ...least, LOG_LEVEL: 'x' }))).toBe(
      'LOG_LEVEL: invalid value "x". Use debug, info, warn or error.',
    );
  });
});

describe('an unknown variable', () => {
  it('is a warning when its name is close to a known one', () => {
    const { SLACK_BOT_TOKEN: token, ...rest } = least;
    const { warnings } = readSettings({ ...rest, KIALI_URI: 'z', SLACK_BOT_TOKN: token });
    expect(warnings.map(({ variable, advice }) => [variable, advice])).toEqual([
      ['KIALI_URI', 'Did you mean KIALI_URL?'],
      ['SLACK_BOT_TOKN', 'Did you mean SLACK_BOT_TOKEN?'],
    ]);
  });

  it('is ignored when its name is not close to a known one', () => {
    const others = {
      REDIS_PORT: 'tcp://10.0.0.1:6379',
      PROMETHEUS_PORT: 'x',
      JAEGER_SERVICE_HOST: 'x',
      PATH: '/bin',
    };
    expect(readSettings({ ...least, ...others }).warnings).toEqual([]);
  });
});

describe('a secret', () => {
  it('is masked however it is printed', () => {
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
    ['xoxb-123', 'hidden, 8 characters, starts with xoxb'],
    ['https://hooks.slack.com/x', 'hidden, 25 characters, starts with https'],
    ['hunter2', 'hidden, 7 characters'],
  ])('%s is described by its kind and length', (text, expected) => {
    expect(describeSecret(text)).toBe(expected);
  });
});

describe('a secret in a file', () => {
  const files: Readonly<Record<string, string>> = { '/run/bot': `${BOT_TOKEN}\n`, '/run/wrong': 'wrong' };
  const readFile = (path: string): string => {
    const text = files[path];
    if (text === undefined) throw Object.assign(new Error('not there'), { code: 'ENOENT' });
    return text;
  };
  const withFile = (path: string, more: Environment = {}) =>
    readSettings({ ...least, SLACK_BOT_TOKEN: undefined, SLACK_BOT_TOKEN_FILE: path, ...more }, readFile);

  it('is read, without the line break at its end', () => {
    const read = withFile('/run/bot');
    expect(read.ok && read.settings.slack.botToken.reveal()).toBe(BOT_TOKEN);
    expect(read.warnings).toEqual([]);
  });

  it.each([
    ['that is not there', '/run/none', {}, 'SLACK_BOT_TOKEN_FILE', 'cannot read "/run/none" (ENOENT)'],
    [
      'beside the variable',
      '/run/bot',
      { SLACK_BOT_TOKEN: BOT_TOKEN },
      'SLACK_BOT_TOKEN_FILE',
      'SLACK_BOT_TOKEN is set too',
    ],
    ['that is not valid', '/run/wrong', {}, 'SLACK_BOT_TOKEN', 'invalid value (hidden, 5 characters)'],
  ])('%s is the only problem', (_, path, more, variable, problem) => {
    const read = withFile(path, more);
    expect(read.ok ? [] : read.problems).toMatchObject([{ variable, problem }]);
  });

  it('can hold every secret, and nothing else', () => {
    const names = VARIABLES.filter((entry) => 'isSecret' in entry && entry.isSecret).map(({ name }) => name);
    const unread = (name: string) =>
      readSettings({ ...least, [name]: undefined, [`${name}_FILE`]: '/run/none' }, readFile);
    for (const name of names) {
      const read = unread(name);
      expect(read.ok ? [] : read.problems.map(({ variable }) => variable)).toContain(`${name}_FILE`);
    }
    expect(readSettings({ ...least, LOG_LEVEL_FILE: '/run/none' }, readFile)).toMatchObject({ ok: true });
  });

  it('with a misspelled variable is suggested', () => {
    expect(readSettings({ ...least, REDIS_URL_FIL: '/run/redis' }).warnings).toMatchObject([
      { variable: 'REDIS_URL_FIL', advice: 'Did you mean REDIS_URL_FILE?' },
    ]);
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
    ['a name with a blank', 'My Header: secret-value', 'header 1 has an invalid name'],
    ['a value beyond Latin-1', 'A: secret-value→', 'header 1 (A) has a value with invalid characters'],
    [
      'one that the client sets',
      'A: 1;;content-type: secret-value',
      'header 2 (content-type) is set by the HTTP client',
    ],
    ['no name', ': secret-value', 'header 1 has no `Name:` before its value'],
  ])('%s is refused without printing the value', (_, text, problem) => {
    expect(parseHeaders(text)).toEqual({ ok: false, problem });
  });
});

describe('the advice fits the value', () => {
  it.each([
    ['a token that is cut off', { SLACK_BOT_TOKEN: 'xoxb-12' }, /whole token.*xoxb- is followed by/],
    ['a token of another kind', { SLACK_BOT_TOKEN: 'xoxp-1111-aaaaaaaaaaaa' }, /starts with xoxb-/],
    ['no address of Jaeger', { JAEGER_URL: 'jaeger' }, /like http:\/\/jaeger-query:16686/],
    ['no address of Kiali', { KIALI_URL: 'kiali' }, /like https:\/\/kiali/],
    ['an address of the API', { PROMETHEUS_URL: 'http://prom:9090/p/api/v1' }, /^Remove \/api\/v1: /],
    [
      'an address of a query',
      { PROMETHEUS_URL: 'http://prom:9090/api/v1/query' },
      /^Remove \/api\/v1\/query: /,
    ],
    ['an address of a page', { PROMETHEUS_PUBLIC_URL: 'https://prom.example/graph/' }, /^Remove \/graph\/: /],
    [
      'an address of the API of Jaeger',
      { JAEGER_URL: 'http://jaeger/ui/api/traces' },
      /^Remove \/api\/traces: /,
    ],
    [
      'a link to a channel',
      { SLACK_CHANNEL: 'https://shop.slack.com/archives/C0SHOPONCALL' },
      /^Use the ID in this link: C0SHOPONCALL\.$/,
    ],
  ])('%s', (_, wrong, advice) => {
    const found = problems({ ...least, ...wrong });
    expect(found).toHaveLength(1);
    expect(found[0]?.advice).toMatch(advice);
  });
});
