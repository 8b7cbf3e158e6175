import { describe, expect, it } from 'vitest';
import { MINUTE, ms, SECOND } from '../../../src/lib/units.ts';
import { INCIDENTS, inVirtualTime } from '../slack/slack-server.ts';
import { alertOf, resolved, useBed } from './sync-bed.ts';

const bed = useBed();

describe('an alert on a good day', () => {
  it('is posted from the metrics alone, then enriched, then resolved: one message, one note', async () => {
    await bed.decide('firing');
    await bed.drain();
    expect(bed.messages()).toHaveLength(1);
    expect(bed.called('chat.postMessage')).toHaveLength(1);
    expect(bed.called('chat.update')).toHaveLength(1);
    expect(JSON.stringify(bed.called('chat.postMessage')[0]?.args)).toContain(
      'Searching for the slowest traces',
    );
    expect(JSON.stringify(bed.messages()[0]?.blocks)).toContain('POST /checkout');

    await bed.stand.clock.advance(12 * MINUTE);
    await bed.decide('resolved', resolved());
    await bed.drain();
    expect(bed.messages()).toHaveLength(1);
    expect(bed.messages()[0]?.text).toContain('✅ checkout: recovered after 12 min');
    expect(bed.thread(bed.messages()[0]).map(({ text }) => text)).toEqual([
      expect.stringContaining('Resolved: 0.4% of requests slower than 500 ms (alert threshold 1%).'),
    ]);
    expect(bed.outcomes()).toEqual(['post sent', 'edit sent', 'reply sent']);
    // Once the last spans have arrived, the evidence is collected a last time.
    await bed.stand.clock.advance(MINUTE);
    await bed.drain();
    expect(await bed.store.pendingMessages()).toEqual({ depth: 0 });
    expect(bed.outcomes().slice(3)).toEqual(['edit unchanged']);
  });

  it('tells the channel of the end, too, where its route says so', async () => {
    const postedTo = [{ mentions: [], broadcastsEnd: true }] as const;
    await bed.decide('firing', { ...alertOf(), postedTo });
    await bed.decide('no-data', { ...alertOf(), postedTo });
    await bed.drain();
    await bed.decide('data-back', { ...alertOf(), postedTo });
    await bed.decide('resolved', { ...resolved(), postedTo });
    await bed.drain();
    const replies = bed.called('chat.postMessage').filter(({ args }) => args['thread_ts'] !== undefined);
    expect(replies.map(({ args }) => args['reply_broadcast'])).toEqual([undefined, 'true']);
  });

  it('keeps where the message is, with its permalink', async () => {
    await bed.decide('firing');
    await bed.drain();
    const [message] = bed.messages();
    expect(await bed.store.shownMessage(alertOf().alertId)).toMatchObject({
      channelId: INCIDENTS,
      messageTs: message?.ts,
      permalink: expect.stringContaining(`/archives/${INCIDENTS}/`),
    });
  });

  it('sends no edit that changes nothing', async () => {
    await bed.decide('firing');
    await bed.drain();
    await bed.stand.clock.advance(MINUTE);
    await bed.decide('refresh');
    await bed.drain();
    expect(bed.called('chat.update')).toHaveLength(1);
    expect(bed.outcomes()).toEqual(['post sent', 'edit sent', 'edit unchanged']);
  });

  it('says in the message and in its thread that the data is gone, and that it is back', async () => {
    await bed.decide('firing');
    await bed.drain();
    await bed.stand.clock.advance(MINUTE);
    await bed.decide('no-data', alertOf({ noDataSince: bed.stand.clock.now() }));
    await bed.drain();
    expect(bed.messages()[0]?.text).toContain('no data, alert still open');
    await bed.stand.clock.advance(MINUTE);
    await bed.decide('data-back', alertOf({ value: 0.05 }));
    await bed.drain();
    expect(bed.messages()[0]?.text).not.toContain('no data');
    expect(bed.thread(bed.messages()[0])).toHaveLength(2);
    expect(bed.messages()).toHaveLength(1);
  });

  it('posts nothing for a resolve whose firing nobody saw', async () => {
    await bed.decide('resolved', resolved());
    await bed.drain();
    expect(bed.messages()).toHaveLength(0);
    expect(await bed.store.pendingMessages()).toEqual({ depth: 0 });
  });
});

describe('the worker', () => {
  it('looks again when it is woken, and ends when it is stopped', async () => {
    bed.sync.start();
    await inVirtualTime(bed.stand.clock, bed.stand.clock.sleep(SECOND));
    await bed.decide('firing');
    bed.sync.signal();
    while (bed.messages().length === 0) await new Promise((resolve) => setTimeout(resolve, 2));
    await inVirtualTime(bed.stand.clock, bed.sync.stop());
    await bed.decide('refresh', alertOf({ value: 0.5 }));
    await bed.stand.clock.advance(MINUTE);
    expect((await bed.store.pendingMessages()).depth).toBeGreaterThan(0);
  });

  it('complains once while the store does not answer, and goes on when it does', async () => {
    let isDown = true;
    const flaky = bed.syncOn({
      ...bed.store,
      claimMessage: (request) =>
        isDown ? Promise.reject(new Error('disk')) : bed.store.claimMessage(request),
    });
    await bed.decide('firing');
    flaky.start();
    await inVirtualTime(bed.stand.clock, bed.stand.clock.sleep(MINUTE), SECOND);
    expect(bed.stand.log.messages('error')).toEqual(['messages cannot be read from the store']);
    isDown = false;
    await inVirtualTime(bed.stand.clock, bed.stand.clock.sleep(ms(2 * MINUTE)), SECOND);
    await inVirtualTime(bed.stand.clock, flaky.stop());
    expect(bed.messages()).toHaveLength(1);
  });
});

describe('an alert group of alerts while Jaeger hangs', () => {
  it('posts a new alert at once: those that wait for evidence never occupy all workers', async () => {
    let release: () => void = () => undefined;
    const hanging = new Promise<void>((resolve) => {
      release = resolve;
    });
    const stormy = bed.syncOn(bed.store, { workers: 4, before: () => hanging });
    const alerts = Array.from({ length: 6 }, (_, n) => alertOf({ alertId: `alertId-${n}` }));
    for (const alert of alerts) await bed.decide('firing', alert);
    stormy.start();
    while (bed.messages().length < alerts.length) await bed.tick();
    // All six have their message; what can be is waiting for evidence. A seventh comes.
    for (let ticks = 0; ticks < 50; ticks += 1) await bed.tick();
    await bed.decide('firing', alertOf({ alertId: 'alertId-7' }));
    stormy.signal();
    while (bed.messages().length < alerts.length + 1) await bed.tick();
    expect(bed.messages().at(-1)?.metadata).toMatchObject({ event_payload: { alertId: 'alertId-7' } });
    release();
    await inVirtualTime(bed.stand.clock, stormy.stop());
  });
});
