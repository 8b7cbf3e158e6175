import { describe, expect, it } from 'vitest';
import { after, epochMs, HOUR, MINUTE, ms, SECOND } from '../../../src/lib/units.ts';
import {
  backoff,
  decideReconcile,
  decideStep,
  outageBackoff,
  type SyncStep,
} from '../../../src/messages/decide-sync.ts';
import type { DesiredMessage, MessageRecord, ShownMessage } from '../../../src/messages/store.ts';
import { anAlert, aRule } from '../../support/builders.ts';
import { START } from '../../support/virtual-clock.ts';

const NOW = after(START, MINUTE);

const desired: DesiredMessage = { group: 'g', alert: anAlert(), rule: aRule(), asOf: START };
const shown: ShownMessage = {
  key: 'key',
  channelId: 'C0INCIDENTS',
  messageTs: '1.000001',
  contentHash: 'hash',
  postedAt: START,
  editedAt: START,
};
const record = (over: Partial<MessageRecord>): MessageRecord => ({
  key: 'key',
  desired,
  lines: [],
  failures: 0,
  revision: 1,
  syncedRevision: 0,
  ...over,
});
const seconds = (count: number) => ms(count * SECOND);

describe('decideStep', () => {
  const attempt = { key: 'key', since: START };
  const reply = { ...desired, parent: 'parent' };
  const cases: Record<
    string,
    [Partial<MessageRecord>, SyncStep, { parent?: ShownMessage; isEnded?: boolean }?]
  > = {
    'a message that nobody posted is posted': [{}, { kind: 'post', isBrief: false }],
    'one that ended before it was posted is posted as one line': [
      {},
      { kind: 'post', isBrief: true },
      { isEnded: true },
    ],
    'one whose last call has an unknown outcome is looked for first': [
      { attempt },
      { kind: 'reconcile', attempt, isLine: false },
    ],
    'a line whose call has an unknown outcome is looked for first': [
      { attempt: { key: 'key:no-data:1', since: START }, shown },
      { kind: 'reconcile', attempt: { key: 'key:no-data:1', since: START }, isLine: true },
    ],
    'one that has changed is edited': [{ shown }, { kind: 'update', isEdit: true }],
    'one that has not changed is not edited for a line': [
      { shown, syncedRevision: 1 },
      { kind: 'update', isEdit: false },
    ],
    'one that Slack does not let edit is not edited': [
      { shown: { ...shown, isFrozen: true } },
      { kind: 'update', isEdit: false },
    ],
    'a line of a message that was never posted is dropped': [
      { desired: undefined },
      { kind: 'drop', reason: 'never-posted' },
    ],
    'a reply waits for its parent': [
      { desired: reply },
      { kind: 'wait', until: after(NOW, seconds(2)), reason: 'parent-not-posted' },
    ],
    'a reply whose parent never came is dropped': [
      { desired: { ...reply, asOf: epochMs(NOW - HOUR - 1) } },
      { kind: 'drop', reason: 'parent-lost' },
    ],
    'a reply below its parent is posted': [
      { desired: reply },
      { kind: 'post', isBrief: false },
      { parent: shown, isEnded: true },
    ],
    'a reply is posted again when its parent was': [
      { desired: reply, shown },
      { kind: 'post', isBrief: false },
      { parent: { ...shown, postedAt: NOW } },
    ],
    'a reply below the same parent is edited': [
      { desired: reply, shown },
      { kind: 'update', isEdit: true },
      { parent: shown },
    ],
  };
  it.each(Object.entries(cases))('%s', (_sentence, [over, step, { parent, isEnded = false } = {}]) => {
    expect(decideStep(record(over), { parent, isEnded, now: NOW })).toEqual(step);
  });
});

describe('decideReconcile', () => {
  const cases: Record<string, ['found' | 'absent' | 'unknown', number, object]> = {
    'what was found is adopted': ['found', 1, { kind: 'adopt' }],
    'absent after 29 s it may still appear': ['absent', 29, { kind: 'wait', until: after(NOW, SECOND) }],
    'absent after 30 s it is sent again': ['absent', 30, { kind: 'send', reason: 'absent' }],
    'a look that failed is repeated': ['unknown', 30, { kind: 'wait', until: after(NOW, seconds(4)) }],
    'after five minutes of failed looks it is sent again': [
      'unknown',
      300,
      { kind: 'send', reason: 'out-of-patience' },
    ],
  };
  it.each(Object.entries(cases))('%s', (_sentence, [found, age, step]) => {
    const since = epochMs(NOW - age * 1_000);
    expect(decideReconcile(found, { key: 'key', since }, { failures: 1, now: NOW })).toEqual(step);
  });
});

describe('backoff', () => {
  it('doubles from 2 s and stops at 2 min', () => {
    expect([1, 2, 3, 4, 5, 6, 7, 8, 1_000].map(backoff)).toEqual(
      [2, 4, 8, 16, 32, 64, 120, 120, 120].map(seconds),
    );
  });
  it('takes an attempt that was never counted as the first', () => {
    expect(backoff(0)).toBe(seconds(2));
  });

  it('is at most 15 s while Slack does not respond: a breach is seen soon after it does', () => {
    expect([1, 2, 3, 4, 1_000].map(outageBackoff)).toEqual([2, 4, 8, 15, 15].map(seconds));
    expect(decideReconcile('unknown', { key: 'k', since: NOW }, { failures: 50, now: NOW })).toEqual({
      kind: 'wait',
      until: after(NOW, seconds(15)),
    });
  });
});
