import { afterEach, beforeEach, expect, it } from 'vitest';
import { DEFAULT_TOKENS } from '../../../demo/slack/state.ts';
import { MINUTE } from '../../../src/lib/units.ts';
import { createCalls } from '../../../src/slack/calls.ts';
import { createResponder, type Responder } from '../../../src/slack/responder.ts';
import { type ReceivedRequest, startReceiver, type TestReceiver } from './receiver.ts';
import { ALICE, INCIDENTS, startSlack, type TestSlack } from './slack-server.ts';

let stand: TestSlack;
let receiver: TestReceiver;
let responder: Responder;

const MESSAGE = { text: 'Here.', blocks: [] };

beforeEach(async () => {
  stand = await startSlack();
  receiver = await startReceiver();
  const { apiUrl, clock, log: logger, recorder } = stand;
  const calls = createCalls({ botToken: DEFAULT_TOKENS.bot, apiUrl, clock, logger, recorder });
  responder = createResponder(
    { calls, clock, logger },
    { responseUrl: receiver.url, channelId: INCIDENTS, userId: ALICE, at: clock.now() },
  );
});
afterEach(async () => {
  await receiver.close();
  await stand.close();
});

const ephemerals = () => stand.server.calls().filter(({ method }) => method === 'chat.postEphemeral');
const bodies = () => receiver.requests.map(({ body }: ReceivedRequest) => JSON.parse(body) as object);

it('uses a response_url five times, then speaks for itself', async () => {
  for (let n = 0; n < 7; n += 1) expect(await responder.answer(MESSAGE)).toBe(true);
  expect(receiver.requests).toHaveLength(5);
  expect(ephemerals()).toHaveLength(2);
});

it('uses a response_url for thirty minutes, then speaks for itself', async () => {
  await stand.clock.advance(30 * MINUTE - 1);
  await responder.answer(MESSAGE);
  await stand.clock.advance(1);
  await responder.answer(MESSAGE);
  expect(receiver.requests).toHaveLength(1);
  expect(ephemerals()).toHaveLength(1);
});

it('counts what it takes away as a use, and says when nothing can be taken away any more', async () => {
  for (let n = 0; n < 5; n += 1) expect(await responder.deleteOriginal()).toBe(true);
  expect(await responder.deleteOriginal()).toBe(false);
  expect(receiver.requests).toHaveLength(5);
});

it('says whom the answer is for, and leaves the message that was acted upon', async () => {
  await responder.answer(MESSAGE);
  await responder.answer(MESSAGE, { inChannel: true });
  expect(bodies()).toEqual([
    { response_type: 'ephemeral', replace_original: false, ...MESSAGE },
    { response_type: 'in_channel', replace_original: false, ...MESSAGE },
  ]);
});

it('takes a refusal inside a 200 for what it is', async () => {
  receiver.answer = { status: 200, body: '{"ok":false,"error":"invalid_blocks"}' };
  await responder.answer(MESSAGE);
  expect(ephemerals()).toHaveLength(1);
});

it('sends the text alone when the blocks break a limit', async () => {
  const blocks = Array.from({ length: 51 }, () => ({ type: 'divider' as const }));
  await responder.answer({ text: 'Here.', blocks });
  expect(bodies()).toMatchObject([{ text: 'Here.', blocks: [] }]);
  expect(stand.log.messages('error')).toHaveLength(1);
});

it('never writes the address into the log', async () => {
  receiver.answer = { status: 500, body: '' };
  await responder.answer(MESSAGE);
  expect(JSON.stringify(stand.log.lines)).not.toContain(receiver.url);
});
