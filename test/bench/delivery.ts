import { DEFAULT_TOKENS } from '../../demo/slack/state.ts';
import { createEvaluateGroup } from '../../src/evaluation/evaluate-group.ts';
import type { Sample } from '../../src/lib/metrics-source.ts';
import { between, type EpochMs, MINUTE, type Milliseconds, ms, SECOND } from '../../src/lib/units.ts';
import { createLinks } from '../../src/links/link.ts';
import { createRedactMessage } from '../../src/messages/post-message.ts';
import type { MessageUpdate, Store } from '../../src/messages/store.ts';
import { createMessageSync } from '../../src/messages/sync.ts';
import { NO_POLICY } from '../../src/policy/suppress.ts';
import { createSlackNotifier } from '../../src/slack/notifier.ts';
import { aGroup, anAlert, aRule } from '../support/builders.ts';
import { createFakeMetricsSource } from '../support/fake-metrics-source.ts';
import { openTempStore } from '../support/temp-store.ts';
import { expandValue } from '../support/timeline.ts';
import { inVirtualTime, startSlack, type TestSlack } from '../unit/slack/slack-server.ts';

const ALERTS = 200;
const CHANNELS = 20;
const SERVICES = 5_000;

/** Slack takes one message a second in a channel; calls of other methods are not counted here. */
const PER_CHANNEL: Milliseconds = SECOND;

const LOCAL_TIME = { year: 2026, month: 1, day: 1, weekday: 4, minute: 0 } as const;

/** Runs with a sync of six workers between a store and a workspace, in virtual time. */
async function onStage<T>(run: (stage: { slack: TestSlack; store: Store }) => Promise<T>): Promise<T> {
  const slack = await startSlack();
  const { store, dispose } = await openTempStore(slack.clock);
  try {
    return await run({ slack, store });
  } finally {
    await dispose();
    await slack.close();
  }
}

/** Works as the bot does until nothing is pending. */
async function deliver({ slack, store }: { slack: TestSlack; store: Store }): Promise<void> {
  const { clock, apiUrl, log: logger, recorder } = slack;
  const sync = createMessageSync({
    redact: createRedactMessage([]),
    store,
    notifier: createSlackNotifier({ botToken: DEFAULT_TOKENS.bot, apiUrl, clock, logger, recorder }),
    collect: async () => {
      await clock.sleep(SECOND);
      return { traces: { kind: 'unavailable', reason: 'not part of this bench' }, gaps: [] };
    },
    clock,
    logger,
    recorder,
    links: createLinks({ jaeger: 'https://jaeger.example' }),
    defaultChannel: '#incidents',
    workers: 6,
  });
  sync.start();
  const delivered = async (): Promise<void> => {
    while ((await store.pendingMessages()).depth > 0) await clock.sleep(ms(100));
    await sync.stop();
  };
  await inVirtualTime(clock, delivered(), 20);
}

const secondsBetween = (from: EpochMs, to: number): number => (to - from) / SECOND;

const quantile = (sorted: readonly number[], q: number): string =>
  (sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN).toFixed(1);

/** When the messages of a workspace were posted, in seconds from `from`, sorted. */
function postedAfter({ server }: TestSlack, from: EpochMs): readonly number[] {
  return server
    .calls()
    .filter(({ method, outcome }) => method === 'chat.postMessage' && outcome === 'ok')
    .map(({ at }) => secondsBetween(from, at))
    .sort((a, b) => a - b);
}

/** Adds the channels to a workspace; gives their names. */
function addChannels({ workspace }: TestSlack): readonly string[] {
  const { conversations } = workspace.state;
  const [model] = conversations.channels();
  return Array.from({ length: CHANNELS }, (_, index) => {
    const name = `team-${index}`;
    const id = `C0TEAM${String(index).padStart(5, '0')}`;
    if (model !== undefined) conversations.changeChannel({ ...model, id, name, botIsMember: true });
    return `#${name}`;
  });
}

async function benchChannels(): Promise<boolean> {
  return await onStage(async (stage) => {
    const { slack, store } = stage;
    const channels = addChannels(slack);
    const from = slack.clock.now();
    const messages = Array.from({ length: ALERTS }, (_, index): MessageUpdate => {
      const alertId = `alert-${index}`;
      const rule = aRule({ channel: channels[index % CHANNELS] });
      const alert = anAlert({ alertId, labels: { alertname: 'CheckoutSlow', service: alertId } });
      return { key: alertId, isNew: true, desired: { group: 'g', alert, rule, asOf: from }, at: from };
    });
    await store.applyEvaluation({ group: 'g', state: { evalTime: from, rules: {} }, messages });
    await deliver(stage);
    const posted = postedAfter(slack, from);
    const least = (ALERTS / CHANNELS - 1) * (PER_CHANNEL / SECOND);
    const last = posted.at(-1) ?? Number.NaN;
    console.log(`\n${ALERTS} alerts over ${CHANNELS} channels, posted within Slack's limits`);
    console.table({
      messages: posted.length,
      'breach to visible, median s': quantile(posted, 0.5),
      'breach to visible, p99 s': quantile(posted, 0.99),
      'all visible after s': last.toFixed(1),
      'theoretical minimum s': least.toFixed(1),
      ratio: (last / least).toFixed(2),
    });
    return posted.length === ALERTS && last <= 1.1 * least;
  });
}

async function benchServices(): Promise<boolean> {
  return await onStage(async (stage) => {
    const { slack, store } = stage;
    const { clock } = slack;
    const rule = aRule({ channel: '#incidents' });
    const metrics = createFakeMetricsSource();
    metrics.answer(
      rule.expr,
      Array.from(
        { length: SERVICES },
        (_, index): Sample => ({
          labels: { service: `service-${index}` },
          value: 0.05 + index / 1e6,
        }),
      ),
    );
    const evaluate = createEvaluateGroup({
      store,
      metrics,
      clock,
      recorder: slack.recorder,
      logger: slack.log,
      expand: expandValue,
      notifications: {
        policy: () => NO_POLICY,
        localTime: () => LOCAL_TIME,
        callGraphAt: async () => undefined,
      },
    });
    const from = clock.now();
    const startedAt = performance.now();
    await inVirtualTime(clock, evaluate(aGroup({ rules: [rule], interval: MINUTE }), from));
    const evaluated = performance.now() - startedAt;
    await deliver(stage);
    const posted = postedAfter(slack, from);
    console.log(`\n${SERVICES.toLocaleString('en-US')} services breach at once`);
    console.table({
      'evaluation, ms of this machine': Math.round(evaluated),
      messages: posted.length,
      'first visible after s': quantile(posted, 0),
      'all visible after s': quantile(posted, 1),
      'took virtual s': (between(from, clock.now()) / SECOND).toFixed(1),
    });
    return posted.length > 0;
  });
}

/** How fast messages become visible within Slack's limits, in virtual time. Fails above 1.1 times the minimum. */
export async function benchDelivery(): Promise<void> {
  const isFast = await benchChannels();
  const isShown = await benchServices();
  if (!isFast || !isShown) process.exitCode = 1;
}
