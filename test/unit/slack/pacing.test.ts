import { describe, expect, test } from 'vitest';
import { ms, SECOND } from '../../../src/lib/units.ts';
import { createPacer, type Pacer } from '../../../src/slack/pacing.ts';
import { createVirtualClock, START, type VirtualClock } from '../../support/virtual-clock.ts';

const post = (key: string) => ({ method: 'chat.postMessage', channel: '#a', key });

/** Callers as the message workers make them: six at a time, each returning at its reserved time. */
async function alertGroup(clock: VirtualClock, pacer: Pacer, calls: number) {
  const waiting = Array.from({ length: calls }, (_, index) => ({ key: `k${index}`, at: START as number }));
  const sent: { key: string; at: number }[] = [];
  let turns = 0;
  let busy = 0;
  const begin = (each: (typeof waiting)[number]): void => {
    turns += 1;
    busy += 1;
    void pacer.turn(post(each.key)).then((wait) => {
      busy -= 1;
      if (wait === undefined) sent.push({ key: each.key, at: clock.now() });
      else waiting.push({ key: each.key, at: clock.now() + wait });
    });
  };
  while (sent.length < calls && clock.now() < START + 3 * calls * SECOND) {
    for (;;) {
      waiting.sort((a, b) => Number(a.key.slice(1)) - Number(b.key.slice(1)));
      const due = waiting.findIndex(({ at }) => at <= clock.now());
      if (due < 0 || busy >= 6) break;
      for (const each of waiting.splice(due, 1)) begin(each);
      await Promise.resolve();
      await Promise.resolve();
    }
    await clock.advance(500);
  }
  return { sent, turns: () => turns };
}

describe('a queue longer than can be waited for', () => {
  test('goes out in the order it came, a second apart, and each caller is deferred once', async () => {
    const clock = createVirtualClock(START);
    const { sent, turns } = await alertGroup(clock, createPacer(clock), 500);
    expect(sent.map(({ key }) => key)).toEqual(Array.from({ length: 500 }, (_, index) => `k${index}`));
    expect(clock.now() - START).toBeLessThan(510 * SECOND);
    expect(turns()).toBeLessThan(2 * 500 + 10);
  });

  test('a new call waits behind the deferred ones, which keep their times', async () => {
    const clock = createVirtualClock(START);
    const pacer = createPacer(clock);
    for (let n = 0; n < 6; n++) void pacer.turn(post(`first${n}`));
    expect(await pacer.turn(post('second'))).toBe(6 * SECOND);
    expect(await pacer.turn(post('newcomer'))).toBe(7 * SECOND);
    await clock.advance(6 * SECOND);
    expect(await pacer.turn(post('second'))).toBeUndefined();
  });

  test('a pause moves all reserved times by the same delay', async () => {
    const clock = createVirtualClock(START);
    const pacer = createPacer(clock);
    for (let n = 0; n < 6; n++) void pacer.turn(post(`first${n}`));
    expect(await pacer.turn(post('a'))).toBe(6 * SECOND);
    expect(await pacer.turn(post('b'))).toBe(7 * SECOND);
    pacer.pause(post(''), ms(30 * SECOND));
    expect(await pacer.turn(post('b'))).toBe(37 * SECOND);
    expect(await pacer.turn(post('a'))).toBe(36 * SECOND);
  });
});

test('another channel has a queue of its own', async () => {
  const clock = createVirtualClock(START);
  const pacer = createPacer(clock);
  for (let n = 0; n < 20; n++) void pacer.turn(post(`k${n}`));
  expect(await pacer.turn({ ...post('other'), channel: '#b' })).toBeUndefined();
});
