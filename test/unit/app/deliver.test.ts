import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSlackNotifier } from '../../../src/adapters/slack/notifier.ts';
import type { Enrichment } from '../../../src/app/alert-view.ts';
import { createDelivery, type Delivery } from '../../../src/app/deliver.ts';
import type { NotificationKind, OutboxEntry, Store } from '../../../src/app/ports.ts';
import type { Fault } from '../../../src/demo/slack/faults.ts';
import { DEFAULT_TOKENS } from '../../../src/demo/slack/state.ts';
import type { Alert } from '../../../src/domain/alert/alert.ts';
import { createLinks } from '../../../src/domain/link.ts';
import type { SloRule } from '../../../src/domain/slo/rule.ts';
import { after, type EpochMs, epochUs, MINUTE, ms, ratio, SECOND, us } from '../../../src/domain/units.ts';
import { anAlert, aRule } from '../../support/builders.ts';
import { openTempStore } from '../../support/temp-store.ts';
import { START } from '../../support/virtual-clock.ts';
import {
  ALICE,
  createStand,
  GENERAL,
  INCIDENTS,
  inVirtualTime,
  type Stand,
} from '../adapters/slack/stand.ts';

const FOUND: Enrichment = {
  latency: { quantile: 0.99, value: ms(812), low: ms(500), high: ms(1_000) },
  slowShare: 0.072,
  burnRate: 7.2,
  traces: {
    kind: 'found',
    certificate: 'exact: all 1 traces',
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

let stand: Stand;
let store: Store;
let closeStore: () => Promise<void>;
let delivery: Delivery;
let enrichment: Enrichment;

beforeEach(async () => {
  stand = await createStand();
  const temp = await openTempStore(stand.clock);
  store = temp.store;
  closeStore = temp.dispose;
  enrichment = FOUND;
  delivery = createDeliveryOn(stand, store);
});
afterEach(async () => {
  await delivery.stop();
  await closeStore();
  await stand.close();
});

function createDeliveryOn({ apiUrl, clock, log, recorder }: Stand, on: Store): Delivery {
  const notifier = createSlackNotifier({
    botToken: DEFAULT_TOKENS.bot,
    apiUrl,
    clock,
    logger: log,
    recorder,
    // By the machine's clock: what the stand-in never answers is given up after this.
    timeout: ms(300),
  });
  return createDelivery({
    store: on,
    notifier,
    enrich: async ({ alert }) => {
      await clock.sleep(SECOND);
      return { ...enrichment, slowShare: alert.value };
    },
    clock,
    logger: log,
    recorder,
    links: createLinks({ jaeger: 'https://jaeger.example' }),
    defaultChannel: '#general',
    lanes: 1,
  });
}

const alertOf = (over: Partial<Alert> = {}): Alert => anAlert(over);
const resolved = (): Alert =>
  alertOf({
    state: 'resolved',
    resolvedAt: after(START, ms(12 * MINUTE)),
    resolveReason: 'recovered',
    value: 0.004,
  });

let slot = 0;
/** Adds notifications to the outbox as an evaluation does. */
async function decide(
  kind: NotificationKind,
  of: { alert?: Alert; rule?: SloRule; createdAt?: EpochMs } = {},
): Promise<void> {
  const { alert = alertOf(), createdAt = stand.clock.now() } = of;
  slot += 1;
  const entry: OutboxEntry = {
    id: `${alert.episode}:${kind}:${slot}`,
    episode: alert.episode,
    kind,
    group: 'g',
    alert,
    rule: of.rule ?? rule,
    createdAt,
    notBefore: createdAt,
    attempt: 0,
  };
  await store.applyEvaluation({
    group: `g${slot}`,
    state: { slot: createdAt, rules: {} },
    entries: [entry],
  });
}

const drain = () => inVirtualTime(stand.clock, delivery.drain());
const messages = (channel = INCIDENTS) => stand.workspace.messages(channel, ALICE);
const thread = (ts: string | undefined, channel = INCIDENTS) =>
  stand.workspace.thread(channel, ts ?? '', ALICE).filter((message) => message.ts !== ts);
const called = (method: string) => stand.server.calls().filter((call) => call.method === method);
const outcomes = () => stand.recorder.events('notified').map(({ kind, outcome }) => `${kind} ${outcome}`);

/** Moves on and works until the outbox is empty, at most a quarter of an hour. */
async function settle(): Promise<void> {
  for (let minutes = 0; minutes < 15 && (await store.outbox()).depth > 0; minutes += 0.25) {
    await stand.clock.advance(15 * SECOND);
    await drain();
  }
}

describe('an episode on a good day', () => {
  it('is posted from the metrics alone, then enriched, then resolved: one message, one note', async () => {
    await decide('firing');
    await drain();
    expect(messages()).toHaveLength(1);
    expect(called('chat.postMessage')).toHaveLength(1);
    expect(called('chat.update')).toHaveLength(1);
    expect(JSON.stringify(called('chat.postMessage')[0]?.args)).toContain('Looking for the slowest traces');
    expect(JSON.stringify(messages()[0]?.blocks)).toContain('POST /checkout');

    await stand.clock.advance(12 * MINUTE);
    await decide('resolved', { alert: resolved() });
    await drain();
    expect(messages()).toHaveLength(1);
    expect(messages()[0]?.text).toContain('✅ checkout: recovered after 12 min');
    expect(thread(messages()[0]?.ts).map(({ text }) => text)).toEqual([
      expect.stringContaining('Resolved: the value is on the good side'),
    ]);
    expect(await store.outbox()).toEqual({ depth: 0 });
    expect(outcomes()).toEqual(['firing sent', 'refresh sent', 'resolved sent']);
  });

  it('keeps where the message is, with its permalink', async () => {
    await decide('firing');
    await drain();
    const [message] = messages();
    expect(await store.messageRef(alertOf().episode)).toMatchObject({
      channelId: INCIDENTS,
      messageTs: message?.ts,
      permalink: expect.stringContaining(`/archives/${INCIDENTS}/`),
    });
  });

  it('sends no edit that changes nothing', async () => {
    await decide('firing');
    await drain();
    await stand.clock.advance(MINUTE);
    await decide('refresh');
    await drain();
    expect(called('chat.update')).toHaveLength(1);
    expect(outcomes()).toEqual(['firing sent', 'refresh sent', 'refresh unchanged']);
  });

  it('edits at most every 30 s', async () => {
    await decide('firing');
    await drain();
    await stand.clock.advance(10 * SECOND);
    await decide('refresh', { alert: alertOf({ value: 0.09 }) });
    await drain();
    expect(called('chat.update')).toHaveLength(1);
    await stand.clock.advance(20 * SECOND);
    await drain();
    expect(called('chat.update')).toHaveLength(2);
  });

  it('says in the message and in its thread that the data is gone, and that it is back', async () => {
    await decide('firing');
    await drain();
    await stand.clock.advance(MINUTE);
    await decide('no-data', { alert: alertOf({ noDataSince: stand.clock.now() }) });
    await drain();
    expect(messages()[0]?.text).toContain('no data, the alert still stands');
    await stand.clock.advance(MINUTE);
    await decide('data-back', { alert: alertOf({ value: 0.05 }) });
    await drain();
    expect(messages()[0]?.text).not.toContain('no data');
    expect(thread(messages()[0]?.ts)).toHaveLength(2);
    expect(messages()).toHaveLength(1);
  });

  it('posts nothing for a resolve whose firing nobody saw', async () => {
    await decide('resolved', { alert: resolved() });
    await drain();
    expect(messages()).toHaveLength(0);
    expect(await store.outbox()).toEqual({ depth: 0 });
  });
});

describe('exactly one message, in its final form, whatever Slack does', () => {
  const at = (method: string, what: Fault['do'], more: Partial<Fault> = {}): Fault => ({
    method,
    do: what,
    ...more,
  });
  const faults: Record<string, Fault[]> = {
    'a 429 on the post': [at('chat.postMessage', { kind: 'rate-limit', retryAfterSeconds: 7 })],
    'a 429 on the edit': [at('chat.update', { kind: 'rate-limit', retryAfterSeconds: 7 })],
    'a 500 on the post': [at('chat.postMessage', { kind: 'http', status: 500 })],
    'three 503 on the post': [at('chat.postMessage', { kind: 'http', status: 503 }, { times: 3 })],
    'a connection reset before Slack took the post': [
      at('chat.postMessage', { kind: 'reset-before-accept' }),
    ],
    'a connection reset after Slack took the post': [at('chat.postMessage', { kind: 'reset-after-accept' })],
    'a body that stalls after Slack took the post': [at('chat.postMessage', { kind: 'stall' })],
    'a page of a proxy in place of an answer': [
      at('chat.postMessage', { kind: 'http', status: 200, body: '<html>Sign in</html>' }),
    ],
    'an internal error': [at('chat.postMessage', { kind: 'error', error: 'internal_error' })],
    'a reset after the post and a search that fails twice': [
      at('chat.postMessage', { kind: 'reset-after-accept' }),
      at('conversations.history', { kind: 'http', status: 500 }, { times: 2 }),
    ],
    'a reset after the final edit': [at('chat.update', { kind: 'reset-after-accept' }, { after: 1 })],
    'a final edit that fails again and again': [
      at('chat.update', { kind: 'http', status: 502 }, { after: 1, times: 5 }),
    ],
    'a stalled edit': [at('chat.update', { kind: 'stall' })],
    'blocks that the workspace does not take': [
      at('chat.postMessage', { kind: 'error', error: 'invalid_blocks' }),
    ],
    'no permalink': [at('chat.getPermalink', { kind: 'http', status: 500 })],
    'everything failing for a while': [at('*', { kind: 'http', status: 500 }, { times: 9 })],
  };

  it.each(Object.entries(faults))('%s', async (_name, script) => {
    for (const fault of script) stand.server.faults.add(fault);
    await decide('firing');
    await drain();
    await stand.clock.advance(SECOND);
    await decide('resolved', { alert: resolved() });
    await settle();
    expect(await store.outbox()).toEqual({ depth: 0 });
    expect(messages().map(({ text }) => text)).toEqual([expect.stringContaining('✅ checkout: recovered')]);
    expect(messages(GENERAL)).toHaveLength(0);
    expect(thread(messages()[0]?.ts)).toHaveLength(1);
  });

  it('a note whose answer got lost is not said twice', async () => {
    await decide('firing');
    await drain();
    stand.server.faults.add(at('chat.postMessage', { kind: 'reset-after-accept' }));
    await decide('resolved', { alert: resolved() });
    await settle();
    expect(await store.outbox()).toEqual({ depth: 0 });
    expect(thread(messages()[0]?.ts)).toHaveLength(1);
  });

  it('a crash between the post and its note in the store: the message is found, not posted again', async () => {
    await decide('firing');
    const crashing: Store = { ...store, completeEntry: () => new Promise(() => undefined) };
    const doomed = createDeliveryOn(stand, crashing);
    void doomed.drain();
    while (messages().length === 0) await new Promise((resolve) => setTimeout(resolve, 2));
    // The lease runs out, and another process takes over.
    await stand.clock.advance(3 * MINUTE);
    await drain();
    expect(messages()).toHaveLength(1);
    expect(await store.messageRef(alertOf().episode)).toMatchObject({ messageTs: messages()[0]?.ts });
  });

  it('waits exactly as long as Slack says', async () => {
    stand.server.faults.add(at('chat.postMessage', { kind: 'rate-limit', retryAfterSeconds: 7 }));
    await decide('firing');
    await drain();
    await stand.clock.advance(6_999);
    await drain();
    expect(called('chat.postMessage')).toHaveLength(1);
    await stand.clock.advance(1);
    await drain();
    expect(messages()).toHaveLength(1);
  });
});

describe('a message or a channel that is gone', () => {
  it('a deleted message is posted anew and lives on', async () => {
    await decide('firing');
    await drain();
    stand.workspace.deleteMessage(INCIDENTS, messages()[0]?.ts ?? '');
    await stand.clock.advance(MINUTE);
    await decide('refresh', { alert: alertOf({ value: 0.2 }) });
    await drain();
    expect(messages()).toHaveLength(1);
    await decide('resolved', { alert: resolved() });
    await drain();
    expect(messages().map(({ text }) => text)).toEqual([expect.stringContaining('✅')]);
  });

  it('an archived channel sends the alert to the default one, which says why and keeps saying it', async () => {
    stand.workspace.archiveChannel(INCIDENTS);
    await decide('firing');
    await drain();
    expect(messages(GENERAL)).toHaveLength(1);
    expect(messages(GENERAL)[0]?.text).toContain('#incidents refused this message (is_archived)');
    await decide('resolved', { alert: resolved() });
    await settle();
    expect(messages(GENERAL)).toHaveLength(1);
    expect(messages(GENERAL)[0]?.text).toContain('✅');
    expect(messages(GENERAL)[0]?.text).toContain('#incidents refused this message');
  });

  it('a channel archived while the alert fires: its end is told in the default channel', async () => {
    await decide('firing');
    await drain();
    stand.workspace.archiveChannel(INCIDENTS);
    await decide('resolved', { alert: resolved() });
    await settle();
    expect(await store.outbox()).toEqual({ depth: 0 });
    expect(messages(GENERAL).map(({ text }) => text)).toEqual([expect.stringContaining('✅ checkout')]);
  });

  it('when the default channel refuses too, the alert is kept, tried ever more rarely, and complained about once', async () => {
    stand.workspace.archiveChannel(INCIDENTS);
    stand.workspace.archiveChannel(GENERAL);
    await decide('firing');
    for (let minute = 0; minute < 20; minute += 1) {
      await drain();
      await stand.clock.advance(MINUTE);
    }
    expect(await store.outbox()).toMatchObject({ depth: 1 });
    expect(called('chat.postMessage').length).toBeLessThan(40);
    expect(stand.log.messages('error')).toEqual(['Slack refuses a notification: it is kept and tried again']);
    expect(delivery.refusal()).toEqual({ code: 'is_archived', since: START });
  });

  it('a revoked token shows in the readiness, and a new one sends what was kept', async () => {
    stand.server.faults.add({ method: '*', times: 3, do: { kind: 'error', error: 'token_revoked' } });
    await decide('firing');
    await drain();
    expect(delivery.refusal()).toEqual({ code: 'token_revoked', since: START });
    await settle();
    expect(messages()).toHaveLength(1);
    expect(delivery.refusal()).toBeUndefined();
  });

  it('a lost look-up right is waited for five minutes, then the alert is shown all the same', async () => {
    stand.server.faults.add({ method: 'chat.postMessage', do: { kind: 'reset-before-accept' } });
    stand.server.faults.add({
      method: 'conversations.history',
      times: 100,
      do: { kind: 'error', error: 'missing_scope' },
    });
    await decide('firing');
    await drain();
    await stand.clock.advance(4 * MINUTE);
    await drain();
    expect(messages()).toHaveLength(0);
    await settle();
    expect(messages()).toHaveLength(1);
  });
});

describe('the worker', () => {
  it('looks again when it is woken, and ends when it is stopped', async () => {
    delivery.start();
    await inVirtualTime(stand.clock, stand.clock.sleep(SECOND));
    await decide('firing');
    delivery.wake();
    while (messages().length === 0) await new Promise((resolve) => setTimeout(resolve, 2));
    await inVirtualTime(stand.clock, delivery.stop());
    await decide('refresh', { alert: alertOf({ value: 0.5 }) });
    await stand.clock.advance(MINUTE);
    expect((await store.outbox()).depth).toBeGreaterThan(0);
  });

  it('complains once while the store does not answer, and goes on when it does', async () => {
    let isDown = true;
    const flaky = createDeliveryOn(stand, {
      ...store,
      takeEntry: (request) => (isDown ? Promise.reject(new Error('disk')) : store.takeEntry(request)),
    });
    await decide('firing');
    flaky.start();
    await inVirtualTime(stand.clock, stand.clock.sleep(MINUTE), SECOND);
    expect(stand.log.messages('error')).toEqual(['the outbox cannot be worked on']);
    isDown = false;
    await inVirtualTime(stand.clock, stand.clock.sleep(ms(2 * MINUTE)), SECOND);
    await inVirtualTime(stand.clock, flaky.stop());
    expect(messages()).toHaveLength(1);
  });
});
