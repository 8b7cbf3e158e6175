import { createCronScheduler } from './adapters/cron/cron-scheduler.ts';
import { createHttpClient } from './adapters/http/http-client.ts';
import { createJaegerTraceSource } from './adapters/jaeger/jaeger-trace-source.ts';
import { openLevelStore } from './adapters/level/open-level-store.ts';
import { createPrometheusMetrics } from './adapters/prometheus/prometheus-metrics.ts';
import { openRedisStore } from './adapters/redis/open-redis-store.ts';
import { createSlackApp, type SlackApp } from './adapters/slack/app.ts';
import { createSlackNotifier } from './adapters/slack/notifier.ts';
import { systemClock } from './adapters/telemetry/clock.ts';
import { createLogger } from './adapters/telemetry/logger.ts';
import { createOpsServer } from './adapters/telemetry/ops-server.ts';
import { createTelemetry, type Telemetry } from './adapters/telemetry/recorder.ts';
import { createLocalTime } from './adapters/time/local-time.ts';
import { createCommands } from './app/commands/create-commands.ts';
import { createDelivery, type Delivery } from './app/deliver.ts';
import { createEnrichAlert } from './app/enrich-alert.ts';
import { createFindRequest } from './app/find-request.ts';
import { createFindSlowest } from './app/find-slowest.ts';
import { createInspectTrace } from './app/inspect-trace.ts';
import { createLearnCalls } from './app/learn-calls.ts';
import type { Clock, Logger, RuleBook, Scheduler, Store } from './app/ports.ts';
import { readyChecks } from './app/readiness.ts';
import { createLatencyReport } from './app/report-latency.ts';
import { createSloStatusReport } from './app/report-slo-status.ts';
import { createResolveService } from './app/resolve-service.ts';
import { createRulesApi } from './app/rules-api.ts';
import { createRulesInForce, type LoadedRules } from './app/rules-in-force.ts';
import { createWatch } from './app/watch.ts';
import { linksOf, secretsOf, transportOf } from './bot-settings.ts';
import type { Settings, Upstream } from './config/env.ts';
import { NO_POLICY } from './domain/alert/suppress.ts';
import { expandTemplate } from './domain/slo/template.ts';
import { between, type Milliseconds, ms, SECOND } from './domain/units.ts';

export interface BotOptions {
  readonly settings: Settings;
  /** Reads the rule files as they are now. */
  readonly loadRules: () => Promise<LoadedRules>;
  readonly clock?: Clock;
  readonly scheduler?: Scheduler;
  /** Takes the log, a line at a time; standard output when absent. */
  readonly write?: (line: string) => void;
  /** Where the operators' port and Slack's requests are received; all interfaces when absent. */
  readonly host?: string;
  /** Hears of the bot as soon as it evaluates and delivers. In Socket Mode the start lasts until Slack answers. */
  readonly onRunning?: (bot: RunningBot) => void;
}

/** What can be asked of a bot that still waits for Slack. */
export type RunningBot = Pick<Bot, 'logger' | 'reload' | 'stop'>;

/** A bot that runs. */
export interface Bot {
  readonly opsPort: number;
  /** Where Slack's requests are received, over HTTP. */
  readonly slackPort?: number;
  readonly logger: Logger;
  /** Puts the rule files in force as they are now; when they are wrong, nothing changes. */
  reload(): Promise<{ readonly ok: boolean; readonly message: string }>;
  /** Sees through what is due to be told now; the bot does so by itself, a test may want to wait for it. */
  deliver(): Promise<number>;
  /** Ends what runs, in the opposite order of its start. */
  stop(): Promise<void>;
}

/** The rule files are wrong at the start: the message says where. */
export class RuleFilesError extends Error {
  override readonly name = 'RuleFilesError';
}

/** For one question of a command or a message; an evaluation has a deadline of its own, shorter than its interval. */
const UPSTREAM_DEADLINE: Milliseconds = ms(10 * SECOND);

type Cleanup = () => Promise<void>;

/** Puts the parts together and starts them. When one fails, those that were started are ended again. */
export async function startBot(options: BotOptions): Promise<Bot> {
  const base = createBase(options);
  const cleanups: Cleanup[] = [];
  // One part that does not end well must not keep the others from theirs: the store's lock, the port.
  const endAll = async (): Promise<void> => {
    for (let end = cleanups.pop(); end !== undefined; end = cleanups.pop())
      await end().catch((error: unknown) => base.logger.error('a part did not end well', { error }));
  };
  let ended: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    ended ??= endAll();
    return ended;
  };
  try {
    return { ...(await start(base, options, { cleanups, stop })), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

interface Base {
  readonly settings: Settings;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly telemetry: Telemetry;
  readonly recorder: Telemetry['recorder'];
  readonly host: { readonly host?: string };
}

async function start(
  base: Base,
  options: BotOptions,
  { cleanups, stop }: { cleanups: Cleanup[]; stop: () => Promise<void> },
): Promise<Omit<Bot, 'stop'>> {
  const { logger, clock, recorder, telemetry, settings } = base;
  const loaded = await options.loadRules();
  if (!loaded.ok) throw new RuleFilesError(loaded.text);
  for (const note of loaded.notes) logger.warn(note);
  const rules = createRulesInForce({ ...loaded, load: options.loadRules, recorder, logger });
  const stored = await openStore(base);
  cleanups.push(() => stored.close());
  const { delivery, slack, metrics } = createParts(base, { store: stored, book: rules.book, cleanups });
  const store = wakingStore(stored, delivery);
  telemetry.onScrape(() => recordOutbox(base, store));
  const scheduler = options.scheduler ?? createCronScheduler({ logger });
  const watch = createWatch({
    clock,
    logger,
    recorder,
    store,
    metrics,
    scheduler,
    expand: expandTemplate,
    noise: {
      policy: () => rules.book().policy ?? NO_POLICY,
      localTime: createLocalTime(),
      learnCalls: createLearnCalls({ metrics, clock, logger }),
    },
  });
  const reload = () => rules.reload(watch);

  const checks = readyChecks({ clock, watch, store, delivery, slack, book: rules.book });
  const rulesApi = createRulesApi({ rules: rules.book, store });
  const ops = createOpsServer({ telemetry, logger, reload, readyChecks: checks, rulesApi });
  const { port: opsPort } = await ops.listen({ port: settings.opsPort, ...base.host });
  cleanups.push(() => ops.close());
  delivery.start();
  cleanups.push(() => delivery.stop());
  await watch.start(rules.book());
  cleanups.push(() => watch.stop());
  // Last, because in Socket Mode it waits for Slack however long: evaluation must not wait for it.
  cleanups.push(() => slack.stop());
  options.onRunning?.({ logger, reload, stop });
  const slackAt = await slack.start();
  logger.info('started', { opsPort, ...slackAt });
  const { port: slackPort } = slackAt;
  return {
    opsPort,
    ...(slackPort === undefined ? {} : { slackPort }),
    logger,
    reload,
    deliver: () => delivery.drain(),
  };
}

function createBase({ settings, clock = systemClock, write, host }: BotOptions): Base {
  const logger = createLogger({
    level: settings.logLevel,
    secrets: secretsOf(settings),
    ...(write === undefined ? {} : { write }),
  });
  const telemetry = createTelemetry();
  return {
    settings,
    clock,
    logger,
    telemetry,
    recorder: telemetry.recorder,
    host: host === undefined ? {} : { host },
  };
}

async function openStore({ settings, clock, logger }: Base): Promise<Store> {
  if (settings.redisUrl === undefined) return await openLevelStore({ dir: settings.dataDir, clock });
  return await openRedisStore({ url: settings.redisUrl.reveal(), logger });
}

/** The store, with a bell: what an evaluation wants told is told now, not at the next look into the outbox. */
function wakingStore(store: Store, delivery: Pick<Delivery, 'wake'>): Store {
  return {
    ...store,
    applyEvaluation: async (change) => {
      const applied = await store.applyEvaluation(change);
      if (applied === 'applied' && change.entries.length > 0) delivery.wake();
      return applied;
    },
  };
}

/** Read at the scrape alone. A store that does not answer costs these two gauges their freshness, not the whole scrape. */
async function recordOutbox({ recorder, clock, logger }: Base, store: Store): Promise<void> {
  const waiting = await store.outbox().catch((error: unknown) => {
    logger.debug('the outbox could not be counted for a scrape', { error });
    return undefined;
  });
  if (waiting === undefined) return;
  const { depth, oldestAt } = waiting;
  const oldestAgeSeconds = oldestAt === undefined ? 0 : Math.max(0, between(oldestAt, clock.now()) / SECOND);
  recorder.outbox({ depth, oldestAgeSeconds });
}

interface Parts {
  readonly delivery: Delivery;
  readonly slack: SlackApp;
  readonly metrics: ReturnType<typeof createPrometheusMetrics>;
}

/** Sources, use cases, and the two sides of Slack. */
function createParts(
  base: Base,
  { store, book, cleanups }: { store: Store; book: () => RuleBook; cleanups: Cleanup[] },
): Parts {
  const { settings, clock, logger, recorder } = base;
  const http = (system: 'prometheus' | 'jaeger', { url, headers }: Upstream) => {
    const client = createHttpClient({ system, baseUrl: url, headers: headers.reveal(), recorder });
    cleanups.push(async () => client.close());
    return client;
  };
  const metrics = createPrometheusMetrics({
    http: http('prometheus', settings.prometheus),
    deadline: UPSTREAM_DEADLINE,
    logger,
  });
  const traces = createJaegerTraceSource({
    http: http('jaeger', settings.jaeger),
    deadline: UPSTREAM_DEADLINE,
  });
  const links = linksOf(settings);
  const findSlowest = createFindSlowest({ traces, clock });
  // A message is kept up to date every half minute: its search may not take what a person's may.
  const quickSlowest = createFindSlowest({ traces, clock, maxTime: ms(5 * SECOND) });
  const resolveService = createResolveService({ traces, clock });
  const reporting = { rules: book, store, metrics, clock };
  const commands = createCommands({
    traces,
    findSlowest,
    resolveService,
    findRequest: createFindRequest({ traces, links }),
    inspectTrace: createInspectTrace({ traces, links, clock }),
    reportLatency: createLatencyReport({ ...reporting, links }),
    reportSloStatus: createSloStatusReport(reporting),
    links,
    clock,
    logger,
  });
  const slackBase = {
    botToken: settings.slack.botToken.reveal(),
    apiUrl: settings.slack.apiUrl,
    clock,
    logger,
    recorder,
  };
  const slack = createSlackApp({
    ...slackBase,
    commands,
    transport: transportOf(settings.slack.transport, base.host),
  });
  const delivery = createDelivery({
    store,
    notifier: createSlackNotifier(slackBase),
    enrich: createEnrichAlert({ metrics, findSlowest: quickSlowest, resolveService, links, clock, logger }),
    clock,
    logger,
    recorder,
    links,
    defaultChannel: settings.slack.channel,
  });
  return { delivery, slack, metrics };
}
