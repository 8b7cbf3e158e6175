import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { SERVER_LIMITS, type ServerLimits } from '../../../src/http/server.ts';
import { epochMs } from '../../../src/lib/units.ts';
import { createLogger } from '../../../src/ops/logger.ts';
import { createTelemetry } from '../../../src/ops/metrics.ts';
import {
  createOpsServer,
  type OpsServer,
  type OpsServerOptions,
  type ReadyCheck,
} from '../../../src/ops/ops-server.ts';
import { createRulesApi, type RulesApi, type RulesFilter } from '../../../src/ops/rules-api.ts';
import { aGroup, aRule } from '../../support/builders.ts';
import { aSourceError } from '../../support/fake-metrics-source.ts';
import { SHORT_LIMITS } from '../../support/short-limits.ts';

const servers: OpsServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

async function start(
  options: {
    readyChecks?: readonly ReadyCheck[];
    reloadOk?: boolean;
    rulesApi?: Partial<RulesApi>;
    token?: string;
    startTest?: OpsServerOptions['tests']['start'];
    limits?: ServerLimits;
  } = {},
) {
  const telemetry = createTelemetry();
  const server = createOpsServer({
    telemetry,
    readyChecks: options.readyChecks ?? [],
    reload: async () =>
      options.reloadOk === false
        ? { ok: false, message: 'rules.yaml:3:7: unknown key "exprr"' }
        : { ok: true, message: 'loaded 2 rules' },
    store: { ledger: async () => [] },
    tests: { start: options.startTest ?? (async () => ({ kind: 'too-many' })) },
    rulesApi: {
      rules: async () => ({ groups: [] }),
      alerts: async () => ({ alerts: [] }),
      ...options.rulesApi,
    },
    logger: createLogger({ level: 'error', secrets: [], write: () => undefined }),
    token: options.token,
    limits: options.limits,
  });
  servers.push(server);
  const { port } = await server.listen({ port: 0, host: '127.0.0.1' });
  const call = async (method: string, path: string, headers: Readonly<Record<string, string>> = {}) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { method, headers });
    return { status: response.status, body: await response.text() };
  };
  return { telemetry, call, port };
}

test('the process is healthy as soon as it answers', async () => {
  const { call } = await start({
    readyChecks: [{ name: 'store', problem: () => 'closed' }],
  });
  expect(await call('GET', '/healthz')).toEqual({ status: 200, body: 'ok\n' });
});

test('it is ready when no check has a problem', async () => {
  const { call } = await start({ readyChecks: [{ name: 'slack', problem: () => undefined }] });
  expect(await call('GET', '/readyz')).toEqual({ status: 200, body: 'ok slack\n' });
});

test('it is not ready when one check has a problem, and names it', async () => {
  const { call } = await start({
    readyChecks: [
      { name: 'slack', problem: () => undefined },
      { name: 'evaluation', problem: () => 'last one 95 s ago' },
    ],
  });
  expect(await call('GET', '/readyz')).toEqual({
    status: 503,
    body: 'ok slack\nnot ready: evaluation: last one 95 s ago\n',
  });
});

test('it is ready in spite of a warning, and names it', async () => {
  const { call } = await start({
    readyChecks: [{ name: 'jaeger', problem: () => 'Jaeger did not respond.', isWarning: true }],
  });
  expect(await call('GET', '/readyz')).toEqual({
    status: 200,
    body: 'warning: jaeger: Jaeger did not respond.\n',
  });
});

test('a rejected reload returns 422 with the errors', async () => {
  const { call } = await start({ reloadOk: false });
  expect(await call('POST', '/-/reload')).toEqual({
    status: 422,
    body: 'rules.yaml:3:7: unknown key "exprr"\n',
  });
});

test('with a token, the API and the reload need it, and probes and metrics do not', async () => {
  const { call } = await start({ token: 'right-token-0123456789' });
  const statuses = async (authorization?: string) => {
    const headers: Record<string, string> = authorization === undefined ? {} : { authorization };
    const routes = [
      ['GET', '/api/v1/rules'],
      ['GET', '/api/v1/alerts'],
      ['GET', '/api/unknown'],
      ['POST', '/-/reload'],
      ['POST', '/api/v1/test-notification'],
      ['GET', '/healthz'],
      ['GET', '/readyz'],
      ['GET', '/metrics'],
    ] as const;
    return await Promise.all(
      routes.map(async ([method, path]) => (await call(method, path, headers)).status),
    );
  };
  const refused = [401, 401, 401, 401, 401, 200, 200, 200];
  expect(await statuses()).toEqual(refused);
  expect(await statuses('Bearer wrong-token-0123456789')).toEqual(refused);
  expect(await statuses('Bearer right-token-0123456789x')).toEqual(refused);
  expect(await statuses('Basic right-token-0123456789')).toEqual(refused);
  expect(await statuses('Bearer ')).toEqual(refused);
  expect(await statuses('bearer right-token-0123456789')).toEqual([200, 200, 404, 200, 200, 200, 200, 200]);
});

test('starts a test notification, and says what became of it', async () => {
  const requests: unknown[] = [];
  const startTest: OpsServerOptions['tests']['start'] = async (request) => {
    requests.push(request);
    if (request.service === 'typo') return { kind: 'unknown-service', nearest: ['tyre', 'type'] };
    if (request.service === 'down') throw aSourceError();
    return {
      kind: 'posted',
      service: request.service,
      channels: ['#shop'],
      endsAt: epochMs(Date.UTC(2026, 10, 20, 14)),
    };
  };
  const { call } = await start({ startTest });
  const post = async (query: string) => {
    const { status, body } = await call('POST', `/api/v1/test-notification${query}`);
    return { status, body: JSON.parse(body) as unknown };
  };
  expect(await post('?service=checkout&channel=%23shop&mention=true')).toMatchObject({
    status: 200,
    body: {
      data: {
        isPosted: true,
        text: 'A test breach of checkout is posted to #shop, with mentions. It closes by itself at 2026-11-20 14:00:00 UTC.',
      },
    },
  });
  expect(requests).toEqual([{ service: 'checkout', channel: '#shop', mentions: true }]);
  expect(await post('?service=typo')).toMatchObject({
    body: { data: { isPosted: false, text: 'No rule has data of typo. Did you mean tyre, type?' } },
  });
  expect(await post('?service=down')).toMatchObject({ status: 503, body: { error: 'connection refused' } });
});

test('a reload must be a POST', async () => {
  const { call } = await start();
  expect((await call('GET', '/-/reload')).status).toBe(405);
  expect(await call('POST', '/-/reload')).toEqual({ status: 200, body: 'loaded 2 rules\n' });
});

test('an unknown path lists the known ones', async () => {
  const { call } = await start();
  const { status, body } = await call('GET', '/ready');
  expect(status).toBe(404);
  expect(body).toContain('/readyz');
});

test.each([
  'tailwatch_evaluations_total{outcome="source-error"} 0',
  'tailwatch_query_seconds_count{system="jaeger",operation="search",outcome="error"} 0',
  'tailwatch_alerts{state="firing"} 0',
  'tailwatch_notifications_total{kind="post",outcome="unknown"} 0',
  'tailwatch_slack_calls_total{method="chat.postMessage",outcome="rate-limited"} 0',
  'tailwatch_commands_total{command="/trace",outcome="failed"} 0',
  'tailwatch_command_seconds_count{command="/latency"} 0',
  'tailwatch_rule_reloads_total{outcome="failed"} 0',
  'tailwatch_messages_pending 0',
])('the scrape shows %s before anything happened', async (line) => {
  const { call } = await start();
  expect((await call('GET', '/metrics')).body.split('\n')).toContain(line);
});

test('the version is a metric', async () => {
  const { call } = await start();
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
  expect((await call('GET', '/metrics')).body).toContain(
    `tailwatch_build_info{version="${version}",nodeversion="${process.version}"} 1`,
  );
});

test('recorded events are scraped, and gauges are updated first', async () => {
  const { telemetry, call } = await start();
  const { recorder } = telemetry;
  recorder.evaluated({ outcome: 'ok', seconds: 0.01 });
  recorder.evaluated({ outcome: 'missed', seconds: 0 });
  recorder.queried({ system: 'jaeger', operation: 'search', outcome: 'error', seconds: 3 });
  recorder.notified({ kind: 'edit', outcome: 'unchanged' });
  recorder.reloaded({ ok: false });
  telemetry.onScrape(async () => recorder.pendingMessages({ depth: 3, oldestAgeSeconds: 12 }));
  const { body } = await call('GET', '/metrics');
  expect(body.split('\n')).toEqual(
    expect.arrayContaining([
      'tailwatch_evaluations_total{outcome="ok"} 1',
      'tailwatch_evaluations_total{outcome="missed"} 1',
      'tailwatch_evaluation_seconds_count 1',
      'tailwatch_query_errors_total{system="jaeger"} 1',
      'tailwatch_notifications_total{kind="edit",outcome="unchanged"} 1',
      'tailwatch_rule_reload_ok 0',
      'tailwatch_messages_pending 3',
      'tailwatch_messages_pending_oldest_seconds 12',
    ]),
  );
});

const EVERYTHING: RulesFilter = { names: [], groups: [], files: [], matchers: [], excludeAlerts: false };

test.each<[string, RulesFilter]>([
  ['', EVERYTHING],
  ['?type=alert&exclude_alerts=true', { ...EVERYTHING, type: 'alert', excludeAlerts: true }],
  [
    '?match[]={severity="page"}',
    { ...EVERYTHING, matchers: [[{ label: 'severity', operator: '=', value: 'page' }]] },
  ],
  [
    '?rule_name[]=A&rule_name[]=B&rule_group[]=g&file[]=rules.yaml',
    { ...EVERYTHING, names: ['A', 'B'], groups: ['g'], files: ['rules.yaml'] },
  ],
])('the rules are requested as from a Prometheus: /api/v1/rules%s', async (search, filter) => {
  const filters: RulesFilter[] = [];
  const rules = async (asked: RulesFilter) => {
    filters.push(asked);
    return { groups: [] };
  };
  const { call } = await start({ rulesApi: { rules } });
  const { status, body } = await call('GET', `/api/v1/rules${search}`);
  expect([status, JSON.parse(body)]).toEqual([200, { status: 'success', data: { groups: [] } }]);
  expect(filters).toEqual([filter]);
});

test.each([
  ['type=alerts', 'invalid parameter "type": not supported value "alerts"'],
  ['match[]=page', expect.stringMatching(/^invalid parameter "match\[\]": "page" /)],
])('an invalid request is refused as by a Prometheus: %s', async (search, error) => {
  const { call } = await start();
  const { status, body } = await call('GET', `/api/v1/rules?${search}`);
  expect([status, JSON.parse(body)]).toEqual([400, { status: 'error', errorType: 'bad_data', error }]);
});

test('a pattern with exponential backtracking in JavaScript is answered at once', async () => {
  const value = 'a'.repeat(63);
  const api = createRulesApi({
    rules: () => ({ groups: [aGroup({ rules: [aRule({ labels: { severity: value } })] })], objectives: [] }),
    store: { loadGroup: async () => undefined, actions: async () => new Map() },
  });
  const { call } = await start({ rulesApi: api });
  const started = performance.now();
  for (const pattern of [`${'(.*)'.repeat(100)}!`, '(a+)+!', '(a|aa)+!']) {
    const search = new URLSearchParams({ 'match[]': `{severity=~"${pattern}"}` });
    const { status, body } = await call('GET', `/api/v1/rules?${search.toString()}`);
    expect([status, JSON.parse(body)]).toEqual([200, { status: 'success', data: { groups: [] } }]);
  }
  expect(performance.now() - started).toBeLessThan(2_000);
});

test('a store that does not respond is an error in the format of the API', async () => {
  const alerts = async () => {
    throw aSourceError('unavailable', 'the store is away');
  };
  const { call } = await start({ rulesApi: { alerts } });
  const { status, body } = await call('GET', '/api/v1/alerts');
  expect([status, JSON.parse(body)]).toEqual([
    503,
    { status: 'error', errorType: 'unavailable', error: 'the store is away' },
  ]);
});

test('alerts cannot be posted', async () => {
  const { call } = await start();
  expect((await call('POST', '/api/v1/alerts')).status).toBe(405);
  expect((await call('GET', '/api/v1/alerts')).status).toBe(200);
});

test.each([
  ['headers', 'GET /healthz HTTP/1.1\r\nHost: a\r\nX: '],
  ['a body', 'POST /-/reload HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n1'],
])('a client that does not send %s to the end is disconnected', async (_, sent) => {
  const { port } = await start({ limits: SHORT_LIMITS });
  const socket = connect(port, '127.0.0.1');
  socket.write(sent);
  await once(socket.resume(), 'close');
});

test('a slow client has ten seconds at most', () => {
  expect(SERVER_LIMITS).toMatchObject({ headersTimeout: 5_000, requestTimeout: 10_000 });
});

test('a body that no route reads is not received to the end', async () => {
  const { port } = await start();
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.write('POST /-/reload HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n');
  socket.write('x'.repeat(200_000));
  await once(socket.resume(), 'close');
});

test('connections beyond the limit are closed at once', async () => {
  const { port, call } = await start();
  const sockets = Array.from({ length: 220 }, () => connect(port, '127.0.0.1').on('error', () => undefined));
  await expect
    .poll(() => sockets.filter(({ readyState }) => readyState === 'closed').length)
    .toBeGreaterThan(15);
  for (const socket of sockets) socket.destroy();
  await expect.poll(async () => (await call('GET', '/healthz').catch(() => undefined))?.status).toBe(200);
});
