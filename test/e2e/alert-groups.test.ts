import { afterEach, expect, test } from 'vitest';
import { SHOP_RULES } from '../../demo/rules.ts';
import type { Message } from '../../demo/slack/model.ts';
import { played, SLOW_PAYMENTS, type Stage, startStage } from '../support/stage.ts';

let stage: Stage | undefined;
afterEach(async () => {
  await stage?.close();
  stage = undefined;
});

/** The messages show traces, but nothing is measured by them. */
const SOME_TRACES = 0.1;

const withPolicy = (text: string): string => `${SHOP_RULES}---\n${text}\n`;

const json = (message: Message | undefined): string => JSON.stringify(message?.blocks ?? []);
const isTop = ({ threadTs, ephemeralFor }: Message): boolean =>
  threadTs === undefined && ephemeralFor === undefined;
const isAlertGroup = (message: Message): boolean => isTop(message) && message.text.includes('ServiceSlow');
const threadOf = (on: Stage, message: Message | undefined): readonly Message[] =>
  on.world.workspace.thread(on.channelId, message?.ts ?? '', on.world.readerId).slice(1);
const alertGroups = (on: Stage): readonly Message[] => on.messages().filter(isAlertGroup);
const isOver = ({ text }: Message): boolean => /recovered|services closed/.test(text);

test('services that breach together share one message, are acknowledged one by one, and end together, over a restart', async () => {
  stage = await startStage({
    transport: 'socket',
    sampling: SOME_TRACES,
    script: played({ from: 5, to: 80, fault: SLOW_PAYMENTS }),
    rules: withPolicy('group_threshold: 1'),
  });
  const on = stage;
  await on.until('it is posted', () => alertGroups(on).length > 0);
  await on.until('it is complete', () => json(alertGroups(on)[0]).includes('*Slowest traces* of `'));
  expect(alertGroups(on)[0]?.text).toMatch(/^🔴 \d of 9 services breach ServiceSlow/);
  await on.until('its culprit is named', () => json(alertGroups(on)[0]).includes('*Culprit of '), 60);

  const block = alertGroups(on)[0]?.blocks.find(({ block_id: id }) =>
    String(id).startsWith('/slo acknowledge'),
  );
  const alertId =
    /"text":"payments","emoji":false\},"value":"([^"]+)"/.exec(JSON.stringify(block))?.[1] ?? '';
  await on.world.workspace.press({
    userId: on.world.readerId,
    channelId: on.channelId,
    messageTs: alertGroups(on)[0]?.ts ?? '',
    blockId: String(block?.['block_id']),
    actionId: 'acknowledge_one',
    selectedValue: alertId,
  });
  await on.until('it is shown', () => json(alertGroups(on)[0]).includes('firing, acknowledged'), 10);
  expect(json(alertGroups(on)[0])).not.toContain(alertId);

  await on.restart();
  await on.until('it is over', () => alertGroups(on).some(isOver));
  expect(on.messages().filter(isTop)).toHaveLength(1);
  expect(alertGroups(on)[0]?.text).toContain('all 3 services recovered');
  await on.until('its thread hears of it', () => threadOf(on, alertGroups(on)[0]).length > 0, 20);
  expect(threadOf(on, alertGroups(on)[0]).map(({ text }) => text)).toEqual([
    expect.stringMatching(/^✅ All 3 services recovered/),
  ]);
});

test('what begins later joins it in its thread; a message that was deleted is posted anew, once, and seen to its end', async () => {
  stage = await startStage({
    transport: 'socket',
    sampling: SOME_TRACES,
    script: played(
      { from: 5, to: 120, fault: SLOW_PAYMENTS },
      { from: 40, to: 120, fault: { kind: 'slow-code', service: 'recommendations', factor: 200 } },
    ),
    rules: withPolicy('group_threshold: 1'),
  });
  const on = stage;
  await on.until('it is posted', () => alertGroups(on).length > 0);
  await on.until('another joins', () =>
    threadOf(on, alertGroups(on)[0]).some(({ text }) =>
      text.startsWith('1 more service breaches ServiceSlow'),
    ),
  );
  expect(alertGroups(on)).toHaveLength(1);
  on.world.workspace.deleteMessage(on.channelId, alertGroups(on)[0]?.ts ?? '');
  await on.until('it is posted anew', () => alertGroups(on).length > 0, 120);
  await on.until('it is over', () => alertGroups(on).some(isOver));
  await on.live(60);
  expect(alertGroups(on)).toHaveLength(1);
  expect(threadOf(on, alertGroups(on)[0]).map(({ text }) => text)).toContain(
    '1 more service breaches ServiceSlow',
  );
});

test('a rule that is removed ends its alert group, and nobody says that all is well', async () => {
  stage = await startStage({
    transport: 'socket',
    sampling: SOME_TRACES,
    script: played({ from: 5, to: 600, fault: SLOW_PAYMENTS }),
    rules: withPolicy('group_threshold: 1'),
  });
  const on = stage;
  await on.until('it is posted', () => alertGroups(on).length > 0);
  await on.changeRules(withPolicy('group_threshold: 1').replaceAll('ServiceSlow', 'ServiceSlower'));
  await on.until('it is closed', () => alertGroups(on).some(isOver), 60);
  const closed = alertGroups(on).find(isOver);
  expect(closed?.text).toContain('☑️ ServiceSlow: all');
  expect(json(closed)).toContain('*unknown*');
});

test('an alert that comes and goes is notified a few times, then said to flap, in the channel too', async () => {
  stage = await startStage({
    transport: 'socket',
    sampling: SOME_TRACES,
    script: played(
      ...[0, 1, 2].map((round) => ({
        from: 5 + round * 130,
        to: 25 + round * 130,
        fault: { kind: 'slow-code', service: 'recommendations', factor: 200 } as const,
      })),
    ),
    // A page is always notified.
    rules: withPolicy('flap_threshold: 2').replaceAll('severity: page', 'severity: ticket'),
  });
  const on = stage;
  const about = (): readonly Message[] =>
    on
      .messages()
      .filter(({ text, ephemeralFor }) => text.includes('recommendations') && ephemeralFor === undefined);
  await on.until('it flaps', () => about().some(({ text }) => text.includes('flapping')), 400);
  await on.live(150);
  expect(about().map(({ text }) => text)).toEqual([
    expect.stringContaining('recommendations: recovered'),
    expect.stringMatching(
      /recommendations: flapping, fired 2 times in the last hour\..* Firing now: .*, since /,
    ),
  ]);
  const [line] = about().slice(1);
  expect(line?.threadTs).toBe(about()[0]?.ts);
});
