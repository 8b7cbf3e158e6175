import type { RuleGroupState } from '../alerts/alert.ts';
import { hasTimers } from '../alerts/restart.ts';
import type { Clock } from '../lib/clock.ts';
import { between, type EpochMs } from '../lib/units.ts';
import type { RuleGroup } from '../rules/rule.ts';

/** A group at an evaluation time, and what the store has of it. */
interface AtStart {
  readonly group: RuleGroup;
  readonly evalTime: EpochMs;
  readonly stored: RuleGroupState | undefined;
}

/**
 * Knows whether the start of this process is a restart of the rules: it is none when other replicas went on with them.
 * Who wrote the state does not tell: it may have been this replica's own predecessor, a tick ago. So the first tick is
 * left to the others where there is a timer to lose, and whether somebody took it is seen at the second.
 *
 *     evaluated     x    x    x         x
 *     this replica  x  (ends)   (starts)   left   ?     x: another took it, the timers run on
 *                                          left   ?     -: nobody did, they begin anew
 */
export interface Restarts {
  /** Whether a group has not been evaluated here yet. */
  isFirst(group: RuleGroup): boolean;
  /** Whether a tick is to be left to the others: the first one here, when the one before was evaluated. */
  isLeft(at: AtStart): boolean;
  /** Whether an evaluation that begins now is the first since a restart; of each group it is once, at most. */
  isRestart(at: Pick<AtStart, 'group' | 'stored'>): boolean;
}

/** `isShared`: other processes may evaluate the same groups. */
export function createRestarts(deps: {
  readonly clock: Pick<Clock, 'now'>;
  readonly isShared: boolean;
}): Restarts {
  const { isShared } = deps;
  const startedAt = deps.clock.now();
  const begun = new Set<string>();
  const left = new Map<string, EpochMs>();

  const isFirst = ({ id }: RuleGroup): boolean => !begun.has(id);

  return {
    isFirst,
    isLeft: ({ group, evalTime, stored }) => {
      if (!isShared || !isFirst(group) || left.has(group.id) || stored === undefined) return false;
      const isTakenCareOf = between(stored.evalTime, evalTime) <= group.interval;
      if (!isTakenCareOf || stored.evalTime >= startedAt || !hasTimers(stored)) return false;
      left.set(group.id, evalTime);
      return true;
    },
    isRestart: ({ group, stored }) => {
      const wasFirst = isFirst(group);
      begun.add(group.id);
      if (!wasFirst || stored === undefined) return false;
      return !isShared || stored.evalTime < (left.get(group.id) ?? startedAt);
    },
  };
}
