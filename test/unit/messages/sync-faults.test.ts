import { describe, expect, it } from 'vitest';
import type { Fault } from '../../../demo/slack/faults.ts';
import { MINUTE, ms, SECOND } from '../../../src/lib/units.ts';
import type { Store } from '../../../src/messages/store.ts';
import { GENERAL } from '../slack/slack-server.ts';
import { alertOf, type Bed, resolved, useBed } from './sync-bed.ts';

const bed = useBed();

const at = (method: string, what: Fault['do'], more: Partial<Fault> = {}): Fault => ({
  method,
  do: what,
  ...more,
});

/** A breach and its end, with these faults on the way. */
async function expectOneMessage({ on, script }: { on: Bed; script: readonly Fault[] }): Promise<void> {
  for (const fault of script) on.stand.server.faults.add(fault);
  await on.decide('firing');
  await on.drain();
  const hasFiringPost = on.messages().length > 0;
  await on.stand.clock.advance(SECOND);
  await on.decide('resolved', resolved());
  await on.settle();
  expect(await on.store.pendingMessages()).toEqual({ depth: 0 });
  expect(on.messages().map(({ text }) => text)).toEqual([expect.stringContaining('✅ checkout: recovered')]);
  expect(on.messages(GENERAL)).toHaveLength(0);
  // What ended before it could be posted is one line: nothing is left to say in its thread.
  expect(on.thread(on.messages()[0])).toHaveLength(hasFiringPost ? 1 : 0);
}

describe('exactly one message, in its final form, when an answer never ends', () => {
  const patient = useBed({ timeout: ms(300) });

  it.each(['chat.postMessage', 'chat.update'])('of %s', async (method) => {
    await expectOneMessage({ on: patient, script: [at(method, { kind: 'stall' })] });
  });
});

describe('exactly one message, in its final form, whatever Slack does', () => {
  const faults: Record<string, Fault[]> = {
    'a 429 on the post': [at('chat.postMessage', { kind: 'rate-limit', retryAfterSeconds: 7 })],
    'a 429 on the edit': [at('chat.update', { kind: 'rate-limit', retryAfterSeconds: 7 })],
    'a 500 on the post': [at('chat.postMessage', { kind: 'http', status: 500 })],
    'three 503 on the post': [at('chat.postMessage', { kind: 'http', status: 503 }, { times: 3 })],
    'a connection reset before Slack took the post': [
      at('chat.postMessage', { kind: 'reset-before-accept' }),
    ],
    'a connection reset after Slack took the post': [at('chat.postMessage', { kind: 'reset-after-accept' })],
    'a page of a proxy in place of an answer': [
      at('chat.postMessage', { kind: 'http', status: 200, body: '<html>Sign in</html>' }),
    ],
    'an internal error': [at('chat.postMessage', { kind: 'error', error: 'internal_error' })],
    'a reset after the post and a search that fails twice': [
      at('chat.postMessage', { kind: 'reset-after-accept' }),
      at('conversations.history', { kind: 'http', status: 500 }, { times: 2 }),
    ],
    'a reset after the final edit': [at('chat.update', { kind: 'reset-after-accept' }, { after: 1 })],
    'a final edit that fails again and again': [
      at('chat.update', { kind: 'http', status: 502 }, { after: 1, times: 5 }),
    ],
    'blocks that the workspace does not take': [
      at('chat.postMessage', { kind: 'error', error: 'invalid_blocks' }),
    ],
    'no permalink': [at('chat.getPermalink', { kind: 'http', status: 500 })],
    'everything failing for a while': [at('*', { kind: 'http', status: 500 }, { times: 9 })],
  };

  it.each(Object.entries(faults))('%s', async (_name, script) => {
    await expectOneMessage({ on: bed, script });
  });

  it('a note whose answer got lost is not said twice', async () => {
    await bed.decide('firing');
    await bed.drain();
    bed.stand.server.faults.add(at('chat.postMessage', { kind: 'reset-after-accept' }));
    await bed.decide('resolved', resolved());
    await bed.settle();
    expect(await bed.store.pendingMessages()).toEqual({ depth: 0 });
    expect(bed.thread(bed.messages()[0])).toHaveLength(1);
  });

  it('a crash between the post and its note in the store: the message is found, not posted again', async () => {
    await bed.decide('firing');
    const crashing: Store = { ...bed.store, settleMessage: () => new Promise(() => undefined) };
    const doomed = bed.syncOn(crashing);
    void doomed.drain();
    while (bed.messages().length === 0) await new Promise((resolve) => setTimeout(resolve, 2));
    // The lease runs out, and another process takes over.
    await bed.stand.clock.advance(3 * MINUTE);
    await bed.drain();
    expect(bed.messages()).toHaveLength(1);
    expect(await bed.store.shownMessage(alertOf().alertId)).toMatchObject({
      messageTs: bed.messages()[0]?.ts,
    });
  });

  it('waits exactly as long as Slack says', async () => {
    bed.stand.server.faults.add(at('chat.postMessage', { kind: 'rate-limit', retryAfterSeconds: 7 }));
    await bed.decide('firing');
    await bed.drain();
    await bed.stand.clock.advance(6_999);
    await bed.drain();
    expect(bed.called('chat.postMessage')).toHaveLength(1);
    await bed.stand.clock.advance(1);
    await bed.drain();
    expect(bed.messages()).toHaveLength(1);
  });
});
