import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ALL_SCOPES, DEFAULT_TOKENS } from '../../../../demo/slack/state.ts';
import { CHANNEL, refusal, type Stand, send, startSlack } from './stand.ts';

let stand: Stand;
beforeEach(async () => {
  stand = await startSlack({ server: { rateLimits: false } });
});
afterEach(() => stand.close());

const post = (more: object = {}) => send(stand.client, { channel: CHANNEL, text: 'slow', ...more });
const call = (name: string, args: Record<string, unknown> = {}) => stand.client.apiCall(name, args);
const x = (length: number): string => 'x'.repeat(length);
const missing = '1000000000.000000';
const divider = [{ type: 'divider' }];

describe('a token', () => {
  it.each([
    ['none', undefined, 'auth.test', 'not_authed'],
    ['an unknown one', 'xoxb-wrong', 'auth.test', 'invalid_auth'],
    ['the app-level one for a bot method', DEFAULT_TOKENS.app, 'chat.postMessage', 'not_allowed_token_type'],
    [
      'the bot one for apps.connections.open',
      DEFAULT_TOKENS.bot,
      'apps.connections.open',
      'not_allowed_token_type',
    ],
    ['the app-level one for apps.connections.open', DEFAULT_TOKENS.app, 'apps.connections.open', 'accepted'],
    ['the bot one', DEFAULT_TOKENS.bot, 'auth.test', 'accepted'],
    ['none for blocks.validate', undefined, 'blocks.validate', 'accepted'],
  ])('%s', async (_which, token, method, expected) => {
    const args = method === 'blocks.validate' ? { blocks: divider } : { channel: CHANNEL, text: 't' };
    expect(await refusal(stand.clientWith(token).apiCall(method, args))).toBe(expected);
  });

  it('that was revoked is refused from then on', async () => {
    expect(await refusal(post())).toBe('accepted');
    stand.workspace.revokeToken(DEFAULT_TOKENS.bot);
    expect(await refusal(post())).toBe('token_revoked');
  });

  it('may stand in a form', async () => {
    const body = new URLSearchParams({ token: DEFAULT_TOKENS.bot });
    const response = await fetch(`${stand.url}/api/auth.test`, { method: 'POST', body });
    expect(await response.json()).toMatchObject({ ok: true, user_id: 'U0TAILWATCH', team_id: 'T0MESHSHOP' });
  });
});

describe('a call', () => {
  const tooManyBlocks = Array.from({ length: 51 }, () => ({ type: 'divider' }));
  const cases: readonly [string, string, Record<string, unknown>, string][] = [
    ['of a method that does not exist', 'chat.shout', {}, 'unknown_method'],
    [
      'to a channel that does not exist',
      'chat.postMessage',
      { channel: 'C0NONE', text: 't' },
      'channel_not_found',
    ],
    ['without a channel', 'chat.postMessage', { text: 't' }, 'invalid_arguments'],
    ['without anything to say', 'chat.postMessage', { channel: CHANNEL }, 'no_text'],
    ['with no blocks and no text', 'chat.postMessage', { channel: CHANNEL, blocks: [] }, 'no_text'],
    ['with broken blocks', 'chat.postMessage', { channel: CHANNEL, blocks: '[{' }, 'invalid_blocks_format'],
    [
      'with blocks that are no list',
      'chat.postMessage',
      { channel: CHANNEL, blocks: '{}' },
      'invalid_blocks_format',
    ],
    ['with 51 blocks', 'chat.postMessage', { channel: CHANNEL, blocks: tooManyBlocks }, 'invalid_blocks'],
    [
      'with attachments',
      'chat.postMessage',
      { channel: CHANNEL, text: 't', attachments: [{}] },
      'invalid_attachments',
    ],
    [
      'with markdown_text and text',
      'chat.postMessage',
      { channel: CHANNEL, text: 't', markdown_text: 'm' },
      'markdown_text_conflict',
    ],
    [
      'with metadata that is no JSON',
      'chat.postMessage',
      { channel: CHANNEL, text: 't', metadata: '{' },
      'invalid_metadata_format',
    ],
    [
      'with metadata of the wrong shape',
      'chat.postMessage',
      { channel: CHANNEL, text: 't', metadata: { event_type: 'a' } },
      'invalid_metadata_schema',
    ],
    [
      'with metadata nested too deep',
      'chat.postMessage',
      { channel: CHANNEL, text: 't', metadata: { event_type: 'a', event_payload: { a: { b: { c: 1 } } } } },
      'invalid_metadata_schema',
    ],
    [
      'to update what does not exist',
      'chat.update',
      { channel: CHANNEL, ts: missing, text: 't' },
      'message_not_found',
    ],
    ['to delete what does not exist', 'chat.delete', { channel: CHANNEL, ts: missing }, 'message_not_found'],
    [
      'for a thread that does not exist',
      'conversations.replies',
      { channel: CHANNEL, ts: missing },
      'thread_not_found',
    ],
    [
      'for the history of a channel it is not in',
      'conversations.history',
      { channel: 'C0GENERAL00' },
      'not_in_channel',
    ],
    [
      'for more than 999 messages',
      'conversations.history',
      { channel: CHANNEL, limit: 1000 },
      'invalid_limit',
    ],
    [
      'with a cursor of another list',
      'conversations.history',
      { channel: CHANNEL, cursor: 'abc' },
      'invalid_cursor',
    ],
    ['for a person who does not exist', 'users.info', { user: 'U0NONE' }, 'user_not_found'],
    [
      'to a person who does not exist',
      'chat.postEphemeral',
      { channel: CHANNEL, user: 'U0NONE', text: 't' },
      'user_not_in_channel',
    ],
    [
      'with a trigger that was never given',
      'views.open',
      { trigger_id: '1.2.3', view: modal() },
      'invalid_trigger_id',
    ],
    ['to update a view that is not open', 'views.update', { view_id: 'V0NONE', view: modal() }, 'not_found'],
    [
      'with a reaction that is no name',
      'reactions.add',
      { channel: CHANNEL, timestamp: missing, name: 'no good' },
      'invalid_name',
    ],
  ];

  it.each(cases)('%s is refused', async (_what, method, args, error) => {
    expect(await refusal(call(method, args))).toBe(error);
  });

  function modal() {
    return { type: 'modal', title: { type: 'plain_text', text: 'T' }, blocks: divider };
  }

  it('with invalid blocks says where, as Slack words it', async () => {
    const blocks = [{ type: 'section', text: { type: 'mrkdwn', text: x(3001) } }];
    const error = await post({ blocks }).catch((reason: unknown) => reason as { data: unknown });
    expect(error).toMatchObject({
      data: {
        errors: ['must be less than 3001 characters [json-pointer:/blocks/0/text/text]'],
        response_metadata: {
          messages: ['[ERROR] must be less than 3001 characters [json-pointer:/blocks/0/text/text]'],
        },
      },
    });
  });

  it('may be JSON', async () => {
    const send = async (body: string): Promise<unknown> => {
      const headers = {
        authorization: `Bearer ${DEFAULT_TOKENS.bot}`,
        'content-type': 'application/json; charset=utf-8',
      };
      return (await fetch(`${stand.url}/api/chat.postMessage`, { method: 'POST', headers, body })).json();
    };
    expect(await send(JSON.stringify({ channel: CHANNEL, text: 'a', blocks: divider }))).toMatchObject({
      ok: true,
    });
    expect(await send('{')).toEqual({ ok: false, error: 'invalid_json' });
  });

  it('is recorded with its arguments and without the token', async () => {
    await post({ token: DEFAULT_TOKENS.bot, text: `my token is ${DEFAULT_TOKENS.bot}` });
    await refusal(call('chat.shout'));
    expect(stand.server.calls()).toMatchObject([
      {
        method: 'chat.postMessage',
        args: { channel: CHANNEL, text: 'my token is [redacted]' },
        outcome: 'ok',
      },
      { method: 'chat.shout', outcome: 'unknown_method' },
    ]);
    expect(JSON.stringify(stand.server.calls())).not.toContain(DEFAULT_TOKENS.bot);
  });

  it('without the scope names the scope it needs', async () => {
    const poor = await startSlack({
      workspace: { scopes: ALL_SCOPES.filter((scope) => scope !== 'chat:write') },
    });
    const error = await send(poor.client, { channel: CHANNEL, text: 't' }).catch(
      (reason: unknown) => reason as { data: unknown },
    );
    await poor.close();
    expect(error).toMatchObject({ data: { error: 'missing_scope', needed: 'chat:write' } });
  });
});
