import { afterEach, expect, test, vi } from 'vitest';
import { SHOP_RULES } from '../../demo/rules.ts';
import type { Message } from '../../demo/slack/model.ts';
import { requireOrSkip } from '../support/live.ts';
import { played, SLOW_PAYMENTS } from '../support/stage.ts';
import { type Replica, type Replicas, startReplicas } from './replicas-bed.ts';

/** Ten minutes of virtual time, for two bots. */
vi.setConfig({ testTimeout: 300_000 });

/** Three services breach together, and a fourth later: it joins the alert group with a line in its thread. */
const SCRIPT = played(
  { from: 5, to: 240, fault: SLOW_PAYMENTS },
  { from: 60, to: 240, fault: { kind: 'slow-code', service: 'recommendations', factor: 200 } },
);
const RULES = `${SHOP_RULES}---\ngroup_threshold: 1\n`;

requireOrSkip('redis-server')('an alert group, notified by two bots on one Redis', () => {
  let bed: Replicas | undefined;
  afterEach(async () => {
    await bed?.close();
    bed = undefined;
  });

  const threadOf = ({ world }: Replicas, { ts }: Message): readonly Message[] =>
    world.workspace.thread(world.workspace.channels()[0]?.id ?? '', ts, world.readerId).slice(1);
  const isJoining = ({ text }: Message): boolean => text.startsWith('1 more service breach');
  const isEnd = ({ text }: Message): boolean => /^✅ All \d services recovered/.test(text);
  const replies = (on: Replicas): readonly Message[] => on.posts().flatMap((each) => threadOf(on, each));

  /** The services in the table of a message. */
  const listed = ({ blocks }: Message): readonly string[] => {
    const tables = JSON.stringify(blocks.filter(({ type }) => type === 'table'));
    return [...tables.matchAll(/"text":"(payments|checkout|frontend|recommendations)"/g)]
      .map(([, service = '']) => service)
      .sort();
  };

  /** The replica that waits for Slack's answer to a message that Slack has. */
  const holder = (on: Replicas): Replica | undefined => on.all.find(({ slack }) => slack.isHolding());

  async function expectToldOnce(on: Replicas): Promise<void> {
    await on.until('the end is notified', () => replies(on).some(isEnd), 900);
    // Longer than the lease of what a dead bot held: nothing comes twice.
    for (let n = 0; n < 150; n++) await on.second();
    expect(on.posts().map(({ text }) => text)).toEqual([expect.stringContaining('all 4 services recovered')]);
    expect(on.posts().map(listed)).toEqual([['checkout', 'frontend', 'payments', 'recommendations']]);
    expect(replies(on).filter(isJoining).map(listed)).toEqual([['recommendations']]);
    expect(replies(on).filter(isEnd)).toHaveLength(1);
    expect(replies(on)).toHaveLength(2);
  }

  test('is one message, which whoever comes later joins, and ends once', async () => {
    bed = await startReplicas({ rules: RULES, script: SCRIPT });
    await expectToldOnce(bed);
  });

  const moments: Record<string, (on: Replicas) => boolean> = {
    'its message': () => true,
    'who joins': (on) => on.posts().length === 1,
    'its end': (on) => replies(on).some(isJoining),
  };
  test.each(Object.entries(moments))(
    'is notified once when a bot dies while it posts %s',
    async (_, isNext) => {
      const on = await startReplicas({ rules: RULES, script: SCRIPT });
      bed = on;
      await on.until('the moment before', () => isNext(on));
      for (const { slack } of on.all) slack.holdAnswersFrom('chat.postMessage');
      await on.until('it is posted, and its bot does not know', () => holder(on) !== undefined);
      const [dies, lives] = holder(on) === on.all[0] ? on.all : on.all.toReversed();
      lives?.slack.letGo();
      await dies?.kill();
      await expectToldOnce(on);
    },
  );
});
