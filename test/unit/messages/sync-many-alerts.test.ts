import { expect, test } from 'vitest';
import { SECOND } from '../../../src/lib/units.ts';
import type { Store } from '../../../src/messages/store.ts';
import { inVirtualTime } from '../slack/slack-server.ts';
import { alertOf, resolved, useBed } from './sync-bed.ts';

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
  // Workers record their attempt before they post, and may overtake each other there.
  const shifts = posted.map((alertId, index) => Math.abs(alertIds.indexOf(alertId) - index));
  expect(Math.max(...shifts)).toBeLessThan(2 * WORKERS);
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

test('what fired and ended before it could be posted is one line, not two messages', async () => {
  bed.stand.server.faults.add({
    method: 'chat.postMessage',
    do: { kind: 'rate-limit', retryAfterSeconds: 60 },
  });
  await bed.decide('firing');
  await bed.drain();
  await bed.decide('resolved', resolved());
  await bed.settle();
  expect(bed.messages()).toHaveLength(1);
  expect(bed.messages()[0]?.text).toBe('✅ checkout: recovered after 12 min');
  expect(bed.messages()[0]?.blocks).toHaveLength(1);
  expect(bed.thread(bed.messages()[0])).toEqual([]);
  expect(await bed.store.pendingMessages()).toEqual({ depth: 0 });
});

test('alerts that come and go faster than Slack takes messages do not pile up: one record each, one message each', async () => {
  const alerts = Array.from({ length: 40 }, (_, n) => alertOf({ alertId: `r-${n}` }));
  for (const alert of alerts) await bed.decide('firing', alert);
  for (const alert of alerts) await bed.decide('refresh', { ...alert, value: 0.5 });
  for (const { alertId } of alerts) await bed.decide('resolved', { ...resolved(), alertId });
  expect((await bed.store.pendingMessages()).depth).toBe(alerts.length);
  await bed.settle();
  const keys = bed.messages().map(({ metadata }) => JSON.stringify(metadata));
  expect(new Set(keys).size).toBe(alerts.length);
  expect(keys).toHaveLength(alerts.length);
  expect(bed.called('chat.postMessage')).toHaveLength(alerts.length);
  expect(bed.called('chat.update')).toEqual([]);
});
