import { describe, expect, it } from 'vitest';
import { decidePermission, isAllowedUnknown, type PersonFacts } from '../../../src/policy/permission.ts';

const facts = (isMember: boolean | undefined, users?: readonly string[]): PersonFacts => ({
  isMember,
  groups: new Map([['S0ONCALL1', users]]),
});

describe('a permission', () => {
  it.each([
    ['of everyone includes a guest', ['everyone'], facts(false), 'allowed'],
    ['of members includes a member', ['members'], facts(true), 'allowed'],
    ['of members excludes a guest', ['members'], facts(false), 'refused'],
    ['of members is unknown when Slack does not say', ['members'], facts(undefined), 'unknown'],
    ['of a person includes that person, a guest too', ['U0ANN0001'], facts(false), 'allowed'],
    ['of a person excludes another', ['U0BOB0001'], facts(true), 'refused'],
    ['of a group includes its people', ['S0ONCALL1'], facts(true, ['U0ANN0001']), 'allowed'],
    ['of a group excludes others', ['S0ONCALL1'], facts(true, ['U0BOB0001']), 'refused'],
    ['of a group that cannot be read is unknown', ['S0ONCALL1'], facts(true), 'unknown'],
    ['needs one of several', ['members', 'S0ONCALL1'], facts(true), 'allowed'],
  ] as const)('%s', (_, grantees, of, expected) => {
    expect(decidePermission(grantees, 'U0ANN0001', of)).toBe(expected);
  });

  it('that is unknown is given for an acknowledgement by members alone', () => {
    expect(isAllowedUnknown('acknowledge', ['members'])).toBe(true);
    expect(isAllowedUnknown('acknowledge', ['S0ONCALL1'])).toBe(false);
    expect(isAllowedUnknown('silence', ['members'])).toBe(false);
    expect(isAllowedUnknown('close', ['members'])).toBe(false);
  });
});
