import { afterEach, describe, expect, test } from 'vitest';
import type { Message } from '../../demo/slack/model.ts';
import { isFullRun } from '../support/runs.ts';
import { FEW_TRACES, played, SLOW_PAYMENTS, type Stage, startStage } from '../support/stage.ts';

/** `checkout` alone, by the short form; the second document switches the differences off. */
const rules = (compat: boolean, hold = '0s'): string => `slos:
- name: checkout-slow
  preset: istio
  selector: 'reporter="destination",destination_service_name="checkout"'
  objective: { quantile: 0.9, below: 500ms, window: 30s }
  interval: 5s
  alert: { for: ${hold} }
${compat ? '---\ncompat: prometheus\n' : ''}`;

let stage: Stage | undefined;
afterEach(async () => {
  await stage?.close();
  stage = undefined;
});

async function raise(text: string, gone: boolean): Promise<Stage> {
  const vanishing = { from: 60, to: 900, fault: { kind: 'service-gone', service: 'checkout' } as const };
  const slow = { from: 5, to: 800, fault: SLOW_PAYMENTS };
  const on = await startStage({
    sampling: FEW_TRACES,
    transport: 'socket',
    rules: text,
    script: gone ? played(slow, vanishing) : played(slow),
  });
  stage = on;
  return on;
}

const posts = (on: Stage): readonly Message[] =>
  on.messages().filter(({ threadTs }) => threadTs === undefined);
const isOver = ({ text }: Message): boolean =>
  /recovered|resolved|no longer (?:breaching|returned)/i.test(text);

describe('a service that vanishes while its alert fires', () => {
  test.runIf(isFullRun)('is without data, and the alert stands', async () => {
    const on = await raise(rules(false), true);
    await on.until('the breach is posted', () => posts(on).length === 1);
    await on.live(240);
    expect(posts(on).map(isOver)).toEqual([false]);
  });

  test('is resolved with `compat: prometheus`', async () => {
    const on = await raise(rules(true), true);
    await on.until('the breach is posted', () => posts(on).length === 1);
    await on.until('it is resolved', () => posts(on).every(isOver), 240);
  });
});

/** Seconds from the start to the post, with a restart while the alert is pending. */
async function postedAfterRestart(compat: boolean): Promise<number> {
  const on = await raise(rules(compat, '1m'), false);
  const start = on.clock.now();
  await on.live(50);
  expect(posts(on)).toEqual([]);
  await on.restart();
  await on.until('the breach is posted', () => posts(on).length === 1);
  return (on.clock.now() - start) / 1_000;
}

test('a restart keeps the time an alert is pending; with `compat: prometheus` it begins anew', async () => {
  const kept = await postedAfterRestart(false);
  await stage?.close();
  const anew = await postedAfterRestart(true);
  expect(anew - kept).toBeGreaterThan(20);
});

test('a reload switches between the two', async () => {
  const on = await raise(rules(false), true);
  await on.until('the breach is posted', () => posts(on).length === 1);
  await on.live(200);
  expect(posts(on).map(isOver)).toEqual([false]);
  await on.changeRules(rules(true));
  await on.until('it is resolved', () => posts(on).every(isOver), 60);
});
