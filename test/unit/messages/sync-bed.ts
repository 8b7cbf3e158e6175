import { afterEach, beforeEach } from 'vitest';
import { DEFAULT_TOKENS } from '../../../demo/slack/state.ts';
import type { Alert } from '../../../src/alerts/alert.ts';
import type { ExplainSlowness } from '../../../src/culprit/collect.ts';
import { after, epochUs, MINUTE, type Milliseconds, ms, ratio, SECOND, us } from '../../../src/lib/units.ts';
import { createLinks } from '../../../src/links/link.ts';
import { createCulpritWatch } from '../../../src/messages/culprit.ts';
import type { Evidence } from '../../../src/messages/evidence.ts';
import { createRedactMessage } from '../../../src/messages/post-message.ts';
import type { MessageUpdate, Store } from '../../../src/messages/store.ts';
import { createMessageSync, type MessageSync } from '../../../src/messages/sync.ts';
import type { SloRule } from '../../../src/rules/rule.ts';
import { createSlackNotifier } from '../../../src/slack/notifier.ts';
import { anAlert, aRule } from '../../support/builders.ts';
import { openTempStore } from '../../support/temp-store.ts';
import { START } from '../../support/virtual-clock.ts';
import { ALICE, INCIDENTS, inVirtualTime, startSlack, type TestSlack } from '../slack/slack-server.ts';

const FOUND: Evidence = {
  latency: { quantile: 0.99, value: ms(812), low: ms(500), high: ms(1_000) },
  slowShare: 0.072,
  burnRate: 7.2,
  traces: {
    kind: 'found',
    completeness: 'Complete: the only trace',
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

export const rule: SloRule = aRule({
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

/** What is decided: a new message, an edit, or an edit with a line. */
export type Decided = 'firing' | 'refresh' | 'no-data' | 'data-back' | 'resolved';

type Messages = ReturnType<TestSlack['workspace']['messages']>;

/** A sync between a real store and the stand-in Slack, in virtual time. */
export interface Bed {
  readonly stand: TestSlack;
  readonly store: Store;
  readonly sync: MessageSync;
  /** Another sync to the same Slack; `before` is waited for by every enrichment. */
  syncOn(store: Store, more?: More): MessageSync;
  /** Moves on a little, and lets real sockets work. */
  tick(): Promise<void>;
  /** Updates a message as an evaluation does. */
  decide(kind: Decided, alert?: Alert): Promise<void>;
  drain(): Promise<number>;
  /** Moves on and works until every message is shown, at most a quarter of an hour. */
  settle(): Promise<void>;
  messages(channel?: string): Messages;
  /** The replies to a message. */
  thread(message: Messages[number] | undefined): Messages;
  called(method: string): ReturnType<TestSlack['server']['calls']>;
  outcomes(): readonly string[];
}

/** Sets the stage before every test of a file or a group, and clears it after. */
export function useBed(more?: More): Bed {
  let bed: Bed | undefined;
  let clear: (() => Promise<void>) | undefined;
  beforeEach(async () => {
    const stand = await startSlack();
    const temp = await openTempStore(stand.clock);
    bed = createBed(stand, temp.store, more);
    const { sync } = bed;
    clear = async () => {
      await sync.stop();
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
    get sync() {
      return current().sync;
    },
    syncOn: (store, more) => current().syncOn(store, more),
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

function createBed(stand: TestSlack, store: Store, more?: More): Bed {
  const { clock, workspace, server, recorder } = stand;
  const sync = syncTo(stand, store, more);
  let decided = 0;
  const drain = (): Promise<number> => inVirtualTime(clock, sync.drain());
  return {
    stand,
    store,
    sync,
    syncOn: (other, others) => syncTo(stand, other, others),
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
        messages: [updateOf(kind, alert, { now: clock.now(), number: decided })],
      });
    },
    drain,
    async settle() {
      for (let minutes = 0; minutes < 15 && (await store.pendingMessages()).depth > 0; minutes += 0.25) {
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

function updateOf(
  kind: Decided,
  alert: Alert,
  { now, number }: { now: MessageUpdate['at']; number: number },
): MessageUpdate {
  const { alertId: key } = alert;
  const isLine = kind !== 'firing' && kind !== 'refresh';
  const name = kind === 'resolved' ? kind : `${kind}:${number}`;
  return {
    key,
    isNew: kind === 'firing' ? true : undefined,
    desired: { group: 'g', alert, rule, destination: alert.postedTo?.[0], asOf: now },
    line: isLine ? { key: `${key}:${name}`, kind, at: now, alert, rule } : undefined,
    at: now,
  };
}

interface More {
  readonly workers?: number;
  readonly before?: () => Promise<void>;
  /** Compares the traces; absent: messages name no culprit. */
  readonly explainSlowness?: ExplainSlowness;
  /** By the machine's clock: what the stand-in never answers is given up after this. */
  readonly timeout?: Milliseconds;
}

function syncTo({ apiUrl, clock, log, recorder }: TestSlack, store: Store, more: More = {}): MessageSync {
  const notifier = createSlackNotifier({
    botToken: DEFAULT_TOKENS.bot,
    apiUrl,
    clock,
    logger: log,
    recorder,
    ...(more.timeout === undefined ? {} : { timeout: more.timeout }),
  });
  const { explainSlowness } = more;
  return createMessageSync({
    redact: createRedactMessage([]),
    store,
    notifier,
    collect: async ({ alert }) => {
      await clock.sleep(SECOND);
      await more.before?.();
      return { ...FOUND, traceService: `${alert.series['service']}.shop`, slowShare: alert.value };
    },
    watchCulprit: explainSlowness && createCulpritWatch({ explainSlowness, store, clock, logger: log }),
    clock,
    logger: log,
    recorder,
    links: createLinks({ jaeger: 'https://jaeger.example' }),
    defaultChannel: '#general',
    workers: more.workers ?? 1,
  });
}
