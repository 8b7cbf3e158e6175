import { describe, expect, it } from 'vitest';
import { DAY, MINUTE, ms } from '../../../src/lib/units.ts';
import type { CallOutcome } from '../../../src/slack/calls.ts';
import { createPeople } from '../../../src/slack/people.ts';
import { createSpyLogger } from '../../support/spies.ts';
import { createVirtualClock } from '../../support/virtual-clock.ts';

const ANN = { id: 'U0ANN0001', team_id: 'T0SHOP' };
const DOWN: CallOutcome = { kind: 'unknown', reason: 'timeout' };

function setUp(user: Record<string, unknown> = ANN) {
  const clock = createVirtualClock();
  const called: string[] = [];
  const answers: Record<string, CallOutcome> = {
    'auth.test': { kind: 'done', data: { team_id: 'T0SHOP', enterprise_id: 'E0SHOP' } },
    'users.info': { kind: 'done', data: { user } },
    'usergroups.users.list': { kind: 'done', data: { users: ['U0ANN0001'] } },
  };
  const people = createPeople({
    calls: {
      call: async (method) => {
        called.push(method);
        return answers[method] ?? DOWN;
      },
    },
    clock,
    logger: createSpyLogger(),
  });
  return { clock, called, answers, people, isMember: () => people.isMember('U0ANN0001') };
}

describe('a full member of the workspace', () => {
  it.each<[string, Record<string, unknown>, boolean]>([
    ['is of its team', ANN, true],
    [
      'is of another team of the same organization',
      { ...ANN, team_id: 'T1', enterprise_user: { enterprise_id: 'E0SHOP' } },
      true,
    ],
    ['is no guest', { ...ANN, is_restricted: true }, false],
    ['is no single-channel guest', { ...ANN, is_ultra_restricted: true }, false],
    ['is no stranger', { ...ANN, is_stranger: true }, false],
    ['is of no other organization', { ...ANN, team_id: 'T1' }, false],
    ['is not deactivated', { ...ANN, deleted: true }, false],
  ])('%s', async (_, user, expected) => {
    expect(await setUp(user).isMember()).toBe(expected);
  });
});

describe('what Slack says', () => {
  it('is kept for ten minutes', async () => {
    const { clock, called, isMember } = setUp();
    await isMember();
    await isMember();
    expect(called.filter((method) => method === 'users.info')).toHaveLength(1);
    await clock.advance(ms(10 * MINUTE));
    await isMember();
    expect(called.filter((method) => method === 'users.info')).toHaveLength(2);
  });

  it('counts for a day while Slack does not answer, which is asked every thirty seconds at most', async () => {
    const { clock, called, answers, isMember } = setUp();
    await isMember();
    answers['users.info'] = DOWN;
    await clock.advance(ms(10 * MINUTE));
    expect([await isMember(), await isMember()]).toEqual([true, true]);
    expect(called.filter((method) => method === 'users.info')).toHaveLength(2);
    await clock.advance(DAY);
    expect(await isMember()).toBeUndefined();
  });

  it('is unknown without an answer, and without a scope', async () => {
    const { answers, people } = setUp();
    answers['usergroups.users.list'] = { kind: 'refused', code: 'missing_scope' };
    expect(await people.usersOf('S0ONCALL1')).toBeUndefined();
  });

  it('names the people of a user group', async () => {
    expect(await setUp().people.usersOf('S0ONCALL1')).toEqual(['U0ANN0001']);
  });
});
