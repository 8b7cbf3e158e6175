import type { RuleGroupState } from '../../alerts/alert.ts';
import type { ExpandTemplate } from '../../alerts/identity.ts';
import { decodeRecord, encodeRecord } from '../../alerts/record-codec.ts';
import type { Clock } from '../../lib/clock.ts';
import { hashTexts } from '../../lib/labels.ts';
import type { Logger } from '../../lib/logger.ts';
import type { MetricsSource } from '../../lib/metrics-source.ts';
import type { Recorder } from '../../lib/recorder.ts';
import {
  after,
  before,
  type EpochMs,
  type Milliseconds,
  ms,
  SECOND,
  type TimeWindow,
} from '../../lib/units.ts';
import { NO_POLICY, type NotificationPolicy } from '../../policy/suppress.ts';
import type { LocalTimeIn } from '../../policy/time-interval.ts';
import type { RuleGroup } from '../../rules/rule.ts';
import { createEvaluateGroup, type EvaluateGroupOptions } from '../evaluate-group.ts';
import { type DueEvaluation, type EvalTimes, evalTimesOf, evaluationsIn } from '../schedule.ts';
import { createRecordedCallGraph, createRecordedMetrics, type RecordedMetrics } from './recorded-metrics.ts';
import {
  countEvaluation,
  countNights,
  createTally,
  type HourOfMessages,
  hoursOf,
  type ReplayedEvaluation,
  type RuleTally,
  type Tally,
  tallyOf,
} from './tally.ts';

/** What a replay depends on. */
export interface CreateReplayOptions {
  readonly metrics: MetricsSource;
  /** For pauses between retries. The evaluation itself runs on virtual time. */
  readonly clock: Pick<Clock, 'sleep'>;
  readonly expand: ExpandTemplate;
  readonly localTime: LocalTimeIn;
  readonly recorder: Recorder;
  readonly logger: Logger;
}

/** The rules to run and the time window. */
export interface ReplayRequest {
  readonly groups: readonly RuleGroup[];
  /** The policy on notifications; absent: every alert is notified where its rule says. */
  readonly policy?: NotificationPolicy;
  readonly window: TimeWindow;
  /** IANA time zone of the nights. */
  readonly timezone: string;
  /** Replaces the interval of every group. */
  readonly step?: Milliseconds;
  /** The progress that an earlier run last passed to `save`. */
  readonly saved?: string;
  /** Receives the progress from time to time, so that a later run can resume. */
  readonly save?: (progress: string) => Promise<void>;
  readonly onProgress?: (evaluations: { readonly done: number; readonly total: number }) => void;
  readonly onEvaluated?: (evaluation: ReplayedEvaluation) => void;
  readonly signal?: AbortSignal;
}

/** What the rules would have done. */
export interface ReplayReport {
  readonly window: TimeWindow;
  readonly timezone: string;
  readonly evaluations: number;
  /** In the order of the rule files, with rules that never fired. */
  readonly rules: readonly RuleTally[];
  readonly hours: readonly HourOfMessages[];
  /** Nights (22:00 to 06:00) with a message of any severity except ticket, warning, info and none. */
  readonly nightsInterrupted: number;
  readonly nights: number;
  /** Differences from what would have happened live. */
  readonly notes: readonly string[];
}

/** Evaluations between two saves of the progress: one or two seconds. */
const EVALUATIONS_PER_SAVE = 1_000;

/** The saved progress. */
interface Progress {
  /** Hash of the rules and the window it belongs to. */
  readonly of: string;
  /** The number of evaluations that are done. */
  done: number;
  /** The state of each group after its last one. */
  readonly states: Record<string, RuleGroupState>;
  readonly tally: Tally;
  /** Why the call graph query was rejected. */
  callGraphRejection?: string;
}

/** Incremented when the saved progress changes its format: a replay then starts over. */
const PROGRESS_VERSION = 3;

function notesOf({ groups, step }: ReplayRequest, { callGraphRejection }: Progress): readonly string[] {
  const timing =
    step === undefined
      ? groups.flatMap(({ name, schedule, interval }) =>
          schedule === undefined
            ? []
            : `The schedule of ${name} (${schedule}) is replayed every ${interval / SECOND} s. This is exact if the schedule is evenly spaced.`,
        )
      : [
          'The given step replaces the interval of every group: "for" and alerts between two steps may differ from live.',
        ];
  return callGraphRejection === undefined
    ? timing
    : [
        ...timing,
        `The call graph was not available for part of the time (${callGraphRejection}): no alert was inhibited by it then.`,
      ];
}

const hashOf = ({ groups, window, timezone, policy, step = ms(0) }: ReplayRequest): string =>
  hashTexts([JSON.stringify([PROGRESS_VERSION, groups, window, timezone, step, policy ?? null])]);

function progressOf(request: ReplayRequest): Progress {
  const of = hashOf(request);
  const saved = request.saved === undefined ? undefined : (decodeRecord(request.saved) as Progress);
  return saved?.of === of ? saved : { of, done: 0, states: {}, tally: createTally() };
}

/** A clock that is set to each evaluation time. Its sleeps end by an abort only, so that no deadline is exceeded. */
function createReplayClock(): Clock & { readonly set: (evalTime: EpochMs) => void } {
  let now: EpochMs;
  return {
    now: () => now,
    set: (evalTime) => void (now = evalTime),
    sleep: (_duration, signal) =>
      new Promise((resolve) => {
        signal?.addEventListener('abort', () => resolve(), { once: true });
      }),
  };
}

/** The recorded metrics of each group, which has its own evaluation times, and of the call graph. */
function createSources({ metrics: source, clock }: CreateReplayOptions, { window, signal }: ReplayRequest) {
  const options = { source, clock, signal };
  const callGraph = createRecordedCallGraph({ ...options, end: window.end });
  const byGroup = new Map<string, RecordedMetrics>();
  let current: RecordedMetrics | undefined;
  const metrics: MetricsSource = {
    ...source,
    instant: async (query, stop) => await (current?.metrics ?? source).instant(query, stop),
  };
  const select = ({ group, first, step, count }: EvalTimes): void => {
    const end = before(after(first, ms((count - 1) * step)), group.queryOffset);
    current = byGroup.get(group.id) ?? createRecordedMetrics({ ...options, step, end });
    byGroup.set(group.id, current);
  };
  return { metrics, callGraph, select, failure: () => current?.failure() ?? callGraph.failure() };
}

/** Creates the evaluation of one evaluation time, which updates the progress. */
function createRun(options: CreateReplayOptions, request: ReplayRequest, progress: Progress) {
  const { expand, recorder, logger, localTime } = options;
  const { policy = NO_POLICY, timezone } = request;
  const { metrics, callGraph, select, failure } = createSources(options, request);
  const clock = createReplayClock();
  let messages: ReplayedEvaluation['messages'] = [];
  const store: EvaluateGroupOptions['store'] = {
    claimTick: async () => true,
    loadGroup: async (group) => progress.states[group],
    groups: async () => Object.keys(progress.states),
    actions: async () => new Map(),
    applyEvaluation: async (change) => {
      progress.states[change.group] = change.state;
      messages = change.messages;
      return 'applied';
    },
  };
  const notifications = { policy: () => policy, localTime, callGraphAt: callGraph.callGraphAt };
  const evaluate = createEvaluateGroup({ store, metrics, clock, recorder, logger, expand, notifications });
  return async (due: DueEvaluation): Promise<void> => {
    const { group, evalTime, step } = due;
    clock.set(evalTime);
    select(due);
    const outcome = await evaluate(group, evalTime);
    const error = failure();
    if (error !== undefined) throw error;
    if (outcome.kind !== 'applied')
      throw new Error(`The evaluation of ${group.name} failed (${outcome.kind}).`);
    const evaluation = { group, evalTime, duration: step, state: outcome.state, messages };
    countEvaluation(progress.tally, evaluation, { localTime, timezone });
    request.onEvaluated?.(evaluation);
    progress.callGraphRejection ??= callGraph.rejection();
    progress.done += 1;
  };
}

async function runAll(request: ReplayRequest, progress: Progress, run: ReturnType<typeof createRun>) {
  const groups = request.groups.map((group) => evalTimesOf(group, request));
  const total = groups.reduce((sum, { count }) => sum + count, 0);
  const save = async (): Promise<void> => {
    request.onProgress?.({ done: progress.done, total });
    await request.save?.(encodeRecord(progress));
  };
  let skipped = progress.done;
  for (const due of evaluationsIn(groups)) {
    if (skipped > 0) {
      skipped -= 1;
      continue;
    }
    request.signal?.throwIfAborted();
    await run(due);
    if (progress.done % EVALUATIONS_PER_SAVE === 0) await save();
  }
  await save();
}

/**
 * Backtests rules: the live evaluation on virtual time, with range queries instead of instant queries. All groups are
 * evaluated in the order of time, because an alert may be suppressed by one of another group. A run resumes from its
 * saved progress.
 * @throws UpstreamError when the source does not respond; the signal's reason when it is aborted.
 */
export function createReplay(
  options: CreateReplayOptions,
): (request: ReplayRequest) => Promise<ReplayReport> {
  return async (request) => {
    const { window, timezone, groups } = request;
    const progress = progressOf(request);
    await runAll(request, progress, createRun(options, request, progress));
    const { tally } = progress;
    return {
      window,
      timezone,
      evaluations: progress.done,
      rules: groups.flatMap((group) => group.rules.map((rule) => tallyOf(tally, group, rule))),
      hours: hoursOf(tally),
      nightsInterrupted: Object.keys(tally.interruptedNights).length,
      nights: countNights(window, { localTime: options.localTime, timezone }),
      notes: notesOf(request, progress),
    };
  };
}
