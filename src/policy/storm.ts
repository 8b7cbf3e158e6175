import type { Alert, Destination, Storm, StormMember, StormPage } from '../alerts/alert.ts';
import { hashTexts } from '../lib/labels.ts';
import { between, DAY, HOUR, MINUTE, type Milliseconds, ms, SECOND } from '../lib/units.ts';
import type { Comparison, SloRule, Slot } from '../rules/rule.ts';

/** More than so many alerts of one rule that want their first message in one tick share one. */
export const STORM_LIMIT = 10;

/** Rows in the table of a storm's message. */
export const STORM_ROWS = 15;

/** Rows in one reply of its thread: the table and a menu of its alerts stay within Slack's limits. */
export const PAGE_ROWS = 50;

/** What joins within this time of the last that joined is added to its reply, while there is room. */
const JOIN_TIME: Milliseconds = ms(5 * MINUTE);

/** A storm that nobody joined for so long has come to rest: one alert that lasts must not hide what begins days later. */
const RESTS_AFTER: Milliseconds = HOUR;

/** No storm grows for longer: its members are kept until it is over. */
const LONGEST_GROWTH: Milliseconds = DAY;

/** Identity of a storm: the same decision gives the same on every replica. */
export function stormOf(
  at: { readonly group: string; readonly rule: Pick<SloRule, 'key'> },
  { channel = '' }: Destination,
  slot: Slot,
): string {
  return `storm-${hashTexts([at.group, at.rule.key, channel])}-${slot / 1_000}`;
}

/** The key of the reply that lists one page. */
export const pageEpisode = (storm: Pick<Storm, 'episode'>, page: number): string =>
  `${storm.episode}/${page}`;

/** All members, in the order they joined. */
export const membersOf = ({ pages }: Pick<Storm, 'pages'>): readonly StormMember[] =>
  pages.flatMap(({ members }) => members);

/** An alert as a member. `name` is what it is about, for people. */
export function memberOf(alert: Alert, name: string): StormMember {
  const { fingerprint, episode, value, peak, activeAt, resolvedAt, resolveReason, acknowledged } = alert;
  const severity = alert.labels['severity'];
  return {
    fingerprint,
    episode,
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

const URGENCY: Readonly<Record<StormMember['state'], number>> = { firing: 0, 'no-data': 1, resolved: 2 };

const isPage = ({ severity }: Pick<StormMember, 'severity'>): boolean => severity === 'page';

/** Those first that somebody must act on: firing before ended, pages before the others, then the worst value. */
export function worstFirst(
  members: readonly StormMember[],
  comparison: Comparison | undefined,
): readonly StormMember[] {
  const sign = comparison?.startsWith('<') === true ? 1 : -1;
  const size = ({ state, value, peak }: StormMember): number => (state === 'resolved' ? peak : value);
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
  readonly slot: Slot;
  readonly members: readonly StormMember[];
  /** Whom these alerts call. */
  readonly mentions: readonly string[];
}

function pagesOf({ slot, members }: Joining, mentions: readonly string[]): readonly StormPage[] {
  const count = Math.ceil(members.length / PAGE_ROWS);
  return Array.from({ length: count }, (_, index) => ({
    joinedAt: slot,
    mentions: index === 0 ? mentions : [],
    members: members.slice(index * PAGE_ROWS, (index + 1) * PAGE_ROWS),
  }));
}

/** The storm that these alerts begin. Its first message calls whom they call. */
export function startStorm(
  of: { readonly episode: string; readonly destination: Destination; readonly lead: Alert },
  joining: Joining,
): Storm {
  const { slot, mentions } = joining;
  return {
    episode: of.episode,
    destination: { ...of.destination, mentions },
    startedAt: slot,
    refreshedAt: slot,
    shown: '',
    lead: of.lead,
    pages: pagesOf(joining, []),
  };
}

/** Whether what begins now joins it: otherwise that is news, with a message of its own, or a storm of its own. */
export function isGathering({ startedAt, pages }: Pick<Storm, 'startedAt' | 'pages'>, slot: Slot): boolean {
  const joinedAt = pages.at(-1)?.joinedAt ?? startedAt;
  return between(joinedAt, slot) < RESTS_AFTER && between(startedAt, slot) < LONGEST_GROWTH;
}

/** Whom alerts that join call: nobody twice, but for the first of severity `page` in a storm that held none. */
function callsOf(storm: Storm, { members, mentions }: Joining): readonly string[] {
  const isEscalation = members.some(isPage) && !membersOf(storm).some(isPage);
  const called = new Set([storm.destination, ...storm.pages].flatMap((each) => each.mentions));
  return isEscalation ? mentions : mentions.filter((each) => !called.has(each));
}

/** A run of an alert that is in the storm already takes the place of its earlier one. */
function withRuns(storm: Storm, members: readonly StormMember[]): { storm: Storm; others: StormMember[] } {
  const runs = new Map(members.map((member) => [member.fingerprint, member]));
  const pages = storm.pages.map((page) => {
    if (!page.members.some(({ fingerprint }) => runs.has(fingerprint))) return page;
    const settled = page.members.map((member) => {
      const run = runs.get(member.fingerprint);
      runs.delete(member.fingerprint);
      return run ?? member;
    });
    return { ...page, members: settled };
  });
  return { storm: { ...storm, pages }, others: [...runs.values()] };
}

/** The storm with alerts that began while it lasts. */
export function joinStorm(given: Storm, joining: Joining): Storm {
  const { storm, others } = withRuns(given, joining.members);
  if (others.length === 0) return storm;
  const joined = { ...joining, members: others };
  const calls = callsOf(given, joined);
  const last = storm.pages.at(-1);
  const isOpen =
    last !== undefined &&
    last.joinedAt > storm.startedAt &&
    between(last.joinedAt, joining.slot) < JOIN_TIME &&
    last.members.length + others.length <= PAGE_ROWS;
  // Whom it calls must be called by a message that is new: an edit calls nobody.
  if (!isOpen || calls.length > 0) return { ...storm, pages: [...storm.pages, ...pagesOf(joined, calls)] };
  const page: StormPage = { ...last, members: [...last.members, ...others] };
  return { ...storm, pages: [...storm.pages.slice(0, -1), page] };
}

function ended(member: StormMember, slot: Slot): StormMember {
  return member.state === 'resolved' ? member : { ...member, state: 'resolved', resolvedAt: slot };
}

/**
 * The storm with its alerts as they are now. One that is not known any more is over, and nobody can say how; one that
 * runs anew and was not told of again stands here as its earlier run ended.
 */
export function updateStorm(storm: Storm, alerts: ReadonlyMap<string, Alert>, slot: Slot): Storm {
  const pages = storm.pages.map((page) => ({
    ...page,
    members: page.members.map((member) => {
      const alert = alerts.get(member.fingerprint);
      return alert === undefined || alert.episode !== member.episode
        ? ended(member, slot)
        : memberOf(alert, member.name);
    }),
  }));
  return { ...storm, pages };
}

/** Whether nothing in it goes on, so that its message can end. */
export const isOver = (storm: Storm): boolean => membersOf(storm).every(({ state }) => state === 'resolved');

/** What readers see of rows besides their times: tells whether there is something new to show. */
export const lookOf = (rows: readonly StormMember[], isWithValues: boolean): string =>
  hashTexts(
    rows.map(({ episode, state, value, acknowledged }) =>
      [episode, state, acknowledged?.by ?? '', isWithValues ? String(value) : ''].join(' '),
    ),
  );

/** Replies of a thread are edited at most so often each: all of them together twenty times a minute. */
export const pageInterval = ({ pages }: Pick<Storm, 'pages'>): Milliseconds =>
  ms(Math.max(MINUTE, pages.length * 3 * SECOND));
