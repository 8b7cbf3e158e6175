import { createHash } from 'node:crypto';
import { createManageAlerts } from './actions/alert-actions.ts';
import { createManageSilences } from './actions/silences.ts';
import { type Commands, createCommands } from './commands/commands.ts';
import { createGreetings } from './commands/greeting.ts';
import { createExplainSlowness, type ExplainSlowness } from './culprit/collect.ts';
import { createExplainWithMetrics } from './culprit/with-metrics.ts';
import {
  createRestoreMessages,
  type RestoredStore,
  type RestoreMessages,
} from './evaluation/restore-messages.ts';
import { createClockMeasurement, createSourceClock } from './evaluation/source-clock.ts';
import type { TestAlerts } from './evaluation/test-alert.ts';
import { createHttpClient, type HttpClient } from './http/http-client.ts';
import type { ProxyFor } from './http/proxy.ts';
import { createJaegerTraceSource, type JaegerTraceSource } from './jaeger/jaeger-trace-source.ts';
import {
  createErrorBudget,
  createServiceBudgets,
  type ErrorBudget,
  type ServiceBudgets,
} from './latency/error-budget.ts';
import { createRankRequest } from './latency/percentile-rank.ts';
import { type Clock, systemClock } from './lib/clock.ts';
import type { Links } from './lib/links.ts';
import type { Logger } from './lib/logger.ts';
import { limitQueries, type MetricsSource } from './lib/metrics-source.ts';
import { createRedactLabels } from './lib/redact.ts';
import type { Tracing } from './lib/tracing.ts';
import { between, type Milliseconds, ms, SECOND } from './lib/units.ts';
import { createLinks } from './links/link.ts';
import { type ChannelCheck, createChannelCheck } from './messages/channel-check.ts';
import { createCulpritWatch } from './messages/culprit.ts';
import { createEvidenceCollector } from './messages/evidence.ts';
import type { Ledger } from './messages/ledger.ts';
import type { ChannelReader, Notifier } from './messages/notifier.ts';
import { createRedactMessage } from './messages/post-message.ts';
import type { Store } from './messages/store.ts';
import { createMessageSync, type MessageSync } from './messages/sync.ts';
import { createHeartbeat, HEARTBEAT_CHECKS } from './ops/heartbeat.ts';
import type { Telemetry } from './ops/metrics.ts';
import type { ReadyCheck } from './ops/ops-server.ts';
import { createLocalTime } from './policy/time-interval.ts';
import { createPrometheusMetrics } from './prometheus/prometheus-metrics.ts';
import { createRuleCheck } from './rules/check-rules.ts';
import { namedChannels, type RuleSet } from './rules/file/rule-file.ts';
import { createVerifyRules, type VerifyRules } from './rules/verify-rules.ts';
import type { Settings, SlackTransport, Upstream } from './settings/env.ts';
import { createSlackApp, type SlackApp } from './slack/app.ts';
import { createCalls } from './slack/calls.ts';
import type { SlackNetwork } from './slack/network.ts';
import { createSlackNotifier } from './slack/notifier.ts';
import { createPeople } from './slack/people.ts';
import type { Transport } from './slack/receivers.ts';
import { openLevelStore } from './store/level/open-level-store.ts';
import { createProcessClock, createServerClock, withQueueClock } from './store/queue-time.ts';
import type { ReplicaRules } from './store/redis/replicas.ts';
import { createFindRequest, createSampledShare } from './traces/find-request.ts';
import { createFindSlowest } from './traces/find-slowest.ts';
import { createInspectTrace } from './traces/inspect-trace.ts';
import type { PicturePainter } from './traces/pictures.ts';
import { createResolveService } from './traces/resolve-service.ts';
import { createPicturePainter } from './waterfall/picture-painter.ts';

/** For one question of a command or a message; an evaluation has a deadline of its own, shorter than its interval. */
export const UPSTREAM_DEADLINE: Milliseconds = ms(10 * SECOND);

/** What every part may need. */
export interface Base {
  readonly settings: Settings;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly telemetry: Telemetry;
  readonly recorder: Telemetry['recorder'];
  readonly tracing: Tracing;
  readonly host: { readonly host?: string };
  readonly proxyFor: ProxyFor;
  readonly slackNetwork: SlackNetwork;
}

/** Ends a part that was started. */
export type Cleanup = () => Promise<void>;

/** A store, and why it cannot be used as it should, for readiness. */
export type StoreWithProblem = Store & { readonly problem?: () => string | undefined };

/** `isOwnClock`: the clock is the machine's, which may be wrong and is corrected. */
export async function openStore(
  { settings, clock, logger }: Base,
  { ruleSet, isOwnClock }: { readonly ruleSet: () => RuleSet; readonly isOwnClock: boolean },
): Promise<StoreWithProblem> {
  const { redis, dataDir, slack } = settings;
  if (redis === undefined) {
    const store = await openLevelStore({ dir: dataDir, clock, logger });
    return isOwnClock ? withQueueClock(store, { clock, queue: createProcessClock(clock) }) : store;
  }
  const rules = replicaRules(ruleSet, slack.channel);
  // Its client is loaded only where it is used: each file that is loaded delays the start.
  const { openRedisStore } = await import('./store/redis/open-redis-store.ts');
  const store = await openRedisStore({ url: redis.url.reveal(), prefix: redis.prefix, rules, logger });
  const queue = createServerClock(() => store.serverTime());
  return isOwnClock ? withQueueClock(store, { clock, queue }) : store;
}

/** What the replicas of an installation have in common; computed once for each rule set. */
function replicaRules(ruleSet: () => RuleSet, channel: string): () => ReplicaRules {
  let known: { readonly ruleSet: RuleSet; readonly rules: ReplicaRules } | undefined;
  return () => {
    const current = ruleSet();
    if (known?.ruleSet === current) return known.rules;
    const hash = createHash('sha256').update(JSON.stringify(current.groups)).digest('hex').slice(0, 16);
    const count = current.groups.reduce((sum, { rules }) => sum + rules.length, 0);
    const rules = { hash, description: `channel ${channel}, ${count} rules` };
    known = { ruleSet: current, rules };
    return rules;
  };
}

/**
 * Identifies the messages of this installation in Slack, by what its replicas have in common and other installations of
 * the same Slack app have not.
 */
const installationOf = ({ slack, prometheus, jaeger, redis }: Settings): string =>
  createHash('sha256')
    .update(
      JSON.stringify([
        slack.channel,
        prometheus.url,
        prometheus.publicUrl,
        jaeger.url,
        jaeger.publicUrl,
        redis?.prefix,
      ]),
    )
    .digest('hex')
    .slice(0, 12);

/** The store with signals: changed messages are shown at once instead of at the next poll. */
export function signalingStore(store: Store, sync: Pick<MessageSync, 'signal'>): Store {
  const signaling = async <Done>(
    { messages }: { readonly messages: readonly unknown[] },
    written: Promise<Done>,
  ): Promise<Done> => {
    const done = await written;
    // A write that was refused changed nothing: one poll too many does no harm.
    if (messages.length > 0) sync.signal();
    return done;
  };
  return {
    ...store,
    applyEvaluation: (change) => signaling(change, store.applyEvaluation(change)),
    restore: (found) => signaling({ messages: found.updates }, store.restore(found)),
    recordAction: (done) => signaling(done, store.recordAction(done)),
    addSilence: (made) => signaling(made, store.addSilence(made)),
    endSilence: (done) => signaling(done, store.endSilence(done)),
  };
}

/** Read at the scrape alone. A store that does not answer costs these two gauges their freshness, not the whole scrape. */
export async function recordPendingMessages({ recorder, clock, logger }: Base, store: Store): Promise<void> {
  const waiting = await store.pendingMessages().catch((error: unknown) => {
    logger.debug('pending messages could not be counted for a scrape', { error });
    return undefined;
  });
  if (waiting === undefined) return;
  const { depth, oldestAt } = waiting;
  const oldestAgeSeconds = oldestAt === undefined ? 0 : Math.max(0, between(oldestAt, clock.now()) / SECOND);
  recorder.pendingMessages({ depth, oldestAgeSeconds });
}

/**
 * The time that everything goes by: the machine's clock, corrected by that of Prometheus, so that replicas agree about
 * evaluation times and leases. A clock that was given to the bot is right by definition.
 */
export function createCorrectedTime(local: Base) {
  const sourceClock = createSourceClock(local);
  const { clock } = local;
  const isMeasured = clock === systemClock;
  return {
    base: { ...local, clock: sourceClock.clock } satisfies Base,
    sourceClock,
    /** What measures the offset on each response. */
    time: isMeasured ? { clock, observe: sourceClock.observe } : undefined,
    measurementBy: (metrics: MetricsSource) =>
      isMeasured ? createClockMeasurement({ sourceClock, metrics, clock }) : undefined,
  };
}

/** Prometheus, the tracing backend, and the links to their pages. */
export interface Sources {
  readonly metrics: MetricsSource;
  /** One for messages and answers: queries of one serve the other. */
  readonly errorBudget: ErrorBudget;
  readonly serviceBudgets: ServiceBudgets;
  readonly explainSlowness: ExplainSlowness;
  readonly traces: JaegerTraceSource;
  readonly links: Links;
}

export function createSources(
  { settings, clock, logger, recorder, tracing, proxyFor }: Base,
  cleanups: Cleanup[],
  time: Parameters<typeof createPrometheusMetrics>[0]['time'],
): Sources {
  const http = (system: 'prometheus' | 'jaeger', { url, headers }: Upstream): HttpClient => {
    const client = createHttpClient({ system, baseUrl: url, headers: headers.reveal(), recorder, proxyFor });
    cleanups.push(async () => client.close());
    return tracedClient(client, system, tracing);
  };
  const metrics = createPrometheusMetrics({
    http: http('prometheus', settings.prometheus),
    deadline: UPSTREAM_DEADLINE,
    logger,
    maxSeries: settings.prometheus.maxSeries,
    time,
  });
  const traces = createJaegerTraceSource({
    http: http('jaeger', settings.jaeger),
    deadline: UPSTREAM_DEADLINE,
    clock,
    maxTraceBytes: settings.maxTraceMib * 1_048_576,
    redaction: { patterns: settings.redaction.patterns, allowed: settings.redaction.allowedAttributes },
  });
  const links = linksOf(settings);
  const explain = createExplainSlowness({ traces, clock });
  return {
    metrics,
    errorBudget: createErrorBudget({ metrics, clock }),
    serviceBudgets: createServiceBudgets({ metrics, clock }),
    explainSlowness: createExplainWithMetrics(explain, { metrics, traces, links, clock }),
    traces,
    links,
  };
}

/** A client of which every request is a span: `jaeger search`. */
export function tracedClient(client: HttpClient, system: string, tracing: Tracing): HttpClient {
  const work = ({ operation }: { readonly operation: string }) =>
    ({ name: `${system} ${operation}`, kind: 'client', attributes: { 'peer.service': system } }) as const;
  return {
    json: (request) => tracing.span(work(request), () => client.json(request)),
    text: (request) => tracing.span(work(request), () => client.text(request)),
    close: () => client.close(),
  };
}

/** Commands of which every answer is a span: `command /trace`. */
const tracedCommands = (commands: Commands, tracing: Tracing): Commands => ({
  answer: (request) =>
    tracing.span({ name: `command ${request.command}`, kind: 'server' }, () => commands.answer(request)),
  run: (command, sender) =>
    tracing.span(
      { name: 'command of a form', kind: 'server', attributes: { 'tailwatch.command': command.kind } },
      () => commands.run(command, sender),
    ),
});

/** Draws in a thread that is started by the first picture. */
export function createPainter({ clock, logger }: Base, cleanups: Cleanup[]): PicturePainter {
  const painter = createPicturePainter({ clock, logger });
  cleanups.push(() => painter.close());
  return painter;
}

/** What the two sides of Slack stand on. */
export interface SlackParts {
  readonly sources: Sources;
  readonly store: Store;
  readonly ledger: Ledger;
  readonly ruleSet: () => RuleSet;
  readonly painter: PicturePainter;
  readonly verifying: Pick<VerifyRules, 'problemOf'>;
  readonly channelCheck: Pick<ChannelCheck, 'problems'>;
  readonly tests: Pick<TestAlerts, 'start'>;
}

const slackBase = ({ settings, clock, logger, recorder, slackNetwork }: Base) => ({
  botToken: settings.slack.botToken.reveal(),
  apiUrl: settings.slack.apiUrl,
  network: slackNetwork,
  clock,
  logger,
  recorder,
});

/** Queries of all commands at the same time, fewer than there are connections: evaluations do not wait behind them. */
const COMMAND_QUERIES = 8;

/** The side of Slack that answers people. */
export function createAnswering(base: Base, parts: SlackParts): SlackApp {
  const { settings, clock, logger } = base;
  const { sources, store, ruleSet, painter, verifying, ledger } = parts;
  const { metrics, errorBudget, serviceBudgets, explainSlowness, traces, links } = sources;
  const commands = createCommands({
    metrics: limitQueries(metrics, COMMAND_QUERIES),
    errorBudget,
    serviceBudgets,
    ruleSet,
    problemOf: verifying.problemOf,
    redactLabels: createRedactLabels(settings.redaction.patterns),
    channelProblems: parts.channelCheck.problems,
    tests: parts.tests,
    ledger: (query) => store.ledger(query),
    keptEvidence: (query) => store.keptEvidence(query),
    store,
    alerts: createManageAlerts({ store, ledger, logger }),
    silences: createManageSilences({ store, ledger, logger, localTime: createLocalTime(), ruleSet }),
    traces,
    findSlowest: createFindSlowest({ traces, clock }),
    explainSlowness,
    resolveService: createResolveService({ traces, clock, naming: () => ruleSet().naming }),
    findRequest: createFindRequest({
      traces,
      links,
      sampledShare: createSampledShare({ metrics, clock }),
    }),
    inspectTrace: createInspectTrace({ traces, links, clock }),
    rankRequest: createRankRequest({ metrics, rules: ruleSet, clock }),
    people: createPeople({ calls: createCalls(slackBase(base)), clock, logger }),
    links,
    clock,
    logger,
  });
  return createSlackApp({
    ...slackBase(base),
    commands: tracedCommands(commands, base.tracing),
    ...(settings.slack.showsPictures ? { painter } : {}),
    transport: transportOf(settings.slack.transport, base.host),
    greetings: createGreetings({ ruleSet, store, clock, defaultChannel: settings.slack.channel }),
  });
}

/** What posts and edits messages. */
export const createNotifier = (base: Base): Notifier & ChannelReader =>
  createSlackNotifier({
    ...slackBase(base),
    installation: installationOf(base.settings),
    mentionsAcknowledger: base.settings.slack.mentionsAcknowledger,
  });

/** The side of Slack that tells people. */
export function createNotifying(
  base: Base,
  {
    sources,
    store,
    ruleSet,
    notifier,
    ledger,
  }: Pick<SlackParts, 'sources' | 'store' | 'ruleSet' | 'ledger'> & { readonly notifier: Notifier },
): MessageSync {
  const { settings, clock, logger, recorder } = base;
  const { metrics, explainSlowness, traces, links } = sources;
  // A message is kept up to date every half minute: its search may not take what a person's may.
  const findSlowest = createFindSlowest({ traces, clock, maxTime: ms(5 * SECOND) });
  const resolveService = createResolveService({ traces, clock, naming: () => ruleSet().naming });
  return createMessageSync({
    store,
    ledger,
    notifier,
    collect: createEvidenceCollector({
      metrics,
      errorBudget: sources.errorBudget,
      findSlowest,
      resolveService,
      links,
      clock,
      logger,
    }),
    watchCulprit: createCulpritWatch({ explainSlowness, store, clock, logger }),
    clock,
    logger,
    recorder,
    links,
    redact: createRedactMessage(settings.redaction.patterns),
    defaultChannel: settings.slack.channel,
  });
}

/** The dead man's switch; nothing without an address. */
export function heartbeatOf(
  { settings, slackNetwork, ...base }: Base,
  checks: readonly ReadyCheck[],
): (signal: AbortSignal) => void {
  const url = settings.heartbeatUrl?.reveal();
  if (url === undefined) return () => undefined;
  const watched = checks.filter(({ name }) => HEARTBEAT_CHECKS.has(name));
  return createHeartbeat({ ...base, url, fetch: slackNetwork.fetch, checks: watched }).watch;
}

/** Checks the channels that the settings and the rules name. */
export const createCheckingChannels = (
  base: Base,
  { notifier, ruleSet }: { readonly notifier: ChannelReader; readonly ruleSet: () => RuleSet },
): ChannelCheck =>
  createChannelCheck({
    ...base,
    slack: notifier,
    channels: () => namedChannels(ruleSet(), base.settings.slack.channel),
  });

/** Finds the open messages of a store without data. */
export function createRestoring(
  base: Base,
  parts: {
    readonly store: Store;
    readonly notifier: ChannelReader;
    readonly ruleSet: () => RuleSet;
    readonly onRestored: (restored: RestoredStore) => void;
  },
): RestoreMessages {
  const { store, notifier, ruleSet, onRestored } = parts;
  return createRestoreMessages({
    ...base,
    store,
    slack: notifier,
    channels: () => namedChannels(ruleSet(), base.settings.slack.channel),
    groups: () => ruleSet().groups,
    receivesAlerts: base.settings.alertmanager !== undefined,
    onRestored,
  });
}

/** Holds rules against the Prometheus they run on; ended with the bot. */
export function createVerifying(
  { clock, logger }: Base,
  { metrics }: Pick<Sources, 'metrics'>,
  cleanups: Cleanup[],
): VerifyRules {
  const verifying = createVerifyRules({ check: createRuleCheck({ metrics, clock }), clock, logger });
  cleanups.push(() => verifying.stop());
  return verifying;
}

/** A reload whose outcome is passed on. */
export const observedReload =
  (reload: RunningReload, onReload: (done: Awaited<ReturnType<RunningReload>>) => void): RunningReload =>
  async () => {
    const done = await reload();
    onReload(done);
    return done;
  };

type RunningReload = () => Promise<{ readonly ok: boolean; readonly message: string }>;

/** Where links in messages lead: addresses for people, not for the bot. */
function linksOf({ jaeger, prometheus, kialiUrl, grafanaUrl, grafanaPlaces }: Settings) {
  return createLinks({
    jaeger: jaeger.publicUrl,
    prometheus: prometheus.publicUrl,
    kiali: kialiUrl,
    grafana: grafanaUrl,
    grafanaPlaces,
  });
}

/** How Slack reaches the bot. */
function transportOf(transport: SlackTransport, host: { readonly host?: string }): Transport {
  return transport.kind === 'socket'
    ? { mode: 'socket', appToken: transport.appToken.reveal() }
    : { mode: 'http', signingSecret: transport.signingSecret.reveal(), port: transport.port, ...host };
}
