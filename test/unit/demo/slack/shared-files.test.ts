import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ms } from '../../../../src/lib/units.ts';
import { ALICE, BOB, CHANNEL, refusal, type Stand, send, startSlack } from './stand.ts';

let stand: Stand;
afterEach(() => stand.close());

/** Uploads a file that nobody but the app has, and shares it where a channel is named. */
async function uploaded(filename = 'a.png', channel?: string): Promise<string> {
  const content = Buffer.from('a picture');
  const begun = await stand.client.files.getUploadURLExternal({ filename, length: content.length });
  await fetch(begun.upload_url ?? '', { method: 'POST', body: content });
  const id = begun.file_id ?? '';
  await stand.client.files.completeUploadExternal({ files: [{ id }], channel_id: channel });
  return id;
}

const showing = (id: string) => ({
  text: 'a picture',
  blocks: [{ type: 'image', slack_file: { id }, alt_text: 'a' }],
});

const seenBy = (id: string): readonly string[] =>
  [ALICE, BOB].filter((reader) => stand.workspace.picture({ id }, reader) !== undefined);

describe('who has a file of the app', () => {
  beforeEach(async () => {
    stand = await startSlack();
  });

  it('is nobody before it is shared', async () => {
    expect(seenBy(await uploaded())).toEqual([]);
  });

  it('is not the reader of an ephemeral message that shows it', async () => {
    const id = await uploaded();
    await stand.client.chat.postEphemeral({ channel: CHANNEL, user: ALICE, ...showing(id) });
    expect(seenBy(id)).toEqual([]);
  });

  it('is everybody in the channel of a message that shows it', async () => {
    const id = await uploaded();
    await send(stand.client, { channel: CHANNEL, ...showing(id) });
    expect(seenBy(id)).toEqual([ALICE, BOB]);
    const path = stand.workspace.picture({ id }, BOB) ?? '';
    expect(await (await fetch(stand.url + path)).text()).toBe('a picture');
  });

  it('is one person when it is sent to them directly, who sees the conversation alone', async () => {
    const id = await uploaded();
    const { channel = '' } = await send(stand.client, { channel: ALICE, ...showing(id) });
    expect(channel).toMatch(/^D/);
    expect(seenBy(id)).toEqual([ALICE]);
    expect(stand.workspace.messages(channel, ALICE)).toMatchObject([{ text: 'a picture' }]);
    expect(stand.workspace.messages(channel, BOB)).toEqual([]);
  });

  it.each([
    ['a.png', { type: 'image', alt_text: 'a.png' }],
    ['traces.json', { type: 'file', title: { text: 'traces.json' }, size: 9 }],
  ])('%s is shown as what it is when it is shared', async (filename, block) => {
    const id = await uploaded(filename, CHANNEL);
    const [message] = stand.workspace.messages(CHANNEL, ALICE).slice(-1);
    expect(message?.blocks).toMatchObject([{ ...block, slack_file: { id } }]);
    expect(seenBy(id)).toEqual([ALICE, BOB]);
  });

  it('stays as it is when a message is edited to show it', async () => {
    const id = await uploaded();
    const { ts = '' } = await send(stand.client, { channel: CHANNEL, text: 'before' });
    await stand.client.chat.update({ channel: CHANNEL, ts, ...showing(id) });
    expect(seenBy(id)).toEqual([]);
  });
});

describe('what can go wrong', () => {
  it('people cannot be written to while the Messages tab is off', async () => {
    stand = await startSlack({ workspace: { takesDirectMessages: false } });
    expect(await refusal(send(stand.client, { channel: ALICE, text: 'hello' }))).toBe(
      'messages_tab_disabled',
    );
  });

  it('another app cannot be written to', async () => {
    stand = await startSlack();
    expect(await refusal(send(stand.client, { channel: 'USLACKBOT', text: 'hello' }))).toBe('cannot_dm_bot');
  });

  it('a file that Slack still works on cannot be shown', async () => {
    stand = await startSlack({ workspace: { fileProcessing: ms(1_000) } });
    const id = await uploaded();
    expect(await refusal(send(stand.client, { channel: CHANNEL, ...showing(id) }))).toBe('invalid_blocks');
  });
});
