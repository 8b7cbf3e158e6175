import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ALL_SCOPES } from '../../../../demo/slack/state.ts';
import { ALICE, CHANNEL, minutes, refusal, type Stand, send, startSlack } from './stand.ts';

let stand: Stand;
beforeEach(async () => {
  stand = await startSlack({ server: { rateLimits: false } });
});
afterEach(() => stand.close());

const post = (more: object = {}) => send(stand.client, { channel: CHANNEL, text: 'slow', ...more });
const x = (length: number): string => 'x'.repeat(length);
const divider = [{ type: 'divider' }];

describe('a message', () => {
  it('is posted once, seen by all, and told to subscribers', async () => {
    const heard: string[] = [];
    const end = stand.workspace.subscribe((event) => heard.push(event.kind));
    const { ts, message } = await post({ blocks: divider });
    end();
    await post();
    expect(heard).toEqual(['message-posted']);
    expect(message).toMatchObject({
      type: 'message',
      user: 'U0TAILWATCH',
      bot_id: 'B0TAILWATCH',
      text: 'slow',
      ts,
    });
    expect(stand.workspace.messages(CHANNEL, ALICE)[0]).toMatchObject({
      ts,
      text: 'slow',
      blocks: [{ type: 'divider', block_id: expect.stringMatching(/^[0-9a-f]{5}$/) as string }],
    });
  });

  it('has an id that rises although the clock stands still', async () => {
    const sent = [await post(), await post(), await post()];
    expect(sent.map(({ ts }) => ts)).toEqual(['1795183200.000000', '1795183200.000001', '1795183200.000002']);
  });

  it('is cut at 40,000 characters, with a warning', async () => {
    expect(await post({ text: x(40_000) })).not.toMatchObject({ warning: expect.anything() });
    const long = await post({ text: x(40_001) });
    expect(long).toMatchObject({
      warning: 'message_truncated',
      response_metadata: { warnings: ['message_truncated'] },
    });
    expect(stand.workspace.messages(CHANNEL, ALICE).at(-1)?.text).toHaveLength(40_000);
  });

  it('takes 4,000 characters in an update and no more', async () => {
    const { ts } = await post();
    const update = (text: string) =>
      refusal(stand.client.chat.update({ channel: CHANNEL, ts: ts ?? '', text }));
    expect(await update(x(4_000))).toBe('accepted');
    expect(await update(x(4_001))).toBe('msg_too_long');
  });

  it('keeps in an update what the update does not speak of', async () => {
    const metadata = { event_type: 'alert', event_payload: { key: 'k1' } };
    const { ts } = await post({ blocks: divider, metadata });
    await stand.client.chat.update({ channel: CHANNEL, ts: ts ?? '', text: 'new' });
    expect(stand.workspace.messages(CHANNEL, ALICE)).toMatchObject([
      { text: 'new', blocks: [{ type: 'divider' }], metadata, editedAt: stand.clock.now() },
    ]);
    await stand.client.apiCall('chat.update', {
      channel: CHANNEL,
      ts,
      text: 'newer',
      blocks: [],
      metadata: {},
    });
    const [message] = stand.workspace.messages(CHANNEL, ALICE);
    expect(message).toMatchObject({ text: 'newer', blocks: [] });
    expect(message).not.toMatchObject({ metadata: expect.anything() });
  });

  it('of a person can neither be updated nor deleted', async () => {
    await stand.workspace.type({ userId: ALICE, channelId: CHANNEL, text: 'mine' });
    const ts = stand.workspace.messages(CHANNEL, ALICE)[0]?.ts ?? '';
    expect(await refusal(stand.client.chat.update({ channel: CHANNEL, ts, text: 't' }))).toBe(
      'cant_update_message',
    );
    expect(await refusal(stand.client.chat.delete({ channel: CHANNEL, ts }))).toBe('cant_delete_message');
  });

  it('that a person deleted is not found', async () => {
    const { ts = '' } = await post();
    stand.workspace.deleteMessage(CHANNEL, ts);
    expect(await refusal(stand.client.chat.update({ channel: CHANNEL, ts, text: 't' }))).toBe(
      'message_not_found',
    );
  });

  it('whose thread is gone is posted at the root of the channel, and the answer says so by what it lacks', async () => {
    const { ts = '' } = await post();
    const threaded = await post({ text: 'in time', thread_ts: ts });
    expect(threaded.message).toMatchObject({ thread_ts: ts });
    const { ts: other = '' } = await post({ text: 'without replies' });
    stand.workspace.deleteMessage(CHANNEL, other);
    const late = await post({ text: 'late', thread_ts: other });
    expect(late.message).not.toHaveProperty('thread_ts');
    expect(stand.workspace.messages(CHANNEL, ALICE).map(({ text }) => text)).toEqual(['slow', 'late']);
  });

  it('that has replies leaves a tombstone until the last of them is gone', async () => {
    const { ts = '' } = await post();
    const { ts: reply = '' } = await post({ text: 'reply', thread_ts: ts });
    stand.workspace.deleteMessage(CHANNEL, ts);
    expect(stand.workspace.messages(CHANNEL, ALICE)).toMatchObject([
      { ts, userId: 'USLACKBOT', text: 'This message was deleted.', blocks: [], isTombstone: true },
    ]);
    const { messages } = await stand.client.conversations.history({ channel: CHANNEL });
    expect(messages).toMatchObject([{ ts, subtype: 'tombstone', thread_ts: ts, reply_count: 1 }]);
    expect(await refusal(stand.client.chat.update({ channel: CHANNEL, ts, text: 't' }))).toBe(
      'message_not_found',
    );
    await stand.client.chat.delete({ channel: CHANNEL, ts: reply });
    expect(stand.workspace.messages(CHANNEL, ALICE)).toEqual([]);
  });

  it('cannot go to an archived channel', async () => {
    const { ts = '' } = await post();
    stand.workspace.archiveChannel(CHANNEL);
    expect(await refusal(post())).toBe('is_archived');
    expect(await refusal(stand.client.chat.update({ channel: CHANNEL, ts, text: 't' }))).toBe('is_inactive');
  });

  it('cannot be edited after the edit window, where the workspace has one', async () => {
    const strict = await startSlack({ workspace: { editWindow: minutes(5) } });
    const { ts = '' } = await send(strict.client, { channel: CHANNEL, text: 't' });
    const update = () => refusal(strict.client.chat.update({ channel: CHANNEL, ts, text: 'u' }));
    const inTime = [await update()];
    strict.clock.advance(minutes(5) + 1);
    const late = await update();
    await strict.close();
    expect([...inTime, late]).toEqual(['accepted', 'edit_window_closed']);
  });

  it('carries at most 2,048 bytes of metadata', async () => {
    const withBytes = (bytes: number) => {
      const empty = JSON.stringify({ event_type: 'a', event_payload: { k: '' } }).length;
      return post({ metadata: { event_type: 'a', event_payload: { k: x(bytes - empty) } } });
    };
    expect(await refusal(withBytes(2_048))).toBe('accepted');
    expect(await refusal(withBytes(2_049))).toBe('metadata_too_large');
  });

  it('may go to a public channel it is not in only with chat:write.public', async () => {
    expect(await refusal(post({ channel: 'C0GENERAL00' }))).toBe('accepted');
    const scopes = ALL_SCOPES.filter((scope) => scope !== 'chat:write.public');
    const poor = await startSlack({ workspace: { scopes } });
    const attempt = () => refusal(send(poor.client, { channel: 'C0GENERAL00', text: 't' }));
    const outside = await attempt();
    await poor.client.conversations.join({ channel: 'C0GENERAL00' });
    const inside = await attempt();
    await poor.close();
    expect([outside, inside]).toEqual(['not_in_channel', 'accepted']);
  });

  it('to one person shows in a thread only when the thread has replies', async () => {
    const { ts = '' } = await post();
    const whisper = () =>
      stand.client.chat.postEphemeral({ channel: CHANNEL, user: ALICE, text: 'psst', thread_ts: ts });
    await whisper();
    expect(stand.workspace.thread(CHANNEL, ts, ALICE)).toHaveLength(1);
    await post({ thread_ts: ts });
    await whisper();
    expect(stand.workspace.thread(CHANNEL, ts, ALICE).map(({ text }) => text)).toEqual([
      'slow',
      'slow',
      'psst',
    ]);
  });

  it('to one person needs the bot in the channel, chat:write.public or not', async () => {
    const whisper = stand.client.chat.postEphemeral({ channel: 'C0GENERAL00', user: ALICE, text: 'psst' });
    expect(await refusal(whisper)).toBe('not_in_channel');
  });

  it('to one person is seen by that person and by no method', async () => {
    const { message_ts: ts = '' } = await stand.client.chat.postEphemeral({
      channel: CHANNEL,
      user: ALICE,
      text: 'psst',
    });
    expect(stand.workspace.messages(CHANNEL, ALICE)).toMatchObject([{ text: 'psst', ephemeralFor: ALICE }]);
    expect(stand.workspace.messages(CHANNEL, 'U0BOB000000')).toEqual([]);
    expect((await stand.client.conversations.history({ channel: CHANNEL })).messages).toEqual([]);
    expect(await refusal(stand.client.chat.update({ channel: CHANNEL, ts, text: 't' }))).toBe(
      'message_not_found',
    );
  });
});
