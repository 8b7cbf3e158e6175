/** What a person can do in Slack. */
export type Permission = 'look_up' | 'acknowledge' | 'silence' | 'close' | 'test';

/** `everyone`, `members` (of the workspace, without guests and people of other organizations), or the Slack id of a user or user group. */
export type Grantee = string;

export const EVERYONE = 'everyone';
export const MEMBERS = 'members';

/** Who may do what. */
export type Permissions = Readonly<Record<Permission, readonly Grantee[]>>;

/** Guests and people of other organizations may look up but not act. */
export const DEFAULT_PERMISSIONS: Permissions = {
  look_up: [EVERYONE],
  acknowledge: [MEMBERS],
  silence: [MEMBERS],
  close: [MEMBERS],
  test: [MEMBERS],
};

/** What is known of a person; undefined where Slack did not say. */
export interface PersonFacts {
  readonly isMember: boolean | undefined;
  /** The people in each user group among the grantees. */
  readonly groups: ReadonlyMap<string, readonly string[] | undefined>;
}

export type PermissionDecision = 'allowed' | 'refused' | 'unknown';

/** Whether a grantee is a user group. */
export const isUserGroup = (grantee: Grantee): boolean => grantee.startsWith('S');

/** Whether these people include a person. Pure. */
export function decidePermission(
  grantees: readonly Grantee[],
  person: string,
  { isMember, groups }: PersonFacts,
): PermissionDecision {
  const answers = new Set(
    grantees.map((grantee) => {
      if (grantee === EVERYONE || grantee === person) return true;
      if (grantee === MEMBERS) return isMember;
      return isUserGroup(grantee) ? groups.get(grantee)?.includes(person) : false;
    }),
  );
  if (answers.has(true)) return 'allowed';
  return answers.has(undefined) ? 'unknown' : 'refused';
}

/**
 * Whether an action is allowed although Slack did not say who a person is: an acknowledgement by default, because whoever
 * is on call must be able to take an alert while Slack is half down. It hides nothing.
 */
export const isAllowedUnknown = (permission: Permission, grantees: readonly Grantee[]): boolean =>
  permission === 'acknowledge' && grantees.includes(MEMBERS);
