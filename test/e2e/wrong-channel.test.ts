import { afterEach, expect, test } from 'vitest';
import { type Stage, startStage } from '../support/stage.ts';

let stage: Stage | undefined;
afterEach(async () => {
  await stage?.close();
  stage = undefined;
});

test('a wrong channel is named by /readyz and /slo before the first breach', async () => {
  stage = await startStage({ transport: 'socket', environment: { SLACK_CHANNEL: '#nosuch' } });
  const on = stage;
  const problem = '#nosuch was not found. Check its name; /invite the bot to a private channel.';
  await on.until('it is logged', () => on.log.some((line) => line.includes(problem)), 10);
  const response = await fetch(`http://127.0.0.1:${on.bot.opsPort}/readyz`);
  expect([response.status, await response.text()]).toEqual([
    503,
    expect.stringContaining(`channels: ${problem}`),
  ]);
  expect(JSON.stringify((await on.ask('/slo')).blocks)).toContain(`⚠️ Channel ${problem}`);
});
