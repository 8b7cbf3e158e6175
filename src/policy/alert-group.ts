import type { Alert, AlertGroup, AlertGroupReply, Destination, GroupedAlert } from '../alerts/alert.ts';
import { hashTexts } from '../lib/labels.ts';
import { between, DAY, type EpochMs, HOUR, MINUTE, type Milliseconds, ms, SECOND } from '../lib/units.ts';
import type { Comparison, SloRule } from '../rules/rule.ts';

/** More than so many alerts of one rule that want their first message in one tick share one. */
export const GROUP_THRESHOLD = 10;

/** Rows in the table of a alertGroup's message. */
export const GROUP_ROWS = 15;

/** Rows in one reply of its thread: the table and a menu of its alerts stay within Slack's limits. */
export const PAGE_ROWS = 50;

/** What joins within this time of the last that joined is added to its reply, while there is room. */
const JOIN_TIME: Milliseconds = ms(5 * MINUTE);

/** An alert group that nobody joined for so long has come to rest: one alert that lasts must not hide what begins days later. */
const RESTS_AFTER: Milliseconds = HOUR;

/** No alert group grows for longer: its members are kept until it is over. */
const LONGEST_GROWTH: Milliseconds = DAY;

/** Identity of a alertGroup: the same decision gives the same on every replica. */
export function alertGroupOf(
  at: { readonly group: string; readonly rule: Pick<SloRule, 'key'> },
  { channel = '' }: Destination,
  evalTime: EpochMs,
): string {
  return `alertGroup-${hashTexts([at.group, at.rule.key, channel])}-${evalTime / 1_000}`;
}

/** The key of the reply that lists one page. */
export const pageAlertId = (alertGroup: Pick<AlertGroup, 'alertId'>, page: number): string =>
  `${alertGroup.alertId}/${page}`;

/** All members, in the order they joined. */
export const membersOf = ({ replies }: Pick<AlertGroup, 'replies'>): readonly GroupedAlert[] =>
  replies.flatMap(({ members }) => members);

/** An alert as a member. `name` is what it is about, for people. */
export function memberOf(alert: Alert, name: string): GroupedAlert {
  const { fingerprint, alertId, value, peak, activeAt, resolvedAt, resolveReason, acknowledged } = alert;
  const severity = alert.labels['severity'];
  return {
    fingerprint,
    alertId,
    name,
    severity,
    state: alert.state === 'resolved' ? 'resolved' : alert.noDataSince === undefined ? 'firing' : 'no-data',
    value,
    peak,
    since: activeAt,
    resolvedAt,
    resolveReason,
    acknowledged,
  };
}

const URGENCY: Readonly<Record<GroupedAlert['state'], number>> = { firing: 0, 'no-data': 1, resolved: 2 };

const isPage = ({ severity }: Pick<GroupedAlert, 'severity'>): boolean => severity === 'page';

/** Those first that somebody must act on: firing before ended, pages before the others, then the worst value. */
export function worstFirst(
  members: readonly GroupedAlert[],
  comparison: Comparison | undefined,
): readonly GroupedAlert[] {
  const sign = comparison?.startsWith('<') === true ? 1 : -1;
  const size = ({ state, value, peak }: GroupedAlert): number => (state === 'resolved' ? peak : value);
  return members.toSorted(
    (a, b) =>
      URGENCY[a.state] - URGENCY[b.state] ||
      Number(isPage(b)) - Number(isPage(a)) ||
      sign * (size(a) - size(b)) ||
      (a.name < b.name ? -1 : a.name > b.name ? 1 : 0),
  );
}

/** What began, in one channel, and how to write it. */
export interface Joining {
  readonly evalTime: EpochMs;
  readonly members: readonly GroupedAlert[];
  /** Whom these alerts call. */
  readonly mentions: readonly string[];
}

function pagesOf({ evalTime, members }: Joining, mentions: readonly string[]): readonly AlertGroupReply[] {
  const count = Math.ceil(members.length / PAGE_ROWS);
  return Array.from({ length: count }, (_, index) => ({
    joinedAt: evalTime,
    mentions: index === 0 ? mentions : [],
    members: members.slice(index * PAGE_ROWS, (index + 1) * PAGE_ROWS),
  }));
}

/** The alert group that these alerts begin. Its first message calls whom they call. */
export function startAlertGroup(
  of: { readonly alertId: string; readonly destination: Destination; readonly lead: Alert },
  joining: Joining,
): AlertGroup {
  const { evalTime, mentions } = joining;
  return {
    alertId: of.alertId,
    destination: { ...of.destination, mentions },
    startedAt: evalTime,
    refreshedAt: evalTime,
    shown: '',
    lead: of.lead,
    replies: pagesOf(joining, []),
  };
}

/** Whether what begins now joins it: otherwise that is news, with a message of its own, or an alert group of its own. */
export function isGathering(
  { startedAt, replies }: Pick<AlertGroup, 'startedAt' | 'replies'>,
  evalTime: EpochMs,
): boolean {
  const joinedAt = replies.at(-1)?.joinedAt ?? startedAt;
  return between(joinedAt, evalTime) < RESTS_AFTER && between(startedAt, evalTime) < LONGEST_GROWTH;
}

/** Whom alerts that join call: nobody twice, but for the first of severity `page` in an alert group that held none. */
function callsOf(alertGroup: AlertGroup, { members, mentions }: Joining): readonly string[] {
  const isEscalation = members.some(isPage) && !membersOf(alertGroup).some(isPage);
  const called = new Set([alertGroup.destination, ...alertGroup.replies].flatMap((each) => each.mentions));
  return isEscalation ? mentions : mentions.filter((each) => !called.has(each));
}

/** A run of an alert that is in the alert group already takes the place of its earlier one. */
function withRuns(
  alertGroup: AlertGroup,
  members: readonly GroupedAlert[],
): { alertGroup: AlertGroup; others: GroupedAlert[] } {
  const runs = new Map(members.map((member) => [member.fingerprint, member]));
  const replies = alertGroup.replies.map((page) => {
    if (!page.members.some(({ fingerprint }) => runs.has(fingerprint))) return page;
    const settled = page.members.map((member) => {
      const run = runs.get(member.fingerprint);
      runs.delete(member.fingerprint);
      return run ?? member;
    });
    return { ...page, members: settled };
  });
  return { alertGroup: { ...alertGroup, replies }, others: [...runs.values()] };
}

/** The alert group with alerts that began while it lasts. */
export function joinAlertGroup(given: AlertGroup, joining: Joining): AlertGroup {
  const { alertGroup, others } = withRuns(given, joining.members);
  if (others.length === 0) return alertGroup;
  const joined = { ...joining, members: others };
  const calls = callsOf(given, joined);
  const last = alertGroup.replies.at(-1);
  const isOpen =
    last !== undefined &&
    last.joinedAt > alertGroup.startedAt &&
    between(last.joinedAt, joining.evalTime) < JOIN_TIME &&
    last.members.length + others.length <= PAGE_ROWS;
  // Whom it calls must be called by a message that is new: an edit calls nobody.
  if (!isOpen || calls.length > 0)
    return { ...alertGroup, replies: [...alertGroup.replies, ...pagesOf(joined, calls)] };
  const page: AlertGroupReply = { ...last, members: [...last.members, ...others] };
  return { ...alertGroup, replies: [...alertGroup.replies.slice(0, -1), page] };
}

function ended(member: GroupedAlert, evalTime: EpochMs): GroupedAlert {
  return member.state === 'resolved' ? member : { ...member, state: 'resolved', resolvedAt: evalTime };
}

/**
 * The alert group with its alerts as they are now. One that is not known any more is over, and nobody can say how; one that
 * runs anew and was not notified of again stands here as its earlier run ended.
 */
export function updateAlertGroup(
  alertGroup: AlertGroup,
  alerts: ReadonlyMap<string, Alert>,
  evalTime: EpochMs,
): AlertGroup {
  const replies = alertGroup.replies.map((page) => ({
    ...page,
    members: page.members.map((member) => {
      const alert = alerts.get(member.fingerprint);
      return alert === undefined || alert.alertId !== member.alertId
        ? ended(member, evalTime)
        : memberOf(alert, member.name);
    }),
  }));
  return { ...alertGroup, replies };
}

/** Whether nothing in it goes on, so that its message can end. */
export const isOver = (alertGroup: AlertGroup): boolean =>
  membersOf(alertGroup).every(({ state }) => state === 'resolved');

/** What readers see of rows besides their times: tells whether there is something new to show. */
export const lookOf = (rows: readonly GroupedAlert[], isWithValues: boolean): string =>
  hashTexts(
    rows.map(({ alertId, state, value, acknowledged }) =>
      [alertId, state, acknowledged?.by ?? '', isWithValues ? String(value) : ''].join(' '),
    ),
  );

/** Replies of a thread are edited at most so often each: all of them together twenty times a minute. */
export const pageInterval = ({ replies }: Pick<AlertGroup, 'replies'>): Milliseconds =>
  ms(Math.max(MINUTE, replies.length * 3 * SECOND));
