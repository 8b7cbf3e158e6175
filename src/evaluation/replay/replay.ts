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
import type { Store } from '../../messages/store.ts';
import { NO_POLICY, type NoisePolicy } from '../../policy/suppress.ts';
import type { LocalTimeIn } from '../../policy/time-interval.ts';
import type { RuleGroup } from '../../rules/rule.ts';
import { createEvaluateGroup, type EvaluateGroup } from '../evaluate-group.ts';
import { type DueEvaluation, type EvalTimes, evalTimesOf, evaluationsIn } from '../schedule.ts';
import {
  createRecordedCalls,
  createRecordedMetrics,
  type RecordedCalls,
  type RecordedMetrics,
} from './recorded-metrics.ts';
import {
  count,
  countNights,
  createTally,
  type HourOfMessages,
  hoursOf,
  type Nights,
  type ReplayedEvaluation,
  type RuleTally,
  type Tally,
  tallyOf,
} from './tally.ts';

/** What a replay needs. */
export interface ReplayDeps {
  readonly metrics: MetricsSource;
  /** For waiting before a source that failed is asked again; the evaluation itself runs on virtual time. */
  readonly clock: Pick<Clock, 'sleep'>;
  readonly expand: ExpandTemplate;
  readonly localTime: LocalTimeIn;
  readonly recorder: Recorder;
  readonly logger: Logger;
}

/** Which rules are run over which time. */
export interface ReplayRequest {
  readonly groups: readonly RuleGroup[];
  /** Who is notified what, and when nobody is; absent: everything is notified where its rule says. */
  readonly policy?: NoisePolicy;
  readonly window: TimeWindow;
  /** IANA zone of the nights. */
  readonly timezone: string;
  /** In place of every group's own interval. */
  readonly step?: Milliseconds;
  /** Where an earlier run stopped: what it last gave to `save`. */
  readonly saved?: string;
  /** Takes what a later run can go on from, now and then. */
  readonly save?: (progress: string) => Promise<void>;
  readonly onProgress?: (evalTimes: { readonly done: number; readonly total: number }) => void;
  /** Sees every evaluation. */
  readonly onEvaluated?: (evaluated: ReplayedEvaluation) => void;
  readonly signal?: AbortSignal;
}

/** What rules would have done. */
export interface ReplayReport {
  readonly window: TimeWindow;
  readonly timezone: string;
  readonly evaluations: number;
  /** In the order of the files; rules that did nothing too. */
  readonly rules: readonly RuleTally[];
  readonly hours: readonly HourOfMessages[];
  /** Nights (22:00 to 06:00) with a message that calls somebody: of any severity but ticket, warning, info and none. */
  readonly nightsWoken: number;
  readonly nights: number;
  /** Where the replay differs from what would have run live. */
  readonly notes: readonly string[];
}

/** Evaluations between two savings of the progress: a second or two of work. */
const TURNS_PER_SAVE = 1_000;

/** Progress as it is saved. */
interface Progress {
  /** What the progress belongs to: other rules or another window must not go on from it. */
  readonly of: string;
  /** Evaluations that are done, in the order of their turns. */
  done: number;
  /** The state of each group after its last one. */
  readonly states: Record<string, RuleGroupState>;
  readonly tally: Tally;
  /** Why who calls whom could not be learned, where it could not. */
  callsRefused?: string;
}

/** Raised when what is saved changes its shape: an older file is begun anew. */
const PROGRESS_VERSION = 2;

function gridNotesOf({ groups, step }: ReplayRequest): readonly string[] {
  if (step !== undefined) {
    return [
      'The given step takes the place of every group\'s own interval: "for" and what fires between two steps may differ from live.',
    ];
  }
  return groups.flatMap(({ name, schedule, interval }) =>
    schedule === undefined
      ? []
      : [
          `The schedule of ${name} (${schedule}) is replayed as every ${interval / SECOND} s: the same where it is evenly spaced.`,
        ],
  );
}

const callNotesOf = ({ callsRefused }: Progress): readonly string[] =>
  callsRefused === undefined
    ? []
    : [
        `Who calls whom could not be learned for some of the time (${callsRefused}): nothing was folded by it then.`,
      ];

/** The instants that progress belongs to, and the rules. */
const identityOf = ({ groups, window, timezone, policy, step = ms(0) }: ReplayRequest): string =>
  hashTexts([JSON.stringify([PROGRESS_VERSION, groups, window, timezone, step, policy ?? null])]);

function progressOf(request: ReplayRequest): Progress {
  const of = identityOf(request);
  const saved = request.saved === undefined ? undefined : (decodeRecord(request.saved) as Progress);
  return saved?.of === of ? saved : { of, done: 0, states: {}, tally: createTally() };
}

/**
 * A store for evaluations: holds the states of all groups, and shows what was decided last instead of queueing it. The
 * rest of the port is never asked by an evaluation.
 */
function createRunStore(states: Progress['states']) {
  let entries: ReplayedEvaluation['entries'] = [];
  const evaluation: Pick<Store, 'claimTick' | 'loadGroup' | 'groups' | 'applyEvaluation' | 'actions'> = {
    claimTick: async () => true,
    loadGroup: async (group) => states[group],
    groups: async () => Object.keys(states),
    actions: async () => new Map(),
    applyEvaluation: async (change) => {
      states[change.group] = change.state;
      entries = change.entries;
      return 'applied';
    },
  };
  return { store: evaluation as Store, decided: () => entries };
}

/** Time that stands where the evaluation is: a query is answered at once or not at all, so no deadline runs out. */
function createReplayClock(): { readonly clock: Clock; readonly moveTo: (evalTime: EpochMs) => void } {
  let now: EpochMs;
  const sleep: Clock['sleep'] = (_duration, signal) =>
    new Promise((resolve) => {
      signal?.addEventListener('abort', () => resolve(), { once: true });
    });
  return { clock: { now: () => now, sleep }, moveTo: (evalTime) => void (now = evalTime) };
}

/** The source as the group that is evaluated now reads it: each has a grid of its own. */
function createSources({ metrics: source, clock }: ReplayDeps, { window, signal }: ReplayRequest) {
  const asking = { source, clock, signal };
  const calls = createRecordedCalls({ ...asking, end: window.end });
  const byGroup = new Map<string, RecordedMetrics>();
  let current: RecordedMetrics | undefined;

  const recordedFor = ({ group, first, step, count: evalTimes }: EvalTimes): RecordedMetrics => {
    const last = after(first, ms((evalTimes - 1) * step));
    const made = createRecordedMetrics({ ...asking, step, end: before(last, group.queryOffset) });
    byGroup.set(group.id, made);
    return made;
  };
  const metrics: MetricsSource = {
    ...source,
    instant: async (query, stop) => await (current?.metrics ?? source).instant(query, stop),
  };
  return {
    metrics,
    calls,
    turnTo: (turn: EvalTimes): void => {
      current = byGroup.get(turn.group.id) ?? recordedFor(turn);
    },
    failure: () => current?.failure() ?? calls.failure(),
  };
}

interface Run {
  readonly request: ReplayRequest;
  readonly progress: Progress;
  readonly nights: Nights;
  readonly evaluate: EvaluateGroup;
  readonly decided: () => ReplayedEvaluation['entries'];
  readonly calls: RecordedCalls;
  readonly failure: () => Error | undefined;
  readonly turnTo: (turn: DueEvaluation) => void;
}

function startRun(deps: ReplayDeps, request: ReplayRequest): Run {
  const { expand, recorder, logger, localTime } = deps;
  const { policy = NO_POLICY, timezone } = request;
  const progress = progressOf(request);
  const { metrics, calls, turnTo, failure } = createSources(deps, request);
  const { clock, moveTo } = createReplayClock();
  const { store, decided } = createRunStore(progress.states);
  const noise = { policy: () => policy, localTime, callGraphAt: calls.callGraphAt };
  return {
    request,
    progress,
    nights: { localTime, timezone },
    evaluate: createEvaluateGroup({ store, metrics, clock, recorder, logger, expand, noise }),
    decided,
    calls,
    failure,
    turnTo: (turn) => {
      moveTo(turn.evalTime);
      turnTo(turn);
    },
  };
}

async function replayTurn(run: Run, turn: DueEvaluation): Promise<void> {
  const { progress, request, calls } = run;
  const { group, evalTime, step } = turn;
  run.turnTo(turn);
  const outcome = await run.evaluate(group, evalTime);
  const failure = run.failure();
  if (failure !== undefined) throw failure;
  if (outcome.kind !== 'applied')
    throw new Error(`The evaluation of ${group.name} failed (${outcome.kind}).`);
  const evaluated = { group, evalTime, lasts: step, state: outcome.state, entries: run.decided() };
  count(progress.tally, evaluated, run.nights);
  request.onEvaluated?.(evaluated);
  const refusal = calls.refusal();
  if (refusal !== undefined) progress.callsRefused ??= refusal;
  progress.done += 1;
}

async function replayTurns(run: Run): Promise<void> {
  const { request, progress } = run;
  const groups = request.groups.map((group) => evalTimesOf(group, request));
  const total = groups.reduce((sum, each) => sum + each.count, 0);
  const save = async (): Promise<void> => {
    request.onProgress?.({ done: progress.done, total });
    await request.save?.(encodeRecord(progress));
  };
  let left = progress.done;
  for (const turn of evaluationsIn(groups, request.window)) {
    if (left > 0) {
      left -= 1;
      continue;
    }
    request.signal?.throwIfAborted();
    await replayTurn(run, turn);
    if (progress.done % TURNS_PER_SAVE === 0) await save();
  }
  await save();
}

function reportOf({ request, progress, nights }: Run): ReplayReport {
  const { window, timezone, groups } = request;
  return {
    window,
    timezone,
    evaluations: progress.done,
    rules: groups.flatMap((group) => group.rules.map((rule) => tallyOf(progress.tally, group, rule))),
    hours: hoursOf(progress.tally),
    nightsWoken: Object.keys(progress.tally.woken).length,
    nights: countNights(window, nights),
    notes: [...gridNotesOf(request), ...callNotesOf(progress)],
  };
}

/**
 * Runs rules over the past: the evaluation that runs live, on virtual time, with a Prometheus that is asked for ranges in
 * place of instants. All groups go through time together, so that what holds an alert back is there when it is asked
 * for. An interrupted run goes on from what it last saved.
 * Throws the source's `UpstreamError` when it does not answer, and the signal's reason when it is aborted.
 */
export function createReplay(deps: ReplayDeps): (request: ReplayRequest) => Promise<ReplayReport> {
  return async (request) => {
    const run = startRun(deps, request);
    await replayTurns(run);
    return reportOf(run);
  };
}
