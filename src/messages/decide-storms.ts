import type { Alert, Destination, RuleState, Storm, StormMember, StormPage } from '../alerts/alert.ts';
import { after, between, type Milliseconds, ms, SECOND } from '../lib/units.ts';
import {
  isOver,
  joinStorm,
  lookOf,
  memberOf,
  membersOf,
  pageEpisode,
  pageInterval,
  STORM_ROWS,
  startStorm,
  updateStorm,
  worstFirst,
} from '../policy/storm.ts';
import type { RuleAt, SloRule, Slot } from '../rules/rule.ts';
import { serviceOf } from './alert-view.ts';
import { type EntryAt, entryOf, REFRESH_MAX_INTERVAL, REFRESH_MIN_INTERVAL } from './outbox-entry.ts';
import type { NotificationKind, OutboxEntry, StormShown } from './store.ts';

/** Alerts that begin now and share a message. */
export interface Gathered {
  readonly episode: string;
  readonly destination: Destination;
  /** Whom they call. */
  readonly mentions: readonly string[];
  /** Fingerprints. */
  readonly alerts: ReadonlySet<string>;
}

/** Storms after an evaluation: those that last, and what is told of all of them. */
export interface StormDecision {
  readonly storms: readonly Storm[];
  readonly entries: readonly OutboxEntry[];
}

/** Replies of a thread go out so far apart: in between there is room in the channel for an alert of its own. */
const PAGE_SPACING: Milliseconds = ms(2 * SECOND);

/** What an alert is about, in a row: its service, and whatever else tells it from the others of its rule. */
export function nameOf(alert: Alert, rule: SloRule): string {
  const service = serviceOf(alert, rule);
  const others = Object.values(alert.series).filter((value) => value !== service && value !== '');
  if (service === undefined) return others.join(' ') || rule.name;
  return others.length === 0 ? service : `${service} (${others.join(' ')})`;
}

/** A storm at a slot, with its alerts in the order in which they are shown. */
interface Standing {
  readonly at: EntryAt;
  readonly slot: Slot;
  readonly storm: Storm;
  readonly ranked: readonly StormMember[];
}

function countsOf(members: readonly StormMember[]): StormShown['counts'] {
  const counts = { firing: 0, 'no-data': 0, resolved: 0 };
  for (const { state } of members) counts[state] += 1;
  return counts;
}

const shownOf = ({ storm, ranked }: Standing): StormShown => ({
  startedAt: storm.startedAt,
  counts: countsOf(ranked),
  rows: ranked.slice(0, STORM_ROWS),
});

/** Whether a page has a reply of its own: what the message shows whole needs none, but whoever joins is told of. */
const isListed = ({ storm, ranked }: Standing, page: StormPage): boolean =>
  page.joinedAt > storm.startedAt || ranked.length > STORM_ROWS;

function isPageDue(standing: Standing, page: StormPage, look: string): boolean {
  const { storm, slot, ranked } = standing;
  if (!isListed(standing, page) || look === page.shown) return false;
  if (page.shownAt === undefined) return true;
  const isLast = ranked.every(({ state }) => state === 'resolved');
  return isLast || between(page.shownAt, slot) >= pageInterval(storm);
}

/** What the reply of a page is to show. */
function pageEntry(
  { at, slot, storm }: Standing,
  kind: 'refresh' | 'act',
  index: number,
): OutboxEntry | undefined {
  const page = storm.pages[index];
  if (page === undefined) return undefined;
  const { mentions, members, joinedAt } = page;
  const episode = pageEpisode(storm, index + 1);
  const destination = { ...storm.destination, mentions };
  const shown: StormShown = {
    startedAt: storm.startedAt,
    counts: countsOf(members),
    rows: worstFirst(members, at.rule.comparison),
    page: { storm: storm.episode, number: index + 1, joinedAt },
  };
  return { ...entryOf(at, slot, { alert: storm.lead, kind, episode, destination }), storm: shown };
}

/** The replies of the thread that are due, and the pages with a note of what they show now. */
function tellPages(standing: Standing): { pages: readonly StormPage[]; entries: readonly OutboxEntry[] } {
  const { slot, storm } = standing;
  const entries: OutboxEntry[] = [];
  const pages = storm.pages.map((page, index) => {
    const look = lookOf(page.members, false);
    const entry = isPageDue(standing, page, look) ? pageEntry(standing, 'refresh', index) : undefined;
    if (entry === undefined) return page;
    entries.push({ ...entry, notBefore: after(slot, ms(entries.length * PAGE_SPACING)) });
    return { ...page, shownAt: slot, shown: look };
  });
  return { pages, entries };
}

/** What is told of a storm now, and the storm with a note of it. */
function tell(standing: Standing, isNew: boolean): { storm: Storm; entries: readonly OutboxEntry[] } {
  const { slot, storm, ranked } = standing;
  const isEnd = isOver(storm);
  const look = lookOf(ranked.slice(0, STORM_ROWS), true) + ranked.length;
  const age = between(storm.refreshedAt, slot);
  const isDue = age >= REFRESH_MAX_INTERVAL || (age >= REFRESH_MIN_INTERVAL && look !== storm.shown);
  const { pages, entries } = tellPages(standing);
  if (!isNew && !isEnd && !isDue) return { storm: { ...storm, pages }, entries };
  const kind = isNew ? 'firing' : isEnd ? 'resolved' : 'refresh';
  const own = mainEntry(standing, kind);
  return { storm: { ...storm, pages, refreshedAt: slot, shown: look }, entries: [own, ...entries] };
}

function mainEntry(standing: Standing, kind: NotificationKind): OutboxEntry {
  const { at, slot, storm } = standing;
  const { lead: alert, episode, destination } = storm;
  return { ...entryOf(at, slot, { alert, kind, episode, destination }), storm: shownOf(standing) };
}

/** The worst of a storm's alerts while one fires; afterwards the last that was. */
function withLead(standing: Standing, alerts: ReadonlyMap<string, Alert>): Standing {
  const [worst] = standing.ranked;
  const lead = worst === undefined || worst.state === 'resolved' ? undefined : alerts.get(worst.fingerprint);
  return lead === undefined ? standing : { ...standing, storm: { ...standing.storm, lead } };
}

const standingOf = (at: EntryAt, slot: Slot, storm: Storm): Standing => ({
  at,
  slot,
  storm,
  ranked: worstFirst(membersOf(storm), at.rule.comparison),
});

function begin(
  gathered: Gathered,
  known: Storm | undefined,
  { at, slot, alerts }: { at: RuleAt; slot: Slot; alerts: ReadonlyMap<string, Alert> },
): Storm | undefined {
  const began = [...gathered.alerts].flatMap((print) => alerts.get(print) ?? []);
  const members = worstFirst(
    began.map((alert) => memberOf(alert, nameOf(alert, at.rule))),
    at.rule.comparison,
  );
  const [lead] = began;
  const joining = { slot, members, mentions: gathered.mentions };
  if (known !== undefined) return joinStorm(known, joining);
  return lead === undefined ? undefined : startStorm({ ...gathered, lead }, joining);
}

/**
 * Brings a rule's storms up to date with its alerts, lets those join that begin now, and decides what to tell: a new
 * storm at once, whoever joins at once, everything else now and then, the end once. Pure.
 */
export function decideStorms(
  at: RuleAt,
  slot: Slot,
  given: {
    readonly storms: readonly Storm[];
    readonly alerts: readonly Alert[];
    readonly gathered: readonly Gathered[];
  },
): StormDecision {
  if (given.storms.length === 0 && given.gathered.length === 0) return { storms: [], entries: [] };
  const alerts = new Map(given.alerts.map((alert) => [alert.fingerprint, alert]));
  const known = new Map(given.storms.map((storm) => [storm.episode, updateStorm(storm, alerts, slot)]));
  const isNew = new Set<string>();
  for (const each of given.gathered) {
    if (!known.has(each.episode)) isNew.add(each.episode);
    const storm = begin(each, known.get(each.episode), { at, slot, alerts });
    if (storm !== undefined) known.set(each.episode, storm);
  }
  const told = [...known.values()].map((storm) =>
    tell(withLead(standingOf(at, slot, storm), alerts), isNew.has(storm.episode)),
  );
  return {
    storms: told.flatMap(({ storm }) => (isOver(storm) ? [] : [storm])),
    entries: told.flatMap(({ entries }) => entries),
  };
}

/** Ends the storms of a rule that is gone: what becomes of their alerts is not known any more. */
export function retireStorms(at: RuleAt, slot: Slot, state: RuleState): readonly OutboxEntry[] {
  return (state.storms ?? []).flatMap((storm) => {
    const pages = storm.pages.map((page) => ({
      ...page,
      members: page.members.map(
        (member): StormMember =>
          member.state === 'resolved'
            ? member
            : { ...member, state: 'resolved', resolvedAt: slot, resolveReason: 'rule-removed' },
      ),
    }));
    return tell(standingOf(at, slot, { ...storm, pages }), false).entries;
  });
}

/**
 * Shows what a person did about some alerts of a rule in the messages that they share: each storm's own, and the replies
 * that list one of them. Each message once, however many of its alerts it is about.
 */
export function sharedEntries(
  at: EntryAt,
  slot: Slot,
  { alerts, storms }: { readonly alerts: readonly Alert[]; readonly storms: readonly Storm[] },
): readonly OutboxEntry[] {
  const shared = new Set(
    alerts.flatMap(({ postedTo }) => (postedTo ?? []).flatMap(({ storm }) => storm ?? [])),
  );
  const episodes = new Set(alerts.map(({ episode }) => episode));
  const listsOne = ({ shownAt, members }: StormPage): boolean =>
    shownAt !== undefined && members.some(({ episode }) => episodes.has(episode));
  return storms
    .filter(({ episode }) => shared.has(episode))
    .flatMap((storm) => {
      const standing = standingOf(at, slot, storm);
      const pages = storm.pages.flatMap((page, index) =>
        listsOne(page) ? (pageEntry(standing, 'act', index) ?? []) : [],
      );
      return [mainEntry(standing, 'act'), ...pages];
    });
}
