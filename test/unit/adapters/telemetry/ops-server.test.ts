import { afterEach, expect, test } from 'vitest';
import { createLogger } from '../../../../src/adapters/telemetry/logger.ts';
import { createOpsServer, type OpsServer } from '../../../../src/adapters/telemetry/ops-server.ts';
import { createTelemetry } from '../../../../src/adapters/telemetry/recorder.ts';
import type { ReadyCheck } from '../../../../src/app/readiness.ts';

const servers: OpsServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

async function start(options: { readyChecks?: readonly ReadyCheck[]; reloadOk?: boolean } = {}) {
  const telemetry = createTelemetry();
  const server = createOpsServer({
    telemetry,
    readyChecks: options.readyChecks ?? [],
    reload: async () =>
      options.reloadOk === false
        ? { ok: false, message: 'rules.yaml:3:7: unknown key "exprr"' }
        : { ok: true, message: 'loaded 2 rules' },
    logger: createLogger({ level: 'error', secrets: [], write: () => undefined }),
  });
  servers.push(server);
  const { port } = await server.listen({ port: 0, host: '127.0.0.1' });
  const call = async (method: string, path: string) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { method });
    return { status: response.status, body: await response.text() };
  };
  return { telemetry, call };
}

test('the process is healthy as soon as it answers', async () => {
  const { call } = await start({
    readyChecks: [{ name: 'store', check: () => ({ ok: false, detail: 'closed' }) }],
  });
  expect(await call('GET', '/healthz')).toEqual({ status: 200, body: 'ok\n' });
});

test('it is ready when every check holds', async () => {
  const { call } = await start({ readyChecks: [{ name: 'slack', check: () => ({ ok: true }) }] });
  expect(await call('GET', '/readyz')).toEqual({ status: 200, body: 'ok slack\n' });
});

test('it is not ready when one check fails, and says which and why', async () => {
  const { call } = await start({
    readyChecks: [
      { name: 'slack', check: () => ({ ok: true }) },
      { name: 'evaluation', check: () => ({ ok: false, detail: 'last one 95 s ago' }) },
    ],
  });
  expect(await call('GET', '/readyz')).toEqual({
    status: 503,
    body: 'ok slack\nnot ready: evaluation: last one 95 s ago\n',
  });
});

test('a reload that is refused answers 422 with what is wrong', async () => {
  const { call } = await start({ reloadOk: false });
  expect(await call('POST', '/-/reload')).toEqual({
    status: 422,
    body: 'rules.yaml:3:7: unknown key "exprr"\n',
  });
});

test('a reload must be a POST', async () => {
  const { call } = await start();
  expect((await call('GET', '/-/reload')).status).toBe(405);
  expect(await call('POST', '/-/reload')).toEqual({ status: 200, body: 'loaded 2 rules\n' });
});

test('an unknown path names the ones there are', async () => {
  const { call } = await start();
  const { status, body } = await call('GET', '/ready');
  expect(status).toBe(404);
  expect(body).toContain('/readyz');
});

test.each([
  'tailwatch_evaluations_total{outcome="source-error"} 0',
  'tailwatch_query_seconds_count{system="jaeger",operation="search",outcome="error"} 0',
  'tailwatch_alerts{state="firing"} 0',
  'tailwatch_notifications_total{kind="firing",outcome="unknown"} 0',
  'tailwatch_slack_calls_total{method="chat.postMessage",outcome="rate-limited"} 0',
  'tailwatch_commands_total{command="/trace",outcome="failed"} 0',
  'tailwatch_command_seconds_count{command="/latency"} 0',
  'tailwatch_rule_reloads_total{outcome="failed"} 0',
  'tailwatch_outbox_entries 0',
])('the scrape shows %s before anything happened', async (line) => {
  const { call } = await start();
  expect((await call('GET', '/metrics')).body.split('\n')).toContain(line);
});

test('what is recorded is scraped, and gauges are brought up to date first', async () => {
  const { telemetry, call } = await start();
  const { recorder } = telemetry;
  recorder.evaluated({ outcome: 'ok', seconds: 0.01 });
  recorder.evaluated({ outcome: 'missed', seconds: 0 });
  recorder.queried({ system: 'jaeger', operation: 'search', outcome: 'error', seconds: 3 });
  recorder.notified({ kind: 'refresh', outcome: 'unchanged' });
  recorder.reloaded({ ok: false });
  telemetry.onScrape(async () => recorder.outbox({ depth: 3, oldestAgeSeconds: 12 }));
  const { body } = await call('GET', '/metrics');
  expect(body.split('\n')).toEqual(
    expect.arrayContaining([
      'tailwatch_evaluations_total{outcome="ok"} 1',
      'tailwatch_evaluations_total{outcome="missed"} 1',
      'tailwatch_evaluation_seconds_count 1',
      'tailwatch_query_errors_total{system="jaeger"} 1',
      'tailwatch_notifications_total{kind="refresh",outcome="unchanged"} 1',
      'tailwatch_rule_reload_ok 0',
      'tailwatch_outbox_entries 3',
      'tailwatch_outbox_oldest_seconds 12',
    ]),
  );
});
