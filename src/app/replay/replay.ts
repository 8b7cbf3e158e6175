import type { GroupState } from '../../domain/alert/alert.ts';
import type { ExpandTemplate } from '../../domain/alert/identity.ts';
import { slotOf, spreadOffset } from '../../domain/alert/slot.ts';
import { NO_POLICY, type NoisePolicy } from '../../domain/alert/suppress.ts';
import type { LocalTimeIn } from '../../domain/alert/time-interval.ts';
import { hashTexts } from '../../domain/labels.ts';
import type { RuleGroup, Slot } from '../../domain/slo/rule.ts';
import {
  after,
  before,
  between,
  type EpochMs,
  type Milliseconds,
  ms,
  SECOND,
  type TimeWindow,
} from '../../domain/units.ts';
import type { Clock, Logger, MetricsSource, Recorder, Store } from '../ports.ts';
import { decodeRecord, encodeRecord } from '../record-codec.ts';
import { createEvaluateGroup, type EvaluateGroup } from '../watch/evaluate-group.ts';
import { createRecordedMetrics, type RecordedMetrics } from './recorded-metrics.ts';
import {
  count,
  countNights,
  createTally,
  type Evaluated,
  type HourOfMessages,
  hoursOf,
  type Nights,
  type RuleTally,
  type Tally,
  tallyOf,
} from './tally.ts';

export interface ReplayDeps {
  readonly metrics: MetricsSource;
  /** For waiting before a source that failed is asked again; the evaluation itself runs on virtual time. */
  readonly clock: Pick<Clock, 'sleep'>;
  readonly expand: ExpandTemplate;
  readonly localTime: LocalTimeIn;
  readonly recorder: Recorder;
  readonly logger: Logger;
}

export interface ReplayRequest {
  readonly groups: readonly RuleGroup[];
  /** Who is told what, and when nobody is; absent: everything is told where its rule says. */
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
  readonly onProgress?: (slots: { readonly done: number; readonly total: number }) => void;
  /** Sees every evaluation. */
  readonly onEvaluated?: (evaluated: Evaluated) => void;
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

/** Slots between two savings of the progress: a second or two of work. */
const SLOTS_PER_SAVE = 1_000;

/** Progress as it is saved. */
interface Progress {
  /** What the progress belongs to: other rules or another window must not go on from it. */
  readonly of: string;
  /** The group that is being replayed, by index, and its last slot that was evaluated. */
  group: number;
  slot?: Slot;
  state?: GroupState;
  done: number;
  readonly tally: Tally;
}

/** The slots of a group in a window, and how they are apart: the live grid, unless a step is given. */
interface Grid {
  readonly first: Slot;
  readonly step: Milliseconds;
  readonly count: number;
}

/** As the scheduler has it: whole seconds, at least one, moved by the group's own offset; a schedule counts from the epoch. */
function gridOf({ id, interval, schedule }: RuleGroup, { window, step: given }: ReplayRequest): Grid {
  const step = given ?? ms(Math.max(SECOND, Math.ceil(interval / SECOND) * SECOND));
  const offset = schedule === undefined ? spreadOffset(id, step) : ms(0);
  const at = slotOf(window.start, step, offset);
  const first = at < window.start ? after(at, step) : at;
  return { first, step, count: Math.max(0, Math.floor(between(first, window.end) / step) + 1) };
}

const INHIBITION =
  'Inhibition is not replayed: messages that it would have held back or folded into others are counted.';

function notesOf(request: ReplayRequest): readonly string[] {
  const { policy = NO_POLICY } = request;
  const isInhibiting = policy.inhibitsByCallGraph || policy.inhibitRules.length > 0;
  return [...gridNotesOf(request), ...(isInhibiting ? [INHIBITION] : [])];
}

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

/** The instants that progress belongs to, and the rules. */
const identityOf = ({ groups, window, timezone, policy, step = ms(0) }: ReplayRequest): string =>
  hashTexts([JSON.stringify([groups, window, timezone, step, policy ?? null])]);

function progressOf(request: ReplayRequest): Progress {
  const of = identityOf(request);
  const saved = request.saved === undefined ? undefined : (decodeRecord(request.saved) as Progress);
  return saved?.of === of ? saved : { of, group: 0, done: 0, tally: createTally() };
}

/**
 * A store for the evaluation of one group: holds its state, and shows what was decided instead of queueing it. The rest
 * of the port is never asked by an evaluation.
 */
function createRunStore(state: GroupState | undefined) {
  let current = state;
  let entries: Evaluated['entries'] = [];
  const evaluation: Pick<Store, 'claimTick' | 'loadGroup' | 'groups' | 'applyEvaluation' | 'acts'> = {
    claimTick: async () => true,
    loadGroup: async () => current,
    groups: async () => [],
    acts: async () => new Map(),
    applyEvaluation: async (change) => {
      current = change.state;
      entries = change.entries;
      return 'applied';
    },
  };
  return { store: evaluation as Store, decided: () => entries };
}

/** Time that stands where the evaluation is: a query is answered at once or not at all, so no deadline runs out. */
function createReplayClock(): { readonly clock: Clock; readonly moveTo: (slot: Slot) => void } {
  let now: EpochMs;
  const sleep: Clock['sleep'] = (_duration, signal) =>
    new Promise((resolve) => {
      signal?.addEventListener('abort', () => resolve(), { once: true });
    });
  return { clock: { now: () => now, sleep }, moveTo: (slot) => void (now = slot) };
}

interface Run {
  readonly deps: ReplayDeps;
  readonly request: ReplayRequest;
  readonly progress: Progress;
  readonly nights: Nights;
  readonly total: number;
}

interface GroupRun {
  readonly group: RuleGroup;
  readonly grid: Grid;
  readonly recorded: RecordedMetrics;
  readonly evaluate: EvaluateGroup;
  readonly decided: () => Evaluated['entries'];
  readonly moveTo: (slot: Slot) => void;
}

/** Routes, silences and times as they would have been. Groups run one after the other, so no alert sees another's. */
function noiseOf({ localTime }: ReplayDeps, { policy = NO_POLICY }: ReplayRequest) {
  const alone: NoisePolicy = { ...policy, inhibitRules: [], inhibitsByCallGraph: false };
  return { policy: () => alone, localTime, learnCalls: async () => undefined };
}

function startGroup({ deps, request, progress }: Run, group: RuleGroup, grid: Grid): GroupRun {
  const { signal } = request;
  const recorded = createRecordedMetrics({
    source: deps.metrics,
    clock: deps.clock,
    step: grid.step,
    ...(signal === undefined ? {} : { signal }),
  });
  const { clock, moveTo } = createReplayClock();
  const { store, decided } = createRunStore(progress.state);
  const { expand, recorder, logger } = deps;
  const parts = { store, metrics: recorded.metrics, clock, recorder, logger, expand };
  const evaluate = createEvaluateGroup({ ...parts, noise: noiseOf(deps, request) });
  return { group, grid, recorded, evaluate, decided, moveTo };
}

async function replaySlot(
  run: Run,
  { group, grid, recorded, ...parts }: GroupRun,
  slot: Slot,
): Promise<void> {
  parts.moveTo(slot);
  const outcome = await parts.evaluate(group, slot);
  const failure = recorded.failure();
  if (failure !== undefined) throw failure;
  if (outcome.kind !== 'applied')
    throw new Error(`The evaluation of ${group.name} failed (${outcome.kind}).`);
  const { state } = outcome;
  const evaluated = { group, slot, lasts: grid.step, state, entries: parts.decided() };
  count(run.progress.tally, evaluated, run.nights);
  run.request.onEvaluated?.(evaluated);
  Object.assign(run.progress, { slot, state });
  run.progress.done += 1;
}

async function replayGroup(run: Run, group: RuleGroup): Promise<void> {
  const { request, progress } = run;
  const grid = gridOf(group, request);
  const parts = startGroup(run, group, grid);
  let index = progress.slot === undefined ? 0 : between(grid.first, progress.slot) / grid.step + 1;
  while (index < grid.count) {
    const end = Math.min(grid.count, index + SLOTS_PER_SAVE);
    const last = after(grid.first, ms((end - 1) * grid.step));
    parts.recorded.moveTo(before(last, group.queryOffset));
    for (; index < end; index++) {
      request.signal?.throwIfAborted();
      await replaySlot(run, parts, after(grid.first, ms(index * grid.step)));
    }
    request.onProgress?.({ done: progress.done, total: run.total });
    await request.save?.(encodeRecord(progress));
  }
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
    notes: notesOf(request),
  };
}

/**
 * Runs rules over the past: the evaluation that runs live, on virtual time, with a Prometheus that is asked for ranges in
 * place of instants. Groups run one after the other. An interrupted run goes on from what it last saved.
 * Throws the source's `UpstreamError` when it does not answer, and the signal's reason when it is aborted.
 */
export function createReplay(deps: ReplayDeps): (request: ReplayRequest) => Promise<ReplayReport> {
  return async (request) => {
    const { groups, timezone } = request;
    const progress = progressOf(request);
    const total = groups.reduce((sum, group) => sum + gridOf(group, request).count, 0);
    const run: Run = { deps, request, progress, total, nights: { localTime: deps.localTime, timezone } };
    for (; progress.group < groups.length; progress.group++) {
      const group = groups[progress.group];
      if (group !== undefined) await replayGroup(run, group);
      delete progress.slot;
      delete progress.state;
    }
    await request.save?.(encodeRecord(progress));
    return reportOf(run);
  };
}
