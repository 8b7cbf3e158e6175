import { afterEach, expect, test } from 'vitest';
import type { Script } from '../../demo/mesh/script.ts';
import type { Message } from '../../demo/slack/model.ts';
import { FEW_TRACES, played, SLOW_PAYMENTS, type Stage, startStage } from '../support/stage.ts';

const ALICE = 'U0READER00';
const BOB = 'U0COLLEAGUE';

let stage: Stage | undefined;
afterEach(async () => {
  await stage?.close();
  stage = undefined;
});

const open = async (script: Script): Promise<Stage> => {
  stage = await startStage({ transport: 'socket', sampling: FEW_TRACES, script });
  return stage;
};

const json = (message: Message | undefined): string => JSON.stringify(message?.blocks ?? []);
const isTop = (message: Message): boolean =>
  message.threadTs === undefined && message.ephemeralFor === undefined;
const about = (on: Stage, service: string): readonly Message[] =>
  on.messages().filter((message) => isTop(message) && !isSilence(message) && message.text.includes(service));
const isSilence = ({ text }: Message): boolean => /^🔕|^🔔/u.test(text);
const isOver = ({ text }: Message): boolean => /recovered/i.test(text);
const threadOf = (on: Stage, { ts }: Message): string =>
  on.world.workspace
    .thread(on.channelId, ts, on.world.readerId)
    .slice(1)
    .map(({ text }) => text)
    .join('\n');

/** Presses a button of a message as it is now. */
async function press(on: Stage, { ts }: Message, action: string, userId = ALICE): Promise<void> {
  const message = on.messages().find((each) => each.ts === ts);
  const block = message?.blocks.find((each) => JSON.stringify(each).includes(`"${action}"`));
  const outcome = await on.world.workspace.press({
    userId,
    channelId: on.channelId,
    messageTs: ts,
    blockId: String(block?.['block_id']),
    actionId: action,
  });
  expect(outcome).toEqual({ ok: true });
}

/** The next message that only Alice sees. */
async function notified(on: Stage, act: () => Promise<unknown>): Promise<Message> {
  const before = new Set(on.messages().map(({ ts }) => ts));
  await act();
  const answer = (): Message | undefined =>
    on.messages().find(({ ts, ephemeralFor }) => !before.has(ts) && ephemeralFor === ALICE);
  await on.until('it is answered', () => answer() !== undefined, 30);
  return answer() as Message;
}

const checkoutOf = (on: Stage): Message => about(on, 'checkout')[0] as Message;

test('a silence made by command holds back what comes, over a restart too; unsilenced, what still breaches is posted', async () => {
  const on = await open(played({ from: 5, to: 200, fault: SLOW_PAYMENTS }));
  const made = await on.ask('/slo silence checkout for 2h moving the database');
  expect(json(made)).toContain('destination_service_name=');
  expect(json(made)).toContain('No firing alert matches');
  await on.until('the others are posted', () => about(on, 'payments').length > 0);
  await on.restart();
  await on.live(30);
  expect(about(on, 'checkout')).toEqual([]);
  const announced = (): readonly Message[] => on.messages().filter((each) => isTop(each) && isSilence(each));
  expect(announced().map(({ text }) => text.split('\n')[0])).toEqual(['🔕 Silenced: checkout']);
  expect(json(announced()[0])).toContain('1 alert suppressed so far');
  const list = await on.ask('/slo silences');
  expect(json(list)).toContain(`<@${ALICE}>: moving the database`);
  expect(json(list)).toContain('1 alert silenced');
  expect(json(await on.ask('/slo status'))).toContain(`<@${ALICE}>`);
  const ended = await notified(on, () => press(on, list, 'run_command_0'));
  expect(json(ended)).toContain('Silence ended');
  await on.until('its end is shown', () => announced().some(({ text }) => text.startsWith('🔔')), 30);
  expect(announced()).toHaveLength(1);
  const said = `Silence of checkout ended by <@${ALICE}>. It suppressed 1 alert`;
  await on.until(
    'what it suppressed is said',
    () => threadOf(on, announced()[0] as Message).includes(said),
    30,
  );
  await on.until('what still breaches is posted', () => about(on, 'checkout').length > 0, 30);
  await on.until('and seen to its end', () => about(on, 'checkout').some(isOver));
  expect(about(on, 'checkout')).toHaveLength(1);
});

test('a silence made by the form is notified in the thread, stands in the message, and the end is notified all the same', async () => {
  const on = await open(played({ from: 5, to: 150, fault: SLOW_PAYMENTS }));
  await on.until('checkout is posted', () => about(on, 'checkout').length > 0);
  await press(on, checkoutOf(on), 'silence');
  const views = () => on.world.workspace.openViews(ALICE);
  await on.until('the form is open', () => views().length > 0, 40);
  const form = views()[0];
  const submit = (matchers: string) =>
    on.world.workspace.submitView({
      viewId: form?.viewId ?? '',
      userId: ALICE,
      values: { matchers: { matchers }, duration: { duration: '1h' }, comment: { comment: 'known' } },
    });
  const filled = JSON.stringify(form?.view['blocks']);
  expect(filled).toContain('destination_service_name=');
  await submit('severity!="page"');
  expect(views()[0]?.errors).toMatchObject({ matchers: expect.stringContaining('everything') as string });
  await submit('destination_service_name="checkout"');
  await on.until(
    'it is notified',
    () => threadOf(on, checkoutOf(on)).includes(`Silenced by <@${ALICE}>`),
    40,
  );
  await on.until(
    'the form says so',
    () => JSON.stringify(views()[0]?.view).includes('1 firing alert silenced'),
    40,
  );
  await on.until(
    'the message says so, with a button that ends it',
    () =>
      json(checkoutOf(on)).includes(`:no_bell: Silenced by <@${ALICE}>`) &&
      json(checkoutOf(on)).includes('Unsilence'),
    40,
  );
  await on.until('its end is notified', () => isOver(checkoutOf(on)));
  expect(about(on, 'checkout')).toHaveLength(1);
});

test('an alert is taken once: the message names who has it, the second hears so, an evaluation loses nothing', async () => {
  const on = await open(played({ from: 5, to: 150, fault: SLOW_PAYMENTS }));
  await on.until('checkout is posted', () => about(on, 'checkout').length > 0);
  const answer = await notified(on, () => press(on, checkoutOf(on), 'acknowledge'));
  expect(json(answer)).toContain(`acknowledged by <@${ALICE}>`);
  const mark = `:eyes: Acknowledged by <@${ALICE}>`;
  await on.until('the message says so', () => json(checkoutOf(on)).includes(mark), 40);
  expect(json(checkoutOf(on))).not.toContain('"acknowledge"');
  await on.world.workspace.type({ userId: BOB, channelId: on.channelId, text: '/slo ack checkout' });
  const bobs = (): readonly Message[] => on.world.workspace.messages(on.channelId, BOB);
  await on.until(
    'the second hears who has it',
    () =>
      bobs().some(
        (each) => each.ephemeralFor === BOB && json(each).includes(`already acknowledged by <@${ALICE}>`),
      ),
    40,
  );
  await on.restart();
  await on.live(30);
  expect(json(checkoutOf(on))).toContain(mark);
  expect(json(await on.ask('/slo'))).toContain(`<@${ALICE}>`);
  await on.until('it is over', () => isOver(checkoutOf(on)));
  expect(json(checkoutOf(on))).toContain(mark);
});

test('a person ends an alert without data; one with data is not ended so', async () => {
  const on = await open(
    played(
      { from: 5, to: 44, fault: SLOW_PAYMENTS },
      { from: 45, to: 900, fault: { kind: 'service-gone', service: 'checkout' } },
    ),
  );
  await on.until('checkout is posted', () => about(on, 'checkout').length > 0);
  expect(json(await on.ask('/slo close checkout because I say so'))).toContain('has data');
  await on.until('it is without data', () => json(checkoutOf(on)).includes('Close this alert?'), 200);
  await press(on, checkoutOf(on), 'close_alert');
  await on.until('the message is closed', () => checkoutOf(on).text.includes('closed manually'), 40);
  expect(json(checkoutOf(on))).toContain(`Closed by <@${ALICE}>`);
  const reply = `Closed by <@${ALICE}> without data`;
  await on.until('its thread says so', () => threadOf(on, checkoutOf(on)).includes(reply), 10);
  await on.live(90);
  expect(checkoutOf(on).text).toContain('closed manually');
  expect(about(on, 'checkout')).toHaveLength(1);
});
