import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createHttpDelivery, signatureOf } from '../../../../demo/slack/http-delivery.ts';
import { ALICE, CHANNEL, type Stand, startHttpApp, startSlack } from './stand.ts';

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

/** An app without Bolt. */
async function listen(app: RequestListener): Promise<string> {
  const server = createServer(app);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  ends.push(
    () =>
      new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      }),
  );
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/slack`;
}

const json = { 'content-type': 'application/json' };
const deliverTo = (requestUrl: string) =>
  createHttpDelivery({ requestUrl, signingSecret: 's' }).deliver({
    kind: 'slash_commands',
    payload: { text: 'a b' },
  });

describe('the signature', () => {
  it('is the one of Slack’s own example', () => {
    const body =
      'token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c';
    expect(signatureOf('8f742231b10e8888abcd99yyyzzz85a5', 1_531_420_618, body)).toBe(
      'v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503',
    );
  });

  it('goes with a plain form, without a charset', async () => {
    let head: unknown;
    const url = await listen((request, response) => {
      head = {
        method: request.method,
        type: request.headers['content-type'],
        sign: request.headers['x-slack-signature'],
      };
      response.end();
    });
    await deliverTo(url);
    expect(head).toEqual({
      method: 'POST',
      type: 'application/x-www-form-urlencoded',
      sign: expect.stringMatching(/^v0=[0-9a-f]{64}$/) as string,
    });
  });
});

describe('an answer over HTTP', () => {
  it.each<[string, RequestListener, object]>([
    ['empty', (_, response) => response.end(), { ok: true, answer: undefined }],
    ['text', (_, response) => response.end('hello'), { ok: true, answer: 'hello' }],
    [
      'JSON',
      (_, response) => response.writeHead(200, json).end('{"text":"a"}'),
      { ok: true, answer: { text: 'a' } },
    ],
    [
      'broken JSON',
      (_, response) => response.writeHead(200, json).end('{'),
      { ok: false, error: 'invalid_command_response', detail: 'the app answered with broken JSON' },
    ],
    [
      'an error',
      (_, response) => response.writeHead(500).end('oops'),
      { ok: false, error: 'dispatch_failed', detail: 'the app answered with HTTP 500' },
    ],
    [
      'a redirect, which Slack does not follow',
      (_, response) => response.writeHead(302, { location: '/' }).end(),
      { ok: false, error: 'dispatch_failed', detail: 'the app answered with HTTP 302' },
    ],
    [
      'a broken line',
      (request) => request.socket.destroy(),
      { ok: false, error: 'dispatch_failed', detail: 'fetch failed' },
    ],
  ])('%s', async (_what, app, reply) => {
    expect(await deliverTo(await listen(app))).toEqual(reply);
  });
});

describe('what a person types', () => {
  const typed = async (stand: Stand): Promise<string> => {
    let text = '';
    ends.push(() => stand.close());
    await startHttpApp(stand, (app) => {
      app.command('/trace', async ({ ack, command }) => {
        ({ text } = command);
        await ack();
      });
    });
    await stand.workspace.type({ userId: ALICE, channelId: CHANNEL, text: '/trace <a&b>' });
    return text;
  };

  it('comes as typed in a command, or as entities where the workspace does so', async () => {
    expect(await typed(await startSlack())).toBe('<a&b>');
    expect(await typed(await startSlack({ workspace: { escapesCommands: true } }))).toBe('&lt;a&amp;b&gt;');
  });

  it('means itself in a message', async () => {
    const stand = await startSlack();
    ends.push(() => stand.close());
    await stand.workspace.type({ userId: ALICE, channelId: CHANNEL, text: '<!channel> & co' });
    expect(stand.workspace.messages(CHANNEL, ALICE)[0]?.text).toBe('&lt;!channel&gt; &amp; co');
  });

  it.each([
    ['into an archived channel', { channelId: CHANNEL, text: 'a' }, 'is_archived'],
    ['into no channel', { channelId: 'C0NONE', text: 'a' }, 'channel_not_found'],
    ['of nothing', { channelId: 'C0GENERAL00', text: '  ' }, 'no_text'],
  ])('is not posted %s', async (_what, line, detail) => {
    const stand = await startSlack();
    ends.push(() => stand.close());
    stand.workspace.archiveChannel(CHANNEL);
    expect(await stand.workspace.type({ userId: ALICE, ...line })).toMatchObject({ ok: false, detail });
  });
});
