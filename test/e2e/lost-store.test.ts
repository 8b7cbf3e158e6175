import { afterEach, expect, test } from 'vitest';
import type { Message } from '../../demo/slack/model.ts';
import { FEW_TRACES, played, SLOW_PAYMENTS, type Stage, startStage } from '../support/stage.ts';

let stage: Stage | undefined;
afterEach(async () => {
  await stage?.close();
  stage = undefined;
});

const rules = (name: string, groupThreshold = 0): string => `group_threshold: ${groupThreshold}
route:
  remind_after: 10s
slos:
- name: ${name}
  preset: istio
  by: [destination_service_name]
  objective: { quantile: 0.99, below: 500ms, window: 1m }
  min_requests: 20
  interval: 5s
  alert: { for: 10s, recover: { below: 500ms, window: 30s } }
`;

const isTop = ({ threadTs, ephemeralFor }: Message): boolean =>
  threadTs === undefined && ephemeralFor === undefined;
const isNotice = ({ text }: Message): boolean => text.startsWith('🛠');
/** The messages of alerts. */
const posts = (on: Stage): readonly Message[] =>
  on.messages().filter((message) => isTop(message) && !isNotice(message));
const threadOf = (on: Stage, message: Message): readonly string[] =>
  on.world.workspace
    .thread(on.channelId, message.ts, on.world.readerId)
    .slice(1)
    .map(({ text }) => text);

/** Three services breach until the given second, with a message each. */
async function breaching(until: number): Promise<Stage> {
  const script = played({ from: 5, to: until, fault: SLOW_PAYMENTS });
  stage = await startStage({ transport: 'socket', sampling: FEW_TRACES, rules: rules('Slow'), script });
  const on = stage;
  await on.until('three services breach', () => posts(on).length === 3);
  await on.live(20);
  return on;
}

test('a bot that starts without its data continues open messages, to one end each', async () => {
  const on = await breaching(120);
  await on.restart({ losesData: true });
  await on.live(20);
  expect(posts(on).map(({ text }) => text)).toEqual([
    expect.stringContaining('🔴'),
    expect.stringContaining('🔴'),
    expect.stringContaining('🔴'),
  ]);
  await on.until('all end', () => posts(on).every(({ text }) => text.startsWith('✅')));
  expect(posts(on)).toHaveLength(3);
  expect(JSON.stringify(on.messages().filter(isNotice))).toMatch(
    /The bot started without its data.*3 open messages were found in Slack and continue. Silences made in Slack are lost/,
  );
  await on.live(5);
  // Each had its reminder before the data was lost.
  for (const message of posts(on))
    expect(threadOf(on, message)).toEqual([expect.stringMatching(/^⏰/), expect.stringMatching(/^✅/)]);
});

test('what ended while the bot was away without its data ends in its message', async () => {
  const on = await breaching(60);
  await on.restart({ losesData: true, awaySeconds: 120 });
  await on.until('all end', () => posts(on).every(({ text }) => text.startsWith('✅')), 30);
  expect(posts(on)).toHaveLength(3);
});

test('messages of a rule that is gone, or of a file without it, end as removed', async () => {
  const on = await breaching(300);
  await on.restart({
    losesData: true,
    rules: rules('Other').replace('min_requests: 20', 'min_requests: 100000'),
  });
  await on.until('all end', () => posts(on).every(({ text }) => text.startsWith('☑️')), 30);
  expect(posts(on).map(({ text }) => text)).toEqual(
    Array(3).fill(expect.stringMatching(/closed after .* \(rule removed\)/)),
  );
});

test('an alert group continues with its alerts and their names', async () => {
  stage = await startStage({
    transport: 'socket',
    sampling: FEW_TRACES,
    script: played({ from: 5, to: 100, fault: SLOW_PAYMENTS }),
    rules: rules('Slow', 1),
  });
  const on = stage;
  const groups = () => posts(on).filter(({ text }) => text.includes('breach Slow') || text.includes('Slow:'));
  await on.until('it is posted', () => groups().length > 0);
  await on.live(30);
  await on.restart({ losesData: true });
  await on.until('it is over', () => groups().some(({ text }) => /recovered|closed/.test(text)));
  expect(groups()).toHaveLength(1);
  expect(groups()[0]?.text).toContain('all 3 services recovered');
  expect(JSON.stringify(groups()[0]?.blocks)).toContain('payments');
});
