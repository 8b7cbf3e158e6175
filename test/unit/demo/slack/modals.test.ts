import type { App, ViewResponseAction } from '@slack/bolt';
import { afterEach, describe, expect, it } from 'vitest';
import { ALICE, CHANNEL, refusal, type Stand, startHttpApp, startSlack } from './stand.ts';

let stand: Stand;
afterEach(() => stand.close());

const plain = (text: string) => ({ type: 'plain_text' as const, text });
const modal = (title: string, more: object = {}) => ({
  type: 'modal' as const,
  callback_id: 'silence',
  title: plain(title),
  submit: plain('OK'),
  private_metadata: 'alert-1',
  blocks: [
    {
      type: 'input' as const,
      block_id: 'reason',
      label: plain('Reason'),
      element: { type: 'plain_text_input' as const, action_id: 'text' },
    },
    {
      type: 'input' as const,
      block_id: 'length',
      optional: true,
      label: plain('For'),
      element: {
        type: 'static_select' as const,
        action_id: 'hours',
        options: [{ text: plain('1 hour'), value: '1h' }],
      },
    },
  ],
  ...more,
});

/** A modal on Alice's screen, opened by a command; returns its id. */
async function opened(setUp: (app: App) => void, view = modal('Silence')): Promise<string> {
  stand = await startSlack();
  await startHttpApp(stand, (app) => {
    app.command('/slo', async ({ ack, client, command }) => {
      await client.views.open({ trigger_id: command.trigger_id, view });
      await ack();
    });
    setUp(app);
  });
  await stand.workspace.type({ userId: ALICE, channelId: CHANNEL, text: '/slo' });
  return stand.workspace.openViews(ALICE)[0]?.viewId ?? '';
}
const submit = (viewId: string, text = 'deploy') =>
  stand.workspace.submitView({
    viewId,
    userId: ALICE,
    values: { reason: { text }, length: { hours: '1h' } },
  });
const titles = (): unknown[] =>
  stand.workspace.openViews(ALICE).map(({ view }) => (view['title'] as { text: string }).text);
/** An app that answers every submission with this. */
const answering = (answer?: ViewResponseAction) => (app: App) => {
  app.view('silence', ({ ack }) => (answer === undefined ? ack() : ack(answer)));
};

describe('a submission', () => {
  it('sends what was filled in, in the wire form of each element', async () => {
    let heard: unknown;
    const viewId = await opened((app) => {
      app.view('silence', async ({ ack, body }) => {
        heard = body;
        await ack();
      });
    });
    expect(await submit(viewId)).toEqual({ ok: true });
    expect(heard).toMatchObject({
      type: 'view_submission',
      user: { id: ALICE, name: 'alice', team_id: 'T0MESHSHOP' },
      team: { id: 'T0MESHSHOP', domain: 'mesh-shop' },
      api_app_id: 'A0TAILWATCH',
      trigger_id: expect.any(String) as string,
      view: {
        id: viewId,
        callback_id: 'silence',
        private_metadata: 'alert-1',
        hash: expect.any(String) as string,
        root_view_id: viewId,
        state: {
          values: {
            reason: { text: { type: 'plain_text_input', value: 'deploy' } },
            length: {
              hours: { type: 'static_select', selected_option: { text: plain('1 hour'), value: '1h' } },
            },
          },
        },
      },
    });
  });

  it.each<[string, ViewResponseAction | undefined, string[]]>([
    ['without an answer closes the view', undefined, []],
    ['answered with clear closes all', { response_action: 'clear' }, []],
    [
      'answered with update replaces the view',
      { response_action: 'update', view: modal('Sure?') },
      ['Sure?'],
    ],
    [
      'answered with push lays one upon it',
      { response_action: 'push', view: modal('More') },
      ['Silence', 'More'],
    ],
  ])('%s', async (_what, answer, left) => {
    const viewId = await opened(answering(answer));
    expect(await submit(viewId)).toEqual({ ok: true });
    expect(titles()).toEqual(left);
  });

  it('answered with errors keeps the view and shows them', async () => {
    const viewId = await opened(answering({ response_action: 'errors', errors: { reason: 'too short' } }));
    await submit(viewId);
    expect(stand.workspace.openViews(ALICE)).toMatchObject([{ viewId, errors: { reason: 'too short' } }]);
  });

  it.each<[string, ViewResponseAction, string]>([
    [
      'errors under a block that is no input',
      { response_action: 'errors', errors: { nowhere: 'x' } },
      'invalid_view_errors',
    ],
    [
      'a view that is not sound',
      { response_action: 'update', view: modal('x'.repeat(25)) },
      'invalid_arguments',
    ],
  ])('answered with %s fails and keeps the view', async (_what, answer, detail) => {
    const viewId = await opened(answering(answer));
    expect(await submit(viewId)).toEqual({ ok: false, error: 'dispatch_unknown_error', detail });
    expect(titles()).toEqual(['Silence']);
  });

  it('with a required input left empty is not sent', async () => {
    let asked = 0;
    const viewId = await opened((app) => {
      app.view('silence', ({ ack }) => {
        asked += 1;
        return ack();
      });
    });
    await submit(viewId, '');
    expect(asked).toBe(0);
    expect(stand.workspace.openViews(ALICE)[0]?.errors).toEqual({
      reason: 'Please complete this required field.',
    });
  });
});

describe('the stack of views', () => {
  it('holds three; a fourth is refused', async () => {
    const viewId = await opened(answering({ response_action: 'push', view: modal('More') }));
    await submit(viewId);
    await submit(viewId);
    expect(titles()).toEqual(['Silence', 'More', 'More']);
    expect(await submit(viewId)).toMatchObject({ ok: false, detail: 'push_limit_reached' });
  });

  it('closes from the top, and the app hears of it where it asked to', async () => {
    const heard: string[] = [];
    const view = modal('Silence', { notify_on_close: true });
    const viewId = await opened((app) => {
      app.view({ callback_id: 'silence', type: 'view_closed' }, async ({ ack, body }) => {
        heard.push(body.view.id);
        await ack();
      });
    }, view);
    expect(await stand.workspace.closeView({ viewId, userId: ALICE })).toEqual({ ok: true });
    expect(heard).toEqual([viewId]);
    expect(titles()).toEqual([]);
  });
});

describe('views.update', () => {
  it('replaces the view unless its hash is an old one', async () => {
    const viewId = await opened(() => undefined);
    const hash = String(stand.workspace.openViews(ALICE)[0]?.view['hash']);
    const update = (title: string) =>
      refusal(stand.client.views.update({ view_id: viewId, hash, view: modal(title) }));
    expect(await update('Second')).toBe('accepted');
    expect(await update('Third')).toBe('hash_conflict');
    expect(titles()).toEqual(['Second']);
  });
});
