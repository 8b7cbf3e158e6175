import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Bot, startBot } from '../../src/bot.ts';
import { readSettings } from '../../src/config/env.ts';
import { type DemoWorld, startDemoWorld } from '../../src/demo/demo-world.ts';
import { DEMO_RULES } from '../../src/demo/rules.ts';
import { MINUTE, ms } from '../../src/domain/units.ts';
import { requireOrSkip } from '../support/live.ts';
import { createManualScheduler, type ManualScheduler } from '../support/manual-scheduler.ts';
import { type RealRedis, startRealRedis } from '../support/real-redis.ts';
import { environmentOf, played, rulesIn, SLOW_PAYMENTS } from '../support/stage.ts';
import { createVirtualClock, START, type VirtualClock } from '../support/virtual-clock.ts';

interface Replica {
  readonly bot: Bot;
  readonly scheduler: ManualScheduler;
  /** A replica that does nothing any more but has not said goodbye: its entries stay in its hands. */
  isFrozen: boolean;
}

requireOrSkip('redis-server')('two whole bots on one Redis and one Slack', () => {
  let redis: RealRedis;
  let world: DemoWorld;
  let clock: VirtualClock;
  let folder: string;
  let replicas: Replica[];
  const log: string[] = [];

  beforeEach(async () => {
    redis = await startRealRedis({ password: 'hunter2/%secret' });
    clock = createVirtualClock(START);
    world = await startDemoWorld({
      clock,
      seed: 11,
      history: ms(5 * MINUTE),
      sampling: 1,
      script: played({ from: 5, to: 60, fault: SLOW_PAYMENTS }),
    });
    folder = await mkdtemp(join(tmpdir(), 'tailwatch-replicas-'));
    await writeFile(join(folder, 'rules.yaml'), DEMO_RULES);
    log.length = 0;
    replicas = [await aReplica(), await aReplica()];
  });

  afterEach(async () => {
    const over = Promise.all(replicas.map(({ bot }) => bot.stop())).then(() => true);
    const aMoment = async (): Promise<boolean> => {
      await clock.advance(1_000);
      await wait(2);
      return false;
    };
    while (!(await Promise.race([over, aMoment()])));
    await world.close();
    await redis.close();
    await rm(folder, { recursive: true, force: true });
  });

  async function aReplica(): Promise<Replica> {
    const read = readSettings({
      ...environmentOf(world),
      SLACK_APP_TOKEN: world.appToken,
      REDIS_URL: redis.url,
      LOG_LEVEL: 'debug',
    });
    if (!read.ok) throw new Error(JSON.stringify(read.mistakes));
    const scheduler = createManualScheduler(clock);
    const bot = await startBot({
      settings: read.settings,
      clock,
      scheduler,
      host: '127.0.0.1',
      write: (line) => log.push(line),
      loadRules: () => rulesIn(join(folder, 'rules.yaml')),
    });
    return { bot, scheduler, isFrozen: false };
  }

  const posts = () =>
    world.workspace
      .messages(world.workspace.channels()[0]?.id ?? '', world.readerId)
      .filter(({ threadTs }) => threadTs === undefined);
  const isOver = ({ text }: { text: string }): boolean => /recovered|resolved/i.test(text);
  const lives = (): Replica[] => replicas.filter(({ isFrozen }) => !isFrozen);

  /** A second for the world and for each replica that lives; both want every slot. */
  async function second(): Promise<void> {
    const end = clock.now() + 1_000;
    world.advanceTo(end as ReturnType<VirtualClock['now']>);
    const [first, ...others] = lives();
    for (const { scheduler } of others) for (const { id } of scheduler.groups()) await scheduler.fire(id);
    await first?.scheduler.run(1_000);
    await Promise.race([Promise.all(lives().map(({ bot }) => bot.deliver().catch(() => 0))), wait(200)]);
  }

  async function until(what: string, holds: () => boolean): Promise<void> {
    for (let seconds = 0; !holds(); seconds++) {
      if (seconds > 400)
        throw new Error(
          `${what}: it did not come\n${posts()
            .map(({ text }) => text)
            .join('\n')}`,
        );
      await second();
    }
  }

  function expectOneEach(): void {
    for (const service of ['checkout', 'frontend', 'payments'])
      expect(
        posts().filter(({ text }) => text.includes(service)),
        service,
      ).toHaveLength(1);
  }

  test('tell every breach once and see it to its end', async () => {
    await until('the end of every breach', () => posts().length >= 3 && posts().every(isOver));
    expectOneEach();
  });

  test('when one dies while it posts, the other takes over and nothing is told twice', async () => {
    world.slack.faults.add({ method: 'chat.postMessage', times: 1, do: { kind: 'reset-after-accept' } });
    await until('the first post', () => posts().length > 0);
    const dead = replicas[0] as Replica;
    dead.isFrozen = true;
    await dead.scheduler.stop();
    await until('the end of every breach', () => posts().length >= 3 && posts().every(isOver));
    expectOneEach();
  });

  test.each([0, 1])(
    'see the same silence and the same acknowledgement, also when replica %d is away',
    async (away) => {
      const channelId = world.workspace.channels()[0]?.id ?? '';
      const type = (text: string) => world.workspace.type({ userId: world.readerId, channelId, text });
      const all = () => JSON.stringify(world.workspace.messages(channelId, world.readerId));
      await type('/slo silence checkout for 2h');
      await until('the silence is answered', () => all().includes('Silenced until'));
      const gone = replicas[away] as Replica;
      gone.isFrozen = true;
      await gone.scheduler.stop();
      const payments = () => posts().find(({ text }) => text.includes('payments'));
      await until('what is not silenced', () => payments() !== undefined);
      await type('/slo acknowledge payments');
      await until('the message names who has it', () =>
        JSON.stringify(payments()).includes(`Acknowledged by <@${world.readerId}>`),
      );
      await until('the end of it', () => isOver(payments() as { text: string }));
      expect(
        posts().filter((each) => each.ephemeralFor === undefined && each.text.includes('checkout')),
      ).toEqual([]);
    },
  );

  test('an outage of Redis delays what is told and loses nothing', async () => {
    await until('the first post', () => posts().length > 0);
    await redis.kill();
    for (let n = 0; n < 20; n++) await second();
    await redis.restart();
    // The connections come back by the machine's clock.
    while (log.join('').split('connected to Redis again').length <= 2) await wait(20);
    await until('the end of every breach', () => posts().length >= 3 && posts().every(isOver));
    expectOneEach();
    for (const secret of [
      'hunter2/%secret',
      encodeURIComponent('hunter2/%secret'),
      world.botToken,
      world.appToken,
    ])
      expect(log.join('')).not.toContain(secret);
  });
});
