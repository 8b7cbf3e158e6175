import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Message } from '../../demo/slack/model.ts';
import { played, SLOW_PAYMENTS, type Stage, startStage } from '../support/stage.ts';

const SLOW_RELEASE = { kind: 'slow-code', service: 'recommendations', factor: 45, version: 'v2' } as const;

let stage: Stage;
/** Seconds from the first post of each breach to the first look at which it names a culprit, and how it says so. */
const named = new Map<string, { readonly after: number; readonly first: string }>();
beforeAll(async () => {
  stage = await startStage({
    transport: 'socket',
    sampling: 0.25,
    // Nothing that calls payments calls recommendations, but frontend calls both.
    script: played({ from: 5, to: 65, fault: SLOW_PAYMENTS }, { from: 5, to: 65, fault: SLOW_RELEASE }),
  });
  for (let second = 0; second < 65; second += 1) {
    await stage.live(1);
    for (const { ts, blocks } of stage.messages()) {
      const [first] = /(?:\*Culprit:\*|No culprit|Not compared)[^"]*/u.exec(JSON.stringify(blocks)) ?? [];
      const after = stage.clock.now() / 1_000 - Number(ts);
      if (first !== undefined && !named.has(ts)) named.set(ts, { after, first });
    }
  }
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

test('each breach names it within 15 s, also where a quarter of the requests is traced', () => {
  expect(named.size).toBeGreaterThanOrEqual(2);
  for (const { after, first } of named.values()) {
    expect(first).toMatch(/payments\.shop|recommendations\.shop/);
    expect(after).toBeLessThanOrEqual(15);
  }
});

test('the traces that it was found in are kept with the alert', async () => {
  const answer = shown(await stage.ask('/trace evidence checkout'));
  expect(answer).toMatch(/checkout\.shop: Culprit: payments\.shop.*Jaeger still has the examples/s);
  const [again = ''] = /\/(trace evidence \S+ [0-9a-f]{32})/.exec(answer) ?? [];
  expect(shown(await stage.ask(again))).toContain('From the copy kept with the alert');
});

test('a service that the fault does not touch is not slower than normal', async () => {
  const answer = shown(await stage.ask('/trace why currency last 1m'));
  expect(answer).toContain('Not slower than normal.');
});

test('a release that made a service slow is named, and metrics say when its requests began', async () => {
  const answer = shown(await stage.ask('/trace why recommendations last 1m'));
  const began =
    /graph\?g0\.expr=[^|]+\|Version v2 of recommendations began> <!date\^\d+\^\{time\}\|2026-11-20 14:00:\d\d UTC>/;
  expect(answer).toMatch(began);
  const breach = stage.messages().find(({ text }) => text.includes('recommendations: '));
  expect(JSON.stringify(breach?.blocks)).toMatch(began);
});

test('the answer says how many of the requests that Prometheus counts were traced', async () => {
  const answer = shown(await stage.ask('/trace why checkout last 5m'));
  expect(answer).toMatch(
    /\d+ of about \d+ requests slower than 500 ms were traced \(\d\d%\)|About \d\d% of about \d+ requests were traced\./,
  );
  expect(answer).not.toContain(':warning:');
});
