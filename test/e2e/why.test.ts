import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Message } from '../../demo/slack/model.ts';
import { played, SLOW_PAYMENTS, type Stage, startStage } from '../support/stage.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await startStage({
    transport: 'socket',
    script: played({ from: 5, to: 65, fault: SLOW_PAYMENTS }),
  });
  await stage.live(65);
});
afterAll(async () => {
  await stage.close();
});

const shown = (message: Message): string => `${message.text}\n${JSON.stringify(message.blocks)}`;

test('a slow database of payments is named as the cause of slow checkouts', async () => {
  const answer = shown(await stage.ask('/trace why checkout last 1m'));
  expect(answer).toMatch(/^checkout\.shop: Culprit: payments\.shop.*database payments-db.*Confidence high/);
  expect(answer).toContain('Compare slow with normal');
});

test('the message of the breach names it, by itself', () => {
  const breach = stage.messages().find(({ text }) => text.includes('checkout: '));
  expect(JSON.stringify(breach?.blocks)).toMatch(
    /\*Culprit:\* payments\.shop, [^:]*database payments-db: \+\d+ of \+\d+ ms \(\d+%\)\. Confidence high/,
  );
  expect(JSON.stringify(breach?.blocks)).toContain('/trace why checkout.shop at ');
});

test('a service that the fault does not touch is not slower than normal', async () => {
  const answer = shown(await stage.ask('/trace why recommendations last 1m'));
  expect(answer).toContain('Not slower than normal.');
});
