import { setMaxListeners } from 'node:events';
import { createSilenceExpiry } from './actions/silence-expiry.ts';
import { createCurrentPolicy } from './actions/silences.ts';
import { createReceiving } from './bot-alertmanager.ts';
import { createBotNotices, restoredNotice } from './bot-notices.ts';
import {
  type Base,
  type Cleanup,
  createAnswering,
  createCheckingChannels,
  createCorrectedTime,
  createNotifier,
  createNotifying,
  createPainter,
  createRestoring,
  createSources,
  createVerifying,
  heartbeatOf,
  observedReload,
  openStore,
  recordPendingMessages,
  type Sources,
  signalingStore,
} from './bot-parts.ts';
import { createCallGraphQuery } from './evaluation/call-graph-query.ts';
import { createEvaluator, type EvaluatorOptions, type OwnGroup } from './evaluation/evaluator.ts';
import type { RestoreMessages } from './evaluation/restore-messages.ts';
import { createRuleSetHolder, type LoadedRules, type RuleSetHolder } from './evaluation/rule-set-holder.ts';
import { createCronScheduler, type Scheduler } from './evaluation/schedule.ts';
import { createOutageGroup } from './evaluation/source-outage.ts';
import { createTestAlerts, TEST_GROUP, type TestAlerts } from './evaluation/test-alert.ts';
import { createProxyFor } from './http/proxy.ts';
import { listenError } from './http/server.ts';
import { type Clock, systemClock } from './lib/clock.ts';
import { RuleFilesError } from './lib/errors.ts';
import type { Logger } from './lib/logger.ts';
import type { MetricsSource } from './lib/metrics-source.ts';
import { NO_TRACING } from './lib/tracing.ts';
import { createLedger, type Ledger } from './messages/ledger.ts';
import type { Notices } from './messages/notices.ts';
import { SILENCE_GROUP } from './messages/silence-messages.ts';
import type { Store } from './messages/store.ts';
import { createLogger } from './ops/logger.ts';
import { createTelemetry } from './ops/metrics.ts';
import { createOpsServer, readyChecks } from './ops/ops-server.ts';
import { createRulesApi } from './ops/rules-api.ts';
import { createSourceProbe, type SourceProbe } from './ops/source-probe.ts';
import type { OtlpTracing } from './ops/tracing.ts';
import { NO_POLICY, type NotificationPolicy } from './policy/suppress.ts';
import { createLocalTime } from './policy/time-interval.ts';
import type { RuleSet } from './rules/file/rule-file.ts';
import type { RuleGroup } from './rules/rule.ts';
import { expandTemplate } from './rules/template/template.ts';
import { problemsText, type SettingProblem, type Settings, secretsOf } from './settings/env.ts';
import { createProxiedNetwork, DIRECT } from './slack/network.ts';

export interface BotOptions {
  readonly settings: Settings;
  /** Settings that are probably wrong; for the log. */
  readonly warnings?: readonly SettingProblem[];
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

/** A bot that may still wait for Slack. */
export type RunningBot = Pick<Bot, 'logger' | 'reload' | 'stop'>;

/** A bot that runs. */
export interface Bot {
  readonly opsPort: number;
  /** Where Slack's requests are received, over HTTP. */
  readonly slackPort?: number;
  readonly logger: Logger;
  /** Puts the rule files in force as they are now; when they are wrong, nothing changes. */
  reload(): Promise<{ readonly ok: boolean; readonly message: string }>;
  /** Sees through what is due to be notified now; the bot does so by itself, a test may want to wait for it. */
  deliver(): Promise<number>;
  /** Ends what runs, in the opposite order of its start. */
  stop(): Promise<void>;
}

const MAX_LISTENERS = 200;

/** Puts the parts together and starts them. When one fails, those that were started are ended again. */
export async function startBot(options: BotOptions): Promise<Bot> {
  // The signal of one command reaches each query that it sends; from 11 listeners on, Node prints a warning of a leak.
  setMaxListeners(MAX_LISTENERS);
  const cleanups: Cleanup[] = [];
  const base = await createBase(options, cleanups);
  for (const warning of options.warnings ?? []) base.logger.warn(problemsText([warning]));
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

/** What evaluations read and write, and whom they notify. */
function createEvaluationParts(
  { clock, logger, recorder, settings, tracing }: Base,
  {
    ruleSet,
    store,
    metrics,
    ledger,
  }: { ruleSet: () => RuleSet; store: Store; metrics: MetricsSource; ledger: Ledger },
): Omit<EvaluatorOptions, 'scheduler'> & { readonly groups: () => readonly RuleGroup[] } {
  const policy = (): NotificationPolicy => ruleSet().policy ?? NO_POLICY;
  return {
    clock,
    logger,
    recorder,
    store,
    metrics,
    ledger,
    expand: expandTemplate,
    externalUrl: settings.prometheus.publicUrl,
    tracing,
    groups: () => ruleSet().groups,
    notifications: {
      policy,
      currentPolicy: createCurrentPolicy(policy, () => store.silences(clock.now())),
      localTime: createLocalTime(),
      callGraphAt: createCallGraphQuery({ metrics, clock, logger }),
    },
  };
}

/** Probes both sources with the smallest request of each. */
const createProbe = (
  { clock, logger, recorder }: Base,
  { metrics, traces }: Pick<Sources, 'metrics' | 'traces'>,
): SourceProbe =>
  createSourceProbe({
    clock,
    logger,
    recorder,
    requests: {
      prometheus: (signal) => metrics.instant({ expr: 'vector(1)', at: clock.now() }, signal),
      jaeger: (signal) => traces.services(signal),
    },
  });

/** Starts work that goes on until the bot ends. */
function startBackground(cleanups: Cleanup[], work: readonly ((signal: AbortSignal) => void)[]): void {
  const ended = new AbortController();
  cleanups.push(async () => ended.abort());
  for (const each of work) each(ended.signal);
}

async function loadAtStart({ recorder, logger }: Base, { loadRules }: BotOptions): Promise<RuleSetHolder> {
  const loaded = await loadRules();
  if (!loaded.ok) throw new RuleFilesError(loaded.text);
  for (const note of loaded.notes) logger.warn(note);
  return createRuleSetHolder({ initial: loaded, load: loadRules, recorder, logger });
}

/** Restores a store, and says so in Slack. */
const createNotedRestoring = (
  base: Base,
  { notices, ...parts }: Omit<Parameters<typeof createRestoring>[1], 'onRestored'> & { notices: Notices },
): RestoreMessages =>
  createRestoring(base, {
    ...parts,
    onRestored: (restored) => void notices.say(restoredNotice(restored, base.clock.now())),
  });

const schedulingOf = ({ logger, settings }: Base, { scheduler }: BotOptions) => ({
  scheduler: scheduler ?? createCronScheduler({ logger }),
  // A scheduler that was given decides on the evaluation times itself.
  followsScrapes: scheduler === undefined,
  isShared: settings.redis !== undefined,
});

/** The groups that are in no rule file. */
const ownGroupsOf = (
  { logger }: Base,
  {
    tests,
    receiving,
    ...evaluation
  }: Omit<Parameters<typeof createOutageGroup>[0], 'store'> & {
    readonly store: Store;
    readonly tests: TestAlerts;
    readonly receiving: ReturnType<typeof createReceiving>;
  },
): readonly OwnGroup[] => {
  const silences = createSilenceExpiry({ store: evaluation.store, ledger: evaluation.ledger, logger });
  return [
    createOutageGroup(evaluation),
    { group: SILENCE_GROUP, evaluate: silences.evaluate },
    { group: TEST_GROUP, evaluate: tests.tick },
    ...(receiving === undefined ? [] : [receiving.group]),
  ];
};

/** Puts the parts together. Nothing runs yet, but what the store and the painter need. */
async function assemble(local: Base, options: BotOptions, cleanups: Cleanup[]) {
  const { logger, telemetry, settings } = local;
  const rules = await loadAtStart(local, options);
  const { ruleSet } = rules;
  const { base, sourceClock, time, measurementBy } = createCorrectedTime(local);
  const { clock } = base;
  const stored = await openStore(base, { ruleSet, isOwnClock: time !== undefined });
  cleanups.push(() => stored.close());
  const sources = createSources(base, cleanups, time);
  const measureClock = measurementBy(sources.metrics);
  const painter = createPainter(base, cleanups);
  const notifier = createNotifier(base);
  const ledger = createLedger(stored, logger);
  const sync = createNotifying(base, { sources, store: stored, ledger, ruleSet, notifier });
  const store = signalingStore(stored, sync);
  const notices = createBotNotices(base, { notifier, store: stored, sourceClock });
  const restoring = createNotedRestoring(base, { store, notifier, ruleSet, notices });
  const verifying = createVerifying(base, sources, cleanups);
  const channelCheck = createCheckingChannels(base, { notifier, ruleSet });
  const evaluation = createEvaluationParts(base, { ...sources, ruleSet, store, ledger });
  const tests = createTestAlerts(evaluation);
  const answering = { sources, store, ledger, ruleSet, painter, verifying, channelCheck, tests };
  const slack = createAnswering(base, answering);
  telemetry.onScrape(() => recordPendingMessages(base, store));
  const receiving = createReceiving(base, evaluation, cleanups);
  const timed = { ...evaluation, store, sourceClock, measureClock };
  const evaluator = createEvaluator({
    ...timed,
    ownGroups: ownGroupsOf(base, { ...timed, tests, receiving }),
    ...schedulingOf(base, options),
  });
  const verify = (): void => verifying.verify(rules.uses());
  const reload = observedReload(
    () => rules.reload(evaluator),
    ({ ok, message }) => {
      ledger.add({ at: clock.now(), kind: ok ? 'rules-loaded' : 'rules-rejected', what: message });
      if (!ok) return;
      verify();
      channelCheck.recheck();
    },
  );
  const probe = createProbe(base, sources);
  const parts = { restoring, notices, channelCheck, sync, slack, evaluator, ruleSet };
  const checks = [...readyChecks({ ...parts, clock, store: stored, sourceClock }), ...probe.checks];
  const ops = createOpsServer({
    telemetry,
    logger,
    reload,
    readyChecks: checks,
    rulesApi: createRulesApi({ rules: ruleSet, store }),
    store,
    tests,
    token: settings.opsToken?.reveal(),
    webhook: receiving?.webhook,
  });
  return { ...parts, base, ops, checks, probe, reload, verify, measureClock };
}

async function start(
  local: Base,
  options: BotOptions,
  { cleanups, stop }: { cleanups: Cleanup[]; stop: () => Promise<void> },
): Promise<Omit<Bot, 'stop'>> {
  const { logger, settings, host } = local;
  const parts = await assemble(local, options, cleanups);
  const { base, ops, sync, restoring, evaluator, slack, reload, checks } = parts;
  const { port: opsPort } = await ops
    .listen({ port: settings.opsPort, host: host.host ?? settings.opsHost })
    .catch((error: unknown) => {
      const { opsPort: port } = settings;
      throw listenError(error, { port, variable: 'OPS_PORT', hostVariable: 'OPS_HOST' });
    });
  cleanups.push(() => ops.close());
  await parts.measureClock?.();
  sync.start();
  cleanups.push(() => sync.stop());
  // Alerts that are in Slack already are not to be posted again.
  await restoring.begin();
  const { notices, channelCheck } = parts;
  startBackground(cleanups, [
    parts.probe.watch,
    restoring.watch,
    notices.watch,
    channelCheck.watch,
    heartbeatOf(base, checks),
  ]);
  await evaluator.start(parts.ruleSet());
  cleanups.push(() => evaluator.stop());
  parts.verify();
  // Last, because in Socket Mode it waits for Slack however long: evaluation must not wait for it.
  cleanups.push(() => slack.stop());
  options.onRunning?.({ logger, reload, stop });
  const { transport } = settings.slack;
  const slackAt = await slack.start().catch((error: unknown) => {
    if (transport.kind === 'socket') throw error;
    throw listenError(error, { port: transport.port, variable: 'SLACK_PORT', hostVariable: 'SLACK_PORT' });
  });
  logger.info('started', { opsPort, ...slackAt });
  return { opsPort, slackPort: slackAt.port, logger, reload, deliver: () => sync.drain() };
}

/** The packages of OpenTelemetry are loaded only where traces are sent. */
async function startTracing({ tracing }: Settings, cleanups: Cleanup[]): Promise<OtlpTracing | undefined> {
  if (tracing === undefined) return undefined;
  const { createOtlpTracing } = await import('./ops/tracing.ts');
  const started = createOtlpTracing({ endpoint: tracing.endpoint, headers: tracing.headers.reveal() });
  // It is stopped last, so that the end of the other parts is traced too.
  cleanups.push(() => started.stop());
  return started;
}

async function createBase(
  { settings, clock = systemClock, write, host }: BotOptions,
  cleanups: Cleanup[],
): Promise<Base> {
  const tracing = await startTracing(settings, cleanups);
  const logger = createLogger({
    level: settings.logLevel,
    secrets: secretsOf(settings),
    patterns: settings.redaction.patterns,
    fields: tracing?.ids,
    write,
  });
  const telemetry = createTelemetry();
  const proxyFor = createProxyFor(settings.proxy);
  const hasProxy = settings.proxy.http !== undefined || settings.proxy.https !== undefined;
  return {
    settings,
    clock,
    logger,
    telemetry,
    recorder: telemetry.recorder,
    tracing: tracing ?? NO_TRACING,
    host: host === undefined ? {} : { host },
    proxyFor,
    slackNetwork: hasProxy ? createProxiedNetwork(proxyFor) : DIRECT,
  };
}
