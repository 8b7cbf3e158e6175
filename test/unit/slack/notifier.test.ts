import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FaultAction } from '../../../demo/slack/faults.ts';
import { DEFAULT_TOKENS } from '../../../demo/slack/state.ts';
import { after, MINUTE, type Milliseconds, ms, SECOND } from '../../../src/lib/units.ts';
import type { Notifier, SendOutcome } from '../../../src/messages/notifier.ts';
import { createSlackNotifier } from '../../../src/slack/notifier.ts';
import { START } from '../../support/virtual-clock.ts';
import {
  ALICE,
  aRef,
  GENERAL,
  INCIDENTS,
  inVirtualTime,
  startSlack,
  type TestSlack,
} from './slack-server.ts';
import { anEnrichedView, aView } from './views.ts';

let stand: TestSlack;
let notifier: Notifier;

const KEY = { key: 'key-1', alertId: 'key-1' };
const TO_INCIDENTS = { channel: '#incidents', view: aView(), ...KEY };

beforeEach(async () => {
  stand = await startSlack();
  notifier = notifierOn(stand);
});
afterEach(() => stand.close());

/** `timeout`: by the machine's clock. */
const notifierOn = (
  { clock, log, recorder }: TestSlack,
  { apiUrl = stand.apiUrl, timeout = MINUTE }: { apiUrl?: string; timeout?: Milliseconds } = {},
): Notifier =>
  createSlackNotifier({
    botToken: DEFAULT_TOKENS.bot,
    apiUrl,
    clock,
    logger: log,
    recorder,
    timeout,
  });

const posted = (channel = INCIDENTS) => stand.workspace.messages(channel, ALICE);
const called = (method: string) => stand.server.calls().filter((call) => call.method === method);
const inTime = <T>(work: Promise<T>): Promise<T> => inVirtualTime(stand.clock, work);

function sentTs(outcome: SendOutcome): string {
  if (outcome.kind !== 'sent') throw new Error(`not sent: ${JSON.stringify(outcome)}`);
  return outcome.messageTs;
}

describe('post', () => {
  it('posts a breach once, with its key, and says where it is', async () => {
    const outcome = await notifier.post({ ...TO_INCIDENTS, view: anEnrichedView() });
    expect(posted()).toHaveLength(1);
    const [message] = posted();
    expect(outcome).toEqual({
      kind: 'sent',
      channelId: INCIDENTS,
      messageTs: message?.ts,
      permalink: `${stand.url}/archives/${INCIDENTS}/p${message?.ts.replace('.', '')}`,
    });
    expect(message?.metadata).toEqual({
      event_type: 'tailwatch_alert',
      event_payload: { ...KEY, installation: 'default' },
    });
    expect(message?.text).toContain('checkout: p99 500 ms to 1 s, objective 500 ms');
  });

  const outcomes: Record<string, { fault: FaultAction; outcome: SendOutcome; posts?: number }> = {
    'a 429 is certainly not sent, and says when to come back': {
      fault: { kind: 'rate-limit', retryAfterSeconds: 7 },
      outcome: { kind: 'not-sent', retryAfter: ms(7_000), reason: 'rate limited' },
    },
    'a 500 may have been sent': {
      fault: { kind: 'http', status: 500 },
      outcome: { kind: 'unknown', reason: 'HTTP 500' },
    },
    'a 403 of a proxy was not': {
      fault: { kind: 'http', status: 403 },
      outcome: { kind: 'not-sent', retryAfter: ms(0), reason: 'HTTP 403' },
    },
    'a page in place of an answer says nothing': {
      fault: { kind: 'http', status: 200, body: '<html>Sign in</html>' },
      outcome: { kind: 'unknown', reason: 'response is not from Slack' },
    },
    'a reset after Slack took it may have been sent, and was': {
      fault: { kind: 'reset-after-accept' },
      outcome: { kind: 'unknown', reason: expect.stringMatching(/^(ECONNRESET|UND_ERR_SOCKET)$/u) },
      posts: 1,
    },
    'an internal error may have been sent': {
      fault: { kind: 'error', error: 'internal_error' },
      outcome: { kind: 'unknown', reason: 'internal_error' },
    },
    'another channel may take what an archived one does not': {
      fault: { kind: 'error', error: 'is_archived' },
      outcome: { kind: 'channel-refused', code: 'is_archived' },
    },
    'a revoked token takes nothing': {
      fault: { kind: 'error', error: 'token_revoked' },
      outcome: { kind: 'refused', code: 'token_revoked' },
    },
    'an error nobody has heard of is no reason to repeat': {
      fault: { kind: 'error', error: 'brand_new_error' },
      outcome: { kind: 'refused', code: 'brand_new_error' },
    },
    'Slack’s own word for too many calls': {
      fault: { kind: 'error', error: 'rate_limited' },
      outcome: { kind: 'not-sent', retryAfter: ms(30_000), reason: 'rate limited' },
    },
  };
  it.each(Object.entries(outcomes))('%s', async (_name, { fault, outcome, posts = 0 }) => {
    stand.server.faults.add({ method: 'chat.postMessage', do: fault });
    expect(await notifier.post(TO_INCIDENTS)).toEqual(outcome);
    // Never a hidden retry: the client of the SDK made three posts out of one reset connection.
    expect(called('chat.postMessage')).toHaveLength(1);
    expect(posted()).toHaveLength(posts);
  });

  it('a body that stalls may have been sent, and was', async () => {
    stand.server.faults.add({ method: 'chat.postMessage', do: { kind: 'stall' } });
    const outcome = await notifierOn(stand, { timeout: SECOND }).post(TO_INCIDENTS);
    expect(outcome).toEqual({ kind: 'unknown', reason: 'TimeoutError' });
    expect(called('chat.postMessage')).toHaveLength(1);
    expect(posted()).toHaveLength(1);
  });

  it('what reached nobody was certainly not sent', async () => {
    const { apiUrl } = stand;
    await stand.close();
    const outcome = await notifierOn(stand, { apiUrl }).post(TO_INCIDENTS);
    expect(outcome).toEqual({ kind: 'not-sent', retryAfter: 0, reason: 'ECONNREFUSED' });
  });

  it('goes out without its chart where the workspace does not take charts, and remembers that', async () => {
    stand.server.faults.add({
      method: 'chat.postMessage',
      do: { kind: 'error', error: 'invalid_blocks' },
    });
    await inTime(notifier.post({ ...TO_INCIDENTS, view: anEnrichedView() }));
    await inTime(notifier.post({ ...TO_INCIDENTS, view: anEnrichedView() }));
    const kinds = posted().map(({ blocks }) => blocks.map(({ type }) => type));
    expect(kinds).toHaveLength(2);
    expect(kinds.flat()).not.toContain('data_visualization');
    expect(kinds[0]).toContain('table');
    expect(called('chat.postMessage')).toHaveLength(3);
  });

  it('goes out as text alone where the workspace takes no blocks at all', async () => {
    stand.server.faults.add({
      method: 'chat.postMessage',
      times: 2,
      do: { kind: 'error', error: 'invalid_blocks' },
    });
    const outcome = await inTime(notifier.post({ ...TO_INCIDENTS, view: anEnrichedView() }));
    expect(outcome).toMatchObject({ kind: 'sent' });
    expect(posted()[0]?.blocks).toEqual([]);
    expect(posted()[0]?.text).toContain('checkout: p99 500 ms to 1 s');
  });
});

describe('pacing', () => {
  it('one message a second to a channel, and each channel by itself', async () => {
    await inTime(
      Promise.all([
        notifier.post(TO_INCIDENTS),
        notifier.post(TO_INCIDENTS),
        notifier.post(TO_INCIDENTS),
        notifier.post({ ...TO_INCIDENTS, channel: '#general' }),
      ]),
    );
    const at = (channel: string) => posted(channel).map(({ ts }) => Math.floor(Number(ts) - START / 1_000));
    expect(at(INCIDENTS)).toEqual([0, 1, 2]);
    expect(at(GENERAL)).toEqual([0]);
  });

  it('after a 429 nothing goes to that channel until its time is over, to the second', async () => {
    stand.server.faults.add({
      method: 'chat.postMessage',
      do: { kind: 'rate-limit', retryAfterSeconds: 30 },
    });
    await notifier.post(TO_INCIDENTS);
    await stand.clock.advance(10 * SECOND);
    expect(await notifier.post(TO_INCIDENTS)).toEqual({
      kind: 'not-sent',
      retryAfter: 20 * SECOND,
      reason: 'paced',
    });
    expect(await notifier.post({ ...TO_INCIDENTS, channel: '#general' })).toMatchObject({ kind: 'sent' });
    expect(called('chat.postMessage')).toHaveLength(2);
    await stand.clock.advance(20 * SECOND);
    expect(await notifier.post(TO_INCIDENTS)).toMatchObject({ kind: 'sent' });
  });
});

describe('update and reply', () => {
  it('edits the message in place and keeps its key', async () => {
    const messageTs = sentTs(await notifier.post(TO_INCIDENTS));
    const view = aView({ state: 'resolved', resolvedAt: START, resolveReason: 'recovered' });
    await notifier.update({ shown: aRef({ messageTs }), view });
    expect(posted()).toHaveLength(1);
    expect(posted()[0]).toMatchObject({
      text: expect.stringContaining('✅ checkout'),
      metadata: { event_payload: KEY },
    });
  });

  it('says that a deleted message is gone', async () => {
    const messageTs = sentTs(await notifier.post(TO_INCIDENTS));
    stand.workspace.deleteMessage(INCIDENTS, messageTs);
    const outcome = await notifier.update({ shown: aRef({ messageTs }), view: aView() });
    expect(outcome).toEqual({ kind: 'message-gone' });
  });

  it('says that an archived channel takes no edit', async () => {
    const messageTs = sentTs(await notifier.post(TO_INCIDENTS));
    stand.workspace.archiveChannel(INCIDENTS);
    const outcome = await notifier.update({ shown: aRef({ messageTs }), view: aView() });
    expect(outcome).toMatchObject({ kind: 'channel-refused' });
  });
});

describe('contentHash', () => {
  it('is the same for what looks the same: the clock alone moves links and buttons', () => {
    const moved = aView({ seenAt: after(START, ms(2 * MINUTE)) });
    expect(notifier.contentHash(moved)).toBe(notifier.contentHash(aView()));
  });
  it('is another for another value', () => {
    expect(notifier.contentHash(aView({ value: 0.08 }))).not.toBe(notifier.contentHash(aView()));
  });
});

it('no token gets into the log, whatever goes wrong', async () => {
  for (const fault of [
    { kind: 'http', status: 500, body: `${DEFAULT_TOKENS.bot} Bearer ${DEFAULT_TOKENS.app}` },
    { kind: 'http', status: 200, body: DEFAULT_TOKENS.bot },
    { kind: 'reset-before-accept' },
    { kind: 'error', error: DEFAULT_TOKENS.bot },
    { kind: 'error', error: 'not_authed', details: { token: DEFAULT_TOKENS.bot } },
    {
      kind: 'error',
      error: 'invalid_blocks',
      details: { response_metadata: { messages: [`[ERROR] ${DEFAULT_TOKENS.bot}`] } },
    },
  ] satisfies FaultAction[]) {
    stand.server.faults.add({ method: 'chat.postMessage', do: fault });
    await inTime(notifier.post(TO_INCIDENTS));
    await stand.clock.advance(MINUTE);
  }
  expect(stand.log.lines.length).toBeGreaterThan(5);
  expect(JSON.stringify(stand.log.lines)).not.toMatch(/xoxb|xapp|demo-1111/u);
});

it('counts every call by what came of it', async () => {
  stand.server.faults.add({ method: 'chat.postMessage', do: { kind: 'rate-limit', retryAfterSeconds: 1 } });
  await notifier.post(TO_INCIDENTS);
  await stand.clock.advance(SECOND);
  await notifier.post(TO_INCIDENTS);
  expect(stand.recorder.events('slackCalled').map(({ method, outcome }) => `${method} ${outcome}`)).toEqual([
    'chat.postMessage rate-limited',
    'chat.postMessage ok',
    'chat.getPermalink ok',
  ]);
});
