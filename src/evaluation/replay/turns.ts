import { evalTimeOf, spreadOffset } from '../../alerts/eval-time.ts';
import {
  after,
  between,
  type EpochMs,
  epochMs,
  HOUR,
  type Milliseconds,
  ms,
  SECOND,
  type TimeWindow,
} from '../../lib/units.ts';
import type { RuleGroup } from '../../rules/rule.ts';

/** A group and its evaluation times in a window: the live grid, unless a step is given. */
export interface GroupTimes {
  readonly group: RuleGroup;
  readonly first: EpochMs;
  readonly step: Milliseconds;
  readonly count: number;
}

/** One evaluation to be done. */
export interface Turn extends GroupTimes {
  readonly evalTime: EpochMs;
}

/** As the scheduler has it: whole seconds, at least one, moved by the group's own offset; a schedule counts from the epoch. */
export function evalTimesOf(
  group: RuleGroup,
  { window, step: given }: { readonly window: TimeWindow; readonly step?: Milliseconds },
): GroupTimes {
  const { id, interval, schedule } = group;
  const step = given ?? ms(Math.max(SECOND, Math.ceil(interval / SECOND) * SECOND));
  const offset = schedule === undefined ? spreadOffset(id, step) : ms(0);
  const at = evalTimeOf(window.start, step, offset);
  const first = at < window.start ? after(at, step) : at;
  return { group, first, step, count: Math.max(0, Math.floor(between(first, window.end) / step) + 1) };
}

function turnsBetween(evalTimes: GroupTimes, from: EpochMs, to: EpochMs): readonly Turn[] {
  const { first, step, count } = evalTimes;
  const begin = Math.max(0, Math.ceil(between(first, from) / step));
  const end = Math.min(count, Math.ceil(between(first, to) / step));
  return Array.from({ length: Math.max(0, end - begin) }, (_, i) => ({
    ...evalTimes,
    evalTime: after(first, ms((begin + i) * step)),
  }));
}

/**
 * All evaluations of a window in the order of their evaluation times, those of one evaluation time in the order of the files: what holds an
 * alert back may fire in another group.
 */
export function* turnsOf(groups: readonly GroupTimes[], { start, end }: TimeWindow): Generator<Turn> {
  for (let from = start; from <= end; from = after(from, HOUR)) {
    const to = epochMs(after(from, HOUR));
    yield* groups
      .flatMap((evalTimes) => turnsBetween(evalTimes, from, to))
      .sort((a, b) => a.evalTime - b.evalTime);
  }
}
