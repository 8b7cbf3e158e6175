import { LRUCache } from 'lru-cache';
import type { People } from '../commands/permit.ts';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import { after, DAY, type EpochMs, MINUTE, type Milliseconds, ms, SECOND } from '../lib/units.ts';
import { type CallData, type Calls, reasonOf } from './calls.ts';
import { propertyOf } from './history.ts';
import type { BotMethod } from './scopes.ts';

const FRESH_FOR: Milliseconds = ms(10 * MINUTE);
/** A failed look-up is not repeated at once. */
const FAILED_FOR: Milliseconds = ms(30 * SECOND);
/** While Slack does not answer, what it said before counts for this long. */
const STALE_FOR: Milliseconds = DAY;
const MAX_KEPT = 2_000;

interface Kept<Value> {
  readonly value: Value | undefined;
  readonly knownAt: EpochMs | undefined;
  readonly until: EpochMs;
}

interface PeopleOptions {
  readonly calls: Calls;
  readonly clock: Pick<Clock, 'now'>;
  readonly logger: Logger;
}

/** Looks up people and user groups. Scopes: `users:read`, `usergroups:read`. */
export function createPeople(options: PeopleOptions): People {
  const ownTeam = kept(options, 'auth.test', (data) => data);
  const member = kept(options, 'users.info', (data) => propertyOf(data, 'user'));
  const group = kept(options, 'usergroups.users.list', (data) => idsOf(propertyOf(data, 'users')));
  return {
    async isMember(person) {
      const [user, own] = await Promise.all([member(person, { user: person }), ownTeam('', {})]);
      return user === undefined || own === undefined ? undefined : isFullMember(user, own);
    },
    usersOf: (userGroup) => group(userGroup, { usergroup: userGroup }),
  };
}

/** Calls a method for each key, and keeps what it returns for a while. Undefined when Slack does not say. */
function kept<Value>(
  { calls, clock, logger }: PeopleOptions,
  method: BotMethod,
  read: (data: CallData) => Value | undefined,
): (key: string, args: Record<string, unknown>) => Promise<Value | undefined> {
  const known = new LRUCache<string, Kept<Value>>({ max: MAX_KEPT });
  return async (key, args) => {
    const last = known.get(key);
    const now = clock.now();
    if (last !== undefined && last.until > now) return last.value;
    const outcome = await calls.call(method, args);
    const value = outcome.kind === 'done' ? read(outcome.data) : undefined;
    if (value !== undefined) {
      known.set(key, { value, knownAt: now, until: after(now, FRESH_FOR) });
      return value;
    }
    logger.warn('slack: a person or user group could not be looked up', {
      method,
      reason: outcome.kind === 'done' ? 'unexpected response' : reasonOf(outcome),
    });
    const isUsable = last?.knownAt !== undefined && after(last.knownAt, STALE_FOR) > now;
    const stale = isUsable ? last.value : undefined;
    known.set(key, { value: stale, knownAt: last?.knownAt, until: after(now, FAILED_FOR) });
    return stale;
  };
}

const idsOf = (value: unknown): readonly string[] | undefined =>
  Array.isArray(value) ? value.filter((id): id is string => typeof id === 'string') : undefined;

/** Guests are restricted; people of other organizations in a shared channel are strangers, or have another team. */
function isFullMember(user: unknown, own: CallData): boolean {
  const is = (name: string): boolean => propertyOf(user, name) === true;
  if (is('is_restricted') || is('is_ultra_restricted') || is('is_stranger') || is('deleted')) return false;
  if (propertyOf(user, 'team_id') === own['team_id']) return true;
  const enterprise = propertyOf(propertyOf(user, 'enterprise_user'), 'enterprise_id');
  return typeof enterprise === 'string' && enterprise === own['enterprise_id'];
}
