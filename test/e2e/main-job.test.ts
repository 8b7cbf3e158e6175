import { afterEach, describe, expect, test } from 'vitest';
import type { Message } from '../../demo/slack/model.ts';
import { before, MINUTE, ms } from '../../src/lib/units.ts';
import { FEW_TRACES, played, SLOW_PAYMENTS, type Stage, startStage } from '../support/stage.ts';

let stage: Stage | undefined;
afterEach(async () => {
  await stage?.close();
  stage = undefined;
});

const SLOW_CHECKOUT = played({ from: 5, to: 50, fault: SLOW_PAYMENTS });

const json = (message: Message): string => JSON.stringify(message.blocks);
const about = (service: string) => (message: Message) =>
  message.text.includes(service) && message.threadTs === undefined && message.ephemeralFor === undefined;

const TRANSPORTS = ['socket', 'http'] as const;

describe.each(TRANSPORTS)('over %s', (transport) => {
  test('a breach is posted once, edited with its traces, and resolved; the slowest traces are the true ones', async () => {
    stage = await startStage({ transport, sampling: 0.25, script: SLOW_CHECKOUT });
    const { world, messages } = stage;
    const checkout = (): Message | undefined => messages().find(about('checkout'));

    await stage.until('the breach is posted', () => checkout() !== undefined);
    const posted = checkout() as Message;
    expect(posted.text).toContain('checkout');

    await stage.until('its traces arrive by an edit', () => {
      const now = checkout();
      return now?.editedAt !== undefined && json(now).includes('/trace/');
    });
    expect(checkout()?.ts).toBe(posted.ts);
    // Every link opens.
    const links = [...json(checkout() as Message).matchAll(/"url":"(http[^"]+)"/g)].map(
      ([, url]) => url as string,
    );
    expect(links.length).toBeGreaterThan(3);
    for (const url of links) expect((await fetch(url)).status, url).toBe(200);

    await checkSlowest(stage);

    await stage.until('it is resolved', () => /recovered|resolved/i.test(checkout()?.text ?? ''));
    expect(checkout()?.ts).toBe(posted.ts);
    expect(messages().filter(about('checkout'))).toHaveLength(1);
    const posts = world.slack.calls().filter(({ method }) => method === 'chat.postMessage');
    expect(
      posts.every(({ outcome }) => outcome.startsWith('ok')),
      JSON.stringify(posts),
    ).toBe(true);
  });
});

/** `/trace slowest checkout` gives what the mesh itself recorded, in descending order. */
async function checkSlowest({ ask, world, clock }: Stage): Promise<void> {
  const answer = await ask('/trace slowest checkout last 5m top 5');
  expect(answer.ephemeralFor).toBe(world.readerId);
  const shown = [...json(answer).matchAll(/\/trace\/([0-9a-f]{32})/g)].map(([, id]) => id);
  const truth = world.mesh.record
    .slowest('checkout.shop', { start: before(clock.now(), ms(5 * MINUTE)), end: clock.now() }, 12)
    .map(({ traceId }) => traceId);
  expect([...new Set(shown)]).toEqual(truth.filter((id) => shown.includes(id)));
  expect(new Set(shown).size).toBe(5);
}

test('a typo is answered with a suggestion', async () => {
  stage = await startStage({ transport: 'socket', sampling: FEW_TRACES });
  const answer = await stage.ask('/trace slowest chekout');
  expect(json(answer)).toContain('checkout.shop');
  const usage = await stage.ask('/trace slowst checkout');
  expect(usage.text + json(usage)).toContain('/trace slowest checkout');
});

test('what was breaching before a restart is notified once, with its end after it; no log line holds a token', async () => {
  stage = await startStage({ transport: 'socket', sampling: FEW_TRACES, script: SLOW_CHECKOUT });
  const { messages, world, log } = stage;
  world.slack.faults.add({ method: 'chat.postMessage', times: 1, do: { kind: 'http', status: 500 } });
  await stage.until('the breach is posted', () => messages().some(about('checkout')));
  await stage.restart();
  await stage.until('it is resolved', () =>
    messages().some((message) => about('checkout')(message) && /recovered/i.test(message.text)),
  );
  expect(messages().filter(about('checkout'))).toHaveLength(1);
  expect(log.join('')).not.toContain(world.botToken);
  expect(log.join('')).not.toContain(world.appToken);
});
