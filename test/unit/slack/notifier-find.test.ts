import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DEFAULT_TOKENS } from '../../../demo/slack/state.ts';
import type { Notifier, SendOutcome } from '../../../src/messages/notifier.ts';
import { createSlackNotifier } from '../../../src/slack/notifier.ts';
import { START } from '../../support/virtual-clock.ts';
import { ALICE, aRef, INCIDENTS, inVirtualTime, startSlack, type TestSlack } from './slack-server.ts';
import { aView } from './views.ts';

let stand: TestSlack;
let notifier: Notifier;

const KEY = { key: 'key-1', alertId: 'key-1' };
const TO_INCIDENTS = { channel: '#incidents', view: aView(), ...KEY };

beforeEach(async () => {
  stand = await startSlack();
  notifier = notifierOn(stand);
});
afterEach(() => stand.close());

const notifierOn = ({ clock, log, recorder }: TestSlack, apiUrl = stand.apiUrl): Notifier =>
  createSlackNotifier({
    botToken: DEFAULT_TOKENS.bot,
    apiUrl,
    clock,
    logger: log,
    recorder,
  });

const called = (method: string) => stand.server.calls().filter((call) => call.method === method);
const inTime = <T>(work: Promise<T>): Promise<T> => inVirtualTime(stand.clock, work);

function sentTs(outcome: SendOutcome): string {
  if (outcome.kind !== 'sent') throw new Error(`not sent: ${JSON.stringify(outcome)}`);
  return outcome.messageTs;
}

describe('find', () => {
  const find = (over: object = {}) =>
    inTime(notifier.find({ channel: '#incidents', key: KEY.key, since: START, ...over }));

  it('finds by key in a channel known by name only, before anything was posted by this process', async () => {
    const messageTs = sentTs(await notifier.post(TO_INCIDENTS));
    notifier = notifierOn(stand);
    expect(await find()).toMatchObject({ kind: 'found', channelId: INCIDENTS, messageTs });
    await find();
    expect(called('conversations.list')).toHaveLength(1);
  });

  it('is absent when no message carries the key', async () => {
    await notifier.post({ ...TO_INCIDENTS, key: 'another' });
    expect(await find()).toEqual({ kind: 'absent' });
    expect(await find({ channel: '#no-such-channel' })).toEqual({ kind: 'absent' });
  });

  it('finds a reply in its thread, which the channel does not show', async () => {
    const threadTs = sentTs(await notifier.post(TO_INCIDENTS));
    const { alert, rule } = aView({ noDataSince: START });
    const note = { kind: 'no-data', alert, rule, at: START } as const;
    const reply = await inTime(notifier.reply({ shown: aRef({ messageTs: threadTs }), note, key: 'note-1' }));
    expect(await find({ key: 'note-1' })).toEqual({ kind: 'absent' });
    expect(await find({ key: 'note-1', threadTs })).toMatchObject({
      kind: 'found',
      messageTs: sentTs(reply),
    });
  });

  it('reads on through a busy channel', async () => {
    const messageTs = sentTs(await notifier.post(TO_INCIDENTS));
    for (let n = 0; n < 450; n += 1)
      await stand.workspace.type({ userId: ALICE, channelId: INCIDENTS, text: `talk ${n}` });
    expect(await find()).toMatchObject({ kind: 'found', messageTs });
    expect(called('conversations.history')).toHaveLength(3);
  });

  it('joins a public channel that it may post to but not read', async () => {
    const messageTs = sentTs(await notifier.post({ ...TO_INCIDENTS, channel: '#general' }));
    expect(await find({ channel: '#general' })).toMatchObject({ kind: 'found', messageTs });
  });

  it('does not know when it cannot look', async () => {
    stand.server.faults.add({
      method: 'conversations.history',
      do: { kind: 'error', error: 'missing_scope' },
    });
    expect(await find()).toEqual({ kind: 'unknown', reason: 'conversations.history: missing_scope' });
    stand.server.faults.add({ method: 'conversations.list', do: { kind: 'http', status: 500 } });
    notifier = notifierOn(stand);
    expect(await find()).toEqual({ kind: 'unknown', reason: 'conversations.list: HTTP 500' });
  });
});
