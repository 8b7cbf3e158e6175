import { expect, test } from 'vitest';
import { SECOND } from '../../../src/lib/units.ts';
import type { Store } from '../../../src/messages/store.ts';
import { inVirtualTime } from '../slack/stand.ts';
import { alertOf, resolved, useBed } from './delivery-bed.ts';

const bed = useBed();
const ALERTS = 20;
const WORKERS = 6;
const alertIds = Array.from({ length: ALERTS }, (_, index) => `alertGroup-${String(index).padStart(2, '0')}`);

test('many alerts at once come once each, a second apart, about in order, and each is taken only a few times', async () => {
  let taken = 0;
  const counting: Store = {
    ...bed.store,
    claimMessage: async (request) => {
      const message = await bed.store.claimMessage(request);
      taken += message === undefined ? 0 : 1;
      return message;
    },
  };
  const sync = bed.syncOn(counting, { workers: WORKERS });
  for (const alertId of alertIds)
    await bed.decide('firing', alertOf({ alertId, labels: { alertname: alertId, service: alertId } }));
  sync.start();
  for (let ticks = 0; ticks < 600 && bed.messages().length < ALERTS; ticks++) await bed.tick();
  await inVirtualTime(bed.stand.clock, sync.stop());
  const posted = bed.messages().map(({ text }) => /alertGroup-\d\d/.exec(text)?.[0] ?? text);
  expect(posted.toSorted()).toEqual(alertIds);
  // Those under way together look into the store side by side, and may overtake each other there.
  const shifts = posted.map((alertId, index) => Math.abs(alertIds.indexOf(alertId) - index));
  expect(Math.max(...shifts)).toBeLessThan(WORKERS);
  const posts = bed.called('chat.postMessage');
  expect(posts.filter(({ outcome }) => outcome !== 'ok')).toEqual([]);
  expect(taken).toBeLessThan(WORKERS * ALERTS);
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
  expect(await bed.store.pendingMessages()).toEqual({ depth: 0 });
  await bed.decide('resolved', resolved());
  await bed.settle();
  expect(bed.messages().map(({ text }) => text)).toEqual([expect.stringContaining('recovered')]);
});
