import { withDeadline } from '../lib/deadline.ts';
import { UpstreamError } from '../lib/errors.ts';
import type { Phrase } from '../lib/format.ts';
import { type Milliseconds, ms, SECOND } from '../lib/units.ts';
import {
  DEFAULT_PERMISSIONS,
  decidePermission,
  EVERYONE,
  type Grantee,
  isAllowedUnknown,
  isUserGroup,
  MEMBERS,
  type Permission,
} from '../policy/permission.ts';
import { type Answer, linesAnswer } from './answer.ts';
import type { CommandDeps } from './command.ts';

/** What is known of people. Undefined when Slack does not say. */
export interface People {
  /** Whether a person is a full member of the workspace: no guest, nobody of another organization. */
  isMember(person: string): Promise<boolean | undefined>;
  /** The people in a user group. */
  usersOf(userGroup: string): Promise<readonly string[] | undefined>;
}

/** The person waits for this before the command runs. */
const DEADLINE: Milliseconds = ms(3 * SECOND);

type PermitDeps = Pick<CommandDeps, 'people' | 'ruleSet' | 'clock' | 'logger'>;

/** The answer that refuses a command; undefined when the person may send it. */
export async function refusalOf(
  deps: PermitDeps,
  permission: Permission,
  by: string,
): Promise<Answer | undefined> {
  const grantees = (deps.ruleSet().permissions ?? DEFAULT_PERMISSIONS)[permission];
  if (grantees.includes(EVERYONE) || grantees.includes(by)) return undefined;
  const decision = await decisionOf(deps, grantees, by);
  if (decision === 'allowed') return undefined;
  const isUnknown = decision === 'unknown';
  if (isUnknown && isAllowedUnknown(permission, grantees)) {
    deps.logger.warn('Slack did not say who acts: the acknowledgement is accepted', { by });
    return undefined;
  }
  deps.logger.info('a command was refused', { by, permission, decision });
  return linesAnswer([
    ...(isUnknown ? ['Slack did not say whether you may do this. Try again. '] : ['You may not do this. ']),
    ...granteesPhrase(permission, grantees),
  ]);
}

async function decisionOf({ people, clock }: PermitDeps, grantees: readonly Grantee[], by: string) {
  const limit = { clock, duration: DEADLINE, system: 'slack' } as const;
  try {
    return await withDeadline(limit, async () => {
      const [isMember, groups] = await Promise.all([
        grantees.includes(MEMBERS) ? people.isMember(by) : undefined,
        Promise.all(grantees.filter(isUserGroup).map(async (id) => [id, await people.usersOf(id)] as const)),
      ]);
      return decidePermission(grantees, by, { isMember, groups: new Map(groups) });
    });
  } catch (error) {
    if (error instanceof UpstreamError) return 'unknown';
    throw error;
  }
}

const ACTIONS: Readonly<Record<Permission, string>> = {
  look_up: 'Looking up',
  acknowledge: 'Acknowledging',
  silence: 'Silencing',
  close: 'Closing',
  test: 'Testing',
};

/** `Acknowledging is for members of the workspace (no guests) and @ann.` */
function granteesPhrase(permission: Permission, grantees: readonly Grantee[]): Phrase {
  const names: Phrase = grantees.flatMap((grantee, index) => [
    ...(index === 0 ? [] : [index === grantees.length - 1 ? ' and ' : ', ']),
    grantee === MEMBERS ? 'members of this workspace (no guests)' : { person: grantee },
  ]);
  return [`${ACTIONS[permission]} is for `, ...names, '.'];
}
