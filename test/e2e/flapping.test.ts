import { afterEach, expect, test } from 'vitest';
import type { Script } from '../../demo/mesh/script.ts';
import { SHOP_RULES } from '../../demo/rules.ts';
import type { Message } from '../../demo/slack/model.ts';
import { after, MINUTE, ms, SECOND } from '../../src/lib/units.ts';
import { FEW_TRACES, type Stage, startStage } from '../support/stage.ts';
import { START } from '../support/virtual-clock.ts';

let stage: Stage | undefined;
afterEach(async () => {
  await stage?.close();
  stage = undefined;
});

type Fault = Script['opening'][number]['fault'];

const script = (...faults: readonly { until: number; fault: Fault }[]): Script => ({
  opening: faults.map(({ until, fault }) => ({
    title: fault.kind,
    at: ms(5 * SECOND),
    until: ms(until * SECOND),
    fault,
  })),
  cycle: [],
  cycleStart: ms(0),
  cycleLength: MINUTE,
});
const SLOW_DATABASE: Fault = { kind: 'slow-database', service: 'payments-db', factor: 50 };

const json = (message: Message): string => JSON.stringify(message.blocks);
const isTop = (message: Message): boolean =>
  message.threadTs === undefined && message.ephemeralFor === undefined;
const about = (service: string) => (message: Message) => isTop(message) && message.text.includes(service);
const isOver = (message: Message): boolean => /recovered/i.test(message.text);

test('what breaches under maintenance is not posted; what still breaches when it ends is, and its end too', async () => {
  const end = after(START, ms(100 * SECOND));
  stage = await startStage({
    sampling: FEW_TRACES,
    transport: 'socket',
    script: script({ until: 130, fault: SLOW_DATABASE }),
    rules: `${SHOP_RULES}---
maintenance:
- name: moving checkout
  matchers: [destination_service_name=~"checkout|frontend"]
  starts_at: 2026-11-20T13:00:00Z
  ends_at: ${new Date(end).toISOString()}
`,
  });
  const { messages, clock } = stage;
  await stage.until('the one that is not under maintenance is posted', () =>
    messages().some(about('payments')),
  );
  await stage.until('the maintenance is nearly over', () => clock.now() >= end - 1_000);
  expect(messages().filter(about('checkout'))).toEqual([]);
  const status = await stage.ask('/slo status');
  expect(json(status)).toContain('moving checkout');
  await stage.until('what still breaches is posted', () => messages().some(about('checkout')), 30);
  await stage.until('and resolved', () => messages().filter(about('checkout')).some(isOver));
  expect(messages().filter(about('checkout'))).toHaveLength(1);
});

test('what a silence hid from start to end is never posted', async () => {
  stage = await startStage({
    sampling: FEW_TRACES,
    transport: 'socket',
    script: script({ until: 50, fault: SLOW_DATABASE }),
    rules: `${SHOP_RULES}---
silences:
- { matchers: [severity="page"], ends_at: 2027-01-01T00:00:00Z, created_by: ann, comment: planned }
`,
  });
  await stage.live(150);
  expect(stage.messages().filter(isTop)).toEqual([]);
});

test('breaches are folded into the message of the slow service they call', async () => {
  stage = await startStage({
    sampling: FEW_TRACES,
    transport: 'socket',
    script: script({ until: 60, fault: SLOW_DATABASE }),
    rules: `inhibit: call-graph\n${SHOP_RULES}`,
  });
  const { messages } = stage;
  const payments = (): Message | undefined => messages().find(about('payments'));
  await stage.until('the cause is posted', () => payments() !== undefined);
  await stage.until('its message names those who wait for it', () => {
    const shown = payments();
    return shown !== undefined && /Also slow because of it: `checkout`, `frontend`/.test(json(shown));
  });
  await stage.until('it is resolved', () => messages().filter(about('payments')).some(isOver));
  await stage.live(90);
  expect(
    messages()
      .filter(isTop)
      .map(({ text }) => text),
  ).toHaveLength(1);
});

test('a breach that outlives its cause is posted by itself', async () => {
  stage = await startStage({
    sampling: FEW_TRACES,
    transport: 'socket',
    script: script(
      { until: 60, fault: SLOW_DATABASE },
      { until: 260, fault: { kind: 'queueing', service: 'checkout', slotMs: 1_000 } },
    ),
    rules: `inhibit: call-graph\n${SHOP_RULES}`,
  });
  const { messages } = stage;
  await stage.until('the cause is posted', () => messages().some(about('payments')));
  await stage.until('the cause is over', () => messages().filter(about('payments')).some(isOver));
  expect(messages().filter(about('checkout'))).toEqual([]);
  await stage.until('checkout stands for itself', () => messages().some(about('checkout')), 150);
  await stage.until('and is resolved', () => messages().filter(about('checkout')).some(isOver));
});

test('alerts go to the channels of their routes, and whom a route names is called once', async () => {
  stage = await startStage({
    sampling: FEW_TRACES,
    transport: 'socket',
    script: script({ until: 50, fault: SLOW_DATABASE }),
    rules: `${SHOP_RULES}---
route:
  mentions: { page: [S0ONCALL00] }
  routes:
  - matchers: [destination_service_name="payments"]
    channel: "#general"
    continue: true
    mentions: {}
  - matchers: [destination_service_name=~"payments|checkout"]
`,
  });
  const { world, messages } = stage;
  const { id } = world.workspace.channels().find(({ name }) => name === 'general') ?? { id: '' };
  const there = (): readonly Message[] => world.workspace.messages(id, world.readerId).filter(isTop);
  await stage.until('all are posted', () =>
    ['payments', 'checkout', 'frontend'].every((each) => messages().some(about(each))),
  );
  expect(json(messages().find(about('checkout')) as Message)).toContain('<!subteam^S0ONCALL00>');
  await stage.until('the second channel has it', () => there().length > 0);
  expect(json(there()[0] as Message)).not.toContain('subteam');
  await stage.until(
    'both are resolved',
    () => there().some(isOver) && messages().filter(about('payments')).some(isOver),
  );
  expect(there()).toHaveLength(1);
  expect(messages().filter(about('payments'))).toHaveLength(1);
});

test('alerts go where their team and severity lead, and call whom the more specific of the two names', async () => {
  stage = await startStage({
    sampling: FEW_TRACES,
    transport: 'socket',
    script: script({ until: 50, fault: SLOW_DATABASE }),
    rules: `${SHOP_RULES.replace('team: shop', 'team: "{{ $labels.destination_service_name }}"')}---
teams:
  payments: { channel: "#general", mentions: { page: [S0PAYMENTS] } }
  checkout: { mentions: { page: [] } }
severities:
  page: { mentions: [S0ONCALL00] }
`,
  });
  const { world, messages } = stage;
  const { id } = world.workspace.channels().find(({ name }) => name === 'general') ?? { id: '' };
  const there = (): readonly Message[] => world.workspace.messages(id, world.readerId).filter(isTop);
  const called = (message: Message | undefined): readonly string[] =>
    json(message as Message).match(/(?<=subteam\^)\w+/g) ?? [];
  await stage.until(
    'all are posted',
    () =>
      there().some(about('payments')) &&
      ['checkout', 'frontend'].every((each) => messages().some(about(each))),
  );
  expect(called(there().find(about('payments')))).toEqual(['S0PAYMENTS']);
  expect(called(messages().find(about('checkout')))).toEqual([]);
  expect(called(messages().find(about('frontend')))).toEqual(['S0ONCALL00']);
  expect([there().length, messages().filter(about('payments')).length]).toEqual([1, 0]);
});
