import { afterEach, expect, test } from 'vitest';
import type { Message } from '../../demo/slack/model.ts';
import { FEW_TRACES, played, SLOW_PAYMENTS, type Stage, startStage } from '../support/stage.ts';

let stage: Stage | undefined;
afterEach(async () => {
  await stage?.close();
  stage = undefined;
});

const TOKEN = 'alertmanager-token-0123456789';
const EXPR =
  'histogram_quantile(0.99, sum by (le, destination_service_name) (rate(istio_request_duration_milliseconds_bucket{reporter="destination"}[30s]))) > 500';

/** In labels and annotations. */
const SECRETS = ['alice@example.com', 'k3y-0f-the-vault', 'h4nd-made'] as const;

const NO_RULES = 'groups: []\n';
const SLOW_CHECKOUT = played({ from: 5, to: 40, fault: SLOW_PAYMENTS });

const json = (message: Message | undefined): string => JSON.stringify(message?.blocks);
const posted = ({ messages }: Stage): readonly Message[] =>
  messages().filter(
    ({ threadTs, ephemeralFor, text }) =>
      threadTs === undefined && ephemeralFor === undefined && text.includes('checkout'),
  );

const timeIn = (at: number): string => new Date(at).toISOString();

/** Sends a notification about checkout, as Alertmanager does. */
async function send(
  { bot }: Stage,
  alert: { readonly status: 'firing' | 'resolved'; readonly startsAt: number; readonly endsAt?: number },
): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${bot.opsPort}/webhooks/alertmanager`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      version: '4',
      groupKey: '{}:{alertname="SlowCheckout"}',
      truncatedAlerts: 0,
      status: alert.status,
      receiver: 'tailwatch',
      groupLabels: { alertname: 'SlowCheckout' },
      commonLabels: {},
      commonAnnotations: {},
      externalURL: 'http://alertmanager:9093',
      alerts: [
        {
          status: alert.status,
          labels: {
            alertname: 'SlowCheckout',
            destination_service_name: 'checkout',
            severity: 'page',
            prometheus: 'monitoring/k8s',
            owner: SECRETS[0],
            api_key: SECRETS[1],
          },
          annotations: {
            summary: 'p99 of checkout is high',
            description: `See https://ann:${SECRETS[2]}@wiki.example.com or ask ${SECRETS[0]}.`,
          },
          startsAt: timeIn(alert.startsAt),
          endsAt: alert.endsAt === undefined ? '0001-01-01T00:00:00Z' : timeIn(alert.endsAt),
          generatorURL: `http://prometheus:9090/graph?g0.expr=${encodeURIComponent(EXPR)}&g0.tab=1`,
          fingerprint: '9a71ab5d2b2fb6f1',
        },
      ],
    }),
  });
  return response.status;
}

test('an alert of Alertmanager is one message with traces, culprit, chart and buttons, until it is resolved there', async () => {
  stage = await startStage({
    transport: 'socket',
    sampling: 0.25,
    script: SLOW_CHECKOUT,
    rules: NO_RULES,
    environment: { ALERTMANAGER_TOKEN: TOKEN },
  });
  const { clock } = stage;
  await stage.live(25);
  const startsAt = clock.now() - 5_000;
  expect(await send(stage, { status: 'firing', startsAt })).toBe(200);
  await stage.until('it is posted', () => posted(stage as Stage).length === 1);
  await stage.until('its traces arrive', () => json(posted(stage as Stage)[0]).includes('/trace/'));
  // A resend, also after a restart, changes nothing.
  await stage.restart();
  expect(await send(stage, { status: 'firing', startsAt })).toBe(200);
  await stage.until('the culprit is named', () => json(posted(stage as Stage)[0]).includes('payments'), 120);
  const [firing] = posted(stage);
  expect(firing?.text).toContain('checkout');
  expect(firing?.text).toContain('objective 500 ms');
  for (const part of ['Acknowledge', 'Slowest traces', 'data_visualization', 'severity'])
    expect(json(firing)).toContain(part);
  expect(json(firing)).not.toContain('NaN');

  const status = await stage.ask('/slo');
  expect(json(status)).toContain('From Alertmanager');
  expect(json(status)).toContain('SlowCheckout');

  await stage.live(45);
  expect(posted(stage)[0]?.text).toContain('🔴');
  const endsAt = clock.now() - 5_000;
  expect(await send(stage, { status: 'resolved', startsAt, endsAt })).toBe(200);
  expect(await send(stage, { status: 'firing', startsAt })).toBe(200);
  await stage.until('it is resolved', () => /recovered after/.test(posted(stage as Stage)[0]?.text ?? ''));
  await stage.live(20);
  expect(posted(stage)).toHaveLength(1);
  expect(posted(stage)[0]?.ts).toBe(firing?.ts);
  expect(posted(stage)[0]?.text).toContain('✅');

  const sent = JSON.stringify([stage.world.slack.calls(), stage.messages(), stage.log]);
  expect(sent).toContain('owner=[redacted]');
  expect(SECRETS.filter((secret) => sent.includes(secret))).toEqual([]);
});

test('a bot that lost its data continues the message of an alert that Alertmanager sends again', async () => {
  stage = await startStage({
    transport: 'socket',
    sampling: FEW_TRACES,
    rules: NO_RULES,
    environment: { ALERTMANAGER_TOKEN: TOKEN },
  });
  const startsAt = stage.clock.now() - 5_000;
  expect(await send(stage, { status: 'firing', startsAt })).toBe(200);
  await stage.until('it is posted', () => posted(stage as Stage).length === 1);
  await stage.live(20);
  await stage.restart({ losesData: true });
  expect(await send(stage, { status: 'firing', startsAt })).toBe(200);
  await stage.live(40);
  expect(posted(stage).map(({ text }) => text)).toEqual([expect.stringContaining('🔴')]);
  expect(await send(stage, { status: 'resolved', startsAt, endsAt: stage.clock.now() })).toBe(200);
  await stage.until('it is resolved', () =>
    /(recovered|Alertmanager) after/.test(posted(stage as Stage)[0]?.text ?? ''),
  );
  expect(posted(stage)).toHaveLength(1);
});
