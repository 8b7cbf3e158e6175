import type { RuleGroupState, RuleSetVersion } from '../alerts/alert.ts';
import type { Clock } from '../lib/clock.ts';
import { hashTexts } from '../lib/labels.ts';
import { between, type EpochMs, epochMs, MINUTE, type Milliseconds } from '../lib/units.ts';
import type { NotificationPolicy } from '../policy/suppress.ts';
import type { RuleGroup } from '../rules/rule.ts';
import { hasShortTimers } from './restore-timers.ts';

/** A replica that has not evaluated a group for this many intervals is considered stopped. */
const STOPPED_AFTER_INTERVALS = 3;
const MIN_STOPPED_AFTER: Milliseconds = MINUTE;

/** The version of the rules and the policy that this process uses for a group. */
export type OwnVersion = (group: RuleGroup, policy?: NotificationPolicy) => RuleSetVersion;

/** Without the evaluation times, which each replica learns by itself. */
function asConfigured(value: RuleGroup | NotificationPolicy): object {
  if (!('interval' in value)) return value;
  const { offset: _, ...group } = value;
  return group.isDefaultInterval === true ? { ...group, interval: undefined } : group;
}

/** Hashes of rule groups and policies, which are replaced as a whole. */
function createHashes(): (value: RuleGroup | NotificationPolicy) => string {
  const hashes = new WeakMap<object, string>();
  return (value) => {
    const hash = hashes.get(value) ?? hashTexts([JSON.stringify(asConfigured(value))]);
    hashes.set(value, hash);
    return hash;
  };
}

/** A changed rule or policy has a new version, in use since the call that first sees it. */
export function createOwnVersion(clock: Pick<Clock, 'now'>): OwnVersion {
  const hashOf = createHashes();
  const versions = new Map<string, RuleSetVersion>();
  return (group, policy) => {
    const hash = hashTexts([group, policy].flatMap((each) => (each === undefined ? [] : hashOf(each))));
    const known = versions.get(group.id);
    if (known?.hash === hash) return known;
    const version = { hash, since: clock.now() };
    versions.set(group.id, version);
    return version;
  };
}

/**
 * Whether another replica evaluates the group with a newer version of the rules. During a rollout replicas differ: a
 * rule without `for` would fire and resolve in turn, and a new policy would apply at every other tick. The newest
 * version is used as long as a replica that has it is running.
 *
 *     replica with the old rules   tick  tick  -     -     -     (reloads) tick
 *     replica with the new rules               tick  tick  tick            -
 */
export function isOutdated(
  own: RuleSetVersion,
  stored: Pick<RuleGroupState, 'evalTime' | 'ruleSetVersion'> | undefined,
  at: { readonly evalTime: EpochMs; readonly interval: Milliseconds },
): boolean {
  const theirs = stored?.ruleSetVersion;
  if (stored === undefined || theirs === undefined || theirs.hash === own.hash) return false;
  const stoppedAfter = Math.max(STOPPED_AFTER_INTERVALS * at.interval, MIN_STOPPED_AFTER);
  return between(stored.evalTime, at.evalTime) <= stoppedAfter && theirs.since > own.since;
}

/** The version to store with an evaluation: of equal rules, in use since the last replica loaded them. */
export function nextVersion(own: RuleSetVersion, stored: RuleSetVersion | undefined): RuleSetVersion {
  return stored?.hash === own.hash
    ? { hash: own.hash, since: epochMs(Math.max(own.since, stored.since)) }
    : own;
}

/**
 * Detects in Prometheus's mode that the start of this process is a restart of the rules, which resets short timers. It is
 * none when other replicas continued to evaluate them. The stored state does not show who wrote it: it may have been the
 * predecessor of this replica. So where a timer could be lost, the first tick is left to the other replicas, and the
 * second one shows whether one of them ran it.
 *
 *     evaluated     x    x    x         x
 *     this replica  x  (ends)   (starts)   left   ?     x: another replica ran it, the timers continue
 *                                          left   ?     -: none did, the timers are reset
 */
export interface RestartDetection {
  /** Whether this process has not evaluated the group yet. */
  isFirst(group: RuleGroup): boolean;
  /** Whether to leave this tick to the other replicas. */
  isLeft(tick: {
    readonly group: RuleGroup;
    readonly evalTime: EpochMs;
    readonly stored: RuleGroupState | undefined;
  }): boolean;
  /** Whether the evaluation that starts now is the first one after a restart. Call it once for each evaluation. */
  isRestart(group: RuleGroup, stored: RuleGroupState | undefined): boolean;
}

/** `isShared`: other processes may evaluate the same groups. */
export function createRestartDetection(options: {
  readonly clock: Pick<Clock, 'now'>;
  readonly isShared: boolean;
}): RestartDetection {
  const { isShared } = options;
  const startedAt = options.clock.now();
  const evaluated = new Set<string>();
  const left = new Map<string, EpochMs>();

  const isFirst = ({ id }: RuleGroup): boolean => !evaluated.has(id);

  return {
    isFirst,
    isLeft: ({ group, evalTime, stored }) => {
      if (!isShared || !isFirst(group) || left.has(group.id) || stored === undefined) return false;
      const isRecent = between(stored.evalTime, evalTime) <= group.interval;
      if (!isRecent || stored.evalTime >= startedAt || !hasShortTimers(stored)) return false;
      left.set(group.id, evalTime);
      return true;
    },
    isRestart: (group, stored) => {
      const wasFirst = isFirst(group);
      evaluated.add(group.id);
      if (!wasFirst || stored === undefined) return false;
      return !isShared || stored.evalTime < (left.get(group.id) ?? startedAt);
    },
  };
}
