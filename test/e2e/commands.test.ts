import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Message } from '../../demo/slack/model.ts';
import { SLASH_COMMANDS } from '../../src/commands/table.ts';
import { before, MINUTE, ms } from '../../src/lib/units.ts';
import { type Stage, startStage } from '../support/stage.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await startStage({ transport: 'socket' });
  // One evaluation of each group, so that rules have a state.
  await stage.live(16);
});
afterAll(async () => {
  await stage.close();
});

const shown = (message: Message): string => `${message.text}\n${JSON.stringify(message.blocks)}`;
const lastMinutes = (minutes: number) => ({
  start: before(stage.clock.now(), ms(minutes * MINUTE)),
  end: stage.clock.now(),
});

/** A traced request that went through checkout, complete in Jaeger. */
function tracedCheckout() {
  const request = stage.world.mesh.record
    .requests(lastMinutes(3))
    .find(({ traced, visits }) => traced && visits.some(({ service }) => service === 'checkout.shop'));
  if (request === undefined) throw new Error('no request went through checkout');
  return request;
}

test('/latency gives three columns and the state of the SLO', async () => {
  const answer = shown(await stage.ask('/latency checkout last 5m'));
  for (const words of ['now', 'an hour ago', 'a day ago', 'p99', 'ServiceSlow'])
    expect(answer).toContain(words);
});

test('the composer offers every form of every command', async () => {
  const page = await (await fetch(stage.world.pageUrl)).text();
  const plain = page.replaceAll('&lt;', '<').replaceAll('&gt;', '>');
  for (const { command, usageHint } of SLASH_COMMANDS) {
    expect(plain).toContain(`data-command="${command}"`);
    expect(plain).toContain(usageHint);
  }
});

test('/slo gives every rule with its state', async () => {
  const answer = shown(await stage.ask('/slo'));
  expect(answer).toContain('ServiceSlow');
  expect(answer).toContain('ServiceFails');
});

test('a trace id is answered with its root, duration and services', async () => {
  const request = tracedCheckout();
  const answer = shown(await stage.ask(`/trace ${request.traceIds[0]}`));
  expect(answer).toContain('istio-ingressgateway');
  expect(answer).toContain('checkout.shop');
});

test('a request id finds the trace of that request', async () => {
  const request = tracedCheckout();
  const answer = shown(await stage.ask(`/trace ${request.requestId}`));
  expect(answer).toContain(request.traceIds[0]);
});

test('a request id in a service gives its duration there and its share', async () => {
  const request = tracedCheckout();
  const visit = request.visits.find(({ service }) => service === 'checkout.shop');
  const answer = shown(await stage.ask(`/latency checkout ${request.requestId}`));
  expect(answer).toContain(request.traceIds[0]);
  expect(answer).toContain(`${Math.round((visit?.durationUs ?? 0) / 1_000)} ms`);
  expect(answer).toMatch(/% of the [\d.]+ m?s request to `/);
});

test('an id that Envoy did not sample is answered with that reason', async () => {
  const answer = shown(await stage.ask('/trace 7f9c24e5-2d31-4a5b-9c77-0123456789ab'));
  expect(answer).toMatch(/not (sampled|traced|sample)|did not/i);
});

test('with share everybody sees the answer', async () => {
  const { bot } = stage;
  expect(bot.opsPort).toBeGreaterThan(0);
  const answer = await stage.ask('/trace slowest checkout share');
  expect(answer.ephemeralFor).toBeUndefined();
});

test('an empty command is answered with usage and an example', async () => {
  expect(shown(await stage.ask('/trace'))).toContain('/trace slowest');
});

test('when Jaeger hangs the answer names it, and Slack got its acknowledgement before', async () => {
  const { world, channelId, messages } = stage;
  const before = new Set(messages().map(({ ts }) => ts));
  const answer = (): Message | undefined =>
    messages().find(
      ({ ts, text }) => !before.has(ts) && /Jaeger (?:\(\S+\) was too slow|did not respond)/.test(text),
    );
  world.jaeger.faults.set({ hang: true });
  try {
    const text = '/trace slowest payments';
    expect(await world.workspace.type({ userId: world.readerId, channelId, text })).toEqual({ ok: true });
    expect(answer()).toBeUndefined();
    await stage.until('an answer', () => answer() !== undefined, 30);
    expect(answer()?.ephemeralFor).toBe(world.readerId);
  } finally {
    stage.world.jaeger.faults.clear();
  }
});

test('the operators’ port is ready, and its metrics count what happened', async () => {
  const ops = `http://127.0.0.1:${stage.bot.opsPort}`;
  expect(await (await fetch(`${ops}/readyz`)).text()).toBe(
    'ok slack\nok channels\nok store\nok evaluation\nok clock\nok prometheus\nok jaeger\n',
  );
  const metrics = await (await fetch(`${ops}/metrics`)).text();
  expect(metrics).toMatch(/tailwatch_evaluations_total\{outcome="ok"\} [1-9]/);
});

test('what is pasted from a log, a header or a link finds the request', async () => {
  const request = tracedCheckout();
  const [traceId] = request.traceIds;
  const line = `[2026-11-20T14:05:00.123Z] "GET / HTTP/1.1" 200 - via_upstream - "-" 0 51 20 19 "10.1.2.3" "curl/8" "${request.requestId}" "shop:9080" "10.0.0.7:9080" outbound|9080||shop - default`;
  const pasted = [
    line,
    `traceparent: 00-${traceId}-00f067aa0ba902b7-01`,
    `b3: ${traceId}-00f067aa0ba902b7-1`,
    `level=warn traceID=${traceId} msg="slow"`,
    `https://kiali.example/console/namespaces/shop/services/checkout?tab=traces&traceId=${traceId}`,
  ];
  for (const text of pasted) expect(shown(await stage.ask(`/trace ${text}`)), text).toContain(traceId);
});

test('a header whose caller did not sample is answered with that, not with a search', async () => {
  const answer = shown(await stage.ask(`/trace 00-${'c'.repeat(32)}-00f067aa0ba902b7-00`));
  expect(answer).toContain('the caller did not sample this request');
});

test('an unknown request id is answered with the extent of the search', async () => {
  const answer = shown(await stage.ask('/trace 7f9c24e5-2d31-9a5b-9c77-0123456789ab'));
  expect(answer).toContain('No trace of request 7f9c24e5-2d31-9a5b-9c77-0123456789ab in the last 7 days');
  expect(answer).toContain("older than Jaeger's retention");
});
