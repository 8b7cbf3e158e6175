import { afterEach, beforeEach, expect } from 'vitest';
import type { Alert, RuleGroupState } from '../../../src/alerts/alert.ts';
import { after, type EpochMs, ms, SECOND } from '../../../src/lib/units.ts';
import type { NotificationKind, OutboxEntry, Store, TakenEntry } from '../../../src/messages/store.ts';
import { anAlert, aRule } from '../../support/builders.ts';
import { START } from '../../support/virtual-clock.ts';

export const GROUP = 'rules.yaml;checkout';
export const LEASE = ms(30 * SECOND);
export const at = (seconds: number): EpochMs => after(START, ms(seconds * 1_000));

export function state(evalTime: EpochMs, alerts: readonly Alert[] = []): RuleGroupState {
  const rule = aRule();
  return { evalTime, rules: { [rule.key]: { rule, alerts, health: { kind: 'ok' }, evaluatedAt: evalTime } } };
}

export interface EntryOptions {
  readonly alertId?: string;
  readonly kind?: NotificationKind;
  readonly notBefore?: EpochMs;
}

export function anEntry(
  id: string,
  { alertId = 'ep-1', kind = 'firing', notBefore = START }: EntryOptions = {},
): OutboxEntry {
  return {
    id,
    alertId,
    kind,
    group: GROUP,
    alert: anAlert({ alertId }),
    rule: aRule(),
    createdAt: notBefore,
    notBefore,
    attempt: 0,
  };
}

export const aRef = (alertId: string, messageTs = '1763647200.000100') => ({
  alertId,
  channelId: 'C0123456789',
  messageTs,
  contentHash: 'abc',
  postedAt: START,
  editedAt: START,
  asOf: START,
});

/** A place where a store keeps its things: opened as often as a test likes, thrown away at the end. */
export interface StoreHome {
  readonly open: () => Promise<Store>;
  readonly dispose: () => Promise<void>;
}

/** The store that the running test has open, and short ways to use it. */
export interface Bench {
  readonly store: Store;
  /** Closes the store and opens it again, as a restart does. */
  reopen(): Promise<void>;
  /** Adds entries by the group's next evaluation. */
  add(...entries: readonly OutboxEntry[]): Promise<void>;
  take(now: EpochMs): Promise<TakenEntry | undefined>;
  /** The id of what is taken. */
  takenId(now: EpochMs): Promise<string | undefined>;
}

/** Gives every test of the surrounding suite a fresh store. */
export function useBench(makeHome: () => Promise<StoreHome>): Bench {
  let home: StoreHome;
  let store: Store;
  let evalTime = START;

  beforeEach(async () => {
    home = await makeHome();
    store = await home.open();
    evalTime = START;
  });

  afterEach(async () => {
    await store.close();
    await home.dispose();
  });

  const take = (now: EpochMs) => store.takeEntry({ now, lease: LEASE });
  return {
    get store() {
      return store;
    },
    reopen: async () => {
      await store.close();
      store = await home.open();
    },
    add: async (...entries) => {
      evalTime = after(evalTime, SECOND);
      expect(await store.applyEvaluation({ group: GROUP, state: state(evalTime), entries })).toBe('applied');
    },
    take,
    takenId: async (now) => (await take(now))?.id,
  };
}
