import { afterAll, beforeAll, expect, test } from 'vitest';
import { createJaegerServer } from '../../demo/jaeger/server.ts';
import { createJaegerStore } from '../../demo/jaeger/store.ts';
import { before, ms, SECOND, toEpochUs } from '../../src/lib/units.ts';
import { type Stage, startStage } from '../support/stage.ts';
import { createVirtualClock, START } from '../support/virtual-clock.ts';

const TRACE_ID = '4bf92f3577b34da6a3ce929d0e0e4736';
/** In every field of a span that holds text, by a name that does not give it away. */
const PLANTED = ['alice@example.com', 'Bearer abcdef0123456789', '4111 1111 1111 1111'];

let stage: Stage;
let jaeger: ReturnType<typeof createJaegerServer>;
beforeAll(async () => {
  const store = createJaegerStore();
  jaeger = createJaegerServer({ store, clock: createVirtualClock(START) });
  const text = PLANTED.join(' and ');
  const attributes = {
    'url.path': text,
    'exception.message': text,
    'db.statement': text,
    'peer.service': text,
  };
  store.add(
    ['00f067aa0ba902b7', '00f067aa0ba902b8'].map((spanId, i) => ({
      traceId: TRACE_ID,
      spanId,
      parentSpanId: i === 0 ? undefined : '00f067aa0ba902b7',
      name: `GET /users/${text}`,
      kind: i === 0 ? ('server' as const) : ('client' as const),
      startUs: toEpochUs(before(START, ms(30 * SECOND))),
      durationUs: 812_000,
      failed: true,
      attributes,
      resource: { 'service.name': 'checkout.shop', 'host.name': text },
      events: [{ name: 'exception', timeNs: 1_700_000_000_000_000_000n, attributes }],
    })),
  );
  const { url } = await jaeger.listen();
  stage = await startStage({ transport: 'socket', environment: { JAEGER_URL: url, LOG_LEVEL: 'debug' } });
  await stage.live(2);
});
afterAll(async () => {
  await stage.close();
  await jaeger.close();
});

test('a secret in the fields of a span reaches no message and no log line', async () => {
  for (const text of [
    `/trace ${TRACE_ID}`,
    '/trace slowest checkout last 10m',
    `/latency checkout ${TRACE_ID}`,
  ]) {
    await stage.clock.advance(1_000);
    await stage.ask(text);
  }
  const shown = JSON.stringify(stage.messages());
  expect(shown).toContain('/users/[redacted]');
  const sent = JSON.stringify(stage.world.slack.calls()) + shown + stage.log.join('');
  expect(PLANTED.filter((secret) => sent.includes(secret.replace('Bearer ', '')))).toEqual([]);
});
