import type { RuleState } from '../alerts/alert.ts';
import { resolveAlert } from '../alerts/step-alert.ts';
import type { Clock } from '../lib/clock.ts';
import { errorMessage } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { after, between, type EpochMs, MINUTE, type Milliseconds, ms } from '../lib/units.ts';
import { messageUpdates } from '../messages/alert-messages.ts';
import { retireAlertGroups } from '../messages/plan-groups.ts';
import type { MessageUpdate, Store } from '../messages/store.ts';

/** Resolves the alerts of a rule that was removed from the rule files, and returns their notifications. */
export function resolveRemovedRule(
  group: string,
  evalTime: EpochMs,
  { rule, alerts, ...state }: RuleState,
): readonly MessageUpdate[] {
  const at = { group: { id: group }, rule };
  const own = alerts
    .filter((alert) => alert.state !== 'resolved' && alert.firedAt !== undefined)
    .map((alert) => resolveAlert(alert, evalTime, 'rule-removed'))
    .flatMap((alert) => messageUpdates(at, evalTime, { alert, kind: 'resolved' }));
  return [...own, ...retireAlertGroups(at, evalTime, { rule, alerts, ...state })];
}

/** How often resolving a removed group is retried when the tick of another replica comes in between. */
const MAX_ATTEMPTS = 5;

/** The empty state of a removed group is kept this long: it rejects running ticks with the old rules. */
const TOMBSTONE_TIME: Milliseconds = ms(10 * MINUTE);

/** How often abandoned groups are searched for. */
const ABANDONED_CHECK_INTERVAL: Milliseconds = ms(5 * MINUTE);

/**
 * A group that is not in the rule files and was not evaluated for this long is abandoned: a replica with older rules
 * evaluated it once more after it was resolved here, and has stopped since.
 */
const ABANDONED_AFTER: Milliseconds = ms(15 * MINUTE);

interface RemovedGroupsOptions {
  readonly store: Pick<Store, 'groups' | 'loadGroup' | 'removeGroup' | 'applyEvaluation'>;
  readonly clock: Pick<Clock, 'now'>;
  readonly logger: Logger;
}

/**
 * Resolves the alerts of a removed group that was not evaluated for `idleFor`. It writes an empty state with an
 * evaluation time after that of every running tick, and removes it when no tick can be running any more.
 */
async function resolveGroup(
  { store, clock, logger }: RemovedGroupsOptions,
  group: string,
  idleFor: Milliseconds,
): Promise<void> {
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const state = await store.loadGroup(group);
    const now = clock.now();
    if (state === undefined || between(state.evalTime, now) < idleFor) return;
    if (Object.keys(state.rules).length === 0) {
      if (between(state.evalTime, now) > TOMBSTONE_TIME) await store.removeGroup(group);
      return;
    }
    const evalTime = now > state.evalTime ? now : after(state.evalTime, ms(1));
    const messages = Object.values(state.rules).flatMap((rule) => resolveRemovedRule(group, evalTime, rule));
    const applied = await store.applyEvaluation({ group, state: { evalTime, rules: {} }, messages });
    if (applied === 'stale') continue;
    logger.info('rule group removed', { group, resolvedAlerts: messages.length });
    return;
  }
  logger.warn('another replica still evaluates a removed rule group', { group });
}

/** Resolves the alerts of groups that are not in the rule files any more. Both functions never throw. */
export function createRemovedGroups(options: RemovedGroupsOptions, isRemoved: (group: string) => boolean) {
  const { store, clock, logger } = options;
  let hasFailed = false;
  let checkedAt = clock.now();

  const resolveAll = async (idleFor: Milliseconds): Promise<void> => {
    hasFailed = false;
    checkedAt = clock.now();
    try {
      for (const group of await store.groups())
        if (isRemoved(group)) await resolveGroup(options, group, idleFor);
    } catch (error) {
      hasFailed = true;
      logger.warn('alerts of removed rule groups could not be resolved; retrying after the next tick', {
        reason: errorMessage(error),
      });
    }
  };

  return {
    /** Resolves all of them. */
    resolveAll: () => resolveAll(ms(0)),
    /** After each tick: retries after a failure of the store, and searches for abandoned groups. */
    afterTick: async (): Promise<void> => {
      if (hasFailed) await resolveAll(ms(0));
      else if (between(checkedAt, clock.now()) >= ABANDONED_CHECK_INTERVAL) await resolveAll(ABANDONED_AFTER);
    },
  };
}
