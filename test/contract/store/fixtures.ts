import { afterEach, beforeEach, expect } from 'vitest';
import type { Alert, RuleGroupState } from '../../../src/alerts/alert.ts';
import { after, type EpochMs, ms, SECOND } from '../../../src/lib/units.ts';
import type {
  ClaimedMessage,
  DesiredMessage,
  MessageUpdate,
  ShownMessage,
  Store,
  ThreadLine,
} from '../../../src/messages/store.ts';
import { anAlert, aRule } from '../../support/builders.ts';
import { START } from '../../support/virtual-clock.ts';

export const GROUP = 'rules.yaml;checkout';
export const LEASE = ms(30 * SECOND);
export const at = (seconds: number): EpochMs => after(START, ms(seconds * 1_000));

export function state(evalTime: EpochMs, alerts: readonly Alert[] = []): RuleGroupState {
  const rule = aRule();
  return { evalTime, rules: { [rule.key]: { rule, alerts, health: { kind: 'ok' }, evaluatedAt: evalTime } } };
}

/** An update that begins a message. */
export function anUpdate(
  key: string,
  over: Partial<MessageUpdate> & { readonly asOf?: EpochMs } = {},
): MessageUpdate {
  const { asOf = START, ...update } = over;
  const desired: DesiredMessage = { group: GROUP, alert: anAlert({ alertId: key }), rule: aRule(), asOf };
  return { key, isNew: true, desired, at: START, ...update };
}

export const aLine = (key: string, decidedAt: EpochMs = START): ThreadLine => ({
  key,
  kind: 'no-data',
  at: decidedAt,
  alert: anAlert(),
  rule: aRule(),
});

export const aShown = (key: string, messageTs = '1763647200.000100'): ShownMessage => ({
  key,
  channelId: 'C0123456789',
  messageTs,
  contentHash: 'abc',
  postedAt: START,
  editedAt: START,
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
  /** Updates messages by the group's next evaluation. */
  add(...messages: readonly MessageUpdate[]): Promise<void>;
  claim(now: EpochMs): Promise<ClaimedMessage | undefined>;
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

  return {
    get store() {
      return store;
    },
    reopen: async () => {
      await store.close();
      store = await home.open();
    },
    add: async (...messages) => {
      evalTime = after(evalTime, SECOND);
      expect(await store.applyEvaluation({ group: GROUP, state: state(evalTime), messages })).toBe('applied');
    },
    claim: (now) => store.claimMessage({ now, lease: LEASE }),
  };
}
