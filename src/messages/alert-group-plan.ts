import type {
  Alert,
  AlertGroup,
  AlertGroupReply,
  Destination,
  GroupedAlert,
  RuleState,
} from '../alerts/alert.ts';
import { after, between, type EpochMs, type Milliseconds, ms, SECOND } from '../lib/units.ts';
import {
  addToAlertGroup,
  displayHash,
  GROUP_ROWS,
  groupedAlertOf,
  groupedAlertsOf,
  isGroupResolved,
  replyIdOf,
  replyInterval,
  startAlertGroup,
  updateAlertGroup,
  worstFirst,
} from '../policy/alert-group.ts';
import type { RuleAt } from '../rules/rule.ts';
import { type EntryAt, entryOf, REFRESH_MAX_INTERVAL, REFRESH_MIN_INTERVAL } from './alert-messages.ts';
import { nameOf } from './alert-subject.ts';
import type { AlertGroupSnapshot, NotificationKind, OutboxEntry } from './store.ts';

/** Alerts that begin now and share a message. */
export interface Gathered {
  readonly alertId: string;
  readonly destination: Destination;
  /** Whom they call. */
  readonly mentions: readonly string[];
  /** Fingerprints. */
  readonly alerts: ReadonlySet<string>;
}

/** Alert groups after an evaluation: those that last, and what is notified of all of them. */
export interface AlertGroupPlan {
  readonly alertGroups: readonly AlertGroup[];
  readonly entries: readonly OutboxEntry[];
}

/** Replies of a thread go out so far apart: in between there is room in the channel for an alert of its own. */
const PAGE_SPACING: Milliseconds = ms(2 * SECOND);

/** An alert group at an evaluation time, with its alerts in the order in which they are shown. */
interface CurrentGroup {
  readonly at: EntryAt;
  readonly evalTime: EpochMs;
  readonly alertGroup: AlertGroup;
  readonly ranked: readonly GroupedAlert[];
}

function countsOf(alerts: readonly GroupedAlert[]): AlertGroupSnapshot['counts'] {
  const counts = { firing: 0, 'no-data': 0, resolved: 0 };
  for (const { state } of alerts) counts[state] += 1;
  return counts;
}

const shownOf = ({ alertGroup, ranked }: CurrentGroup): AlertGroupSnapshot => ({
  startedAt: alertGroup.startedAt,
  counts: countsOf(ranked),
  rows: ranked.slice(0, GROUP_ROWS),
});

/** Whether a page has a reply of its own: what the message shows whole needs none, but whoever joins is notified of. */
const isListed = ({ alertGroup, ranked }: CurrentGroup, page: AlertGroupReply): boolean =>
  page.joinedAt > alertGroup.startedAt || ranked.length > GROUP_ROWS;

function isPageDue(current: CurrentGroup, page: AlertGroupReply, look: string): boolean {
  const { alertGroup, evalTime, ranked } = current;
  if (!isListed(current, page) || look === page.shown) return false;
  if (page.shownAt === undefined) return true;
  const isLast = ranked.every(({ state }) => state === 'resolved');
  return isLast || between(page.shownAt, evalTime) >= replyInterval(alertGroup);
}

/** What the reply of a page is to show. */
function pageEntry(
  { at, evalTime, alertGroup }: CurrentGroup,
  kind: 'refresh' | 'act',
  index: number,
): OutboxEntry | undefined {
  const page = alertGroup.replies[index];
  if (page === undefined) return undefined;
  const { mentions, alerts, joinedAt } = page;
  const alertId = replyIdOf(alertGroup, index + 1);
  const destination = { ...alertGroup.destination, mentions };
  const shown: AlertGroupSnapshot = {
    startedAt: alertGroup.startedAt,
    counts: countsOf(alerts),
    rows: worstFirst(alerts, at.rule.comparison),
    page: { alertGroup: alertGroup.alertId, number: index + 1, joinedAt },
  };
  return {
    ...entryOf(at, evalTime, { alert: alertGroup.lead, kind, alertId, destination }),
    alertGroup: shown,
  };
}

/** The replies of the thread that are due, and the pages with a note of what they show now. */
function replyPages(current: CurrentGroup): {
  pages: readonly AlertGroupReply[];
  entries: readonly OutboxEntry[];
} {
  const { evalTime, alertGroup } = current;
  const entries: OutboxEntry[] = [];
  const pages = alertGroup.replies.map((page, index) => {
    const look = displayHash(page.alerts, false);
    const entry = isPageDue(current, page, look) ? pageEntry(current, 'refresh', index) : undefined;
    if (entry === undefined) return page;
    entries.push({ ...entry, notBefore: after(evalTime, ms(entries.length * PAGE_SPACING)) });
    return { ...page, shownAt: evalTime, shown: look };
  });
  return { pages, entries };
}

/** What is notified of an alert group now, and the alert group with a note of it. */
function tell(
  current: CurrentGroup,
  isNew: boolean,
): { alertGroup: AlertGroup; entries: readonly OutboxEntry[] } {
  const { evalTime, alertGroup, ranked } = current;
  const isEnd = isGroupResolved(alertGroup);
  const look = displayHash(ranked.slice(0, GROUP_ROWS), true) + ranked.length;
  const age = between(alertGroup.refreshedAt, evalTime);
  const isDue = age >= REFRESH_MAX_INTERVAL || (age >= REFRESH_MIN_INTERVAL && look !== alertGroup.shown);
  const { pages, entries } = replyPages(current);
  if (!isNew && !isEnd && !isDue) return { alertGroup: { ...alertGroup, replies: pages }, entries };
  const kind = isNew ? 'firing' : isEnd ? 'resolved' : 'refresh';
  const own = mainEntry(current, kind);
  return {
    alertGroup: { ...alertGroup, replies: pages, refreshedAt: evalTime, shown: look },
    entries: [own, ...entries],
  };
}

function mainEntry(current: CurrentGroup, kind: NotificationKind): OutboxEntry {
  const { at, evalTime, alertGroup } = current;
  const { lead: alert, alertId, destination } = alertGroup;
  return {
    ...entryOf(at, evalTime, { alert, kind, alertId, destination }),
    alertGroup: shownOf(current),
  };
}

/** The worst of a alertGroup's alerts while one fires; afterwards the last that was. */
function withLead(current: CurrentGroup, alerts: ReadonlyMap<string, Alert>): CurrentGroup {
  const [worst] = current.ranked;
  const lead = worst === undefined || worst.state === 'resolved' ? undefined : alerts.get(worst.fingerprint);
  return lead === undefined ? current : { ...current, alertGroup: { ...current.alertGroup, lead } };
}

const currentOf = (at: EntryAt, evalTime: EpochMs, alertGroup: AlertGroup): CurrentGroup => ({
  at,
  evalTime,
  alertGroup,
  ranked: worstFirst(groupedAlertsOf(alertGroup), at.rule.comparison),
});

function begin(
  gathered: Gathered,
  known: AlertGroup | undefined,
  { at, evalTime, alerts }: { at: RuleAt; evalTime: EpochMs; alerts: ReadonlyMap<string, Alert> },
): AlertGroup | undefined {
  const began = [...gathered.alerts].flatMap((print) => alerts.get(print) ?? []);
  const started = worstFirst(
    began.map((alert) => groupedAlertOf(alert, nameOf(alert, at.rule))),
    at.rule.comparison,
  );
  const [lead] = began;
  const joining = { evalTime, alerts: started, mentions: gathered.mentions };
  if (known !== undefined) return addToAlertGroup(known, joining);
  return lead === undefined ? undefined : startAlertGroup({ ...gathered, lead }, joining);
}

/**
 * Brings a rule's alert groups up to date with its alerts, lets those join that begin now, and decides what to tell: a new
 * alert group at once, whoever joins at once, everything else now and then, the end once. Pure.
 */
export function planAlertGroups(
  at: RuleAt,
  evalTime: EpochMs,
  given: {
    readonly alertGroups: readonly AlertGroup[];
    readonly alerts: readonly Alert[];
    readonly gathered: readonly Gathered[];
  },
): AlertGroupPlan {
  if (given.alertGroups.length === 0 && given.gathered.length === 0) return { alertGroups: [], entries: [] };
  const alerts = new Map(given.alerts.map((alert) => [alert.fingerprint, alert]));
  const known = new Map(
    given.alertGroups.map((alertGroup) => [
      alertGroup.alertId,
      updateAlertGroup(alertGroup, alerts, evalTime),
    ]),
  );
  const isNew = new Set<string>();
  for (const each of given.gathered) {
    if (!known.has(each.alertId)) isNew.add(each.alertId);
    const alertGroup = begin(each, known.get(each.alertId), { at, evalTime, alerts });
    if (alertGroup !== undefined) known.set(each.alertId, alertGroup);
  }
  const notified = [...known.values()].map((alertGroup) =>
    tell(withLead(currentOf(at, evalTime, alertGroup), alerts), isNew.has(alertGroup.alertId)),
  );
  return {
    alertGroups: notified.flatMap(({ alertGroup }) => (isGroupResolved(alertGroup) ? [] : [alertGroup])),
    entries: notified.flatMap(({ entries }) => entries),
  };
}

/** Ends the alert groups of a rule that is gone: what becomes of their alerts is not known any more. */
export function retireAlertGroups(at: EntryAt, evalTime: EpochMs, state: RuleState): readonly OutboxEntry[] {
  return (state.alertGroups ?? []).flatMap((alertGroup) => {
    const pages = alertGroup.replies.map((page) => ({
      ...page,
      alerts: page.alerts.map(
        (alert): GroupedAlert =>
          alert.state === 'resolved'
            ? alert
            : { ...alert, state: 'resolved', resolvedAt: evalTime, resolveReason: 'rule-removed' },
      ),
    }));
    return tell(currentOf(at, evalTime, { ...alertGroup, replies: pages }), false).entries;
  });
}

/**
 * Shows what a person did about some alerts of a rule in the messages that they share: each alertGroup's own, and the replies
 * that list one of them. Each message once, however many of its alerts it is about.
 */
export function sharedEntries(
  at: EntryAt,
  evalTime: EpochMs,
  { alerts, alertGroups }: { readonly alerts: readonly Alert[]; readonly alertGroups: readonly AlertGroup[] },
): readonly OutboxEntry[] {
  const shared = new Set(
    alerts.flatMap(({ postedTo }) => (postedTo ?? []).flatMap(({ alertGroup }) => alertGroup ?? [])),
  );
  const alertIds = new Set(alerts.map(({ alertId }) => alertId));
  const listsOne = (reply: AlertGroupReply): boolean =>
    reply.shownAt !== undefined && reply.alerts.some(({ alertId }) => alertIds.has(alertId));
  return alertGroups
    .filter(({ alertId }) => shared.has(alertId))
    .flatMap((alertGroup) => {
      const current = currentOf(at, evalTime, alertGroup);
      const pages = alertGroup.replies.flatMap((page, index) =>
        listsOne(page) ? (pageEntry(current, 'act', index) ?? []) : [],
      );
      return [mainEntry(current, 'act'), ...pages];
    });
}
