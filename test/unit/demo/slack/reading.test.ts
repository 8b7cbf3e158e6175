import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ALICE, CHANNEL, refusal, type Stand, seconds, send, startSlack } from './stand.ts';

let stand: Stand;
beforeEach(async () => {
  stand = await startSlack({ server: { rateLimits: false } });
});
afterEach(() => stand.close());

const post = async (text: string, more: object = {}): Promise<string> => {
  const { ts = '' } = await send(stand.client, { channel: CHANNEL, text, ...more });
  stand.clock.advance(seconds(10));
  return ts;
};
const history = async (more: object = {}) =>
  (await stand.client.conversations.history({ channel: CHANNEL, ...more })).messages?.map(({ text }) => text);

describe('conversations.history', () => {
  it('gives the newest first, without replies unless they were broadcast', async () => {
    const first = await post('first');
    await post('second');
    await post('reply', { thread_ts: first });
    await post('told to all', { thread_ts: first, reply_broadcast: true });
    expect(await history()).toEqual(['told to all', 'second', 'first']);
    expect(stand.workspace.messages(CHANNEL, ALICE).map(({ text }) => text)).toEqual([
      'first',
      'second',
      'told to all',
    ]);
  });

  it('cuts at oldest and latest, the bounds themselves only when inclusive', async () => {
    //   a         b         c         d
    //   |---------|---------|---------|
    //             oldest    latest
    const [, oldest, latest] = [await post('a'), await post('b'), await post('c'), await post('d')];
    expect(await history({ oldest })).toEqual(['d', 'c']);
    expect(await history({ oldest, inclusive: true })).toEqual(['d', 'c', 'b']);
    expect(await history({ latest })).toEqual(['b', 'a']);
    expect(await history({ oldest, latest, inclusive: true })).toEqual(['c', 'b']);
  });

  it('pages with a cursor until there is no more', async () => {
    for (const text of ['a', 'b', 'c']) await post(text);
    const pages: unknown[] = [];
    for await (const page of stand.client.paginate('conversations.history', { channel: CHANNEL, limit: 2 })) {
      const { messages, has_more } = page as { messages?: { text: string }[]; has_more?: boolean };
      pages.push([messages?.map(({ text }) => text), has_more]);
    }
    expect(pages).toEqual([
      [['c', 'b'], true],
      [['a'], false],
    ]);
  });

  it('tells metadata only when asked', async () => {
    const metadata = { event_type: 'alert', event_payload: { key: 'k1' } };
    await post('a', { metadata });
    const read = async (more: object) =>
      (await stand.client.conversations.history({ channel: CHANNEL, ...more })).messages?.[0];
    expect(await read({})).not.toMatchObject({ metadata: expect.anything() });
    expect(await read({ include_all_metadata: true })).toHaveProperty('metadata', metadata);
  });
});

describe('conversations.replies', () => {
  it('gives the opening message and its replies, oldest first, asked by either', async () => {
    const opening = await post('opening');
    const reply = await post('one', { thread_ts: opening });
    await post('two', { thread_ts: reply });
    for (const ts of [opening, reply]) {
      const { messages } = await stand.client.conversations.replies({ channel: CHANNEL, ts });
      expect(messages?.map(({ text }) => text)).toEqual(['opening', 'one', 'two']);
      expect(messages?.[0]).toMatchObject({
        thread_ts: opening,
        reply_count: 2,
        reply_users: ['U0TAILWATCH'],
      });
    }
    expect(stand.workspace.thread(CHANNEL, opening, ALICE).map(({ text }) => text)).toEqual([
      'opening',
      'one',
      'two',
    ]);
  });
});

describe('channels', () => {
  it('that are private do not exist for a bot that is not in them', async () => {
    const hidden = await startSlack({
      workspace: {
        channels: [
          { id: 'G0SECRET', name: 'secret', isArchived: false, botIsMember: false, isPrivate: true },
          { id: 'C0OPEN', name: 'open', isArchived: false, botIsMember: true },
        ],
      },
    });
    const { channels } = await hidden.client.conversations.list({ types: 'public_channel,private_channel' });
    const outcome = await refusal(hidden.client.conversations.info({ channel: 'G0SECRET' }));
    await hidden.close();
    expect(channels?.map(({ name }) => name)).toEqual(['open']);
    expect(outcome).toBe('channel_not_found');
  });

  it('are listed page by page, the archived ones left out on request', async () => {
    stand.workspace.archiveChannel('C0GENERAL00');
    const { channels } = await stand.client.conversations.list({ exclude_archived: true });
    expect(channels).toMatchObject([{ id: CHANNEL, name: 'incidents', is_member: true, is_archived: false }]);
    const { channels: all, response_metadata: paging } = await stand.client.conversations.list({ limit: 1 });
    expect(all).toHaveLength(1);
    expect(paging?.next_cursor).not.toBe('');
  });

  it('can be joined once; the second time is a warning', async () => {
    await stand.client.conversations.join({ channel: 'C0GENERAL00' });
    const again = await stand.client.conversations.join({ channel: 'C0GENERAL00' });
    expect(again).toMatchObject({ warning: 'already_in_channel', channel: { is_member: true } });
    expect(stand.workspace.channels().find(({ id }) => id === 'C0GENERAL00')?.botIsMember).toBe(true);
  });
});

describe('the rest of the Web API', () => {
  it('users.info tells the time zone and its offset', async () => {
    const { user } = await stand.client.users.info({ user: ALICE });
    expect(user).toMatchObject({
      id: ALICE,
      name: 'alice',
      tz: 'Europe/Berlin',
      tz_offset: 3_600,
      is_bot: false,
    });
  });

  it('chat.getPermalink leads to the message on this server', async () => {
    const ts = await post('a');
    const { permalink } = await stand.client.chat.getPermalink({ channel: CHANNEL, message_ts: ts });
    expect(permalink).toBe(`${stand.url}/archives/${CHANNEL}/p${ts.replace('.', '')}`);
  });

  it('reactions.add shows on the message, once', async () => {
    const ts = await post('a');
    const react = () => stand.client.reactions.add({ channel: CHANNEL, timestamp: ts, name: 'eyes' });
    await react();
    expect(await refusal(react())).toBe('already_reacted');
    const { messages } = await stand.client.conversations.history({ channel: CHANNEL });
    expect(messages?.[0]?.reactions).toEqual([{ name: 'eyes', users: ['U0TAILWATCH'], count: 1 }]);
  });

  it('blocks.validate points at what is wrong', async () => {
    const blocks = [{ type: 'section', text: { type: 'html', text: 'a' } }];
    const error = await stand.client.blocks
      .validate({ blocks })
      .catch((reason: unknown) => reason as { data: unknown });
    expect(error).toMatchObject({
      data: {
        error: 'invalid_blocks',
        errors: [
          {
            code: 'failed_constraint',
            message: 'unsupported type: html',
            pointer: '/0/text/type',
            constraint: { type: 'enum', expected: ['plain_text', 'mrkdwn'] },
          },
        ],
      },
    });
  });

  it('uploads a picture in three steps, after which an image block may show it', async () => {
    const content = Buffer.from('not really a picture');
    const { upload_url: url = '', file_id: id = '' } = await stand.client.files.getUploadURLExternal({
      filename: 'chart.png',
      length: content.length,
    });
    const image = [{ type: 'image', slack_file: { id }, alt_text: 'chart' }];
    const show = () => refusal(send(stand.client, { channel: CHANNEL, text: 'a', blocks: image }));
    expect(await show()).toBe('invalid_blocks');
    expect(await refusal(stand.client.files.completeUploadExternal({ files: [{ id }] }))).toBe(
      'file_not_found',
    );
    await fetch(url, { method: 'POST', body: content });
    await stand.client.files.completeUploadExternal({ files: [{ id, title: 'p99' }] });
    expect(await show()).toBe('accepted');
    const shown = await fetch(`${stand.url}/files-pri/T0MESHSHOP-${id}/${id}/chart.png`);
    expect([shown.headers.get('content-type'), await shown.text()]).toEqual([
      'image/png',
      content.toString(),
    ]);
  });

  it('takes the SDK’s uploadV2, which sends the file as a form, and shares it', async () => {
    await stand.client.filesUploadV2({
      channel_id: CHANNEL,
      filename: 'p99.png',
      file: Buffer.from('abc'),
      initial_comment: 'see',
    });
    expect(stand.workspace.messages(CHANNEL, ALICE)).toMatchObject([
      { text: 'see', blocks: [{ type: 'image' }] },
    ]);
  });
});
