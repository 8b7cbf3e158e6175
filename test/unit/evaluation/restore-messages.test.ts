import { expect, test, vi } from 'vitest';
import type { Alert } from '../../../src/alerts/alert.ts';
import { restoredNotice } from '../../../src/bot-notices.ts';
import { createRestoreMessages, type RestoredStore } from '../../../src/evaluation/restore-messages.ts';
import { matches } from '../../../src/lib/matcher.ts';
import { after, type EpochMs, MINUTE, ms, SECOND } from '../../../src/lib/units.ts';
import type { ChannelReader, OpenMessage, OpenMessages } from '../../../src/messages/notifier.ts';
import { encodeRestorePoint } from '../../../src/messages/restore-point.ts';
import { silenceUpdates } from '../../../src/messages/silence-messages.ts';
import type { Store } from '../../../src/messages/store.ts';
import type { StoredSilence } from '../../../src/policy/silence.ts';
import { anAlert, aRule } from '../../support/builders.ts';
import { createSpyLogger, createSpyRecorder } from '../../support/spies.ts';
import { createVirtualClock, START, type VirtualClock } from '../../support/virtual-clock.ts';

/** A store shared by replicas, which can lose its data. */
function sharedStore(clock?: VirtualClock) {
  let isRestored = false;
  let partialSince: EpochMs | undefined;
  const claims = new Map<string, EpochMs>();
  const silences = new Map<string, StoredSilence>();
  return {
    silences: async () => [...silences.values()],
    addSilence: async ({ silence }: Parameters<Store['addSilence']>[0]) => {
      silences.set(silence.id, silence);
      return silence;
    },
    lose: () => {
      isRestored = false;
      silences.clear();
      claims.clear();
    },
    isRestored: async () => isRestored,
    partialSince: async () => partialSince,
    loadGroup: vi.fn<Store['loadGroup']>(async () => undefined),
    shownMessage: async () => undefined,
    restore: vi.fn<Store['restore']>(async ({ at, isPartial, completes }) => {
      if (isRestored && (completes === undefined || completes !== partialSince)) return false;
      isRestored = true;
      partialSince = isPartial === true ? at : undefined;
      return true;
    }),
    claimTick: async ({ group, evalTime, ttl }: Parameters<Store['claimTick']>[0]) => {
      const key = `${group} ${evalTime}`;
      const now = clock?.now() ?? START;
      if ((claims.get(key) ?? 0) > now) return false;
      claims.set(key, after(now, ttl));
      return true;
    },
  };
}

type Shared = ReturnType<typeof sharedStore>;

const NOTHING: OpenMessages = { kind: 'read', channelId: 'C1', messages: [] };

const openMessage = (alert: Alert): OpenMessage => ({
  key: alert.alertId,
  channelId: 'C1',
  messageTs: `${START / SECOND}.000100`,
  restorePoint: encodeRestorePoint({ group: 'g', alert, rule: aRule(), asOf: START }) ?? '',
  lineKeys: [],
});

function replicaOn(store: Shared, clock: VirtualClock, answer: () => Promise<OpenMessages>) {
  const openMessages = vi.fn<ChannelReader['openMessages']>(answer);
  const log = createSpyLogger();
  const ended = new AbortController();
  const onRestored = vi.fn();
  const restoring = createRestoreMessages({
    store,
    slack: { openMessages, joinedChannels: async () => ['C1', 'C2'] },
    channels: () => ['#alerts'],
    groups: () => [],
    clock,
    logger: log,
    recorder: createSpyRecorder(),
    onRestored,
  });
  return { restoring, openMessages, log, onRestored, watch: () => restoring.watch(ended.signal), ended };
}

test('a new store is restored at the start, from each channel once, also from those that no rule names any more', async () => {
  const clock = createVirtualClock();
  const store = sharedStore();
  const { restoring, openMessages, onRestored } = replicaOn(store, clock, async () => NOTHING);
  await restoring.begin();
  // `#alerts` is C1.
  expect(openMessages.mock.calls.map(([{ channel }]) => channel)).toEqual(['#alerts', 'C2']);
  expect(await store.isRestored()).toBe(true);
  expect(onRestored).not.toHaveBeenCalled();
});

test('a replica that starts just after the others saw the loss waits for their calls too', async () => {
  const clock = createVirtualClock();
  const store = sharedStore(clock);
  const running = replicaOn(store, clock, async () => NOTHING);
  await running.restoring.begin();
  running.watch();
  await clock.advance(10 * SECOND);
  store.lose();
  await clock.advance(4 * SECOND);
  const started = replicaOn(store, clock, async () => NOTHING);
  const begun = started.restoring.begin();
  await clock.advance(3 * SECOND);
  await begun;
  started.watch();
  await clock.advance(4 * SECOND);
  expect([started.openMessages.mock.calls.length, await store.isRestored()]).toEqual([0, false]);
  await clock.advance(6 * SECOND);
  expect(await store.isRestored()).toBe(true);
  for (const { ended } of [running, started]) ended.abort();
});

test('a store that loses its data while the bot runs is restored once the calls under way have ended, by one replica', async () => {
  const clock = createVirtualClock();
  const store = sharedStore();
  const replicas = [1, 2].map(() => replicaOn(store, clock, async () => NOTHING));
  for (const each of replicas) {
    await each.restoring.begin();
    each.watch();
  }
  await clock.advance(10 * SECOND);
  const searches = () => replicas.flatMap(({ openMessages }) => openMessages.mock.calls).length;
  const before = searches();
  store.lose();
  await clock.advance(11 * SECOND);
  expect([searches(), await store.isRestored()]).toEqual([before, false]);
  expect(replicas.map(({ restoring }) => restoring.problem())).toEqual(
    Array(2).fill('open messages are being looked for in Slack'),
  );
  await clock.advance(10 * SECOND);
  expect([searches() - before, await store.isRestored()]).toEqual([2, true]);
  expect(replicas.flatMap(({ onRestored }) => onRestored.mock.calls)).toEqual([
    [{ messages: 0, wasLost: true, silences: 0, silenced: [] }],
  ]);
  expect(replicas.map(({ restoring }) => restoring.problem())).toEqual([undefined, undefined]);
  for (const { ended } of replicas) ended.abort();
});

test('a channel that Slack does not let be read is waited for five minutes, one that it refuses not at all', async () => {
  const clock = createVirtualClock();
  const store = sharedStore();
  const limited = async (): Promise<OpenMessages> => ({
    kind: 'unknown',
    reason: 'rate limited',
    retryAfter: ms(30 * SECOND),
  });
  const { restoring, log, watch, ended } = replicaOn(store, clock, limited);
  await restoring.begin();
  watch();
  await clock.advance(4 * MINUTE);
  expect(await store.isRestored()).toBe(false);
  await clock.advance(2 * MINUTE);
  expect(await store.isRestored()).toBe(true);
  expect(log.messages('error')).toEqual([expect.stringContaining('goes on without')]);
  ended.abort();

  const other = sharedStore();
  const refused = replicaOn(other, clock, async () => ({ kind: 'unreadable', reason: 'missing_scope' }));
  await refused.restoring.begin();
  expect(await other.isRestored()).toBe(true);
});

test('messages of a channel that could not be read for longer end once it can be read, once', async () => {
  const clock = createVirtualClock();
  const store = sharedStore();
  const orphan = openMessage(anAlert());
  let answer: OpenMessages = { kind: 'unknown', reason: 'timeout', retryAfter: ms(0) };
  const { restoring, watch, ended } = replicaOn(store, clock, async () => answer);
  await restoring.begin();
  watch();
  await clock.advance(10 * MINUTE);
  expect(store.restore).toHaveBeenCalledTimes(1);
  answer = { kind: 'read', channelId: 'C1', messages: [orphan] };
  await clock.advance(5 * MINUTE);
  expect(store.restore).toHaveBeenCalledTimes(2);
  const { messages = [], updates = [], groups } = store.restore.mock.lastCall?.[0] ?? {};
  expect(groups).toEqual([]);
  expect(messages.map(({ shown }) => shown.messageTs)).toEqual([orphan.messageTs]);
  expect(updates.map(({ desired }) => desired?.alert.resolveReason)).toEqual(['rule-removed']);
  ended.abort();
});

const aSilence = (until: EpochMs): StoredSilence => ({
  id: 'abc',
  matchers: [{ label: 'service', operator: '=~', value: 'c.*' }],
  startsAt: START,
  endsAt: until,
  createdBy: 'U1',
  comment: '',
  createdAt: START,
});

test('silences whose messages could not be read for longer continue once they can be', async () => {
  const clock = createVirtualClock();
  const store = sharedStore();
  const destination = { channel: '#alerts', mentions: [] };
  const silence = { ...aSilence(after(clock.now(), ms(60 * MINUTE))), announcedIn: [destination] };
  const [{ desired, key } = {}] = silenceUpdates(silence, { at: START, suppressed: [] });
  const restorePoint = desired && encodeRestorePoint(desired);
  const message = { ...openMessage(anAlert()), key: key ?? '', restorePoint: restorePoint ?? '' };
  let answer: OpenMessages = { kind: 'unknown', reason: 'timeout', retryAfter: ms(0) };
  const { restoring, watch, ended } = replicaOn(store, clock, async () => answer);
  await restoring.begin();
  watch();
  await clock.advance(10 * MINUTE);
  answer = { kind: 'read', channelId: 'C1', messages: [message] };
  await clock.advance(MINUTE);
  expect(await store.silences()).toMatchObject([
    { id: silence.id, matchers: silence.matchers, endsAt: silence.endsAt },
  ]);
  const { messages = [], updates } = store.restore.mock.lastCall?.[0] ?? {};
  expect([messages.map(({ shown }) => shown.key), updates]).toEqual([[key], []]);
  ended.abort();
});

test('silences of a store that loses its data while the bot runs continue as they were made', async () => {
  const clock = createVirtualClock();
  const store = sharedStore();
  const { restoring, onRestored, watch, ended } = replicaOn(store, clock, async () => NOTHING);
  await restoring.begin();
  const silence = aSilence(after(clock.now(), ms(MINUTE)));
  await store.addSilence({ silence, messages: [] });
  watch();
  await clock.advance(10 * SECOND);
  store.lose();
  await clock.advance(20 * SECOND);
  expect(await store.silences()).toEqual([silence]);
  expect(onRestored.mock.calls).toEqual([[{ messages: 0, wasLost: true, silences: 1, silenced: [] }]]);
  // Lost again: said once, and what has ended meanwhile is not added.
  await clock.advance(MINUTE);
  store.lose();
  await clock.advance(20 * SECOND);
  expect([await store.silences(), onRestored.mock.calls.length]).toEqual([[], 1]);
  ended.abort();
});

test('after a start without data a silence continues for the alerts whose open messages show it, for them alone', async () => {
  const clock = createVirtualClock();
  const store = sharedStore();
  const until = after(clock.now(), ms(10 * MINUTE));
  const suppressed = {
    kind: 'silence',
    by: '',
    since: START,
    until,
    silence: { id: 'abc', by: 'U1' },
  } as const;
  const alert = anAlert({ suppressed });
  const message = openMessage(alert);
  const answer: OpenMessages = { kind: 'read', channelId: 'C1', messages: [message] };
  const { restoring, onRestored } = replicaOn(store, clock, async () => answer);
  await restoring.begin();
  const [silence] = await store.silences();
  expect(silence).toMatchObject({ endsAt: until, createdBy: 'U1' });
  expect(matches(silence?.matchers ?? [], alert.labels)).toBe(true);
  expect(matches(silence?.matchers ?? [], { ...alert.labels, service: 'cart' })).toBe(false);
  const restored = onRestored.mock.lastCall?.[0] as RestoredStore;
  expect(restoredNotice(restored, START).text).toMatch(
    /^1 open message was found in Slack and continues. Silences made in Slack are lost, except for these alerts: \{alertname=.*\}\.$/,
  );
});

test.each([
  [{ wasLost: true, silences: 0, silenced: [] }, '2 open messages were found in Slack and continue.'],
  [
    { wasLost: true, silences: 1, silenced: [] },
    '2 open messages were found in Slack and continue. 1 silence made in Slack continues.',
  ],
  [
    { wasLost: false, silences: 0, silenced: [] },
    '2 open messages were found in Slack and continue. Silences made in Slack are lost: make them again where they are needed.',
  ],
])('%j is said as: %s', (restored, text) => {
  expect(restoredNotice({ messages: 2, ...restored }, START).text).toBe(text);
});
