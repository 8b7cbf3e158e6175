import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { DEFAULT_TOKENS } from '../../../../demo/slack/state.ts';
import { ms, SECOND } from '../../../../src/lib/units.ts';
import { ALICE, CHANNEL, type Stand, send, startSlack, startSocketApp, until } from './stand.ts';

let stand: Stand;
afterEach(() => stand.close());

const typeLine = () => stand.workspace.type({ userId: ALICE, channelId: CHANNEL, text: '/trace slowest' });
const opened = async (): Promise<string> => {
  const { url } = await stand.clientWith(DEFAULT_TOKENS.app).apps.connections.open();
  return url ?? '';
};

interface Socket {
  readonly received: Record<string, unknown>[];
  readonly send: (message: object) => void;
  readonly isClosed: () => boolean;
}

/** A plain WebSocket on the address, without the SDK. */
function connect(url: string): Socket {
  const socket = new WebSocket(url);
  const received: Record<string, unknown>[] = [];
  let closed = false;
  socket.on('message', (data) =>
    received.push(JSON.parse((data as Buffer).toString('utf8')) as Record<string, unknown>),
  );
  socket.on('error', () => undefined);
  socket.on('close', () => {
    closed = true;
  });
  stand.onClose(() => {
    socket.terminate();
  });
  return {
    received,
    send: (message) => {
      socket.send(JSON.stringify(message));
    },
    isClosed: () => closed,
  };
}

describe('a socket', () => {
  it('is greeted with what Slack says in its hello', async () => {
    stand = await startSlack();
    const socket = connect(await opened());
    await until(() => socket.received.length === 1);
    expect(socket.received).toMatchObject([
      {
        type: 'hello',
        num_connections: 1,
        connection_info: { app_id: 'A0TAILWATCH' },
        debug_info: { host: expect.any(String) as string, approximate_connection_time: 3_600 },
      },
    ]);
  });

  it('is opened once by each ticket', async () => {
    stand = await startSlack();
    const url = await opened();
    const first = connect(url);
    await until(() => first.received.length === 1);
    const second = connect(url);
    await until(() => second.isClosed());
    expect([first.isClosed(), stand.server.socket.connections()]).toEqual([false, 1]);
  });

  it('may be one of ten; the eleventh is sent away', async () => {
    stand = await startSlack({ server: { rateLimits: false } });
    const sockets: Socket[] = [];
    for (let i = 0; i < 11; i += 1) {
      const socket = connect(await opened());
      sockets.push(socket);
      await until(() => socket.received.length === 1);
    }
    expect(
      sockets.map(({ received }) => received[0]?.['num_connections'] ?? received[0]?.['reason']),
    ).toEqual([...Array.from({ length: 10 }, (_, i) => i + 1), 'too_many_websockets']);
  });

  it('gets envelopes, each on one of the sockets, answered in the acknowledgement', async () => {
    stand = await startSlack({ server: { delivery: { mode: 'socket' } } });
    const sockets = [connect(await opened()), connect(await opened())];
    await until(() => sockets.every(({ received }) => received.length === 1));
    const outcome = typeLine();
    const holder = () => sockets.find(({ received }) => received.length === 2);
    await until(() => holder() !== undefined);
    const envelope = holder()?.received[1];
    expect(envelope).toMatchObject({
      type: 'slash_commands',
      accepts_response_payload: true,
      payload: { command: '/trace', text: 'slowest' },
    });
    holder()?.send({ envelope_id: envelope?.['envelope_id'], payload: { text: 'found' } });
    expect(await outcome).toEqual({ ok: true });
    expect(sockets.map(({ received }) => received.length).sort((a, b) => a - b)).toEqual([1, 2]);
    expect(stand.workspace.messages(CHANNEL, ALICE)).toMatchObject([{ text: 'found', ephemeralFor: ALICE }]);
  });

  it('that does not acknowledge in time fails the command', async () => {
    stand = await startSlack({ server: { delivery: { mode: 'socket' }, acknowledgeWithin: ms(50) } });
    const socket = connect(await opened());
    await until(() => socket.received.length === 1);
    expect(await typeLine()).toMatchObject({
      error: 'dispatch_failed',
      detail: 'no acknowledgement within 50 ms',
    });
  });

  it('that breaks before it acknowledges fails the command at once', async () => {
    stand = await startSlack({ server: { delivery: { mode: 'socket' } } });
    const socket = connect(await opened());
    await until(() => socket.received.length === 1);
    const outcome = typeLine();
    await until(() => socket.received.length === 2);
    stand.server.socket.drop();
    expect(await outcome).toMatchObject({ detail: 'the socket closed before the acknowledgement' });
  });

  it('gets nothing more after a goodbye, and still serves after a warning', async () => {
    stand = await startSlack({ server: { delivery: { mode: 'socket' }, acknowledgeWithin: ms(50) } });
    const socket = connect(await opened());
    await until(() => socket.received.length === 1);
    stand.server.socket.disconnect('warning');
    expect(await typeLine()).toMatchObject({ detail: 'no acknowledgement within 50 ms' });
    stand.server.socket.disconnect('refresh_requested');
    expect(await typeLine()).toMatchObject({ detail: 'no socket is open' });
    await until(() => socket.received.length === 4);
    expect(socket.received.map(({ type, reason }) => reason ?? type)).toEqual([
      'hello',
      'warning',
      'slash_commands',
      'refresh_requested',
    ]);
  });
});

describe('an envelope', () => {
  it('of a block action says that it takes no answer', async () => {
    stand = await startSlack({ server: { delivery: { mode: 'socket' } } });
    const socket = connect(await opened());
    await until(() => socket.received.length === 1);
    const button = { type: 'button', action_id: 'a', text: { type: 'plain_text', text: 'Go' } };
    const blocks = [{ type: 'actions', block_id: 'b', elements: [button] }];
    const { ts = '' } = await send(stand.client, { channel: CHANNEL, text: 't', blocks });
    const press = { userId: ALICE, channelId: CHANNEL, messageTs: ts, blockId: 'b', actionId: 'a' };
    const outcome = stand.workspace.press(press);
    await until(() => socket.received.length === 2);
    const envelope = socket.received[1];
    expect(envelope).toMatchObject({ type: 'interactive', accepts_response_payload: false });
    socket.send({ envelope_id: envelope?.['envelope_id'] });
    expect(await outcome).toEqual({ ok: true });
  });
});

describe('Bolt on Socket Mode', () => {
  const answering = () =>
    startSocketApp(
      stand,
      (app) => {
        app.command('/trace', ({ ack }) => ack('found'));
      },
      { reconnectAfter: SECOND },
    );
  const opens = (): string[] =>
    stand.server
      .calls()
      .filter(({ method }) => method === 'apps.connections.open')
      .map(({ outcome }) => outcome);

  it.each([
    ['a refresh_requested', () => stand.server.socket.disconnect('refresh_requested')],
    ['a warning', () => stand.server.socket.disconnect('warning')],
    ['a cut line', () => stand.server.socket.drop()],
  ])('is back after %s and answers again', async (_what, interrupt) => {
    stand = await startSlack();
    await answering();
    const { faults, socket } = stand.server;
    // Held off until the gap was seen: a reconnect may be quick.
    faults.add({ method: 'apps.connections.open', times: Infinity, do: { kind: 'http', status: 503 } });
    expect(interrupt()).toBe(1);
    await until(() => socket.connections() === 0);
    expect(await typeLine()).toMatchObject({ ok: false, error: 'dispatch_failed' });
    faults.clear();
    await until(() => socket.connections() === 1);
    expect(await typeLine()).toEqual({ ok: true });
  });

  it('is back although Slack refuses its sockets and its calls for a while', async () => {
    stand = await startSlack();
    await answering();
    stand.server.socket.refuseNext(1);
    stand.server.faults.add({ method: 'apps.connections.open', times: 2, do: { kind: 'http', status: 503 } });
    stand.server.socket.drop();
    await until(() => opens().length >= 5 && stand.server.socket.connections() === 1);
    expect(opens()).toEqual(['ok', 'http 503', 'http 503', 'ok', 'ok']);
    expect(await typeLine()).toEqual({ ok: true });
  });
});
