import { afterEach, describe, expect, it } from 'vitest';
import { ALLOWANCES, createRateLimits, type Tier } from '../../../../demo/slack/rate-limits.ts';
import { epochMs } from '../../../../src/lib/units.ts';
import {
  ALICE,
  BOB,
  CHANNEL,
  minutes,
  refusal,
  type Stand,
  seconds,
  send,
  startHttpApp,
  startSlack,
} from './stand.ts';

let stand: Stand;
afterEach(() => stand.close());

describe('a rate limit', () => {
  it.each(Object.entries(ALLOWANCES) as [Exclude<Tier, 'unlimited'>, { burst: number; perMinute: number }][])(
    '%s: gives its burst, then one call per share of a minute',
    async (tier, { burst, perMinute }) => {
      stand = await startSlack();
      let now = 0;
      const limits = createRateLimits({ now: () => epochMs(now) });
      const take = (): number => limits.take(tier, 'key');
      expect(Array.from({ length: burst }, take)).toEqual(Array.from({ length: burst }, () => 0));
      const wait = take();
      expect(wait).toBe(Math.ceil(60 / perMinute));
      expect(limits.take(tier, 'another key')).toBe(0);
      now += wait * 1_000;
      expect(take()).toBe(0);
    },
  );

  it('on messages is one a second for each channel, three ahead, by name or by id alike', async () => {
    stand = await startSlack();
    const post = (channel: string) => refusal(send(stand.client, { channel, text: 't' }));
    expect([await post(CHANNEL), await post('#incidents'), await post('incidents')]).toEqual(
      Array.from({ length: 3 }, () => 'accepted'),
    );
    expect(await post(CHANNEL)).toContain('retry this request in 1 seconds');
    expect(await post('C0GENERAL00')).toBe('accepted');
    stand.clock.advance(seconds(1));
    expect([await post(CHANNEL), await post(CHANNEL)]).toEqual([
      'accepted',
      expect.stringContaining('rate-limit'),
    ]);
    expect(stand.workspace.messages(CHANNEL, ALICE)).toHaveLength(4);
  });

  it('answers as Slack does: 429, Retry-After and a name', async () => {
    stand = await startSlack();
    for (let i = 0; i < 3; i += 1) await send(stand.client, { channel: CHANNEL, text: 't' });
    const response = await fetch(`${stand.url}/api/chat.postMessage`, {
      method: 'POST',
      body: new URLSearchParams({ channel: CHANNEL, text: 't' }),
    });
    expect([response.status, response.headers.get('retry-after'), await response.json()]).toEqual([
      429,
      '1',
      { ok: false, error: 'ratelimited' },
    ]);
  });

  it('can be switched off', async () => {
    stand = await startSlack({ server: { rateLimits: false } });
    const outcomes: string[] = [];
    for (let i = 0; i < 10; i += 1)
      outcomes.push(await refusal(send(stand.client, { channel: CHANNEL, text: 't' })));
    expect(new Set(outcomes)).toEqual(new Set(['accepted']));
  });
});

describe('a response_url', () => {
  const issued = async (): Promise<string> => {
    let url = '';
    stand = await startSlack();
    await startHttpApp(stand, (app) => {
      app.command('/trace', async ({ ack, command }) => {
        url = command.response_url;
        await ack();
      });
    });
    await stand.workspace.type({ userId: ALICE, channelId: CHANNEL, text: '/trace slowest' });
    return url;
  };
  const answer = async (url: string, body: object = { text: 'a' }): Promise<[number, string]> => {
    const response = await fetch(url, { method: 'POST', body: JSON.stringify(body) });
    const text = await response.text();
    return [response.status, text.startsWith('{') ? (JSON.parse(text) as { error: string }).error : text];
  };
  const texts = (reader: string): string[] =>
    stand.workspace.messages(CHANNEL, reader).map(({ text }) => text);

  it('takes five answers', async () => {
    const url = await issued();
    for (let i = 0; i < 5; i += 1) expect(await answer(url)).toEqual([200, 'ok']);
    expect(await answer(url)).toEqual([404, 'used_url']);
    expect(texts(ALICE)).toHaveLength(5);
    expect(texts(BOB)).toHaveLength(0);
  });

  it('lives for thirty minutes', async () => {
    const url = await issued();
    stand.clock.advance(minutes(30));
    expect(await answer(url)).toEqual([200, 'ok']);
    stand.clock.advance(1);
    expect(await answer(url)).toEqual([404, 'expired_url']);
  });

  it('refuses what chat.postMessage refuses, and does not count it', async () => {
    const url = await issued();
    const refused = { text: 't', blocks: [{ type: 'alert', text: { type: 'plain_text', text: 'a' } }] };
    for (let i = 0; i < 6; i += 1) expect(await answer(url, refused)).toEqual([400, 'invalid_blocks']);
    expect(await answer(url, {})).toEqual([400, 'no_text']);
    expect(await answer(url)).toEqual([200, 'ok']);
  });

  it('that was never given is not found', async () => {
    const url = await issued();
    expect(await answer(url.replace(/.$/, (digit) => (digit === '0' ? '1' : '0')))).toEqual([
      404,
      'invalid_url',
    ]);
  });

  it('answers to everyone or into a thread, as told, and has no message to replace or to delete', async () => {
    const url = await issued();
    const { ts = '' } = await send(stand.client, { channel: CHANNEL, text: 'opening' });
    await answer(url, { text: 'mine' });
    await answer(url, { text: 'ours', response_type: 'in_channel' });
    await answer(url, { text: 'inside', response_type: 'in_channel', thread_ts: ts });
    await answer(url, { text: 'mine again', replace_original: true });
    expect(texts(ALICE)).toEqual(['opening', 'mine', 'ours', 'mine again']);
    expect(texts(BOB)).toEqual(['opening', 'ours']);
    expect(stand.workspace.thread(CHANNEL, ts, BOB).map(({ text }) => text)).toEqual(['opening', 'inside']);
    await answer(url, { delete_original: true });
    expect(texts(ALICE)).toHaveLength(4);
  });
});
