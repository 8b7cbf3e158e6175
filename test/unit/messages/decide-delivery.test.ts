import { describe, expect, it } from 'vitest';
import { after, epochMs, MINUTE, ms, SECOND } from '../../../src/lib/units.ts';
import { backoff, decideAfterLookUp, decideDelivery } from '../../../src/messages/decide-delivery.ts';
import type { MessageRef, OutboxEntry } from '../../../src/messages/store.ts';
import { anAlert, aRule } from '../../support/builders.ts';
import { START } from '../../support/virtual-clock.ts';

const NOW = after(START, MINUTE);

const entry = (over: Partial<OutboxEntry>): OutboxEntry => ({
  id: 'entry',
  alertId: 'alertId',
  kind: 'firing',
  group: 'rules.yaml;checkout',
  alert: anAlert(),
  rule: aRule(),
  createdAt: START,
  notBefore: START,
  attempt: 1,
  ...over,
});

const ref = (over: Partial<MessageRef> = {}): MessageRef => ({
  alertId: 'alertId',
  channelId: 'C0INCIDENTS',
  messageTs: '1.000001',
  contentHash: 'hash',
  postedAt: START,
  editedAt: START,
  asOf: START,
  ...over,
});

const seconds = (count: number) => ms(count * SECOND);

describe('decideDelivery', () => {
  const cases: Record<string, [Partial<OutboxEntry>, MessageRef | undefined, object]> = {
    'a firing that nobody posted is posted': [{}, undefined, { kind: 'post' }],
    'a firing whose fate is not known is looked for first': [
      { unknownSince: START },
      undefined,
      { kind: 'look-up-first' },
    ],
    'a firing that has its message is over': [{}, ref(), { kind: 'nothing-to-do', reason: 'already-posted' }],
    'a firing that has its message is over even when its last attempt was unclear': [
      { unknownSince: START },
      ref(),
      { kind: 'nothing-to-do', reason: 'already-posted' },
    ],
    'a resolve of what nobody saw is not posted': [
      { kind: 'resolved' },
      undefined,
      { kind: 'nothing-to-do', reason: 'never-posted' },
    ],
    'a resolve edits the message and tells its thread': [
      { kind: 'resolved' },
      ref(),
      { kind: 'update', note: 'resolved' },
    ],
    'a resolve does not wait for the last edit to be old': [
      { kind: 'resolved' },
      ref({ editedAt: NOW }),
      { kind: 'update', note: 'resolved' },
    ],
    'missing data edits the message and tells its thread': [
      { kind: 'no-data' },
      ref(),
      { kind: 'update', note: 'no-data' },
    ],
    'data that is back edits the message and tells its thread': [
      { kind: 'data-back' },
      ref(),
      { kind: 'update', note: 'data-back' },
    ],
    'the first edit follows the post at once': [
      { kind: 'refresh' },
      ref({ postedAt: NOW, editedAt: NOW }),
      { kind: 'update' },
    ],
    'a further edit waits until the last one is 30 s old': [
      { kind: 'refresh' },
      ref({ editedAt: epochMs(NOW - 29_000) }),
      { kind: 'wait', until: after(NOW, SECOND), reason: 'edited-lately' },
    ],
    'an edit 30 s after the last one is made': [
      { kind: 'refresh' },
      ref({ editedAt: epochMs(NOW - 30_000) }),
      { kind: 'update' },
    ],
    'an edit that was decided before what the message shows is over': [
      { kind: 'refresh' },
      ref({ asOf: after(START, SECOND) }),
      { kind: 'nothing-to-do', reason: 'outdated' },
    ],
    'an edit of a message that is not there is over': [
      { kind: 'refresh' },
      undefined,
      { kind: 'nothing-to-do', reason: 'never-posted' },
    ],
  };
  it.each(Object.entries(cases))('%s', (_sentence, [over, known, action]) => {
    expect(decideDelivery(entry(over), known, NOW)).toEqual(action);
  });
});

describe('decideAfterLookUp', () => {
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
  it.each(Object.entries(cases))('%s', (_sentence, [found, age, action]) => {
    const unknownSince = epochMs(NOW - age * 1_000);
    expect(decideAfterLookUp(found, { unknownSince, attempt: 2 }, NOW)).toEqual(action);
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
});
