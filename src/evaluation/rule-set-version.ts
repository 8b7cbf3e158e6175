import type { RuleGroupState, RuleSetVersion } from '../alerts/alert.ts';
import type { Clock } from '../lib/clock.ts';
import { hashTexts } from '../lib/labels.ts';
import { between, type EpochMs, epochMs, MINUTE, type Milliseconds } from '../lib/units.ts';
import type { NoisePolicy } from '../policy/suppress.ts';
import type { RuleGroup } from '../rules/rule.ts';

/** A replica that has not evaluated a group for so many of its intervals is not there any more. */
const PATIENCE_INTERVALS = 3;
const MIN_PATIENCE: Milliseconds = MINUTE;

/** Knows which text of its rules a replica evaluates a group by, and since when. */
export interface RuleSetVersions {
  /** The group and the policy as they are in force here; a text that is new here counts from now on. */
  own(group: RuleGroup, policy?: NoisePolicy): RuleSetVersion;
}

/** Hashes of what does not change: rules and policies are replaced whole. */
function createHashes(): (value: RuleGroup | NoisePolicy) => string {
  const hashes = new WeakMap<object, string>();
  return (value) => {
    const hash = hashes.get(value) ?? hashTexts([JSON.stringify(value)]);
    hashes.set(value, hash);
    return hash;
  };
}

/** The rule-set versions of this process: which rules it has in force, and since when. */
export function createRuleSetVersions(clock: Pick<Clock, 'now'>): RuleSetVersions {
  const hashOf = createHashes();
  const inForce = new Map<string, RuleSetVersion>();
  return {
    own: (group, policy) => {
      const hash = hashTexts([group, policy].flatMap((each) => (each === undefined ? [] : hashOf(each))));
      const known = inForce.get(group.id);
      if (known?.hash === hash) return known;
      const since = { hash, since: clock.now() };
      inForce.set(group.id, since);
      return since;
    },
  };
}

/**
 * Whether another replica evaluates the group by rules that came into force later than these: while a changed file is
 * rolled out, replicas differ, and a rule without `for` would fire and end with each of them in turn, as a new silence
 * would hold back at every other tick. The newest win, for as long as somebody evaluates by them.
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
  const patience = Math.max(PATIENCE_INTERVALS * at.interval, MIN_PATIENCE);
  return between(stored.evalTime, at.evalTime) <= patience && theirs.since > own.since;
}

/** What an evaluation leaves: the same text is in force since the last replica took it up. */
export function nextVersion(own: RuleSetVersion, stored: RuleSetVersion | undefined): RuleSetVersion {
  return stored?.hash === own.hash
    ? { hash: own.hash, since: epochMs(Math.max(own.since, stored.since)) }
    : own;
}
