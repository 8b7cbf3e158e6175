import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { ALL_SCOPES } from '../../../demo/slack/state.ts';
import { doctorCommand } from '../../../src/cli/doctor.ts';
import type { HttpAnswer, HttpClient } from '../../../src/http/http-client.ts';
import { diagnoseJaeger } from '../../../src/jaeger/doctor.ts';
import { type Diagnosis, diagnosed } from '../../../src/lib/diagnosis.ts';
import { UpstreamError } from '../../../src/lib/errors.ts';
import { DAY, epochMs, ms } from '../../../src/lib/units.ts';
import { diagnosePrometheus } from '../../../src/prometheus/doctor.ts';
import { readSettings } from '../../../src/settings/env.ts';
import { diagnoseSlack } from '../../../src/slack/doctor.ts';
import { createSpyLogger, createSpyRecorder } from '../../support/spies.ts';
import { createVirtualClock, START } from '../../support/virtual-clock.ts';
import { startSlack, type TestSlack } from '../slack/slack-server.ts';

const lines = (found: readonly Diagnosis[]): readonly string[] =>
  found.map(({ status, name, message, advice }) =>
    [`${status} ${name}: ${message}`, advice].filter((part) => part !== undefined).join(' '),
  );

describe('Slack', () => {
  let slack: TestSlack;
  const start = async (options: Parameters<typeof startSlack>[0] = {}): Promise<void> => {
    slack = await startSlack({
      ...options,
      channels: [
        { id: 'C0MEMBER000', name: 'member', isArchived: false, botIsMember: true },
        { id: 'C0PUBLIC000', name: 'public', isArchived: false, botIsMember: false },
        { id: 'C0ARCHIVED0', name: 'archived', isArchived: true, botIsMember: true },
        { id: 'C0PRIVATE00', name: 'private', isArchived: false, botIsMember: false, isPrivate: true },
      ],
    });
  };
  afterEach(() => slack.close());

  const diagnose = async (over: Partial<Parameters<typeof diagnoseSlack>[0]> = {}) =>
    lines(
      await diagnoseSlack({
        botToken: slack.workspace.state.tokens.bot,
        apiUrl: slack.apiUrl,
        transport: { appToken: slack.workspace.state.tokens.app },
        channels: ['#member'],
        clock: slack.clock,
        logger: createSpyLogger(),
        recorder: createSpyRecorder(),
        ...over,
      }),
    );

  it('tokens, scopes and channels that are right', async () => {
    await start();
    expect(await diagnose({ channels: ['#member', 'C0PUBLIC000', 'D0DIRECT000'] })).toEqual([
      'ok slack token: The bot is tailwatch in the workspace Mesh Shop.',
      'ok slack scopes: The token has the 12 scopes that it needs.',
      'ok slack app token: Socket Mode can be opened.',
      'ok slack channel #member: The bot is a member.',
      'ok slack channel C0PUBLIC000: The channel is public: the bot can post and joins it when it must read.',
    ]);
  });

  it('scopes that are missing are named', async () => {
    await start({ scopes: ALL_SCOPES.filter((scope) => !/^(?:groups:|files)/.test(scope)) });
    expect(await diagnose()).toContain(
      'error slack scopes: The token lacks files:write, groups:history, groups:read. Update the Slack app from its manifest in manifests/slack/ and reinstall it to the workspace.',
    );
  });

  it('channels that cannot be posted to', async () => {
    await start();
    expect((await diagnose({ channels: ['#archived', '#private', '#typo'] })).slice(3)).toEqual([
      'error slack channel #archived: It is archived. Unarchive it, or name another one.',
      'error slack channel #private: It was not found. Check its name; /invite the bot to a private channel.',
      'error slack channel #typo: It was not found. Check its name; /invite the bot to a private channel.',
    ]);
  });

  it('tokens that Slack rejects, without their text; no channel is read', async () => {
    await start();
    expect(await diagnose({ botToken: 'xoxb-wrong', transport: { appToken: 'xapp-wrong' } })).toEqual([
      'error slack token: Slack rejected the bot token (invalid_auth). Reinstall the Slack app and set SLACK_BOT_TOKEN to its Bot User OAuth Token.',
      'error slack app token: Slack rejected the app-level token (invalid_auth). Generate an app-level token with the scope connections:write and set SLACK_APP_TOKEN to it.',
    ]);
  });

  it.each([
    [
      '0de70000000000000000000000000000',
      'ok slack signing secret: The signing secret has the right form; only a request of Slack shows that it is right.',
    ],
    [
      'xoxb-not-a-secret',
      'warning slack signing secret: SLACK_SIGNING_SECRET is not 32 hexadecimal digits. Copy it from "Basic Information" of the Slack app.',
    ],
  ])('the signing secret %s', async (signingSecret, line) => {
    await start();
    expect(await diagnose({ transport: { signingSecret } })).toContain(line);
  });

  it('a Slack that cannot be reached', async () => {
    await start();
    const [token] = await diagnose({ apiUrl: 'http://127.0.0.1:9/api/' });
    expect(token).toMatch(/^error slack token: Slack does not respond \(.+\)\. Check the network/);
  });
});

/** An HTTP client that has one answer for each path; `ahead`: how far its clock is ahead, in ms. */
function answering(bodies: Readonly<Record<string, unknown>>, ahead = 0): HttpClient {
  const answer = (path: string): HttpAnswer<unknown> => {
    const found = Object.entries(bodies).find(([start]) => path.startsWith(start));
    if (found === undefined)
      throw new UpstreamError({
        system: 'jaeger',
        code: 'bad-answer',
        message: 'HTTP 404 without JSON',
        advice: '',
      });
    return { status: 200, contentType: 'application/json', body: found[1], date: epochMs(START + ahead) };
  };
  return {
    json: async ({ path }) => answer(path),
    text: async ({ path }) => ({ ...answer(path), body: JSON.stringify(answer(path).body) }),
    close: () => {},
  };
}

describe('Prometheus', () => {
  const VECTOR = { status: 'success', data: { resultType: 'vector', result: [] } };
  const data = (fields: object) => ({ status: 'success', data: fields });
  const diagnose = async (http: HttpClient) =>
    lines(
      await diagnosePrometheus({
        http,
        deadline: ms(1_000),
        clock: createVirtualClock(),
        logger: createSpyLogger(),
        budgetPeriod: ms(30 * DAY),
      }),
    );

  it('one that responds, keeps enough and agrees about the time', async () => {
    const http = answering({
      '/api/v1/query': VECTOR,
      '/api/v1/status/buildinfo': data({ version: '3.5.0' }),
      '/api/v1/status/runtimeinfo': data({ storageRetention: '90d or 50GiB' }),
    });
    expect(await diagnose(http)).toEqual([
      'ok prometheus: It responds; version 3.5.0.',
      'ok prometheus clock: The clocks agree.',
      'ok prometheus retention: Data is kept for 90d or 50GiB.',
    ]);
  });

  it.each([
    [
      '15d',
      'warning prometheus retention: Data is kept for 15d, and error budgets read 30d. Set storage.tsdb.retention.time to 30d; until then budgets are based on the data there is.',
    ],
    ['10GiB', 'ok prometheus retention: Data is kept up to a size: 10GiB.'],
    [
      '',
      'ok prometheus retention: The server does not report how long it keeps data (Thanos, Mimir and VictoriaMetrics do not).',
    ],
  ])('the retention %j', async (storageRetention, line) => {
    const http = answering({
      '/api/v1/query': VECTOR,
      '/api/v1/status/runtimeinfo': data({ storageRetention }),
    });
    expect(await diagnose(http)).toContain(line);
  });

  it.each([
    [
      -20_000,
      'warning prometheus clock: The local clock is 19 s ahead of Prometheus. Synchronize the clocks of both machines by NTP.',
    ],
    [
      90_000,
      'error prometheus clock: The local clock is 90 s behind Prometheus. Synchronize the clocks of both machines by NTP.',
    ],
  ])('a clock that is %d ms ahead', async (ahead, line) => {
    expect(await diagnose(answering({ '/api/v1/query': VECTOR }, ahead))).toContain(line);
  });

  it('an address that is not that of a Prometheus', async () => {
    expect(await diagnose(answering({ '/api/v1/query': { hello: 'world' } }))).toEqual([
      'error prometheus: The response (HTTP 200) is not from a Prometheus. Check that PROMETHEUS_URL is the base address of a Prometheus, without /api/v1.',
    ]);
  });
});

describe('Jaeger', () => {
  const span = (tags: readonly object[]) => ({
    traceID: '1',
    spanID: '1',
    operationName: 'GET',
    references: [],
    startTime: START * 1_000,
    duration: 5,
    tags,
    logs: [],
    processID: 'p1',
  });
  const traces = (tags: readonly object[]) => ({
    data: [
      { traceID: '1', spans: [span(tags)], processes: { p1: { serviceName: 'checkout.shop', tags: [] } } },
    ],
  });
  const REQUEST_ID = {
    key: 'guid:x-request-id',
    type: 'string',
    value: '94f0d2ad-4bd7-9f3c-a9d1-8dd2c4fca2a1',
  };
  const legacy = (found: object) => ({ '/api/services': { data: ['checkout.shop'] }, '/api/traces': found });
  const diagnose = async (http: HttpClient, wanted: readonly string[] = ['checkout']) =>
    lines(
      await diagnoseJaeger({
        http,
        deadline: ms(1_000),
        clock: createVirtualClock(),
        services: async () => wanted,
      }),
    );

  it('one with the services of the rules and request ids', async () => {
    expect(await diagnose(answering(legacy(traces([REQUEST_ID]))))).toEqual([
      'ok jaeger: It responds with the legacy API, /api/traces (up to 2.20) and has 1 service.',
      'ok jaeger clock: The clocks agree.',
      'ok jaeger services: Jaeger has traces of the service of the rules.',
      'ok jaeger request ids: Spans carry request ids (guid:x-request-id).',
    ]);
  });

  it('services under other names, spans without request ids, another clock', async () => {
    expect((await diagnose(answering(legacy(traces([])), 40_000), ['cart', 'checkout'])).slice(1)).toEqual([
      'error jaeger clock: The local clock is 40 s behind Jaeger. Synchronize the clocks of both machines by NTP.',
      'warning jaeger services: Jaeger has no service cart, of 2 services of the rules: their messages have no traces. Check their tracing; if Jaeger has other names for them, add `aliases:` to the rule file.',
      'warning jaeger request ids: None of 1 trace carries a request id: /trace finds no request by its x-request-id. Send x-request-id through the mesh, or record it as an attribute (manifests/istio/).',
    ]);
  });

  it('one without traces', async () => {
    expect(await diagnose(answering(legacy({ data: [] })))).toContain(
      'warning jaeger request ids: No traces in the last hour. Check that the mesh exports spans to this Jaeger, and its sampling (manifests/istio/).',
    );
  });

  it('an API that may ignore attributes', async () => {
    const http = answering({
      '/api/v3/services': { services: [] },
      '/api/v3/traces': { result: { resourceSpans: [] } },
    });
    expect((await diagnose(http))[0]).toBe(
      'warning jaeger: It has an API v3 that may ignore attributes (before 2.19). Upgrade Jaeger: searches by request id need it.',
    );
  });

  it.each([
    ['no API', {}],
    ['the API of a Prometheus', { '/api/': { status: 'error', errorType: 'not_found', error: 'not found' } }],
  ])('an address with %s', async (_, bodies) => {
    expect(await diagnose(answering(bodies))).toEqual([
      'error jaeger: There is no Jaeger at the configured address. Check JAEGER_URL and its base path: it is the address of the query service (port 16686).',
    ]);
  });
});

it('a system that never answers costs twelve seconds, and a fault of a check its line alone', async () => {
  const clock = createVirtualClock();
  const check = { name: 'jaeger', system: 'jaeger', clock } as const;
  const hanging = diagnosed(check, () => new Promise<never>(() => undefined));
  await clock.advance(12_000);
  expect(lines(await hanging)).toEqual([
    'error jaeger: Jaeger did not respond within 12 s. Check whether Jaeger is overloaded, or use a shorter time range.',
  ]);
  expect(lines(await diagnosed(check, () => Promise.reject(new TypeError('x is undefined'))))).toEqual([
    'error jaeger: x is undefined. This is a bug: please report it.',
  ]);
});

describe('tailwatch doctor', () => {
  const loadNothing = () => Promise.reject(new Error('no rules are loaded'));

  it('says what is wrong with the settings, and checks nothing else', async () => {
    const read = readSettings({ SLACK_BOT_TOKEN: 'xoxb-1-secret', LOG_LEVEL: 'loud' });
    const { text, exitCode } = await doctorCommand(read, loadNothing, {});
    expect(exitCode).toBe(1);
    expect(text).toContain(
      'error    settings: LOG_LEVEL: invalid value "loud". Use debug, info, warn or error.',
    );
    expect(text).toMatch(/\n0 ok, 0 warnings, \d+ errors\.$/);
    expect(text).not.toContain('xoxb-1-secret');
  });

  it('says of every system that does not respond which one it is, and checks the others', async () => {
    const alertmanager = createServer((_, response) => response.end('[]')).listen(0, '127.0.0.1');
    await once(alertmanager, 'listening');
    const closed = 'http://127.0.0.1:9';
    const read = readSettings({
      SLACK_BOT_TOKEN: 'xoxb-1-secret',
      SLACK_SIGNING_SECRET: '0de70000000000000000000000000000',
      SLACK_API_URL: closed,
      SLACK_CHANNEL: '#shop',
      PROMETHEUS_URL: closed,
      JAEGER_URL: closed,
      REDIS_URL: 'redis://:hunter22@127.0.0.1:9',
      ALERTMANAGER_TOKEN: 'a-token-of-the-webhook',
      ALERTMANAGER_URL: `http://127.0.0.1:${(alertmanager.address() as AddressInfo).port}, ${closed}`,
    });
    const loadRules = async () => ({ ok: false as const, text: 'rules.yaml:1:1: unknown key' });
    const { text, exitCode } = await doctorCommand(read, loadRules, {});
    alertmanager.close();
    expect(exitCode).toBe(1);
    const found = text
      .split('\n')
      .flatMap((line) => /^(\w+) +([\w ]+?)(?: 127.*?)?: /.exec(line)?.slice(1).join(' ') ?? []);
    expect(found).toEqual([
      'ok settings',
      'error rules',
      'error slack token',
      'ok slack signing secret',
      'error prometheus',
      'error jaeger',
      'error redis',
      'ok alertmanager',
      'error alertmanager',
    ]);
    expect(text).toContain('rules.yaml:1:1: unknown key');
    expect(text).not.toMatch(/hunter22|xoxb-1|a-token/);
  });

  it('gives the same as JSON', async () => {
    const { text } = await doctorCommand(readSettings({ LOG_LEVEL: 'loud' }), loadNothing, {
      format: 'json',
    });
    const { counts, checks } = JSON.parse(text) as {
      counts: { errors: number };
      checks: readonly Diagnosis[];
    };
    expect(checks).toHaveLength(counts.errors);
    expect(checks).toContainEqual({
      status: 'error',
      name: 'settings',
      message: 'LOG_LEVEL: invalid value "loud".',
      advice: 'Use debug, info, warn or error.',
    });
  });
});
