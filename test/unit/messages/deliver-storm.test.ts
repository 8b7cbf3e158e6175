import { expect, test } from 'vitest';
import { SECOND } from '../../../src/lib/units.ts';
import type { Store } from '../../../src/messages/store.ts';
import { inVirtualTime } from '../slack/stand.ts';
import { alertOf, resolved, useBed } from './delivery-bed.ts';

const bed = useBed();
const ALERTS = 20;
const LANES = 6;
const episodes = Array.from({ length: ALERTS }, (_, index) => `storm-${String(index).padStart(2, '0')}`);

test('many alerts at once come once each, a second apart, about in order, and each is taken only a few times', async () => {
  let taken = 0;
  const counting: Store = {
    ...bed.store,
    takeEntry: async (request) => {
      const entry = await bed.store.takeEntry(request);
      taken += entry === undefined ? 0 : 1;
      return entry;
    },
  };
  const delivery = bed.deliveryOn(counting, { lanes: LANES });
  for (const episode of episodes)
    await bed.decide('firing', alertOf({ episode, labels: { alertname: episode, service: episode } }));
  delivery.start();
  for (let ticks = 0; ticks < 600 && bed.messages().length < ALERTS; ticks++) await bed.tick();
  await inVirtualTime(bed.stand.clock, delivery.stop());
  const posted = bed.messages().map(({ text }) => /storm-\d\d/.exec(text)?.[0] ?? text);
  expect(posted.toSorted()).toEqual(episodes);
  // Those under way together look into the store side by side, and may overtake each other there.
  const shifts = posted.map((episode, index) => Math.abs(episodes.indexOf(episode) - index));
  expect(Math.max(...shifts)).toBeLessThan(LANES);
  const posts = bed.called('chat.postMessage');
  expect(posts.filter(({ outcome }) => outcome !== 'ok')).toEqual([]);
  expect(taken).toBeLessThan(LANES * ALERTS);
});

test('an edit that Slack puts off for long does not keep the end of its alert waiting', async () => {
  await bed.decide('firing');
  await bed.drain();
  bed.stand.server.faults.add({
    method: 'chat.update',
    do: { kind: 'rate-limit', retryAfterSeconds: 60 },
  });
  await bed.stand.clock.advance(SECOND);
  await bed.drain();
  expect(await bed.store.outbox()).toEqual({ depth: 0 });
  await bed.decide('resolved', resolved());
  await bed.settle();
  expect(bed.messages().map(({ text }) => text)).toEqual([expect.stringContaining('recovered')]);
});
