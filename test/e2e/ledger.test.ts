import { afterEach, expect, test } from 'vitest';
import { ledgerCommand } from '../../src/cli/running-bot.ts';
import { FEW_TRACES, played, SLOW_PAYMENTS, type Stage, startStage } from '../support/stage.ts';

let stage: Stage | undefined;
afterEach(async () => {
  await stage?.close();
  stage = undefined;
});

const RULES = `group_threshold: 0
slos:
- name: Slow
  preset: istio
  by: [destination_service_name]
  objective: { quantile: 0.99, below: 500ms, window: 1m }
  min_requests: 20
  interval: 5s
  alert: { for: 10s, recover: { below: 500ms, window: 30s } }
`;

test('what was posted, silenced, reloaded and ended is in the ledger, with who did it and what a silence suppressed', async () => {
  stage = await startStage({
    transport: 'socket',
    sampling: FEW_TRACES,
    rules: RULES,
    script: played({ from: 5, to: 60, fault: SLOW_PAYMENTS }),
  });
  const on = stage;
  await on.ask('/slo silence checkout for 2h moving the database');
  const posted = () => on.messages().filter(({ text }) => text.includes('payments'));
  await on.until('payments is posted', () => posted().length > 0);
  await on.changeRules(RULES);
  await on.until('it ends', () => posted().some(({ text }) => text.startsWith('✅')));
  await on.live(5);
  const lines = (await ledgerCommand({ host: '127.0.0.1', port: String(on.bot.opsPort) }, {})).split('\n');
  const found = (pattern: RegExp): number => lines.filter((line) => pattern.test(line)).length;
  expect(
    found(/U0READER00 {2}silenced: destination_service_name="checkout" \(until .*: moving the database\)/),
  ).toBe(1);
  expect(found(/suppressed: Slow checkout \[silence [0-9a-f]{8}\]/)).toBe(1);
  expect(found(/posted: Slow payments {2}http/)).toBe(1);
  expect(found(/rules loaded: loaded 1 rule/)).toBe(1);
  expect(found(/ended: Slow payments \(recovered\) {2}http/)).toBe(1);

  const [json = ''] = (
    await ledgerCommand({ host: '127.0.0.1', port: String(on.bot.opsPort) }, { json: true })
  ).split('\n');
  expect(JSON.parse(json)).toMatchObject({ kind: 'silence-created', by: 'U0READER00' });
  const said = (channelId: string) =>
    on.world.workspace
      .messages(channelId, on.world.readerId)
      .map(({ text }) => text)
      .join('\n');
  await on.world.workspace.invite({ userId: on.world.readerId, channelId: 'C0GENERAL00' });
  await on.until('the bot greets', () =>
    said('C0GENERAL00').includes('No SLO rule posts to this channel yet'),
  );
  await on.world.workspace.invite({ userId: on.world.readerId, channelId: on.channelId });
  await on.until('it says which rules', () =>
    said(on.channelId).includes('posts SLO breaches of 1 rule here: `Slow`.'),
  );

  const answer = JSON.stringify((await on.ask('/slo test cart')).blocks);
  expect(answer).toContain('A test breach of cart is posted to the default channel, without mentions.');
  const test = () => on.messages().find(({ text }) => text.includes('TEST cart'));
  await on.until('the test has its traces', () =>
    JSON.stringify(test()?.blocks ?? []).includes('Slowest traces*'),
  );
  expect(test()?.text).toMatch(/^🔴 TEST cart: .+\nThis is a test: nothing is wrong\./);
  const shown = JSON.stringify(test()?.blocks);
  for (const part of [
    '*This is a test by <@U0READER00>: nothing is wrong.*',
    '"Acknowledge"',
    '*Slowest traces*',
    '"data_visualization"',
  ])
    expect(shown).toContain(part);
  expect(JSON.stringify((await on.ask('/slo')).blocks)).not.toContain('TEST');
  expect(await (await fetch(`http://127.0.0.1:${on.bot.opsPort}/api/v1/alerts`)).text()).not.toContain(
    'tailwatch_test',
  );
  expect(await ledgerCommand({ host: '127.0.0.1', port: String(on.bot.opsPort) }, {})).toMatch(
    /posted: TEST Slow cart {2}http/,
  );

  const id = (JSON.parse(json) as { silence: string }).silence;
  expect(JSON.stringify((await on.ask(`/slo unsilence ${id}`)).blocks)).toContain(
    'It suppressed 1 alert: Slow checkout.',
  );
  expect(JSON.stringify((await on.ask('/slo history payments')).blocks)).toContain('ended: Slow payments');
});

test('tailwatch ledger says what to do when the bot does not run here', async () => {
  await expect(ledgerCommand({ host: '127.0.0.1', port: '1' }, {})).rejects.toThrow(
    /does not respond at .*1\/api\/v1\/ledger .*OPS_PORT/,
  );
});
