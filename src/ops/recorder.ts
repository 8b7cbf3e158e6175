import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Recorder } from '../lib/recorder.ts';
import type { SendOutcome } from '../messages/notifier.ts';
import type { NotificationKind } from '../messages/store.ts';

const EVALUATION_OUTCOMES = ['ok', 'rule-error', 'source-error', 'stale', 'missed'] as const;
const SYSTEMS = ['prometheus', 'jaeger', 'slack', 'store'] as const;
/** What is asked of each system, as its adapter names it. */
const OPERATIONS: Readonly<Record<'prometheus' | 'jaeger', readonly string[]>> = {
  prometheus: ['instant', 'range', 'label-values'],
  jaeger: ['detect', 'services', 'operations', 'search', 'trace'],
};
const ALERT_STATES = ['pending', 'firing', 'no-data'] as const;
const NOTIFICATION_KINDS: readonly NotificationKind[] = [
  'firing',
  'refresh',
  'no-data',
  'data-back',
  'act',
  'resolved',
  'flapping',
  'stable',
];
const SEND_OUTCOMES: readonly (SendOutcome['kind'] | 'unchanged')[] = [
  'sent',
  'not-sent',
  'unknown',
  'message-gone',
  'channel-refused',
  'refused',
  'unchanged',
];
const SLACK_OUTCOMES = ['ok', 'rate-limited', 'error', 'unknown'] as const;
const COMMANDS = ['/trace', '/latency', '/slo'] as const;
const ANSWER_OUTCOMES = ['ok', 'usage', 'failed'] as const;

/** Bounds in seconds: from a warm local query to Slack's three seconds and past a deadline. */
const SECONDS = [0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 20, 30];

/** Every combination of the given label values. */
function combinations(labels: Readonly<Record<string, readonly string[]>>): Record<string, string>[] {
  return Object.entries(labels).reduce<Record<string, string>[]>(
    (sets, [name, values]) => sets.flatMap((set) => values.map((value) => ({ ...set, [name]: value }))),
    [{}],
  );
}

type LabelValues = Readonly<Record<string, readonly string[]>>;

/** Makes metrics whose known label sets stand at zero from the start. */
function factory(registry: Registry) {
  const registers = [registry];
  return {
    counter: (name: string, help: string, labels: LabelValues) => {
      const made = new Counter({ name, help, labelNames: Object.keys(labels), registers });
      for (const set of combinations(labels)) made.inc(set, 0);
      return made;
    },
    gauge: (name: string, help: string, labels: LabelValues = {}) => {
      const made = new Gauge({ name, help, labelNames: Object.keys(labels), registers });
      for (const set of combinations(labels)) made.set(set, 0);
      return made;
    },
    histogram: (name: string, help: string, labels: LabelValues = {}) => {
      const made = new Histogram({
        name,
        help,
        labelNames: Object.keys(labels),
        buckets: SECONDS,
        registers,
      });
      for (const set of combinations(labels)) made.zero(set);
      return made;
    },
  };
}

/** A histogram for each question that the adapters ask, at zero from the start. */
function querySeconds(registry: Registry) {
  const made = new Histogram({
    name: 'tailwatch_query_seconds',
    help: 'Time a question to an outside system took.',
    labelNames: ['system', 'operation', 'outcome'],
    buckets: SECONDS,
    registers: [registry],
  });
  for (const [system, operations] of Object.entries(OPERATIONS)) {
    for (const set of combinations({ system: [system], operation: operations, outcome: ['ok', 'error'] })) {
      made.zero(set);
    }
  }
  return made;
}

function createMeters(registry: Registry) {
  const { counter, gauge, histogram } = factory(registry);
  return {
    evaluations: counter('tailwatch_evaluations_total', 'Evaluations of rules, by outcome.', {
      outcome: EVALUATION_OUTCOMES,
    }),
    evaluationSeconds: histogram('tailwatch_evaluation_seconds', 'Time one evaluation took.'),
    querySeconds: querySeconds(registry),
    queryErrors: counter('tailwatch_query_errors_total', 'Questions that got no usable answer.', {
      system: SYSTEMS,
    }),
    alerts: gauge('tailwatch_alerts', 'Alerts that are tracked now, by state.', { state: ALERT_STATES }),
    outboxDepth: gauge('tailwatch_outbox_entries', 'Notifications that wait to be sent.'),
    outboxAge: gauge('tailwatch_outbox_oldest_seconds', 'Age of the oldest notification that waits.'),
    notifications: counter('tailwatch_notifications_total', 'Attempts to send a notification, by outcome.', {
      kind: NOTIFICATION_KINDS,
      outcome: SEND_OUTCOMES,
    }),
    slackCalls: counter('tailwatch_slack_calls_total', 'Calls of the Slack Web API, by outcome.', {
      method: ['chat.postMessage', 'chat.update'],
      outcome: SLACK_OUTCOMES,
    }),
    slackSeconds: histogram('tailwatch_slack_call_seconds', 'Time a call of the Slack Web API took.'),
    commands: counter('tailwatch_commands_total', 'Slash commands answered, by outcome.', {
      command: COMMANDS,
      outcome: ANSWER_OUTCOMES,
    }),
    commandSeconds: histogram('tailwatch_command_seconds', 'Time from a slash command to its answer.', {
      command: COMMANDS,
    }),
    reloads: counter('tailwatch_rule_reloads_total', 'Loads of the rule files, by outcome.', {
      outcome: ['ok', 'failed'],
    }),
    reloadOk: gauge(
      'tailwatch_rule_reload_ok',
      '1 when the last load of the rule files succeeded, 0 when it was refused.',
    ),
  };
}

function recorderOn(meters: ReturnType<typeof createMeters>): Recorder {
  return {
    evaluated: ({ outcome, seconds }) => {
      meters.evaluations.inc({ outcome });
      if (outcome !== 'missed') meters.evaluationSeconds.observe(seconds);
    },
    queried: ({ system, operation, outcome, seconds }) => {
      meters.querySeconds.observe({ system, operation, outcome }, seconds);
      if (outcome === 'error') meters.queryErrors.inc({ system });
    },
    alerts: (counts) => {
      for (const state of ALERT_STATES) meters.alerts.set({ state }, counts[state]);
    },
    outbox: ({ depth, oldestAgeSeconds }) => {
      meters.outboxDepth.set(depth);
      meters.outboxAge.set(oldestAgeSeconds);
    },
    notified: ({ kind, outcome }) => meters.notifications.inc({ kind, outcome }),
    slackCalled: ({ method, outcome, seconds }) => {
      meters.slackCalls.inc({ method, outcome });
      meters.slackSeconds.observe(seconds);
    },
    answered: ({ command, outcome, seconds }) => {
      meters.commands.inc({ command, outcome });
      meters.commandSeconds.observe({ command }, seconds);
    },
    reloaded: ({ ok }) => {
      meters.reloads.inc({ outcome: ok ? 'ok' : 'failed' });
      meters.reloadOk.set(ok ? 1 : 0);
    },
  };
}

/** A recorder, and the text it is scraped as. */
export interface Telemetry {
  readonly recorder: Recorder;
  /** Adds something to bring up to date before each scrape. */
  readonly onScrape: (collect: () => Promise<void>) => void;
  readonly metrics: () => Promise<{ readonly contentType: string; readonly body: string }>;
}

/**
 * Metrics of this process, in a registry of its own. Label sets that are known beforehand stand at zero from the start:
 * an alert on `increase(...)` would miss the first event of a series that is born with it.
 */
export function createTelemetry(): Telemetry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const collectors: (() => Promise<void>)[] = [];
  return {
    recorder: recorderOn(createMeters(registry)),
    onScrape: (collect) => void collectors.push(collect),
    metrics: async () => {
      await Promise.all(collectors.map(async (collect) => await collect()));
      return { contentType: registry.contentType, body: await registry.metrics() };
    },
  };
}
