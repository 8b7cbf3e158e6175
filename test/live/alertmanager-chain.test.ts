import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DEFAULT_TOKENS } from '../../demo/slack/state.ts';
import { GENERATIONS } from '../support/generations.ts';
import { requireOrSkip } from '../support/live.ts';
import { CLEAN, opsUrl, type Program, startProgram, until } from '../support/program.ts';
import { type RealAlertmanager, startRealAlertmanager } from '../support/real-alertmanager.ts';
import { freePort, type RealPrometheus, startRealPrometheus } from '../support/real-prometheus.ts';

const TOKEN = 'alertmanager-token-0123456789';

/** With labels that Prometheus and the rule add to those of the series. */
const prometheusConfig = (ports: { mesh: number; alertmanager: number }): string => `
global: { scrape_interval: 1s, evaluation_interval: 1s, external_labels: { cluster: primary } }
rule_files: ['{folder}/rules.yaml']
alerting: { alertmanagers: [{ static_configs: [{ targets: ['127.0.0.1:${ports.alertmanager}'] }] }] }
scrape_configs: [{ job_name: mesh, static_configs: [{ targets: ['127.0.0.1:${ports.mesh}'] }] }]
`;

const RULES = `
groups:
- name: latency
  rules:
  - alert: SlowService
    expr: |
      histogram_quantile(0.99, sum by (le, destination_service_name)
        (rate(istio_request_duration_milliseconds_bucket{reporter="destination"}[10s]))) > 500
    labels: { severity: page }
    annotations: { summary: '{{ $labels.destination_service_name }} is slow' }
`;

const alertmanagerConfig = (bot: string): string => `
route: { receiver: tailwatch, group_by: [alertname], group_wait: 0s, group_interval: 1s, repeat_interval: 1h }
receivers:
- name: tailwatch
  webhook_configs:
  - url: ${bot}/webhooks/alertmanager
    http_config: { authorization: { credentials: ${TOKEN} } }
`;

/** An Alertmanager that hears nothing of an alert for four of these resolves it. */
const RESEND_DELAY_S = 1;

for (const { name, need, binary } of GENERATIONS)
  requireOrSkip(need, 'alertmanager')(`rules that stay in ${name}`, () => {
    let folder: string;
    let prometheus: RealPrometheus | undefined;
    let alertmanager: RealAlertmanager | undefined;
    const programs: Program[] = [];
    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), 'tailwatch-chain-'));
    });
    afterEach(async () => {
      for (const { child, exit } of programs.splice(0)) {
        child.kill('SIGKILL');
        await exit;
      }
      await Promise.all([prometheus?.close(), alertmanager?.close()]);
      await rm(folder, { recursive: true, force: true });
    });

    test('fire as one message with their objective, through a crash of Prometheus, to their recovery', async () => {
      const [meshPort, slackPort, alertmanagerPort] = await Promise.all([freePort(), freePort(), freePort()]);
      const flags = [
        '--otlp',
        'http://127.0.0.1:9',
        '--metrics-port',
        `${meshPort}`,
        '--slack-port',
        `${slackPort}`,
      ];
      const mesh = startProgram(flags, CLEAN, 'demo/export.ts');
      programs.push(mesh);
      await until('the mesh', () => mesh.output().includes('Slack: '));
      prometheus = await startRealPrometheus({
        binary,
        config: prometheusConfig({ mesh: meshPort, alertmanager: alertmanagerPort }),
        files: { 'rules.yaml': RULES },
        flags: [`--rules.alert.resend-delay=${RESEND_DELAY_S}s`],
      });
      await writeFile(join(folder, 'rules.yaml'), 'groups: []\n');
      const bot = startProgram([], {
        ...CLEAN,
        SLACK_BOT_TOKEN: DEFAULT_TOKENS.bot,
        SLACK_APP_TOKEN: DEFAULT_TOKENS.app,
        SLACK_API_URL: `http://127.0.0.1:${slackPort}/api/`,
        SLACK_CHANNEL: '#shop-oncall',
        PROMETHEUS_URL: prometheus.url,
        JAEGER_URL: 'http://127.0.0.1:9',
        RULES_FILE: join(folder, 'rules.yaml'),
        DATA_DIR: join(folder, 'data'),
        OPS_PORT: '0',
        ALERTMANAGER_TOKEN: TOKEN,
      });
      programs.push(bot);
      await until('the bot', () => bot.output().includes('"msg":"started"'));
      const config = alertmanagerConfig(opsUrl(bot));
      alertmanager = await startRealAlertmanager('prometheus-alertmanager', {
        config,
        port: alertmanagerPort,
      });

      /** Messages about checkout, without replies; Slack answers about one request each second. */
      const texts = async (): Promise<readonly string[]> => {
        await wait(1_500);
        const response = await fetch(`http://127.0.0.1:${slackPort}/api/conversations.history`, {
          method: 'POST',
          headers: {
            authorization: `Bearer ${DEFAULT_TOKENS.bot}`,
            'content-type': 'application/x-www-form-urlencoded',
          },
          body: 'channel=C0SHOPONCALL',
        });
        const { messages = [] } = (await response.json()) as {
          readonly messages?: readonly { readonly text: string }[];
        };
        return messages.map(({ text }) => text).filter((text) => / checkout: /.test(text));
      };
      const shows = (text: RegExp) => async () => {
        const all = await texts();
        return all.length === 1 && text.test(all[0] ?? '');
      };
      const notifications = async (): Promise<number> => {
        const text = await (await fetch(`${opsUrl(bot)}/metrics`)).text();
        return Number(/notifications_total\{outcome="ok"\} (\d+)/.exec(text)?.[1]);
      };
      await until('the breach', shows(/🔴 checkout: p99 .*objective 500 ms/));

      // Prometheus crashes: Alertmanager resolves what still fires, which is no end.
      await prometheus.kill();
      const before = await notifications();
      await wait(8 * RESEND_DELAY_S * 1_000);
      expect(await notifications()).toBeGreaterThan(before);
      expect(await texts()).toEqual([expect.stringContaining('🔴')]);
      await prometheus.restart();

      await until('the recovery', shows(/✅ checkout: recovered after/));
    });
  });
