import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RecordedRequest } from '../../demo/mesh/record.ts';
import type { Message } from '../../demo/slack/model.ts';
import { before, MINUTE, ms } from '../../src/lib/units.ts';
import { played, SLOW_PAYMENTS, type Stage, startStage } from '../support/stage.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await startStage({
    transport: 'socket',
    sampling: 0.25,
    script: played(
      { from: 5, to: 40, fault: SLOW_PAYMENTS },
      { from: 5, to: 40, fault: { kind: 'service-gone', service: 'recommendations' } },
    ),
  });
  await stage.live(60);
});
afterAll(async () => {
  await stage.close();
});

const shown = (message: Message): string => `${message.text}\n${JSON.stringify(message.blocks)}`;

/** Traced checkouts of the last minutes, the fastest first. */
function checkouts(): readonly RecordedRequest[] {
  const end = stage.clock.now();
  return stage.world.mesh.record
    .requests({ start: before(end, ms(6 * MINUTE)), end })
    .filter(({ traced, route, status }) => traced && route === 'checkout' && status === 200)
    .sort((a, b) => a.durationUs - b.durationUs);
}

function fastAndSlow(): readonly [RecordedRequest, RecordedRequest] {
  const all = checkouts();
  const [fast, slow] = [all[0], all.at(-1)];
  if (fast === undefined || slow === undefined) throw new Error('no request went through checkout');
  return [fast, slow];
}

test('two requests are compared: the slow database is named, with how much of the difference it is', async () => {
  const [fast, slow] = fastAndSlow();
  const answer = shown(await stage.ask(`/trace compare ${fast.traceIds[0]} ${slow.requestId}`));
  expect(answer).toContain('B took');
  const [, first] =
    /"Difference".*?"text":"(\+[^"]+)"},{"type":"raw_text","text":"[^"]+"},{"type":"raw_text","text":"payments\.shop"}/.exec(
      answer,
    ) ?? [];
  expect(first).toMatch(/^\+(?:\d{3} ms|[\d.]+ s)$/);
  expect(answer).toContain('database payments-db');
  expect(answer).toContain(`/trace/${fast.traceIds[0]}...${slow.traceIds[0]}?cohort=`);
});

test('the link of that comparison leads to a page of Jaeger with both', async () => {
  const [fast, slow] = fastAndSlow();
  const page = await fetch(`${stage.world.jaegerUrl}/trace/${fast.traceIds[0]}...${slow.traceIds[0]}`);
  expect(page.status).toBe(200);
});

test('a comparison is shared as it was asked for', async () => {
  const [fast, slow] = fastAndSlow();
  const answer = await stage.ask(`/trace compare ${fast.traceIds[0]} ${slow.traceIds[0]} share`);
  expect(answer.ephemeralFor).toBeUndefined();
  expect(shown(answer)).toContain(`/trace compare ${fast.traceIds[0]} ${slow.traceIds[0]}`);
});

test('a comparison without ids shows how it is written', async () => {
  const answer = shown(await stage.ask('/trace compare'));
  expect(answer).toContain('Specify two requests');
  expect(answer).toContain('/trace compare [&lt;id&gt;] &lt;id&gt; [share]');
});

test('a button of the slowest traces compares the slowest with a typical request', async () => {
  const slowest = await stage.ask('/trace slowest payments last 5m');
  const before = new Set(stage.messages().map(({ ts }) => ts));
  const row = slowest.blocks.find((block) => JSON.stringify(block).includes('"run_command_compare"'));
  const outcome = await stage.world.workspace.press({
    userId: stage.world.readerId,
    channelId: stage.channelId,
    messageTs: slowest.ts,
    blockId: String(row?.['block_id']),
    actionId: 'run_command_compare',
  });
  expect(outcome).toEqual({ ok: true });
  const compared = (): Message | undefined =>
    stage.messages().find(({ ts, text }) => !before.has(ts) && text.startsWith('Trace comparison'));
  await stage.until('it is compared', () => compared() !== undefined, 30);
  const answer = shown(compared() as Message);
  expect(answer).toMatch(/\*A\*[^\n]* · typical: median of \d+ similar requests/);
  expect(answer).toContain('`POST /checkout`');
  expect(answer).toContain('database payments-db');
});

test('a slow trace has a percentile rank in each service, no finer than the buckets', async () => {
  const [, slow] = fastAndSlow();
  const answer = shown(await stage.ask(`/trace ${slow.traceIds[0]}`));
  expect(answer).toContain('Percentile rank by service* in the hour before the breach');
  expect(answer).toMatch(
    /`payments\.shop` [\d.]+ m?s: slower than (?:all|(?:at least )?[\d.]+%?(?: to [\d.]+%)?) of [\d,]+ requests/,
  );
  expect(answer).toMatch(/`istio-ingressgateway\.istio-system` .*?\(measured at the gateway\)/);
});

test('the traces of a healthy mesh go on in every service', async () => {
  const answer = shown(await stage.ask('/trace propagation frontend'));
  expect(answer).toMatch(/The traces of frontend\.shop go on in every service that was compared\./);
  expect(answer).toMatch(/`frontend\.shop` → `auth\.shop` traces go on/);
});

test('a request id has percentile ranks, too', async () => {
  const [, slow] = fastAndSlow();
  expect(shown(await stage.ask(`/trace ${slow.requestId}`))).toContain('Percentile rank by service');
});

test('a trace in a service: its share, its percentile rank, and what it waited for', async () => {
  const [, slow] = fastAndSlow();
  const answer = shown(await stage.ask(`/latency checkout ${slow.traceIds[0]}`));
  const visit = slow.visits.find(({ service }) => service === 'checkout.shop');
  const seconds = (visit?.durationUs ?? 0) / 1e6;
  expect(answer).toContain(
    seconds < 0.9995 ? `${Math.round(seconds * 1_000)} ms` : `${Number(seconds.toPrecision(3))} s`,
  );
  expect(answer).toMatch(/% of the [\d.]+ m?s request to `/);
  expect(answer).toContain('Slower than');
  expect(answer).toContain('of it is on the critical path');
  expect(answer).toContain('database payments-db: INSERT payments.charges');
});

test('a service that the trace did not pass is said so, with what it passed', async () => {
  const [, slow] = fastAndSlow();
  const answer = shown(await stage.ask(`/latency recommendations ${slow.traceIds[0]}`));
  expect(answer).toContain('but no span of recommendations.shop. Its services:');
});

test('a latency is notified apart by version and by the end of the call that saw it', async () => {
  const answer = shown(await stage.ask('/latency payments last 5m'));
  expect(answer).toMatch(/By version\*\\n`v1`: 6\d% of requests, p50 ≈ [^"]*\\n`v2`: 3\d% of requests/);
  expect(answer).toContain('Measured by callers: p50');
  expect(answer).toMatch(/Mean difference: [\d.]+ (?:µ|m)s/);
});

test('what never reached a service is seen by its callers, with the reason in words', async () => {
  const answer = shown(await stage.ask('/latency recommendations last 5m'));
  expect(answer).toContain('By outcome*, measured by callers');
  expect(answer).toContain('`503` no healthy pod to call (UH)');
});

test('the latency of the gateway is that of the requests it passed on', async () => {
  const answer = shown(await stage.ask('/latency istio-ingressgateway last 5m'));
  expect(answer).toMatch(/p99 ≈ [\d.]+ m?s/);
  expect(answer).toContain('No service calls it through the mesh');
});

test('without Prometheus a trace is shown all the same, with a line for what is missing', async () => {
  const [, slow] = fastAndSlow();
  stage.world.prometheus.faults.set({ status: 503 });
  try {
    const answer = shown(await stage.ask(`/trace ${slow.traceIds[0]}`));
    expect(answer).toContain('*Critical path*');
    expect(answer).toContain('No percentile rank: ');
  } finally {
    stage.world.prometheus.faults.set(undefined);
  }
});
