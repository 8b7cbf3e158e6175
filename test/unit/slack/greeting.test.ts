import { describe, expect, it } from 'vitest';
import { greeting } from '../../../src/commands/greeting.ts';
import type { Phrase } from '../../../src/lib/format.ts';
import { NO_POLICY } from '../../../src/policy/suppress.ts';
import { createLocalTime } from '../../../src/policy/time-interval.ts';
import type { Greetings } from '../../../src/slack/app.ts';
import { phraseText } from '../../../src/slack/blocks/mrkdwn.ts';
import { aGroup, aRule } from '../../support/builders.ts';
import { START } from '../../support/virtual-clock.ts';
import { HTTP, SOCKET, useBot } from './bot.ts';
import { ALICE, GENERAL, INCIDENTS } from './slack-server.ts';

describe('what the bot says in a channel', () => {
  const now = { at: START, localTime: createLocalTime() };
  const rules = [
    aRule({ name: 'Slow', channel: '#shop' }),
    aRule({ name: 'Paging', labels: { team: 'pay' } }),
    aRule({ name: 'Other' }),
  ];
  const policy = {
    ...NO_POLICY,
    route: {
      matchers: [],
      continue: false,
      routes: [
        {
          matchers: [{ label: 'team', operator: '=', value: 'pay' } as const],
          channel: '#pay',
          continue: false,
          routes: [],
        },
        {
          matchers: [{ label: 'service', operator: '=', value: 'cart' } as const],
          channel: '#cart',
          continue: false,
          routes: [],
        },
      ],
    },
  };
  const says = (name: string, isDefault = false): string =>
    phraseText(
      greeting(
        { groups: [aGroup({ rules })], objectives: [], policy },
        { here: new Set([name]), isDefault },
        now,
      )[0] ?? [],
    );

  it.each([
    ['#shop', false, 'This bot posts SLO breaches of 1 rule here: `Slow`.'],
    ['#pay', false, 'This bot posts SLO breaches of 1 rule here: `Paging`.'],
    ['#ops', true, 'This bot posts SLO breaches of 1 rule here: `Other`.'],
    [
      '#cart',
      false,
      'This bot posts the SLO breaches here that the routes of its rule file send to this channel.',
    ],
    [
      '#random',
      false,
      'No SLO rule posts to this channel yet: name it as `channel` of a rule or a route in the rule file.',
    ],
  ])('%s', (channel, isDefault, line) => {
    expect(says(channel, isDefault)).toBe(line);
  });

  it('names five rules, and how many more there are', () => {
    const many = Array.from({ length: 7 }, (_, i) => aRule({ name: `Rule${i}` }));
    const [line = []] = greeting(
      { groups: [aGroup({ rules: many })], objectives: [] },
      { here: new Set(), isDefault: true },
      now,
    );
    expect(phraseText(line)).toMatch(/of 7 rules here: `Rule0`, .+`Rule4` and 2 more\.$/);
  });
});

describe.each([
  ['signed HTTP', HTTP],
  ['Socket Mode', SOCKET],
])('an invitation over %s', (_name, transport) => {
  const bot = useBot();
  /** What the replicas share. */
  function greetings(claimed = new Set<string>()): Greetings {
    return {
      channels: () => ['#incidents', '#missing', GENERAL],
      lines: (here): readonly Phrase[] => [[`Here: ${[...here].join(' ')} <!channel>.`], [{ code: '/slo' }]],
      claim: async ({ channelId, at }) => {
        const key = `${channelId} ${at}`;
        const isFirst = !claimed.has(key);
        claimed.add(key);
        return isFirst;
      },
    };
  }
  const invite = (channelId: string) => bot.stand.workspace.invite({ userId: ALICE, channelId });
  const texts = (channelId: string) => bot.stand.workspace.messages(channelId, ALICE).map(({ text }) => text);

  it('is answered in two lines in that channel', async () => {
    await bot.start(transport, { greetings: greetings() });
    const message = bot.next();
    expect(await invite(GENERAL)).toEqual({ ok: true });
    expect(await message).toMatchObject({
      channelId: GENERAL,
      text: `Here: ${GENERAL} &lt;!channel&gt;.\n\`/slo\``,
    });
    const other = bot.next();
    await invite(INCIDENTS);
    expect((await other).text).toContain('Here: #incidents ');
  });

  it('is answered once when Slack sends it again, and by one of several replicas', async () => {
    await bot.start(transport, { greetings: greetings() });
    const { delivery } = bot.stand.workspace.state.connection;
    const sent: Parameters<typeof delivery.deliver>[0][] = [];
    const twice = {
      deliver: async (envelope: (typeof sent)[number]) => {
        sent.push(envelope);
        await delivery.deliver(envelope);
        return delivery.deliver(envelope);
      },
    };
    Object.assign(bot.stand.workspace.state.connection, { delivery: twice });
    const message = bot.next();
    await invite(GENERAL);
    await message;
    await bot.app.stop();
    expect(sent).toHaveLength(1);
    expect(texts(GENERAL)).toHaveLength(1);
  });

  it('is none when somebody else joins, when the bot joins by itself, and when the store does not say who is first', async () => {
    const failing: Greetings = {
      ...greetings(),
      claim: () => Promise.reject(new Error('the store is closed')),
    };
    await bot.start(transport, { greetings: failing });
    const { delivery } = bot.stand.workspace.state.connection;
    const event = (over: object) => ({
      kind: 'events_api' as const,
      payload: {
        type: 'event_callback',
        team_id: bot.stand.workspace.state.team.id,
        event: {
          type: 'member_joined_channel',
          channel: GENERAL,
          user: 'U0TAILWATCH',
          event_ts: '1.0',
          ...over,
        },
      },
    });
    for (const over of [{ user: ALICE, inviter: 'U0BOB000000' }, {}, { inviter: ALICE }])
      expect(await delivery.deliver(event(over))).toMatchObject({ ok: true });
    await bot.app.stop();
    expect(texts(GENERAL)).toEqual([]);
    expect(bot.stand.log.messages('warn')).toEqual(['a channel was joined without a greeting']);
  });
});
