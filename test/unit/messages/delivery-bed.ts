import { afterEach, beforeEach } from 'vitest';
import { DEFAULT_TOKENS } from '../../../demo/slack/state.ts';
import type { Alert } from '../../../src/alerts/alert.ts';
import { after, epochUs, MINUTE, type Milliseconds, ms, ratio, SECOND, us } from '../../../src/lib/units.ts';
import { createLinks } from '../../../src/links/link.ts';
import { createDelivery, type Delivery } from '../../../src/messages/deliver.ts';
import type { Evidence } from '../../../src/messages/evidence.ts';
import type { NotificationKind, OutboxEntry, Store } from '../../../src/messages/store.ts';
import type { SloRule } from '../../../src/rules/rule.ts';
import { createSlackNotifier } from '../../../src/slack/notifier.ts';
import { anAlert, aRule } from '../../support/builders.ts';
import { openTempStore } from '../../support/temp-store.ts';
import { START } from '../../support/virtual-clock.ts';
import { ALICE, createStand, INCIDENTS, inVirtualTime, type Stand } from '../slack/stand.ts';

const FOUND: Evidence = {
  latency: { quantile: 0.99, value: ms(812), low: ms(500), high: ms(1_000) },
  slowShare: 0.072,
  burnRate: 7.2,
  traces: {
    kind: 'found',
    completeness: 'exact: all 1 traces',
    rows: [
      {
        traceId: 'a'.repeat(32),
        duration: us(1_240_000),
        traceDuration: us(1_300_000),
        start: epochUs(START * 1_000),
        operation: 'POST /checkout',
        isError: false,
      },
    ],
  },
  gaps: [],
};

const rule: SloRule = aRule({
  channel: '#incidents',
  objective: {
    family: {
      metric: 'istio_request_duration_milliseconds',
      unit: 'ms',
      selector: 'reporter="destination"',
      serviceLabel: 'service',
    },
    by: ['service'],
    quantile: ratio(0.99),
    threshold: ms(500),
    window: ms(5 * MINUTE),
  },
});

export const alertOf = (over: Partial<Alert> = {}): Alert => anAlert(over);
export const resolved = (): Alert =>
  alertOf({
    state: 'resolved',
    resolvedAt: after(START, ms(12 * MINUTE)),
    resolveReason: 'recovered',
    value: 0.004,
  });

type Messages = ReturnType<Stand['workspace']['messages']>;

/** A delivery between a real store and the stand-in Slack, in virtual time. */
export interface Bed {
  readonly stand: Stand;
  readonly store: Store;
  readonly delivery: Delivery;
  /** Another delivery to the same Slack; `before` is waited for by every enrichment. */
  deliveryOn(store: Store, more?: More): Delivery;
  /** Moves on a little, and lets real sockets work. */
  tick(): Promise<void>;
  /** Adds a notification to the outbox as an evaluation does. */
  decide(kind: NotificationKind, alert?: Alert): Promise<void>;
  drain(): Promise<number>;
  /** Moves on and works until the outbox is empty, at most a quarter of an hour. */
  settle(): Promise<void>;
  messages(channel?: string): Messages;
  /** The replies to a message. */
  thread(message: Messages[number] | undefined): Messages;
  called(method: string): ReturnType<Stand['server']['calls']>;
  outcomes(): readonly string[];
}

/** Sets the stage before every test of a file or a group, and clears it after. */
export function useBed(more?: More): Bed {
  let bed: Bed | undefined;
  let clear: (() => Promise<void>) | undefined;
  beforeEach(async () => {
    const stand = await createStand();
    const temp = await openTempStore(stand.clock);
    bed = createBed(stand, temp.store, more);
    const { delivery } = bed;
    clear = async () => {
      await delivery.stop();
      await temp.dispose();
      await stand.close();
    };
  });
  afterEach(() => clear?.());
  const current = (): Bed => {
    if (bed === undefined) throw new Error('the stage is set before each test');
    return bed;
  };
  return {
    get stand() {
      return current().stand;
    },
    get store() {
      return current().store;
    },
    get delivery() {
      return current().delivery;
    },
    deliveryOn: (store, more) => current().deliveryOn(store, more),
    tick: () => current().tick(),
    decide: (kind, alert) => current().decide(kind, alert),
    drain: () => current().drain(),
    settle: () => current().settle(),
    messages: (channel) => current().messages(channel),
    thread: (message) => current().thread(message),
    called: (method) => current().called(method),
    outcomes: () => current().outcomes(),
  };
}

function createBed(stand: Stand, store: Store, more?: More): Bed {
  const { clock, workspace, server, recorder } = stand;
  const delivery = deliveryTo(stand, store, more);
  let decided = 0;
  const drain = (): Promise<number> => inVirtualTime(clock, delivery.drain());
  return {
    stand,
    store,
    delivery,
    deliveryOn: (other, others) => deliveryTo(stand, other, others),
    tick: async () => {
      await clock.advance(100);
      await new Promise((resolve) => {
        setTimeout(resolve, 2);
      });
    },
    async decide(kind, alert = alertOf()) {
      decided += 1;
      await store.applyEvaluation({
        group: `g${decided}`,
        state: { evalTime: clock.now(), rules: {} },
        entries: [entryOf(kind, alert, { now: clock.now(), number: decided })],
      });
    },
    drain,
    async settle() {
      for (let minutes = 0; minutes < 15 && (await store.outbox()).depth > 0; minutes += 0.25) {
        await clock.advance(15 * SECOND);
        await drain();
      }
    },
    messages: (channel = INCIDENTS) => workspace.messages(channel, ALICE),
    thread: (message) =>
      workspace
        .thread(message?.channelId ?? '', message?.ts ?? '', ALICE)
        .filter(({ ts }) => ts !== message?.ts),
    called: (method) => server.calls().filter((call) => call.method === method),
    outcomes: () => recorder.events('notified').map(({ kind, outcome }) => `${kind} ${outcome}`),
  };
}

function entryOf(
  kind: NotificationKind,
  alert: Alert,
  { now, number }: { now: OutboxEntry['createdAt']; number: number },
): OutboxEntry {
  return {
    id: `${alert.alertId}:${kind}:${number}`,
    alertId: alert.alertId,
    kind,
    group: 'g',
    alert,
    rule,
    createdAt: now,
    notBefore: now,
    attempt: 0,
  };
}

interface More {
  readonly lanes?: number;
  readonly before?: () => Promise<void>;
  /** By the machine's clock: what the stand-in never answers is given up after this. */
  readonly timeout?: Milliseconds;
}

function deliveryTo({ apiUrl, clock, log, recorder }: Stand, store: Store, more: More = {}): Delivery {
  const notifier = createSlackNotifier({
    botToken: DEFAULT_TOKENS.bot,
    apiUrl,
    clock,
    logger: log,
    recorder,
    ...(more.timeout === undefined ? {} : { timeout: more.timeout }),
  });
  return createDelivery({
    store,
    notifier,
    enrich: async ({ alert }) => {
      await clock.sleep(SECOND);
      await more.before?.();
      return { ...FOUND, slowShare: alert.value };
    },
    clock,
    logger: log,
    recorder,
    links: createLinks({ jaeger: 'https://jaeger.example' }),
    defaultChannel: '#general',
    lanes: more.lanes ?? 1,
  });
}
