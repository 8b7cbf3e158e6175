import { describe, expect, it } from 'vitest';
import { MINUTE } from '../../../src/lib/units.ts';
import { START } from '../../support/virtual-clock.ts';
import { GENERAL, INCIDENTS } from '../slack/slack-server.ts';
import { alertOf, resolved, useBed } from './sync-bed.ts';

const bed = useBed();

describe('a message or a channel that is gone', () => {
  it('a deleted message is posted anew and lives on', async () => {
    await bed.decide('firing');
    await bed.drain();
    bed.stand.workspace.deleteMessage(INCIDENTS, bed.messages()[0]?.ts ?? '');
    await bed.stand.clock.advance(MINUTE);
    await bed.decide('refresh', alertOf({ value: 0.2 }));
    await bed.drain();
    expect(bed.messages()).toHaveLength(1);
    await bed.decide('resolved', resolved());
    await bed.drain();
    expect(bed.messages().map(({ text }) => text)).toEqual([expect.stringContaining('✅')]);
  });

  it('a deleted message whose new post got lost on the way is not posted a third time', async () => {
    await bed.decide('firing');
    await bed.drain();
    await bed.stand.clock.advance(MINUTE);
    const { faults } = bed.stand.server;
    faults.add({ method: 'chat.update', times: 2, do: { kind: 'http', status: 500 } });
    faults.add({ method: 'chat.postMessage', do: { kind: 'reset-after-accept' } });
    bed.stand.workspace.deleteMessage(INCIDENTS, bed.messages()[0]?.ts ?? '');
    await bed.decide('refresh', alertOf({ value: 0.2 }));
    await bed.settle();
    await bed.decide('resolved', resolved());
    await bed.settle();
    expect(bed.messages().map(({ text }) => text)).toEqual([expect.stringContaining('✅')]);
  });

  it('an archived channel sends the alert to the default one, which says why and keeps saying it', async () => {
    bed.stand.workspace.archiveChannel(INCIDENTS);
    await bed.decide('firing');
    await bed.drain();
    expect(bed.messages(GENERAL)).toHaveLength(1);
    expect(bed.messages(GENERAL)[0]?.text).toContain('Could not post to #incidents (is_archived)');
    await bed.decide('resolved', resolved());
    await bed.settle();
    expect(bed.messages(GENERAL)).toHaveLength(1);
    expect(bed.messages(GENERAL)[0]?.text).toContain('✅');
    expect(bed.messages(GENERAL)[0]?.text).toContain('Could not post to #incidents');
  });

  it('a channel archived while the alert fires: its end is notified in the default channel', async () => {
    await bed.decide('firing');
    await bed.drain();
    bed.stand.workspace.archiveChannel(INCIDENTS);
    await bed.decide('resolved', resolved());
    await bed.settle();
    expect(await bed.store.pendingMessages()).toEqual({ depth: 0 });
    expect(bed.messages(GENERAL).map(({ text }) => text)).toEqual([expect.stringContaining('✅ checkout')]);
  });

  it('a channel that is archived for two minutes has the alert in one message still', async () => {
    await bed.decide('firing');
    await bed.drain();
    const { conversations } = bed.stand.workspace.state;
    const channel = conversations.channel(INCIDENTS);
    if (channel === undefined) throw new Error('there is no such channel');
    bed.stand.workspace.archiveChannel(INCIDENTS);
    for (const value of [0.2, 0.3, 0.4, 0.5]) {
      await bed.stand.clock.advance(MINUTE / 2);
      await bed.decide('refresh', alertOf({ value }));
      await bed.drain();
    }
    conversations.changeChannel(channel);
    await bed.decide('resolved', resolved());
    await bed.settle();
    expect(bed.messages().map(({ text }) => text)).toEqual([expect.stringContaining('✅ checkout')]);
    expect(bed.messages(GENERAL)).toEqual([]);
  });

  it('a message that was left in a channel for the default one ends too, once its channel takes edits again', async () => {
    await bed.decide('firing');
    await bed.drain();
    const { conversations } = bed.stand.workspace.state;
    const channel = conversations.channel(INCIDENTS);
    if (channel === undefined) throw new Error('there is no such channel');
    bed.stand.workspace.archiveChannel(INCIDENTS);
    await bed.decide('refresh', alertOf({ value: 0.2 }));
    await bed.settle();
    expect(bed.messages(GENERAL)).toHaveLength(1);
    conversations.changeChannel(channel);
    await bed.decide('resolved', resolved());
    await bed.settle();
    for (const id of [INCIDENTS, GENERAL])
      expect(bed.messages(id).map(({ text }) => text)).toEqual([expect.stringContaining('✅ checkout')]);
  });

  it('when the default channel refuses too, the alert is kept, tried ever more rarely, and complained about once', async () => {
    bed.stand.workspace.archiveChannel(INCIDENTS);
    bed.stand.workspace.archiveChannel(GENERAL);
    await bed.decide('firing');
    for (let minute = 0; minute < 20; minute += 1) {
      await bed.drain();
      await bed.stand.clock.advance(MINUTE);
    }
    expect(await bed.store.pendingMessages()).toMatchObject({ depth: 1 });
    expect(bed.called('chat.postMessage').length).toBeLessThan(40);
    expect(bed.stand.log.messages('error')).toEqual(['Slack refuses a message: it is kept and tried again']);
    expect(bed.sync.refusal()).toEqual({ code: 'is_archived', since: START });
  });

  it('a revoked token shows in the readiness, and a new one sends what was kept', async () => {
    bed.stand.server.faults.add({ method: '*', times: 3, do: { kind: 'error', error: 'token_revoked' } });
    await bed.decide('firing');
    await bed.drain();
    expect(bed.sync.refusal()).toEqual({ code: 'token_revoked', since: START });
    await bed.settle();
    expect(bed.messages()).toHaveLength(1);
    expect(bed.sync.refusal()).toBeUndefined();
  });

  it('a lost look-up right is waited for five minutes, then the alert is shown all the same', async () => {
    bed.stand.server.faults.add({ method: 'chat.postMessage', do: { kind: 'reset-before-accept' } });
    bed.stand.server.faults.add({
      method: 'conversations.history',
      times: 100,
      do: { kind: 'error', error: 'missing_scope' },
    });
    await bed.decide('firing');
    await bed.drain();
    await bed.stand.clock.advance(4 * MINUTE);
    await bed.drain();
    expect(bed.messages()).toHaveLength(0);
    await bed.settle();
    expect(bed.messages()).toHaveLength(1);
  });
});

describe('a workspace that does not let messages be edited', () => {
  it.each(['edit_window_closed', 'cant_update_message'])(
    '(%s) gets one reply that says so, then replies, and never a second message',
    async (error) => {
      await bed.decide('firing');
      await bed.drain();
      bed.stand.server.faults.add({ method: 'chat.update', times: 1_000, do: { kind: 'error', error } });
      for (const value of [0.2, 0.3, 0.4]) {
        await bed.stand.clock.advance(MINUTE);
        await bed.decide('refresh', alertOf({ value }));
        await bed.settle();
      }
      await bed.decide('resolved', resolved());
      await bed.settle();
      expect(bed.messages()).toHaveLength(1);
      expect(bed.thread(bed.messages()[0]).map(({ text }) => text)).toEqual([
        expect.stringContaining(`Slack no longer lets this message be edited (${error})`),
        expect.stringContaining('Resolved: 0.4% of requests slower than 500 ms'),
      ]);
      expect(await bed.store.pendingMessages()).toEqual({ depth: 0 });
    },
  );
});

it('an alert that continues with another severity: the old message ends gray with a link, the new one links back', async () => {
  await bed.decide('firing');
  await bed.drain();
  const before = alertOf();
  const now = alertOf({
    alertId: 'page',
    labels: { ...before.labels, severity: 'page' },
    continues: before.alertId,
  });
  const continuedAs = { alertId: now.alertId, severity: 'page' };
  const at = bed.stand.clock.now();
  const ended = alertOf({ state: 'resolved', resolvedAt: at, resolveReason: 'continued', continuedAs });
  await bed.decide('resolved', ended);
  await bed.decide('firing', now);
  await bed.settle();
  const [old, next] = bed.messages();
  expect(old?.text).toContain('☑️ checkout: continues as page');
  expect(JSON.stringify(old?.blocks)).toContain(`p${next?.ts.replace('.', '')}`);
  expect(JSON.stringify(old?.blocks)).not.toContain('unknown');
  expect(JSON.stringify(next?.blocks)).toContain(`p${old?.ts.replace('.', '')}`);
  expect(bed.messages()).toHaveLength(2);
});
