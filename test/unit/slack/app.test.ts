import { createHmac } from 'node:crypto';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { DEFAULT_TOKENS } from '../../../demo/slack/state.ts';
import { SLASH_COMMANDS } from '../../../src/commands/table.ts';
import { MINUTE, SECOND } from '../../../src/lib/units.ts';
import { createSlackApp } from '../../../src/slack/app.ts';
import { METHOD_SCOPES } from '../../../src/slack/scopes.ts';
import { SHORT_LIMITS } from '../../support/short-limits.ts';
import { HTTP, SOCKET, says, useBot } from './bot.ts';
import { ALICE, inVirtualTime } from './slack-server.ts';

const bot = useBot();

describe.each([
  ['signed HTTP', HTTP],
  ['Socket Mode', SOCKET],
])('commands over %s', (_name, transport) => {
  it('are acknowledged, then answered to the person who typed them', async () => {
    await bot.start(transport);
    expect(bot.app.isConnected()).toBe(true);
    bot.answerWith(() => says('No traces of <checkout> & co.'));
    const message = bot.next();
    expect(await bot.type('/trace slowest checkout last 30m')).toEqual({ ok: true });
    expect(await message).toMatchObject({
      ephemeralFor: ALICE,
      text: 'No traces of &lt;checkout&gt; &amp; co.',
    });
    expect(bot.asked).toEqual([
      { command: '/trace', text: 'slowest checkout last 30m', now: bot.stand.clock.now(), by: ALICE },
    ]);
  });

  it('are shown to all when the person says so', async () => {
    await bot.start(transport);
    bot.answerWith(() => says('Here.', { share: true }));
    const message = bot.next();
    await bot.type('/slo status share');
    const shown = await message;
    expect(shown.ephemeralFor).toBeUndefined();
    expect(JSON.stringify(shown.blocks)).toContain('ran `/slo status share`');
  });

  it('are acknowledged while the answer takes its time, and answered late', async () => {
    await bot.start(transport);
    let release: () => void = () => undefined;
    bot.answerWith(
      () =>
        new Promise((resolve) => {
          release = () => resolve(says('At last.'));
        }),
    );
    expect(await bot.type('/latency checkout')).toEqual({ ok: true });
    const message = bot.next();
    release();
    expect(await message).toMatchObject({ text: 'At last.' });
  });

  it('that break inside are answered with a sentence, and the reason is in the log', async () => {
    await bot.start(transport);
    bot.answerWith(() => {
      throw new TypeError('undefined is not a trace');
    });
    const message = bot.next();
    await bot.type('/trace slowest checkout');
    expect((await message).text).toContain('Internal error');
    expect(JSON.stringify(bot.stand.log.lines)).toContain('undefined is not a trace');
  });
});

describe('the end', () => {
  it('waits for the answer that is under way', async () => {
    await bot.start(HTTP);
    let release: () => void = () => undefined;
    bot.answerWith(
      () =>
        new Promise((resolve) => {
          release = () => resolve(says('At last.'));
        }),
    );
    await bot.type('/slo');
    const message = bot.next();
    const stopped = bot.app.stop();
    expect(bot.app.isConnected()).toBe(false);
    release();
    await stopped;
    expect(await message).toMatchObject({ text: 'At last.' });
  });

  it('comes after ten seconds even when an answer hangs', async () => {
    await bot.start(SOCKET);
    bot.answerWith(() => new Promise(() => undefined));
    await bot.type('/slo');
    await inVirtualTime(bot.stand.clock, bot.app.stop());
    expect(bot.app.isConnected()).toBe(false);
  });
});

describe('the connection', () => {
  it('comes back after Slack refreshes the socket', async () => {
    await bot.start(SOCKET);
    bot.stand.server.socket.disconnect('refresh_requested');
    while (bot.app.isConnected()) await turn();
    while (!bot.app.isConnected()) await turn();
    const message = bot.next();
    await bot.type('/slo');
    expect(await message).toMatchObject({ text: 'Nothing there.' });
  });

  it('outlasts a time in which the program stood still', async () => {
    await bot.start(SOCKET);
    await aPong();
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500);
    await turn();
    expect(bot.app.isConnected()).toBe(true);
  });

  it('comes back after an outage, however often Slack refuses in between', async () => {
    await bot.start(SOCKET);
    bot.stand.server.faults.add({
      method: 'apps.connections.open',
      times: 2,
      do: { kind: 'reset-before-accept' },
    });
    bot.stand.server.socket.drop();
    while (bot.app.isConnected()) await turn();
    while (!bot.app.isConnected()) await turn();
    expect(bot.stand.server.faults.list()).toEqual([]);
  });

  it('can be given up while it was never there', async () => {
    bot.stand.server.faults.add({
      method: 'apps.connections.open',
      times: 1_000,
      do: { kind: 'http', status: 500 },
    });
    void bot.start(SOCKET);
    await untilCalls('apps.connections.open', 1);
    await bot.app.stop();
    expect(bot.app.isConnected()).toBe(false);
  });

  it('is none when the token is revoked, and says so once', async () => {
    await bot.start(HTTP);
    bot.stand.workspace.revokeToken(DEFAULT_TOKENS.bot);
    for (let minute = 0; minute < 3; minute += 1) {
      await bot.stand.clock.whenAsleep();
      await bot.stand.clock.advance(MINUTE);
      await untilCalls('auth.test', minute + 2);
    }
    await bot.stand.clock.whenAsleep();
    expect(bot.app.isConnected()).toBe(false);
    expect(bot.stand.log.messages('error')).toEqual(['slack: the token was rejected']);
  });

  it('names a rejected bot token as its problem, and begins when Slack accepts it', async () => {
    bot.stand.server.faults.add({ method: 'auth.test', do: { kind: 'error', error: 'token_revoked' } });
    await bot.start(HTTP);
    expect(bot.app.problem()).toContain('token_revoked');
    expect(bot.app.problem()).toContain('SLACK_BOT_TOKEN');
    await untilCalls('auth.test', 1);
    while (bot.app.problem() !== undefined) {
      await bot.stand.clock.whenAsleep();
      await bot.stand.clock.advance(10 * SECOND);
      await turn();
    }
    expect(bot.stand.log.messages('error')).toEqual(['slack: the token was rejected']);
  });

  it('names a rejected app token as its problem, and connects when Slack accepts it', async () => {
    bot.stand.server.faults.add({
      method: 'apps.connections.open',
      times: 2,
      do: { kind: 'error', error: 'invalid_auth' },
    });
    await bot.start(SOCKET);
    expect(bot.app.problem()).toContain('invalid_auth');
    expect(bot.app.problem()).toContain('SLACK_APP_TOKEN');
    while (!bot.app.isConnected()) {
      await turn();
      await bot.stand.clock.advance(5 * SECOND);
    }
    expect(bot.app.problem()).toBeUndefined();
    expect(bot.stand.recorder.events('backgroundFailed')).toEqual([
      { work: 'slack-connection' },
      { work: 'slack-connection' },
    ]);
  });

  it('comes back when Slack refuses the app token while it reconnects', async () => {
    await bot.start(SOCKET);
    bot.stand.server.faults.add({
      method: 'apps.connections.open',
      do: { kind: 'error', error: 'invalid_auth' },
    });
    bot.stand.server.socket.drop();
    while (bot.app.problem()?.includes('invalid_auth') !== true) await turn();
    while (!bot.app.isConnected()) {
      await turn();
      await bot.stand.clock.advance(5 * SECOND);
    }
  });

  it.each(['{}', '[]', '{"ok":false}', 'null', '"text"', '<html>'])(
    'survives %s from auth.test and goes on checking',
    async (body) => {
      bot.stand.server.faults.add({ method: 'auth.test', times: 2, do: { kind: 'http', status: 200, body } });
      await bot.start(HTTP);
      expect(bot.app.problem()).toContain('Slack does not respond');
      while (!bot.app.isConnected()) {
        await bot.stand.clock.whenAsleep();
        await bot.stand.clock.advance(10 * SECOND);
        await turn();
      }
      bot.stand.server.faults.add({ method: 'auth.test', do: { kind: 'http', status: 200, body } });
      await bot.stand.clock.whenAsleep();
      await bot.stand.clock.advance(MINUTE);
      expect(bot.app.isConnected()).toBe(true);
    },
  );

  it('takes no request with a wrong signature, and answers nothing but its own path', async () => {
    const { url } = await bot.start(HTTP);
    const forged = await fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        'x-slack-signature': `v0=${'0'.repeat(64)}`,
        'x-slack-request-timestamp': String(Math.floor(Date.now() / 1_000)),
      },
      body: 'command=%2Ftrace&text=slowest',
    });
    expect(forged.status).toBe(401);
    expect((await fetch(new URL('/', url))).status).toBe(404);
    expect((await fetch(url, { method: 'POST', body: 'x'.repeat(600_000) })).status).toBe(413);
    expect(bot.asked).toEqual([]);
  });

  it('refuses a signed command of another workspace with a sentence', async () => {
    const answers: string[] = [];
    const slack = createServer((request, response) => {
      request.on('data', (chunk: Buffer) => answers.push(chunk.toString()));
      request.on('end', () => response.end('ok'));
    });
    await new Promise<void>((resolve) => {
      slack.listen(0, '127.0.0.1', resolve);
    });
    const { url } = await bot.start(HTTP);
    const responseUrl = `http://127.0.0.1:${(slack.address() as AddressInfo).port}/`;
    const body = `command=%2Fslo&text=&user_id=U1&channel_id=C1&team_id=T0OTHER&enterprise_id=E0OTHER&trigger_id=1.2&response_url=${encodeURIComponent(responseUrl)}`;
    const timestamp = String(Math.floor(Date.now() / 1_000));
    const signature = createHmac('sha256', HTTP.signingSecret)
      .update(`v0:${timestamp}:${body}`)
      .digest('hex');
    const headers = {
      'content-type': 'application/x-www-form-urlencoded',
      'x-slack-signature': `v0=${signature}`,
      'x-slack-request-timestamp': timestamp,
    };
    expect((await fetch(url, { method: 'POST', headers, body })).status).toBe(200);
    while (answers.length === 0) await turn();
    slack.close();
    expect(answers.join('')).toContain('belongs to another Slack workspace');
    expect(bot.asked).toEqual([]);
  });

  it('processes a signed request once, and none that is signed for the future', async () => {
    const { url } = await bot.start(HTTP);
    const body = 'command=%2Fslo&text=&user_id=U1&channel_id=C1&team_id=T0MESHSHOP&trigger_id=1.2';
    const send = (ahead: number) => {
      const timestamp = String(Math.floor(Date.now() / 1_000) + ahead);
      const signature = createHmac('sha256', HTTP.signingSecret)
        .update(`v0:${timestamp}:${body}`)
        .digest('hex');
      const request = {
        method: 'POST',
        headers: {
          'content-type': 'application/x-www-form-urlencoded',
          'x-slack-signature': `v0=${signature}`,
          'x-slack-request-timestamp': timestamp,
        },
        body,
      };
      return async () => (await fetch(url, request)).status;
    };
    expect(await send(90)()).toBe(401);
    expect(await send(-400)()).toBe(401);
    expect(bot.asked).toEqual([]);
    const sendAgain = send(30);
    expect(await Promise.all([sendAgain(), sendAgain()])).toEqual([200, 200]);
    expect(await sendAgain()).toBe(200);
    expect(bot.asked).toHaveLength(1);
    expect(await send(31)()).toBe(200);
    expect(bot.asked).toHaveLength(2);
  });

  it('closes a connection that does not send its request', async () => {
    const { url } = await bot.start({ ...HTTP, limits: SHORT_LIMITS });
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    socket.write('POST /slack/events HTTP/1.1\r\nHost: a\r\nX: ');
    await once(socket.resume(), 'close');
  });

  it('says which port is taken', async () => {
    const { url } = await bot.start(HTTP);
    const { apiUrl, clock, log, recorder } = bot.stand;
    const second = createSlackApp({
      transport: { ...HTTP, port: Number(new URL(url).port) },
      botToken: DEFAULT_TOKENS.bot,
      apiUrl,
      clock,
      logger: log,
      recorder,
      commands: {
        answer: () => Promise.resolve(says('')),
        run: () => Promise.resolve(says('').answer),
      },
    });
    await expect(second.start()).rejects.toThrow('EADDRINUSE');
    await second.stop();
  });
});

it('no token gets into the log', async () => {
  for (const transport of [HTTP, SOCKET]) {
    await bot.start(transport);
    bot.stand.server.faults.add({ method: 'response_url', do: { kind: 'http', status: 500 } });
    const message = bot.next();
    await bot.type('/slo');
    await message;
    await bot.app.stop();
  }
  expect(JSON.stringify(bot.stand.log.lines)).not.toMatch(/xoxb|xapp|demo-signing|hooks|response_url":/u);
});

it('only methods whose scopes are declared are called, and every declared command is known', async () => {
  await bot.start(HTTP);
  for (const { command } of SLASH_COMMANDS) {
    const message = bot.next();
    await bot.type(command);
    await message;
  }
  expect(bot.asked.map(({ command }) => command)).toEqual(SLASH_COMMANDS.map(({ command }) => command));
  const methods = bot.stand.server.calls().map(({ method }) => method);
  expect(methods.filter((method) => method !== 'response_url' && !(method in METHOD_SCOPES))).toEqual([]);
});

/** Slack has answered a ping: from then on the socket is given up when an answer is late. */
async function aPong(): Promise<void> {
  await new Promise<void>((resolve) => {
    const heard = (): void => {
      unsubscribe('undici:websocket:pong', heard);
      resolve();
    };
    subscribe('undici:websocket:pong', heard);
  });
}

/** One turn of the event loop and a little more: real sockets need it. */
const turn = (): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, 5);
  });

async function untilCalls(method: string, count: number): Promise<void> {
  while (bot.stand.server.calls().filter((call) => call.method === method).length < count) await turn();
}
