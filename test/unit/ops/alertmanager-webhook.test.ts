import { request as httpRequest } from 'node:http';
import * as fc from 'fast-check';
import { afterEach, describe, expect, it, test } from 'vitest';
import type { ReceivedNotification } from '../../../src/evaluation/alert-receiver.ts';
import { UpstreamError } from '../../../src/lib/errors.ts';
import { epochMs } from '../../../src/lib/units.ts';
import {
  createAlertmanagerWebhook,
  parseNotification,
  WEBHOOK_PATH,
} from '../../../src/ops/alertmanager-webhook.ts';
import { createTelemetry } from '../../../src/ops/metrics.ts';
import { createOpsServer, type OpsServer } from '../../../src/ops/ops-server.ts';
import { runsOf } from '../../support/runs.ts';
import { createSpyLogger } from '../../support/spies.ts';
import { START } from '../../support/virtual-clock.ts';

const TOKEN = 'alertmanager-token-0123456789';

const ALERT = {
  status: 'firing',
  labels: { alertname: 'Slow', 'k8s.cluster': 'eu' },
  annotations: { summary: 'slow' },
  startsAt: '2026-11-20T14:00:00.123456789Z',
  endsAt: '0001-01-01T00:00:00Z',
  generatorURL: 'http://prometheus:9090/graph?g0.expr=a%7Bb%3D%22c%22%7D+%3E+1&g0.tab=1',
  fingerprint: '9a71ab5d2b2fb6f1',
};
const PAYLOAD = { version: '4', externalURL: 'http://am:9093', truncatedAlerts: 0, alerts: [ALERT] };

const parse = (payload: unknown) => parseNotification(JSON.stringify(payload), START);
const withAlert = (over: object) => ({ ...PAYLOAD, alerts: [ALERT, { ...ALERT, ...over }] });

describe('a notification', () => {
  it('is read with the expression of its rule', () => {
    expect(parse(PAYLOAD)).toEqual({
      ok: true,
      truncated: 0,
      notification: {
        from: 'http://am:9093',
        alerts: [
          {
            status: 'firing',
            labels: { alertname: 'Slow', 'k8s.cluster': 'eu' },
            annotations: { summary: 'slow' },
            startsAt: Date.UTC(2026, 10, 20, 14, 0, 0, 123),
            endsAt: undefined,
            expr: 'a{b="c"} > 1',
          },
        ],
      },
    });
  });

  test.each<[string, object, object]>([
    ['without a generator', { generatorURL: '' }, { expr: undefined }],
    [
      'of another ruler',
      { generatorURL: 'http://vmalert/vmalert/alert?group_id=1&alert_id=2' },
      { expr: undefined },
    ],
    ['with a broken escape', { generatorURL: 'http://p/graph?g0.expr=%E0%A4%A' }, {}],
    ['without a name', { labels: { service: 'a' } }, { labels: { alertname: 'Alert', service: 'a' } }],
    ['without annotations', { annotations: null }, { annotations: {} }],
    ['with an offset', { startsAt: '2026-11-20T15:00:00+01:00' }, { startsAt: START }],
    ['without a start', { startsAt: '0001-01-01T00:00:00Z' }, { startsAt: START }],
    [
      'that ended',
      { status: 'resolved', endsAt: '2026-11-20T14:05:00Z' },
      { status: 'resolved', endsAt: epochMs(START + 300_000) },
    ],
  ])('%s is read', (_, given, expected) => {
    const read = parse(withAlert(given));
    expect(read.ok && read.notification.alerts[1]).toMatchObject(expected);
  });

  test.each<[unknown, string]>([
    [[], 'the body'],
    [{ ...PAYLOAD, version: '5' }, 'version'],
    [{ ...PAYLOAD, alerts: {} }, 'alerts'],
    [withAlert({ status: 'pending' }), 'alerts[1].status'],
    [withAlert({ startsAt: 'yesterday' }), 'alerts[1].startsAt: expected an RFC 3339 time'],
    [withAlert({ labels: { a: 1 } }), 'alerts[1].labels.a'],
    [
      withAlert({ labels: Object.fromEntries(Array.from({ length: 65 }, (__, i) => [`l${i}`, 'x'])) }),
      'at most 64 labels',
    ],
  ])('%j is refused with the place', (payload, problem) => {
    const read = parse(payload);
    expect(read.ok ? '' : read.problem).toContain(problem);
  });

  it('is read or refused, whatever it is', () => {
    const hostile = fc.oneof(
      fc.json({ maxDepth: 2 }),
      fc.string(),
      fc
        .record({
          status: fc.constantFrom('firing', 'resolved'),
          labels: fc.dictionary(fc.string(), fc.string()),
          startsAt: fc.oneof(
            fc.string(),
            fc.date({ noInvalidDate: true }).map((d) => d.toISOString()),
          ),
          generatorURL: fc.string().map((text) => `http://p/graph?g0.expr=${text}`),
        })
        .map((alert) => JSON.stringify({ ...PAYLOAD, alerts: [alert] })),
    );
    fc.assert(
      fc.property(hostile, (body) => {
        const read = parseNotification(body, START);
        if (read.ok) for (const { startsAt } of read.notification.alerts) expect(startsAt).toBeGreaterThan(0);
        else expect(read.problem).not.toBe('');
      }),
      { numRuns: runsOf(300) },
    );
  });
});

describe('the endpoint', () => {
  const servers: OpsServer[] = [];
  afterEach(async () => void (await Promise.all(servers.splice(0).map((server) => server.close()))));

  async function start({ isOff = false, error }: { isOff?: boolean; error?: Error } = {}) {
    const received: ReceivedNotification[] = [];
    const telemetry = createTelemetry();
    const logger = createSpyLogger();
    const receiver = {
      receive: async (notification: ReceivedNotification) => {
        if (error !== undefined) throw error;
        received.push(notification);
      },
    };
    const { recorder } = telemetry;
    const webhook = createAlertmanagerWebhook({ receiver, token: TOKEN, now: () => START, logger, recorder });
    const server = createOpsServer({
      telemetry,
      logger,
      readyChecks: [],
      reload: async () => ({ ok: true, message: '' }),
      store: { ledger: async () => [] },
      rulesApi: { rules: async () => ({ groups: [] }), alerts: async () => ({ alerts: [] }) },
      token: 'ops-token-0123456789',
      tests: { start: async () => ({ kind: 'too-many' }) },
      webhook: isOff ? undefined : webhook,
    });
    servers.push(server);
    const { port } = await server.listen({ port: 0, host: '127.0.0.1' });
    const post = (body: string, token = TOKEN, method = 'POST') =>
      new Promise<string>((resolve, reject) => {
        const headers = { authorization: `Bearer ${token}` };
        const sent = httpRequest(
          { port, host: '127.0.0.1', path: WEBHOOK_PATH, method, headers },
          (response) => {
            let text = '';
            response
              .on('data', (chunk) => (text += chunk))
              .on('end', () => resolve(`${response.statusCode} ${text}`));
          },
        );
        sent.on('error', reject).end(body);
      });
    return { post, received, telemetry };
  }

  it('answers when the alerts are stored', async () => {
    const { post, received, telemetry } = await start();
    expect(await post(JSON.stringify(PAYLOAD))).toBe('200 ok: 1 alert\n');
    expect(received).toHaveLength(1);
    const { body } = await telemetry.metrics();
    expect(body).toContain('tailwatch_alertmanager_notifications_total{outcome="ok"} 1');
  });

  it('is off without a token of its own, and needs that one', async () => {
    expect(await (await start({ isOff: true })).post('{}')).toContain(
      '404 not found: set ALERTMANAGER_TOKEN',
    );
    const { post, received } = await start();
    for (const token of ['', 'ops-token-0123456789', `${TOKEN}x`])
      expect(await post(JSON.stringify(PAYLOAD), token)).toContain('401 unauthorized');
    expect(await post('', TOKEN, 'GET')).toContain('405');
    expect(received).toEqual([]);
  });

  it('refuses what it cannot read, and what is too large, with what to do', async () => {
    const { post, received } = await start();
    expect(await post('{')).toContain('400 invalid notification: the body is not JSON.');
    expect(await post(JSON.stringify({ ...PAYLOAD, version: '3' }))).toContain(
      '400 invalid notification: version:',
    );
    expect(await post(' '.repeat(4 * 1_024 * 1_024 + 1))).toContain(
      '413 the notification is larger than 4 MiB. Set max_alerts',
    );
    expect(received).toEqual([]);
  });

  it('has it sent again while the store does not respond', async () => {
    const error = new UpstreamError({
      system: 'store',
      code: 'unavailable',
      message: 'The store does not respond.',
      advice: 'Wait.',
    });
    expect(await (await start({ error })).post(JSON.stringify(PAYLOAD))).toBe(
      '503 The store does not respond. Wait.\n',
    );
  });
});
