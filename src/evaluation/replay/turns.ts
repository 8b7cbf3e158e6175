import { slotOf, spreadOffset } from '../../alerts/slot.ts';
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
import type { RuleGroup, Slot } from '../../rules/rule.ts';

/** A group and its slots in a window: the live grid, unless a step is given. */
export interface GroupSlots {
  readonly group: RuleGroup;
  readonly first: Slot;
  readonly step: Milliseconds;
  readonly count: number;
}

/** One evaluation to be done. */
export interface Turn extends GroupSlots {
  readonly slot: Slot;
}

/** As the scheduler has it: whole seconds, at least one, moved by the group's own offset; a schedule counts from the epoch. */
export function slotsOf(
  group: RuleGroup,
  { window, step: given }: { readonly window: TimeWindow; readonly step?: Milliseconds },
): GroupSlots {
  const { id, interval, schedule } = group;
  const step = given ?? ms(Math.max(SECOND, Math.ceil(interval / SECOND) * SECOND));
  const offset = schedule === undefined ? spreadOffset(id, step) : ms(0);
  const at = slotOf(window.start, step, offset);
  const first = at < window.start ? after(at, step) : at;
  return { group, first, step, count: Math.max(0, Math.floor(between(first, window.end) / step) + 1) };
}

function turnsBetween(slots: GroupSlots, from: EpochMs, to: EpochMs): readonly Turn[] {
  const { first, step, count } = slots;
  const begin = Math.max(0, Math.ceil(between(first, from) / step));
  const end = Math.min(count, Math.ceil(between(first, to) / step));
  return Array.from({ length: Math.max(0, end - begin) }, (_, i) => ({
    ...slots,
    slot: after(first, ms((begin + i) * step)),
  }));
}

/**
 * All evaluations of a window in the order of their slots, those of one slot in the order of the files: what holds an
 * alert back may fire in another group.
 */
export function* turnsOf(groups: readonly GroupSlots[], { start, end }: TimeWindow): Generator<Turn> {
  for (let from = start; from <= end; from = after(from, HOUR)) {
    const to = epochMs(after(from, HOUR));
    yield* groups.flatMap((slots) => turnsBetween(slots, from, to)).sort((a, b) => a.slot - b.slot);
  }
}
