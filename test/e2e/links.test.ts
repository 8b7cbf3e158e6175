import { afterAll, beforeAll, expect, test } from 'vitest';
import { before, MINUTE, ms } from '../../src/lib/units.ts';
import { played, SLOW_PAYMENTS, type Stage, startStage } from '../support/stage.ts';

const SOME_TRACES = 0.1;

const ENVIRONMENT = {
  KIALI_URL: 'https://kiali.example/kiali/',
  GRAFANA_URL: 'https://grafana.example',
  GRAFANA_TRACES: 'tempo:t1',
  GRAFANA_DASHBOARD: 'svc?var-service={service}',
};

/** Where nothing is wrong: no breach is notified between a question and its answer. */
let stage: Stage;
beforeAll(async () => {
  stage = await startStage({ transport: 'socket', sampling: SOME_TRACES, environment: ENVIRONMENT });
  await stage.live(16);
});
afterAll(async () => {
  await stage.close();
});

/** The addresses behind the buttons of a message, by their labels. */
function buttonsOf(message: { readonly blocks?: unknown }): Readonly<Record<string, string>> {
  const buttons = [
    ...JSON.stringify(message.blocks ?? []).matchAll(
      /"text":\{"type":"plain_text","text":"([^"]+)"[^}]*\},"action_id":"open_link_\d+","url":"([^"]+)"/g,
    ),
  ];
  return Object.fromEntries(buttons.map(([, label = '', url = '']) => [label, url]));
}

test('a trace opens over the graph of Kiali and in Grafana', async () => {
  const window = {
    start: before(stage.clock.now(), ms(3 * MINUTE)),
    end: before(stage.clock.now(), ms(20_000)),
  };
  const traceId = stage.world.mesh.record.requests(window).find(({ traced }) => traced)?.traceIds[0] ?? '';
  const buttons = buttonsOf(await stage.ask(`/trace ${traceId}`));
  expect(Object.keys(buttons)).toEqual(['Open in Jaeger', 'Critical path in Jaeger', 'Kiali', 'Grafana']);
  expect(buttons['Kiali']).toMatch(
    /^https:\/\/kiali\.example\/kiali\/console\/graph\/namespaces\?namespaces=istio-system%2Cshop&/,
  );
  expect(buttons['Kiali']).toContain(`traceId=${traceId}`);
  expect(decodeURIComponent(buttons['Grafana'] ?? '')).toContain(
    `"datasource":{"type":"tempo","uid":"t1"},"queryType":"traceql","query":"${traceId}"`,
  );
});

test('slow traces open in Kiali, a latency on the dashboard of its service', async () => {
  expect(buttonsOf(await stage.ask('/trace slowest checkout'))['Traces in Kiali']).toBe(
    'https://kiali.example/kiali/console/namespaces/shop/applications/checkout?tab=traces',
  );
  expect(buttonsOf(await stage.ask('/latency checkout last 5m'))['Grafana']).toMatch(
    /^https:\/\/grafana\.example\/d\/svc\?from=\d+&to=\d+&var-service=checkout$/,
  );
});

test('a breach opens on the graph around its service and on its dashboard', async () => {
  const script = played({ from: 1, to: 200, fault: SLOW_PAYMENTS });
  const troubled = await startStage({
    transport: 'socket',
    sampling: SOME_TRACES,
    environment: ENVIRONMENT,
    script,
  });
  try {
    const breach = () => troubled.messages().find(({ text }) => text.startsWith('🔴 checkout'));
    const buttons = () => buttonsOf(breach() ?? {});
    // The namespace is known once its traces were found.
    await troubled.until('a link into Kiali', () => buttons()['Kiali'] !== undefined, 240);
    expect(buttons()['Kiali']).toContain('/console/graph/node/namespaces/shop/services/checkout?duration=');
    expect(buttons()['Grafana']).toContain('/d/svc?from=');
  } finally {
    await troubled.close();
  }
});
