import { afterEach, describe, expect, it } from 'vitest';
import { ALICE, BOB, CHANNEL, type Stand, startHttpApp, startSlack, startSocketApp, until } from './stand.ts';

let stand: Stand;
afterEach(() => stand.close());

const seenBy = (reader: string): string[] =>
  stand.workspace.messages(CHANNEL, reader).map(({ text }) => text);
const typeLine = (text: string, threadTs?: string) =>
  stand.workspace.type({
    userId: ALICE,
    channelId: CHANNEL,
    text,
    ...(threadTs === undefined ? {} : { threadTs }),
  });

describe.each([
  ['signed HTTP', startHttpApp],
  ['Socket Mode', startSocketApp],
] as const)('a slash command over %s', (_name, start) => {
  it('reaches the listener with the fields Slack sends', async () => {
    stand = await startSlack();
    let heard: Record<string, unknown> = {};
    await start(stand, (app) => {
      app.command('/trace', async ({ ack, command }) => {
        heard = command;
        await ack();
      });
    });
    expect(await typeLine('/trace slowest checkout')).toEqual({ ok: true });
    expect(heard).toEqual({
      token: expect.stringMatching(/^[0-9a-f]{24}$/) as string,
      team_id: 'T0MESHSHOP',
      team_domain: 'mesh-shop',
      channel_id: CHANNEL,
      channel_name: 'incidents',
      user_id: ALICE,
      user_name: 'alice',
      command: '/trace',
      text: 'slowest checkout',
      api_app_id: 'A0TAILWATCH',
      is_enterprise_install: 'false',
      response_url: expect.stringMatching(
        /^http:\/\/127\.0\.0\.1:\d+\/commands\/T0MESHSHOP\/\d+\/[0-9a-f]{24}$/,
      ) as string,
      trigger_id: expect.stringMatching(/^\d+\.\d+\.[0-9a-f]{32}$/) as string,
    });
    expect(seenBy(ALICE)).toEqual([]);
  });

  it('shows an immediate text to the person alone', async () => {
    stand = await startSlack();
    await start(stand, (app) => {
      app.command('/trace', ({ ack }) => ack('looking'));
    });
    await typeLine('/trace slowest checkout');
    expect(seenBy(ALICE)).toEqual(['looking']);
    expect(seenBy(BOB)).toEqual([]);
  });

  it('shows an in_channel answer, and the command, to everyone', async () => {
    stand = await startSlack();
    await start(stand, (app) => {
      app.command('/trace', ({ ack }) => ack({ response_type: 'in_channel', text: 'the slowest' }));
    });
    await typeLine('/trace slowest checkout');
    expect(seenBy(BOB)).toEqual(['/trace slowest checkout', 'the slowest']);
  });

  it('takes later answers through respond()', async () => {
    stand = await startSlack();
    await start(stand, (app) => {
      app.command('/trace', async ({ ack, respond }) => {
        await ack();
        await respond('first');
        // Slack replaces nothing here: the command came from no message.
        await respond({ text: 'second', replace_original: true });
        await respond({ text: 'for all', response_type: 'in_channel' });
      });
    });
    await typeLine('/trace slowest checkout');
    await until(() => seenBy(ALICE).length === 3);
    expect(seenBy(ALICE)).toEqual(['first', 'second', 'for all']);
    expect(seenBy(BOB)).toEqual(['for all']);
  });
});
