import { afterAll, beforeAll, expect, test } from 'vitest';
import { SHOP_RULES } from '../../demo/rules.ts';
import type { Message } from '../../demo/slack/model.ts';
import { type Stage, startStage } from '../support/stage.ts';

let stage: Stage;
beforeAll(async () => {
  const names = 'services:\n  aliases:\n    till: checkout.shop\n';
  stage = await startStage({ transport: 'socket', rules: `${SHOP_RULES}---\n${names}` });
  await stage.live(16);
});
afterAll(async () => {
  await stage.close();
});

const shown = (message: Message): string => `${message.text}\n${JSON.stringify(message.blocks)}`;

test('a service is asked about by the name that people have for it, which may change while the bot runs', async () => {
  for (const name of ['till', 'Till']) {
    const answer = shown(await stage.ask(`/trace slowest ${name} last 5m`));
    expect(answer).toContain('checkout.shop');
    expect(answer).toMatch(/Complete: /);
  }
  await stage.changeRules(`${SHOP_RULES}---\nservices:\n  aliases:\n    till: payments.shop\n`);
  expect(shown(await stage.ask('/trace slowest till last 5m'))).toContain('payments.shop');
});
