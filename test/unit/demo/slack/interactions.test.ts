import type { App } from '@slack/bolt';
import { afterEach, describe, expect, it } from 'vitest';
import type { DeliveryOutcome } from '../../../../demo/slack/model.ts';
import { ALICE, BOB, CHANNEL, refusal, type Stand, send, startHttpApp, startSlack, until } from './stand.ts';

let stand: Stand;
afterEach(() => stand.close());

const plain = (text: string) => ({ type: 'plain_text', text });
const blocks = [
  {
    type: 'actions',
    block_id: 'alert',
    elements: [
      { type: 'button', action_id: 'acknowledge', text: plain('Acknowledge'), value: 'alert-1' },
      {
        type: 'static_select',
        action_id: 'silence',
        options: [
          { text: plain('1 hour'), value: '1h' },
          { text: plain('1 day'), value: '1d' },
        ],
      },
    ],
  },
];

/** A stand with an app and one message of the app that has a button and a menu. */
async function withMessage(setUp: (app: App) => void): Promise<string> {
  stand = await startSlack();
  await startHttpApp(stand, setUp);
  const metadata = { event_type: 'alert', event_payload: { key: 'k1' } };
  const { ts = '' } = await send(stand.client, { channel: CHANNEL, text: 'slow', blocks, metadata });
  return ts;
}
const press = (messageTs: string, actionId: string, selectedValue?: string): Promise<DeliveryOutcome> =>
  stand.workspace.press({
    userId: ALICE,
    channelId: CHANNEL,
    messageTs,
    blockId: 'alert',
    actionId,
    ...(selectedValue === undefined ? {} : { selectedValue }),
  });
const texts = (reader: string): string[] => stand.workspace.messages(CHANNEL, reader).map(({ text }) => text);

describe('a button', () => {
  it('sends the whole block_actions payload', async () => {
    let heard: unknown;
    const ts = await withMessage((app) => {
      app.action('acknowledge', async ({ ack, body }) => {
        heard = body;
        await ack();
      });
    });
    expect(await press(ts, 'acknowledge')).toEqual({ ok: true });
    expect(heard).toMatchObject({
      type: 'block_actions',
      user: { id: ALICE, username: 'alice', team_id: 'T0MESHSHOP' },
      api_app_id: 'A0TAILWATCH',
      token: stand.workspace.state.verificationToken,
      container: { type: 'message', message_ts: ts, channel_id: CHANNEL, is_ephemeral: false },
      trigger_id: expect.any(String) as string,
      team: { id: 'T0MESHSHOP', domain: 'mesh-shop' },
      channel: { id: CHANNEL, name: 'incidents' },
      message: { ts, text: 'slow', blocks, metadata: { event_payload: { key: 'k1' } } },
      state: { values: {} },
      response_url: expect.stringContaining('/actions/T0MESHSHOP/') as string,
      actions: [
        {
          type: 'button',
          block_id: 'alert',
          action_id: 'acknowledge',
          value: 'alert-1',
          text: plain('Acknowledge'),
          action_ts: '1795183200.000000',
        },
      ],
    });
  });

  it('lets the app replace the message, or delete it, through its response_url', async () => {
    const ts = await withMessage((app) => {
      app.action('acknowledge', async ({ ack, respond }) => {
        await ack();
        await respond({ text: 'acknowledged', replace_original: true });
        await respond({ text: 'done' });
        await respond({ delete_original: true });
      });
    });
    const seen: string[][] = [];
    stand.workspace.subscribe(() => seen.push(texts(ALICE)));
    await press(ts, 'acknowledge');
    await until(() => seen.length === 3);
    expect(seen).toEqual([['acknowledged'], ['acknowledged', 'done'], ['done']]);
    expect(texts(BOB)).toEqual([]);
  });

  it('that is not there, or not for this person, does nothing', async () => {
    const ts = await withMessage(() => undefined);
    expect(await press(ts, 'explode')).toMatchObject({ ok: false, detail: 'element_not_found' });
    expect(await press('1.000000', 'acknowledge')).toMatchObject({ ok: false, detail: 'message_not_found' });
    const { message_ts: hidden = '' } = await stand.client.chat.postEphemeral({
      channel: CHANNEL,
      user: BOB,
      text: 'psst',
      blocks,
    });
    expect(await press(hidden, 'acknowledge')).toMatchObject({ ok: false, detail: 'element_not_found' });
  });
});

describe('a menu', () => {
  it('sends the option that was chosen, and remembers it', async () => {
    const heard: { action: unknown; values: unknown }[] = [];
    const ts = await withMessage((app) => {
      app.action('silence', async ({ ack, body, action }) => {
        heard.push({ action, values: (body as { state?: { values: unknown } }).state?.values });
        await ack();
      });
    });
    await press(ts, 'silence', '1d');
    const selected_option = { text: plain('1 day'), value: '1d' };
    expect(heard).toMatchObject([
      {
        action: { type: 'static_select', action_id: 'silence', selected_option },
        values: { alert: { silence: { type: 'static_select', selected_option } } },
      },
    ]);
  });
});

describe('a trigger', () => {
  const view = { type: 'modal' as const, title: { type: 'plain_text' as const, text: 'T' }, blocks: [] };
  const triggerOf = async (): Promise<string> => {
    let trigger = '';
    stand = await startSlack();
    await startHttpApp(stand, (app) => {
      app.command('/slo', async ({ ack, command }) => {
        trigger = command.trigger_id;
        await ack();
      });
    });
    await stand.workspace.type({ userId: ALICE, channelId: CHANNEL, text: '/slo' });
    return trigger;
  };
  const open = (trigger_id: string) => refusal(stand.client.views.open({ trigger_id, view }));

  it('opens one view within 3 s', async () => {
    const trigger = await triggerOf();
    stand.clock.advance(3_000);
    expect(await open(trigger)).toBe('accepted');
    expect(await open(trigger)).toBe('exchanged_trigger_id');
  });

  it('opens none after 3 s', async () => {
    const trigger = await triggerOf();
    stand.clock.advance(3_001);
    expect(await open(trigger)).toBe('expired_trigger_id');
  });

  it('is not spent by a view that Slack refuses', async () => {
    const trigger = await triggerOf();
    const title = { type: 'plain_text' as const, text: 'x'.repeat(25) };
    const refused = stand.client.views.open({ trigger_id: trigger, view: { ...view, title } });
    expect(await refusal(refused)).toBe('invalid_arguments');
    expect(await open(trigger)).toBe('accepted');
  });
});

describe('the time for an acknowledgement', () => {
  it('ends the command with dispatch_failed, and tells the person', async () => {
    stand = await startSlack({ server: { acknowledgeWithin: 100 as never } });
    await startHttpApp(stand, (app) => {
      app.command('/trace', () => new Promise(() => undefined));
    });
    const outcome = await stand.workspace.type({ userId: ALICE, channelId: CHANNEL, text: '/trace slowest' });
    expect(outcome).toMatchObject({ ok: false, error: 'dispatch_failed' });
    expect(texts(ALICE)).toEqual(['/trace failed with the error "dispatch_failed"']);
  });

  it('is not waited for when the app answers with an error: Bolt says 404 to a command nobody listens to', async () => {
    stand = await startSlack();
    await startHttpApp(stand, () => undefined, { unhandledAfter: 30 });
    const outcome = await stand.workspace.type({ userId: ALICE, channelId: CHANNEL, text: '/trace slowest' });
    expect(outcome).toEqual({
      ok: false,
      error: 'dispatch_failed',
      detail: 'the app answered with HTTP 404',
    });
  });
});

describe('a request to the app', () => {
  it('is refused by Bolt with 401 when it was signed with another secret', async () => {
    stand = await startSlack();
    const requestUrl = await startHttpApp(stand, (app) => {
      app.command('/trace', ({ ack }) => ack());
    });
    stand.server.deliverTo({ mode: 'http', requestUrl, signingSecret: 'another' });
    const outcome = await stand.workspace.type({ userId: ALICE, channelId: CHANNEL, text: '/trace slowest' });
    expect(outcome).toEqual({
      ok: false,
      error: 'dispatch_failed',
      detail: 'the app answered with HTTP 401',
    });
  });

  it('fails when no app was ever connected', async () => {
    stand = await startSlack();
    const outcome = await stand.workspace.type({ userId: ALICE, channelId: CHANNEL, text: '/trace slowest' });
    expect(outcome).toMatchObject({ ok: false, error: 'dispatch_failed', detail: 'no app is connected' });
  });
});

describe('a line that starts with a slash', () => {
  it.each([
    [
      'is answered by Slack when no app has the command',
      '/tarce slowest',
      undefined,
      '/tarce is not a valid command.',
    ],
    ['is refused in a thread', '/trace slowest', '1.000000', '/trace is not supported in threads. Sorry!'],
  ])('%s, without asking the app', async (_what, text, threadTs, answer) => {
    let asked = 0;
    stand = await startSlack();
    await startHttpApp(stand, (app) => {
      app.use(({ next }) => {
        asked += 1;
        return next();
      });
    });
    const input = { userId: ALICE, channelId: CHANNEL, text };
    expect(await stand.workspace.type(threadTs === undefined ? input : { ...input, threadTs })).toEqual({
      ok: true,
    });
    const said =
      threadTs === undefined
        ? stand.workspace.messages(CHANNEL, ALICE)
        : stand.workspace.thread(CHANNEL, threadTs, ALICE);
    expect(said).toMatchObject([{ userId: 'USLACKBOT', ephemeralFor: ALICE }]);
    expect(said[0]?.text).toContain(answer);
    expect(asked).toBe(0);
  });

  it('is answered with invalid_command_response when the app’s answer is not sound', async () => {
    stand = await startSlack();
    await startHttpApp(stand, (app) => {
      app.command('/trace', ({ ack }) => ack({ text: 't', blocks: [{ type: 'nonsense' }] }));
    });
    const outcome = await stand.workspace.type({ userId: ALICE, channelId: CHANNEL, text: '/trace slowest' });
    expect(outcome).toEqual({ ok: false, error: 'invalid_command_response', detail: 'invalid_blocks' });
  });
});
