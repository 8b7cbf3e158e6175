import { get } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FaultAction } from '../../../../demo/slack/faults.ts';
import { DEFAULT_TOKENS } from '../../../../demo/slack/state.ts';
import { HOUR, ms } from '../../../../src/lib/units.ts';
import { ALICE, CHANNEL, refusal, type Stand, send, startHttpApp, startSlack, until } from './stand.ts';

let stand: Stand;
beforeEach(async () => {
  stand = await startSlack({ server: { rateLimits: false } });
});
afterEach(() => stand.close());

const post = (more: object = {}) => send(stand.client, { channel: CHANNEL, text: 'slow', ...more });
const posted = (): number => stand.workspace.messages(CHANNEL, ALICE).length;

/** A client that can be made to give up, with what it has heard by then. */
function impatient() {
  const patience = new AbortController();
  const heads: number[] = [];
  const client = stand.clientWith(DEFAULT_TOKENS.bot, {
    fetch: async (url, init) => {
      const response = await fetch(url, { ...(init as RequestInit), signal: patience.signal });
      heads.push(response.status);
      return response;
    },
  });
  return { client, heads, patience };
}
const outcomes = (): string[] => stand.server.calls().map(({ outcome }) => outcome);

describe('a fault', () => {
  const cases: readonly [string, FaultAction, { error: RegExp; posted: number; outcome: string }][] = [
    [
      'rate-limit: 429 with Retry-After',
      { kind: 'rate-limit', retryAfterSeconds: 7 },
      { error: /in 7 seconds/, posted: 0, outcome: 'ratelimited' },
    ],
    ['http 503', { kind: 'http', status: 503 }, { error: /503/, posted: 0, outcome: 'http 503' }],
    [
      'reset before accept: nothing is posted',
      { kind: 'reset-before-accept' },
      { error: /request error/, posted: 0, outcome: 'reset-before-accept' },
    ],
    [
      'reset after accept: the message is there',
      { kind: 'reset-after-accept' },
      { error: /request error/, posted: 1, outcome: 'reset-after-accept' },
    ],
    [
      'error message_not_found',
      { kind: 'error', error: 'message_not_found' },
      { error: /^message_not_found$/, posted: 0, outcome: 'message_not_found' },
    ],
    [
      'error token_revoked',
      { kind: 'error', error: 'token_revoked' },
      { error: /^token_revoked$/, posted: 0, outcome: 'token_revoked' },
    ],
  ];

  it.each(cases)('%s', async (_what, action, expected) => {
    stand.server.faults.add({ method: 'chat.postMessage', do: action });
    expect(await refusal(post())).toMatch(expected.error);
    expect(posted()).toBe(expected.posted);
    expect(await refusal(post())).toBe('accepted');
    expect(outcomes()).toEqual([expected.outcome, 'ok']);
    expect(stand.server.faults.list()).toEqual([]);
  });

  it('stall: the message is there, the head of the answer arrives, its body never does', async () => {
    stand.server.faults.add({ method: 'chat.postMessage', do: { kind: 'stall' } });
    const { client, heads, patience } = impatient();
    const answer = send(client, { channel: CHANNEL, text: 'slow' });
    await until(() => heads.length === 1);
    expect([heads, posted()]).toEqual([[200], 1]);
    patience.abort();
    await expect(answer).rejects.toBeInstanceOf(DOMException);
  });

  it('slow: the message is posted, its answer comes late', async () => {
    stand.server.faults.add({ method: 'chat.postMessage', do: { kind: 'slow', delay: ms(1) } });
    await post();
    expect([posted(), outcomes()]).toEqual([1, ['slow']]);
  });

  it('slow: the answer does not come before its time', async () => {
    stand.server.faults.add({ method: 'chat.postMessage', do: { kind: 'slow', delay: HOUR } });
    const { client, heads, patience } = impatient();
    const answer = send(client, { channel: CHANNEL, text: 'slow' });
    await until(() => posted() === 1);
    await post();
    expect([heads, posted()]).toEqual([[], 2]);
    patience.abort();
    await expect(answer).rejects.toThrow(/request error/);
  });

  it('strikes the calls it names: after how many, how often, in which channel', async () => {
    stand.server.faults.add({
      method: 'chat.postMessage',
      channel: CHANNEL,
      after: 1,
      times: 2,
      do: { kind: 'error', error: 'fatal_error' },
    });
    const results: string[] = [];
    for (const channel of [CHANNEL, 'C0GENERAL00', '#incidents', CHANNEL, CHANNEL])
      results.push(await refusal(post({ channel })));
    expect(results).toEqual(['accepted', 'accepted', 'fatal_error', 'fatal_error', 'accepted']);
  });

  it('can be taken out again, alone or all at once', async () => {
    const remove = stand.server.faults.add({ method: '*', times: 9, do: { kind: 'http', status: 500 } });
    remove();
    stand.server.faults.add({ method: 'auth.test', times: 9, do: { kind: 'http', status: 500 } });
    expect(await refusal(post())).toBe('accepted');
    stand.server.faults.clear();
    expect(await refusal(stand.client.auth.test())).toBe('accepted');
  });

  it('may strike a response_url: Bolt’s respond() throws', async () => {
    const thrown: string[] = [];
    await startHttpApp(stand, (app) => {
      app.command('/trace', async ({ ack, respond }) => {
        await ack();
        await respond('late').catch((error: unknown) => thrown.push((error as Error).message));
      });
    });
    stand.server.faults.add({ method: 'response_url', do: { kind: 'http', status: 500 } });
    await stand.workspace.type({ userId: ALICE, channelId: CHANNEL, text: '/trace slowest' });
    await until(() => thrown.length === 1);
    expect(thrown[0]).toContain('500');
    expect(posted()).toBe(0);
  });
});

describe('the server', () => {
  it.each([
    ['nothing of Slack’s', '/somewhere', 404],
    ['an address that is none', '//', 400],
  ])('answers a request for %s', async (_what, path, status) => {
    const { port } = new URL(stand.url);
    const answered = await new Promise((resolve) => {
      get({ port, host: '127.0.0.1', path }, (response) => {
        response.resume();
        resolve(response.statusCode);
      });
    });
    expect(answered).toBe(status);
  });

  it('hands other requests to the page', async () => {
    const paged = await startSlack({
      server: { fallback: (_request, response) => response.end('the page') },
    });
    const text = await (await fetch(`${paged.url}/client`)).text();
    await paged.close();
    expect(text).toBe('the page');
  });
});

describe('the control API', () => {
  const control = async (
    method: string,
    path: string,
    body?: object,
    headers: Record<string, string> = {},
  ) => {
    const response = await fetch(`${stand.url}/control/${path}`, {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: await response.json() };
  };

  it('adds and lists faults, and tells the calls they struck', async () => {
    const fault = { method: 'chat.postMessage', do: { kind: 'error', error: 'is_archived' } };
    expect(await control('POST', 'faults', fault)).toEqual({ status: 200, body: [fault] });
    expect(await refusal(post())).toBe('is_archived');
    expect((await control('GET', 'calls')).body).toMatchObject([
      { method: 'chat.postMessage', outcome: 'is_archived' },
    ]);
    expect(await control('DELETE', 'faults')).toEqual({ status: 200, body: [] });
  });

  it('types, and tells messages and channels as a person sees them', async () => {
    await control('POST', 'type', { userId: ALICE, channelId: CHANNEL, text: 'hello' });
    expect((await control('GET', `messages?channel=${CHANNEL}&reader=${ALICE}`)).body).toMatchObject([
      { text: 'hello' },
    ]);
    expect((await control('GET', 'channels')).body).toMatchObject([
      { name: 'incidents' },
      { name: 'general' },
    ]);
  });

  it('deletes messages and archives channels', async () => {
    const { ts } = await post();
    await control('POST', 'delete', { channelId: CHANNEL, ts });
    await control('POST', 'archive', { channelId: CHANNEL });
    expect([posted(), await refusal(post())]).toEqual([0, 'is_archived']);
  });

  it.each([
    ['a fault of no kind', 'POST', 'faults', { method: 'a', do: { kind: 'fire' } }, {}, 400],
    ['a path that is none', 'GET', 'nothing', undefined, {}, 404],
    [
      'a page of another site',
      'POST',
      'archive',
      { channelId: CHANNEL },
      { origin: 'https://evil.test' },
      403,
    ],
  ] as const)('refuses %s', async (_what, method, path, body, headers, status) => {
    expect((await control(method, path, body, headers)).status).toBe(status);
    expect(stand.workspace.channels()[0]?.isArchived).toBe(false);
  });
});
