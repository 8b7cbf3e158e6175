import type { System } from './errors.ts';

const EVALUATION_OUTCOMES = ['ok', 'rule-error', 'source-error', 'stale', 'missed'] as const;
const ALERT_STATES = ['pending', 'firing', 'no-data'] as const;
const SLACK_OUTCOMES = ['ok', 'rate-limited', 'error', 'unknown'] as const;
const RECEIPT_OUTCOMES = ['ok', 'rejected', 'error'] as const;
const COMMAND_OUTCOMES = ['ok', 'usage', 'failed'] as const;
const MESSAGE_CALLS = ['post', 'edit', 'reply'] as const;
const MESSAGE_OUTCOMES = [
  'sent',
  'not-sent',
  'unknown',
  'message-gone',
  'edit-refused',
  'channel-refused',
  'refused',
  'unchanged',
  'dropped',
  'lease-lost',
] as const;

/** Work that goes on for as long as the process runs. */
const BACKGROUND_WORK = [
  'slack-token',
  'slack-connection',
  'slack-channels',
  'store-restore',
  'heartbeat',
  'notices',
  'source-probe',
] as const;
export type BackgroundWork = OneOf<typeof BACKGROUND_WORK>;

type OneOf<List extends readonly string[]> = List[number];

/** Records what happens, for `/metrics`. Durations are in seconds. */
export interface Recorder {
  evaluated(event: { outcome: OneOf<typeof EVALUATION_OUTCOMES>; seconds: number }): void;
  queried(event: { system: System; operation: string; outcome: 'ok' | 'error'; seconds: number }): void;
  alerts(counts: Readonly<Record<OneOf<typeof ALERT_STATES>, number>>): void;
  pendingMessages(state: { depth: number; oldestAgeSeconds: number }): void;
  notified(event: { kind: OneOf<typeof MESSAGE_CALLS>; outcome: OneOf<typeof MESSAGE_OUTCOMES> }): void;
  slackCalled(event: { method: string; outcome: OneOf<typeof SLACK_OUTCOMES>; seconds: number }): void;
  answered(event: { command: string; outcome: OneOf<typeof COMMAND_OUTCOMES>; seconds: number }): void;
  reloaded(event: { ok: boolean }): void;
  /** A notification of an Alertmanager. */
  received(event: { outcome: OneOf<typeof RECEIPT_OUTCOMES> }): void;
  /** Prometheus's clock minus the local one, as measured on an answer. */
  clockMeasured(event: { offsetSeconds: number }): void;
  /** Background work failed unexpectedly; it continues after a pause. */
  backgroundFailed(event: { work: OneOf<typeof BACKGROUND_WORK> }): void;
}

export type MetricLabels = Readonly<Record<string, string>>;

interface Series {
  readonly name: string;
  readonly help: string;
  /** The series that exist before the first event. */
  readonly series: readonly MetricLabels[];
}

interface CounterOf<Event> extends Series {
  readonly kind: 'counter';
  /** The series to increment, if any. */
  readonly increment: (event: Event) => MetricLabels | undefined;
}

interface HistogramOf<Event> extends Series {
  readonly kind: 'histogram';
  /** The series and the duration to observe, if any. */
  readonly observe: (event: Event) => readonly [MetricLabels, number] | undefined;
}

interface GaugeOf<Event> extends Series {
  readonly kind: 'gauge';
  readonly set: (event: Event) => readonly (readonly [MetricLabels, number])[];
}

/** A metric, and how an event updates it. */
export type Metric<Event> = CounterOf<Event> | HistogramOf<Event> | GaugeOf<Event>;

type Details<Definition> = Omit<Definition, 'kind' | 'name' | 'help'>;

const counter = <Event>(name: string, help: string, details: Details<CounterOf<Event>>): Metric<Event> => ({
  kind: 'counter',
  name,
  help,
  ...details,
});
const histogram = <Event>(
  name: string,
  help: string,
  details: Details<HistogramOf<Event>>,
): Metric<Event> => ({ kind: 'histogram', name, help, ...details });
const gauge = <Event>(name: string, help: string, details: Details<GaugeOf<Event>>): Metric<Event> => ({
  kind: 'gauge',
  name,
  help,
  ...details,
});

/** Every combination of label values. */
function product(labels: Readonly<Record<string, readonly string[]>>): readonly MetricLabels[] {
  return Object.entries(labels).reduce<readonly MetricLabels[]>(
    (sets, [name, values]) => sets.flatMap((set) => values.map((value) => ({ ...set, [name]: value }))),
    [{}],
  );
}

const ONE_SERIES: readonly MetricLabels[] = [{}];
const COMMANDS = ['/trace', '/latency', '/slo'];

const PROMETHEUS_QUERIES = product({
  system: ['prometheus'],
  operation: ['instant', 'range', 'label-values'],
  outcome: ['ok', 'error'],
});
const JAEGER_QUERIES = product({
  system: ['jaeger'],
  operation: ['detect', 'services', 'operations', 'search', 'trace'],
  outcome: ['ok', 'error'],
});

/** The metrics that each event updates: a new metric of an event is added here and nowhere else. */
export const METRICS: {
  readonly [Name in keyof Recorder]: readonly Metric<Parameters<Recorder[Name]>[0]>[];
} = {
  evaluated: [
    counter('tailwatch_evaluations_total', 'Rule evaluations by outcome.', {
      series: product({ outcome: EVALUATION_OUTCOMES }),
      increment: ({ outcome }) => ({ outcome }),
    }),
    histogram('tailwatch_evaluation_seconds', 'Duration of rule evaluations in seconds.', {
      series: ONE_SERIES,
      observe: ({ outcome, seconds }) => (outcome === 'missed' ? undefined : [{}, seconds]),
    }),
  ],
  queried: [
    histogram('tailwatch_query_seconds', 'Duration of requests to Prometheus and Jaeger in seconds.', {
      series: [...PROMETHEUS_QUERIES, ...JAEGER_QUERIES],
      observe: ({ system, operation, outcome, seconds }) => [{ system, operation, outcome }, seconds],
    }),
    counter('tailwatch_query_errors_total', 'Failed requests by system.', {
      series: product({ system: ['prometheus', 'jaeger'] }),
      increment: ({ system, outcome }) => (outcome === 'error' ? { system } : undefined),
    }),
  ],
  alerts: [
    gauge('tailwatch_alerts', 'Active alerts by state.', {
      series: product({ state: ALERT_STATES }),
      set: (counts) => ALERT_STATES.map((state) => [{ state }, counts[state]] as const),
    }),
  ],
  pendingMessages: [
    gauge('tailwatch_messages_pending', 'Messages that Slack does not show as they should be.', {
      series: ONE_SERIES,
      set: ({ depth }) => [[{}, depth]],
    }),
    gauge('tailwatch_messages_pending_oldest_seconds', 'Age of the oldest pending message in seconds.', {
      series: ONE_SERIES,
      set: ({ oldestAgeSeconds }) => [[{}, oldestAgeSeconds]],
    }),
  ],
  notified: [
    counter('tailwatch_notifications_total', 'Attempts to post, edit or reply by kind and outcome.', {
      series: product({ kind: MESSAGE_CALLS, outcome: MESSAGE_OUTCOMES }),
      increment: ({ kind, outcome }) => ({ kind, outcome }),
    }),
  ],
  slackCalled: [
    counter('tailwatch_slack_calls_total', 'Slack Web API calls by method and outcome.', {
      series: product({ method: ['chat.postMessage', 'chat.update'], outcome: SLACK_OUTCOMES }),
      increment: ({ method, outcome }) => ({ method, outcome }),
    }),
    histogram('tailwatch_slack_call_seconds', 'Duration of Slack Web API calls in seconds.', {
      series: ONE_SERIES,
      observe: ({ seconds }) => [{}, seconds],
    }),
  ],
  answered: [
    counter('tailwatch_commands_total', 'Slash commands by command and outcome.', {
      series: product({ command: COMMANDS, outcome: COMMAND_OUTCOMES }),
      increment: ({ command, outcome }) => ({ command, outcome }),
    }),
    histogram('tailwatch_command_seconds', 'Time from a slash command to its answer in seconds.', {
      series: product({ command: COMMANDS }),
      observe: ({ command, seconds }) => [{ command }, seconds],
    }),
  ],
  received: [
    counter('tailwatch_alertmanager_notifications_total', 'Notifications of Alertmanager by outcome.', {
      series: product({ outcome: RECEIPT_OUTCOMES }),
      increment: ({ outcome }) => ({ outcome }),
    }),
  ],
  reloaded: [
    counter('tailwatch_rule_reloads_total', 'Rule file reloads by outcome.', {
      series: product({ outcome: ['ok', 'failed'] }),
      increment: ({ ok }) => ({ outcome: ok ? 'ok' : 'failed' }),
    }),
    gauge('tailwatch_rule_reload_ok', 'Whether the last rule file reload was successful.', {
      series: ONE_SERIES,
      set: ({ ok }) => [[{}, ok ? 1 : 0]],
    }),
  ],
  clockMeasured: [
    gauge('tailwatch_source_clock_offset_seconds', "Prometheus's clock minus the local clock in seconds.", {
      series: ONE_SERIES,
      set: ({ offsetSeconds }) => [[{}, offsetSeconds]],
    }),
  ],
  backgroundFailed: [
    counter(
      'tailwatch_background_failures_total',
      'Unexpected failures of background work, which continues.',
      {
        series: product({ work: BACKGROUND_WORK }),
        increment: ({ work }) => ({ work }),
      },
    ),
  ],
};
