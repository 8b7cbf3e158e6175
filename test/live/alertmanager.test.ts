import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type DemoWorld, startDemoWorld } from '../../demo/demo-world.ts';
import type { Message } from '../../demo/slack/model.ts';
import { SLASH_COMMANDS } from '../../src/commands/table.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { ms } from '../../src/lib/units.ts';
import { requireOrSkip } from '../support/live.ts';
import { botIn, buildProgram, opsUrl, type Program, startProgram, until } from '../support/program.ts';
import {
  ALERTMANAGERS,
  type AlertmanagerVersion,
  checkConfig,
  type RealAlertmanager,
  type SentAlert,
  startRealAlertmanager,
} from '../support/real-alertmanager.ts';
import { freePort } from '../support/real-prometheus.ts';
import { type RealRedis, startRealRedis } from '../support/real-redis.ts';
import { NO_FAULTS } from '../support/stage.ts';

const TOKEN = 'alertmanager-token-0123456789';

/** Sends everything at once, and again every other second. */
const configFor = (bot: string): string => `
route: { receiver: tailwatch, group_by: [alertname], group_wait: 0s, group_interval: 1s, repeat_interval: 2s }
receivers:
- name: tailwatch
  webhook_configs:
  - url: ${bot}/webhooks/alertmanager
    http_config: { authorization: { credentials: ${TOKEN} } }
`;

const secondsAgo = (seconds: number): string => new Date(Date.now() - seconds * 1_000).toISOString();

/** An alert without an expression: what Prometheus shows decides nothing. */
const alertOf = (
  service: string,
  { labels, startsAt, endsAt }: Pick<SentAlert, 'labels' | 'startsAt' | 'endsAt'>,
): SentAlert => ({
  labels: { alertname: 'Slow', service, severity: 'page', ...labels },
  annotations: { summary: `${service} is slow` },
  startsAt,
  endsAt,
});

/** Longer than a resend takes. */
const A_FEW_RESENDS = 5_000;

for (const version of ALERTMANAGERS)
  requireOrSkip(version.need, 'redis-server')(`two replicas of ${version.name} and of the bot`, () => {
    defineSuite(version);
  });

function defineSuite({ binary, amtool, labels }: AlertmanagerVersion): void {
  const alert = (service: string, startsAt: string, endsAt?: string): SentAlert =>
    alertOf(service, { labels, startsAt, endsAt });

  let home: string;
  let folder: string;
  let entry: string;
  let redis: RealRedis;
  let world: DemoWorld;
  let bots: Program[] = [];
  let alertmanagers: RealAlertmanager[] = [];

  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'tailwatch-program-'));
    entry = await buildProgram(home);
  });
  afterAll(() => rm(home, { recursive: true, force: true }));

  let ports: readonly [number, number];
  const startBot = async (opsPort = '0'): Promise<Program> => {
    const env = {
      ...botIn(world, folder),
      REDIS_URL: redis.url,
      ALERTMANAGER_TOKEN: TOKEN,
      ALERTMANAGER_URL: `http://127.0.0.1:${ports[0]}`,
      OPS_PORT: opsPort,
    };
    const program = startProgram([], env, entry);
    await until('the start', () => program.output().includes('"msg":"started"'));
    return program;
  };
  const end = async ({ child, exit }: Program): Promise<void> => {
    child.kill('SIGKILL');
    await exit;
  };

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tailwatch-intake-'));
    await writeFile(join(folder, 'rules.yaml'), 'groups: []\n');
    redis = await startRealRedis({ settings: { appendonly: 'yes', appendfsync: 'always' } });
    const history = ms(60_000);
    world = await startDemoWorld({
      clock: systemClock,
      commands: SLASH_COMMANDS,
      history,
      script: NO_FAULTS,
    });
    ports = [await freePort(), await freePort()];
    bots = await Promise.all([startBot(), startBot()]);
    alertmanagers = await Promise.all(
      bots.map((bot, index) =>
        startRealAlertmanager(binary, { config: configFor(opsUrl(bot)), port: ports[index] ?? 0 }),
      ),
    );
  });
  afterEach(async () => {
    await Promise.all([...bots.map(end), ...alertmanagers.map((each) => each.close())]);
    await world.close();
    await redis.close();
    await rm(folder, { recursive: true, force: true });
  });

  const posts = (service: string): readonly Message[] =>
    world.workspace
      .messages('C0SHOPONCALL', world.readerId)
      .filter(({ threadTs, text }) => threadTs === undefined && text.includes(service));
  const isPosted = (service: string, text: RegExp) => () =>
    posts(service).length === 1 && text.test(posts(service)[0]?.text ?? '');

  test('post an alert once over resends, crashes and restarts, and resolve it when both say so', async () => {
    const startsAt = secondsAgo(10);
    const [first, second] = alertmanagers as [RealAlertmanager, RealAlertmanager];
    await Promise.all(alertmanagers.map((each) => each.send(alert('cart', startsAt))));
    await until('the message', isPosted('cart', /🔴/));

    // An Alertmanager that crashes knows no alerts until Prometheus sends them again; a bot that crashes knows all.
    await first.kill();
    await first.restart();
    const [bot] = bots as [Program];
    const { port } = new URL(opsUrl(bot));
    await end(bot);
    await Promise.all(alertmanagers.map((each) => each.send(alert('cart', startsAt))));
    await wait(A_FEW_RESENDS);
    bots[0] = await startBot(port);
    await wait(A_FEW_RESENDS);
    expect(posts('cart')).toHaveLength(1);

    await first.send(alert('cart', startsAt, secondsAgo(1)));
    await wait(A_FEW_RESENDS);
    expect(posts('cart')[0]?.text).toContain('🔴');
    await second.send(alert('cart', startsAt, secondsAgo(1)));
    await until('its end', isPosted('cart', /resolved by Alertmanager/));

    const again = secondsAgo(0);
    await first.send(alert('cart', again));
    await until('the next occurrence', () => posts('cart').length === 2);
    await wait(A_FEW_RESENDS);
    expect(posts('cart')).toHaveLength(2);
  });

  test('lose nothing while the store is away: Alertmanager sends it again', async () => {
    await redis.kill();
    await alertmanagers[0]?.send(alert('cart', secondsAgo(1)), alert('payments', secondsAgo(1)));
    await until('the refusal', () => bots.some(({ output }) => output().includes('could not be stored')));
    expect(posts('cart')).toEqual([]);
    await redis.restart();
    await until('the message', isPosted('cart', /🔴/));
    await until('the other message', isPosted('payments', /🔴/));
  });

  test('show a silence that is made there, and its end', async () => {
    const [first] = alertmanagers as [RealAlertmanager];
    await first.send(alert('cart', secondsAgo(1)));
    await until('the message', isPosted('cart', /🔴/));
    const silence = await first.silence({ name: 'service', value: 'cart' });
    const shown = (): string => JSON.stringify(posts('cart')[0]?.blocks);
    await until('the silence', () => shown().includes('Silenced by Alertmanager (ann): moving the database'));
    await first.expire(silence);
    await until('its end', () => !shown().includes('Silenced by'));
    expect(posts('cart')).toHaveLength(1);
  });

  test('the receiver in the documentation is one that amtool accepts', async () => {
    const page = await readFile('docs/install.md', 'utf8');
    const [, text = ''] = /```yaml\n(route:[^]*?)```/.exec(page) ?? [];
    const file = join(folder, 'alertmanager.yml');
    await writeFile(file, text.replace('/etc/alertmanager/secrets', folder));
    await writeFile(join(folder, 'tailwatch-token'), TOKEN);
    expect(checkConfig(amtool, file)).toContain('SUCCESS');
  });
}
