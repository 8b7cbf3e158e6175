import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { SHOP_RULES } from '../../demo/rules.ts';
import { requireOrSkip } from '../support/live.ts';
import { played, SLOW_PAYMENTS } from '../support/stage.ts';
import { type Replica, type Replicas, startReplicas } from './replicas-bed.ts';

requireOrSkip('redis-server')('two whole bots on one Redis and one Slack', () => {
  let bed: Replicas;

  beforeEach(async () => {
    bed = await startReplicas({
      rules: SHOP_RULES,
      script: played({ from: 5, to: 60, fault: SLOW_PAYMENTS }),
    });
  });
  afterEach(() => bed.close());

  const posts: Replicas['posts'] = () => bed.posts();
  const until: Replicas['until'] = (what, holds) => bed.until(what, holds);
  const isOver = ({ text }: { text: string }): boolean => /recovered|resolved/i.test(text);

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

  test('when one dies while it posts, the other takes over and nothing is notified twice', async () => {
    bed.world.slack.faults.add({ method: 'chat.postMessage', times: 1, do: { kind: 'reset-after-accept' } });
    await until('the first post', () => posts().length > 0);
    await bed.all[0]?.kill();
    await until('the end of every breach', () => posts().length >= 3 && posts().every(isOver));
    expectOneEach();
  });

  test.each([0, 1])(
    'see the same silence and the same acknowledgement, also when replica %d is away',
    async (away) => {
      const { world } = bed;
      const channelId = world.workspace.channels()[0]?.id ?? '';
      const type = (text: string) => world.workspace.type({ userId: world.readerId, channelId, text });
      const all = () => JSON.stringify(world.workspace.messages(channelId, world.readerId));
      await type('/slo silence checkout for 2h');
      await until('the silence is answered', () => all().includes('Silenced until'));
      const gone = bed.all[away] as Replica;
      gone.isFrozen = true;
      await gone.scheduler.stop();
      const payments = () => posts().find(({ text }) => text.includes('payments'));
      await until('what is not silenced', () => payments() !== undefined);
      await type('/slo acknowledge payments');
      await until('the message names who has it', () =>
        JSON.stringify(payments()).includes(`Acknowledged by <@${world.readerId}>`),
      );
      await until('the end of it', () => isOver(payments() as { text: string }));
      // Announced once, by whichever replica; its alert is not.
      const about = posts().filter(
        (each) => each.ephemeralFor === undefined && each.text.includes('checkout'),
      );
      expect(about.map(({ text }) => text.split('\n')[0])).toEqual(['🔕 Silenced: checkout']);
    },
  );

  test('an outage of Redis delays what is notified and loses nothing', async () => {
    await until('the first post', () => posts().length > 0);
    const { redis, world, log } = bed;
    await redis.kill();
    for (let n = 0; n < 20; n++) await bed.second();
    await redis.restart();
    // The connections come back by the machine's clock.
    while (log.join('').split('connection to Redis restored').length <= 2) await wait(20);
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
