import { describe, expect, it } from 'vitest';
import type { Fault } from '../../../demo/slack/faults.ts';
import type { Alert } from '../../../src/alerts/alert.ts';
import { MINUTE, ms } from '../../../src/lib/units.ts';
import type { DesiredMessage, MessageUpdate } from '../../../src/messages/store.ts';
import { many, over, play } from '../evaluation/rule-play.ts';
import { GENERAL, inVirtualTime } from '../slack/slack-server.ts';
import { useBed } from './sync-bed.ts';

const bed = useBed();

/** An alert group whose entries go to the bed's store, as an evaluation's do. */
function aStorm(alerts: readonly Alert[] = many(60)) {
  const rule = play({ groupThreshold: 10, flapThreshold: 0 });
  const tick = async (evalTime: number, now: readonly Alert[]): Promise<void> => {
    const messages = rule.tick(evalTime, now).map(({ update }) => update);
    const state = { evalTime: bed.stand.clock.now(), rules: {} };
    await bed.store.applyEvaluation({ group: `g${evalTime}`, state, messages });
  };
  return {
    begin: () => tick(0, alerts),
    end: (evalTime: number) =>
      tick(
        evalTime,
        alerts.map((alert) => over(alert, evalTime)),
      ),
  };
}

const top = () =>
  bed.messages(GENERAL).filter(({ threadTs, text }) => threadTs === undefined && !/deleted/.test(text));
const replies = () => bed.thread(top()[0]);
const listed = (word: string): number =>
  replies().filter(({ blocks }) => JSON.stringify(blocks).includes(word)).length;

describe('an alert group reaches its end, listed once in its thread', () => {
  const at = (method: string, what: Fault['do'], more: Partial<Fault> = {}): Fault => ({
    method,
    do: what,
    ...more,
  });
  /** The first call of `chat.postMessage` posts the message itself. */
  const faults: Readonly<Record<string, readonly Fault[]>> = {
    'when nothing fails': [],
    'when Slack asks to wait': [
      at('chat.postMessage', { kind: 'rate-limit', retryAfterSeconds: 7 }, { after: 1, times: 2 }),
      at('chat.update', { kind: 'rate-limit', retryAfterSeconds: 7 }, { times: 2 }),
    ],
    'when the answer to the message itself is lost': [at('chat.postMessage', { kind: 'reset-after-accept' })],
    'when the answer to a reply is lost after Slack took it': [
      at('chat.postMessage', { kind: 'reset-after-accept' }, { after: 1 }),
    ],
    'when replies get lost on the way, and then Slack fails for a while': [
      at('chat.postMessage', { kind: 'reset-before-accept' }, { after: 1 }),
      at('*', { kind: 'http', status: 503 }, { after: 4, times: 6 }),
    ],
    'when edits of replies are refused now and then': [
      at('chat.update', { kind: 'http', status: 502 }, { after: 1, times: 2 }),
      at('chat.update', { kind: 'reset-after-accept' }, { after: 2 }),
    ],
  };
  it.each(Object.entries(faults))('%s', async (_, script) => {
    for (const fault of script) bed.stand.server.faults.add(fault);
    const alertGroup = aStorm();
    await alertGroup.begin();
    await bed.settle();
    expect(top()).toHaveLength(1);
    expect(replies()).toHaveLength(2);
    await bed.stand.clock.advance(ms(5 * MINUTE));
    await alertGroup.end(300);
    await bed.settle();
    expect(top().map(({ text }) => text)).toEqual([expect.stringContaining('all 60 services recovered')]);
    expect(listed('🔴 firing')).toBe(0);
    expect(listed('✅ recovered')).toBe(2);
    expect(await bed.store.pendingMessages()).toEqual({ depth: 0 });
  });

  it('when a reply is deleted: it is posted anew by the next edit', async () => {
    const alertGroup = aStorm();
    await alertGroup.begin();
    await bed.settle();
    bed.stand.workspace.deleteMessage(GENERAL, replies()[0]?.ts ?? '');
    expect(replies()).toHaveLength(1);
    await bed.stand.clock.advance(ms(5 * MINUTE));
    await alertGroup.end(300);
    await bed.settle();
    expect(listed('✅ recovered')).toBe(2);
  });

  it('when two processes deliver from one store', async () => {
    const alertGroup = aStorm();
    await alertGroup.begin();
    const other = bed.syncOn(bed.store, { workers: 3 });
    for (let rounds = 0; rounds < 40; rounds++) {
      await inVirtualTime(bed.stand.clock, Promise.all([other.drain(), bed.sync.drain()]));
      await bed.stand.clock.advance(ms(2_000));
    }
    expect(top()).toHaveLength(1);
    expect(replies()).toHaveLength(2);
  });
});

it('a page says that it is more urgent than what is open already, and leads there', async () => {
  const [ticket, page] = many(2);
  const entry = (alert: Alert | undefined, more: Partial<DesiredMessage> = {}): MessageUpdate => {
    const [first] = play().tick(0, alert === undefined ? [] : [alert]);
    const desired = first?.update.desired;
    if (first === undefined || desired === undefined) throw new Error('a firing is notified');
    return { ...first.update, at: bed.stand.clock.now(), desired: { ...desired, ...more } };
  };
  const tell = async (group: string, notified: MessageUpdate): Promise<void> => {
    const state = { evalTime: bed.stand.clock.now(), rules: {} };
    await bed.store.applyEvaluation({ group, state, messages: [notified] });
    await bed.settle();
  };
  await tell('a', entry(ticket));
  const open = top()[0];
  await tell('b', entry(page, { escalates: ticket?.alertId ?? '' }));
  const urgent = JSON.stringify(top()[1]?.blocks);
  expect(urgent).toContain('Escalates <');
  expect(urgent).toContain(`p${open?.ts.replace('.', '')}`);
});
