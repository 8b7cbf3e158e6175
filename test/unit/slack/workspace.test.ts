import { expect, test } from 'vitest';
import { isFrom, workspaceOf } from '../../../src/slack/app.ts';

const ONE = { teamId: 'T1' };
const ORGANIZATION = { teamId: 'T1', enterpriseId: 'E1' };

test.each<[string, Parameters<typeof isFrom>[0], unknown, boolean]>([
  ['a command of the workspace', ONE, { team_id: 'T1' }, true],
  ['a command of another one', ONE, { team_id: 'T2' }, false],
  ['a command of another one in the same organization', ONE, { team_id: 'T2', enterprise_id: 'E1' }, false],
  ['an interaction of the workspace', ONE, { team: { id: 'T1' } }, true],
  ['an interaction of another one', ONE, { team: { id: 'T2' } }, false],
  ['a request that names none', ONE, {}, false],
  ['a command of the organization', ORGANIZATION, { team_id: 'T2', enterprise_id: 'E1' }, true],
  ['an interaction of the organization', ORGANIZATION, { team: null, enterprise: { id: 'E1' } }, true],
  ['a command of another organization', ORGANIZATION, { team_id: 'T2', enterprise_id: 'E2' }, false],
])('%s', (_name, workspace, body, expected) => {
  expect(isFrom(workspace, body)).toBe(expected);
});

test('an organization counts only where the app is installed for all of it', () => {
  expect(workspaceOf({ team_id: 'T1', enterprise_id: 'E1' })).toEqual({ teamId: 'T1' });
  expect(workspaceOf({ team_id: 'T1', enterprise_id: 'E1', is_enterprise_install: true })).toEqual(
    ORGANIZATION,
  );
  expect(workspaceOf({ team_id: 7 })).toBeUndefined();
});
