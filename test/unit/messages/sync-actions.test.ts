import { describe, expect, it } from 'vitest';
import { aRule } from '../../support/builders.ts';
import { inVirtualTime } from '../slack/slack-server.ts';
import { alertOf, resolved, useBed } from './sync-bed.ts';

const bed = useBed();

const { alertId } = alertOf();
const shown = (): string => JSON.stringify(bed.messages()[0]?.blocks ?? []);

/** What a person does, with its notification in the same write, as `keep-alerts` decides it. */
const act = (kind: 'acknowledged' | 'closed') => {
  const now = bed.stand.clock.now();
  return bed.store.recordAction({
    alertId,
    kind,
    action: { by: 'U0ANN', at: now },
    messages: [{ key: alertId, isTouched: true, at: now }],
  });
};

describe('the reminder of a page that nobody acknowledged', () => {
  const decided = () => {
    const at = bed.stand.clock.now();
    const line = {
      key: `${alertId}:reminder`,
      kind: 'reminder',
      at,
      alert: alertOf(),
      rule: aRule(),
    } as const;
    const text = 'Not acknowledged for 15 min';
    return { key: alertId, line: { ...line, text, mentions: ['S0ONCALL'] }, at };
  };
  const apply = (group: string) =>
    bed.store.applyEvaluation({
      group,
      state: { evalTime: bed.stand.clock.now(), rules: {} },
      messages: [decided()],
    });
  const replies = () => bed.thread(bed.messages()[0]).map(({ text }) => text);

  it('is one reply that mentions the route, with two replicas and a state that forgot it', async () => {
    await bed.decide('firing');
    await bed.drain();
    await apply('g');
    const other = bed.syncOn(bed.store);
    await Promise.all([bed.drain(), inVirtualTime(bed.stand.clock, other.drain())]);
    await apply('forgetful');
    await bed.settle();
    expect(replies()).toEqual([
      expect.stringMatching(/^⏰ Not acknowledged for 15 min: .*\. <!subteam\^S0ONCALL> · /),
    ]);
  });

  it.each([
    ['acknowledged', () => act('acknowledged')],
    ['resolved', () => bed.decide('resolved', resolved())],
  ])('is not sent when it was %s since', async (_, happens) => {
    await bed.decide('firing');
    await bed.drain();
    await apply('g');
    await happens();
    await bed.settle();
    expect(replies().filter((text) => text.startsWith('⏰'))).toEqual([]);
    expect(await bed.store.pendingMessages()).toEqual({ depth: 0 });
  });
});

describe('what a person did is shown', () => {
  it('at once, although the message was edited a moment ago, with the traces that it shows', async () => {
    await bed.decide('firing');
    await bed.drain();
    expect(bed.called('chat.update')).toHaveLength(1);
    await act('acknowledged');
    await bed.drain();
    expect(bed.called('chat.update')).toHaveLength(2);
    expect(shown()).toContain('Acknowledged by <@U0ANN>');
    expect(shown()).toContain('POST /checkout');
    expect(bed.thread(bed.messages()[0])).toEqual([]);
    expect(bed.outcomes()).toEqual(['post sent', 'edit sent', 'edit sent']);
  });

  it('with the evidence of the last edit: nothing is collected for it', async () => {
    let collected = 0;
    const sync = bed.syncOn(bed.store, {
      before: async () => {
        collected += 1;
      },
    });
    const drain = () => inVirtualTime(bed.stand.clock, sync.drain());
    await bed.decide('firing');
    await drain();
    await act('acknowledged');
    await drain();
    expect(shown()).toContain('Acknowledged by <@U0ANN>');
    expect(collected).toBe(1);
    await bed.decide('resolved', resolved());
    await drain();
    expect(collected).toBe(2);
  });

  it('by the first post already, when the channel was slow to take it', async () => {
    await bed.decide('firing');
    await act('acknowledged');
    await bed.drain();
    expect(JSON.stringify(bed.called('chat.postMessage')[0]?.args)).toContain('Acknowledged by <@U0ANN>');
  });

  it('by an end that was decided before, and nothing turns it back', async () => {
    await bed.decide('firing');
    await bed.drain();
    await bed.decide('resolved', resolved());
    await act('acknowledged');
    await bed.drain();
    await bed.settle();
    expect(bed.messages()[0]?.text).toContain('✅ checkout: recovered');
    expect(shown()).toContain('Acknowledged by <@U0ANN>');
  });

  it('and an edit decided before does not open a message that a person closed', async () => {
    await bed.decide('firing');
    await bed.drain();
    await bed.decide('refresh', alertOf({ value: 0.5 }));
    await act('closed');
    await bed.drain();
    await bed.settle();
    expect(bed.messages()[0]?.text).toContain('closed manually');
  });
});
