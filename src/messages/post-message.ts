import type { Alert } from '../alerts/alert.ts';
import type { Clock } from '../lib/clock.ts';
import type { Links } from '../lib/links.ts';
import type { Logger } from '../lib/logger.ts';
import { createRedactLabels, createRedactText } from '../lib/redact.ts';
import { after, type EpochMs, type Milliseconds, ms, SECOND } from '../lib/units.ts';
import type { SloRule } from '../rules/rule.ts';
import { alertLinks, groupLinks } from './alert-subject.ts';
import type { WatchCulprit } from './culprit.ts';
import { backoff, decideReconcile, type Lease, outageBackoff, SHOWN_WITHIN } from './decide-sync.ts';
import { type CollectEvidence, type Evidence, NO_EVIDENCE } from './evidence.ts';
import type { FindOutcome, MessageView, Notifier, SendOutcome } from './notifier.ts';
import { encodeRestorePoint } from './restore-point.ts';
import type {
  Attempt,
  ClaimedMessage,
  DesiredMessage,
  Settlement,
  ShownMessage,
  Store,
  ThreadLine,
} from './store.ts';

/** Removes secrets from what a message and its thread show. State and evidence keep the labels as they are. */
export interface RedactMessage {
  desired(desired: DesiredMessage): DesiredMessage;
  line(line: ThreadLine): ThreadLine;
}

/**
 * Redacts labels, annotations, and texts that are made of them, as attributes of spans are redacted. An alert whose labels
 * have a secret in them is marked as unlabeled: its message does not carry its labels to continue it by them.
 */
export function createRedactMessage(patterns: readonly string[]): RedactMessage {
  const labelsOf = createRedactLabels(patterns);
  const text = createRedactText(patterns);

  function alertOf(alert: Alert): Alert {
    const { suppressed, alsoSlow } = alert;
    const labels = labelsOf(alert.labels);
    const series = labelsOf(alert.series);
    const isSame = labels === alert.labels && series === alert.series;
    return {
      ...alert,
      labels,
      series,
      annotations: labelsOf(alert.annotations),
      isUnlabeled: isSame ? alert.isUnlabeled : true,
      suppressed: suppressed && { ...suppressed, by: text(suppressed.by) },
      alsoSlow: alsoSlow?.map(text),
    };
  }

  const ruleOf = (rule: SloRule): SloRule => ({
    ...rule,
    labels: labelsOf(rule.labels),
    annotations: labelsOf(rule.annotations),
  });

  return {
    desired: (desired) => ({
      ...desired,
      alert: alertOf(desired.alert),
      rule: ruleOf(desired.rule),
      alertGroup: desired.alertGroup && {
        ...desired.alertGroup,
        rows: desired.alertGroup.rows.map((row) => ({ ...row, name: text(row.name) })),
      },
    }),
    line: (line) => ({
      ...line,
      alert: alertOf(line.alert),
      rule: ruleOf(line.rule),
      text: line.text === undefined ? undefined : text(line.text),
    }),
  };
}

/** What showing messages in Slack needs. */
export interface SyncMessageParts {
  readonly store: Pick<Store, 'actions' | 'shownMessage'>;
  readonly notifier: Notifier;
  readonly collect: CollectEvidence;
  /** The evidence that was collected last for an alert. */
  readonly remembered: (alertId: string) => Evidence | undefined;
  /** Absent: messages name no culprit. */
  readonly watchCulprit?: WatchCulprit;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly links: Links;
  readonly redact: RedactMessage;
  /** Where alerts go whose rule names no channel, or whose channel refuses them. */
  readonly defaultChannel: string;
}

/** What became of a message, to be settled, and for metrics and logs. */
export interface Synced extends Omit<Settlement, 'key' | 'token' | 'dueAt'> {
  /** When to go on; absent: at once. */
  readonly dueAt?: EpochMs;
  readonly call?: 'post' | 'edit' | 'reply';
  readonly outcome: SendOutcome['kind'] | 'unchanged' | 'waiting' | 'dropped' | 'lease-lost';
  /** Why it is not shown as it should be. */
  readonly reason?: string;
}

/** A claimed message with everything that is read for it. */
export interface Work {
  readonly parts: SyncMessageParts;
  readonly lease: Lease;
  readonly message: ClaimedMessage;
  readonly desired: DesiredMessage | undefined;
  /** Where the message is whose thread it belongs to. */
  readonly parent: ShownMessage | undefined;
  /** Where the message is that it escalates or continues. */
  readonly escalated: ShownMessage | undefined;
  /** Where the message is that continues it. */
  readonly successor: ShownMessage | undefined;
  readonly isEnded: boolean;
}

/** After an attempt with an unknown outcome the first look comes this soon. */
const FIRST_LOOK: Milliseconds = ms(3 * SECOND);

/** Refusals are for a person to fix: their attempts begin this many failures apart. */
const REFUSED_FAILURES = 4;

/** Nothing changed yet. */
export const pending = ({ message }: Work): Omit<Synced, 'outcome'> => ({
  lineKeys: [],
  failures: message.failures,
  syncedRevision: message.syncedRevision,
  isFinal: false,
});

/** Everything up to this revision is shown. */
export const settled = ({ message, isEnded: isFinal }: Work): Omit<Synced, 'outcome'> => ({
  lineKeys: [],
  failures: 0,
  syncedRevision: message.revision,
  isFinal,
});

export const leaseLost = (work: Work): Synced => ({
  ...pending(work),
  attempt: work.message.attempt,
  outcome: 'lease-lost',
  reason: 'the lease ended',
});

const channelOf = ({ parts, desired }: Work): string =>
  (desired?.destination === undefined ? desired?.rule.channel : desired.destination.channel) ??
  parts.defaultChannel;

export function viewOf(work: Work, given: DesiredMessage, more: Partial<MessageView>): MessageView {
  const { links, redact } = work.parts;
  const desired = redact.desired(given);
  const { alert, rule, alertGroup, destination, apart } = desired;
  const escalates = desired.escalates ?? alert.continues;
  const { evidence = NO_EVIDENCE } = more;
  const linked = { alert, rule, traceService: evidence.traceService };
  return {
    alert,
    rule,
    apart,
    alertGroup,
    links:
      alertGroup === undefined
        ? alertLinks(links, linked)
        : groupLinks(links, { ...linked, alertGroup, now: desired.asOf }),
    mentions: destination?.mentions,
    escalates: escalates === undefined ? undefined : { url: work.escalated?.permalink },
    continuedIn: alert.continuedAs === undefined ? undefined : { url: work.successor?.permalink },
    restorePoint: work.isEnded ? undefined : encodeRestorePoint(desired),
    ...more,
    evidence,
  };
}

/** When to go on after a call that did not succeed. */
export function failed(
  work: Work,
  outcome: Exclude<SendOutcome, { kind: 'sent' }>,
  attempt: Attempt | undefined,
): Pick<Synced, 'outcome' | 'failures' | 'dueAt' | 'reason' | 'attempt'> {
  const { message, parts } = work;
  const now = parts.clock.now();
  const failures = message.failures + 1;
  switch (outcome.kind) {
    case 'not-sent': {
      // A time that Slack names is kept to the second; without one the attempts grow apart.
      const wait = outcome.retryAfter > 0 ? outcome.retryAfter : outageBackoff(failures);
      return { outcome: 'not-sent', failures, dueAt: after(now, wait), reason: outcome.reason };
    }
    case 'unknown': {
      // After the second unknown outcome, wait until Slack must show what it accepted.
      const wait = message.attempt === undefined ? FIRST_LOOK : SHOWN_WITHIN;
      return {
        outcome: 'unknown',
        failures,
        dueAt: after(now, attempt === undefined ? outageBackoff(failures) : wait),
        reason: outcome.reason,
        attempt,
      };
    }
    case 'message-gone':
      return {
        outcome: 'message-gone',
        failures,
        dueAt: after(now, backoff(failures)),
        reason: 'message gone',
      };
    case 'edit-refused':
    case 'channel-refused':
    case 'refused':
      return {
        outcome: outcome.kind,
        failures,
        dueAt: after(now, backoff(failures + REFUSED_FAILURES)),
        reason: outcome.code,
      };
  }
}

interface Posting {
  readonly isBrief: boolean;
  /** The message that it replaces. */
  readonly shown: ShownMessage | undefined;
}

/** Posts to the alert's channel, or, where that refuses, to the default one with a line that says why. */
export async function post(work: Work, { isBrief, shown }: Posting): Promise<Synced> {
  const { parts, message, desired, parent, lease } = work;
  const { notifier, clock, logger, defaultChannel } = parts;
  if (desired === undefined) return { ...settled(work), outcome: 'dropped' };
  const attempt = { key: message.key, since: clock.now() };
  if (!(await lease.renew(attempt))) return leaseLost(work);
  // Whoever is on call was notified by the first post.
  const again = { isBrief, mentions: undefined, culprit: shown?.culprit };
  const view = viewOf(work, desired, shown === undefined ? { isBrief } : again);
  const channel = parent?.channelId ?? channelOf(work);
  const to = { key: message.key, threadTs: parent?.messageTs, isAllowed: lease.allowsCall };
  const outcome = await notifier.post({ ...to, channel, view });
  if (outcome.kind === 'sent') return posted(work, view, outcome);
  if (outcome.kind !== 'channel-refused' || parent !== undefined || channel === defaultChannel)
    return notPosted(work, outcome, attempt);
  logger.warn('a channel refuses messages: the default channel gets them', { channel, code: outcome.code });
  const notice = `Could not post to ${channel} (${outcome.code}); posted here instead.`;
  return await postToDefault(work, { ...view, notice }, attempt);
}

async function postToDefault(work: Work, view: MessageView, attempt: Attempt): Promise<Synced> {
  const { parts, message, lease } = work;
  if (!(await lease.renew(attempt))) return leaseLost(work);
  const outcome = await parts.notifier.post({
    key: message.key,
    channel: parts.defaultChannel,
    view,
    isAllowed: lease.allowsCall,
  });
  return outcome.kind === 'sent' ? posted(work, view, outcome) : notPosted(work, outcome, attempt);
}

/** A reply whose thread is gone is dropped: its parent is posted again by its next edit, and the reply below it. */
function notPosted(work: Work, outcome: Exclude<SendOutcome, { kind: 'sent' }>, attempt: Attempt): Synced {
  const isGone = outcome.kind === 'message-gone' || outcome.kind === 'channel-refused';
  if (work.parent !== undefined && isGone) return { ...settled(work), isFinal: false, outcome: 'dropped' };
  return { ...pending(work), call: 'post', ...failed(work, outcome, attempt) };
}

/** The message in another channel that one in this channel replaces. */
function replacedBy(channelId: string, before: ShownMessage | undefined): ShownMessage['replaces'] {
  if (before === undefined) return undefined;
  if (before.channelId === channelId) return before.replaces;
  return { channelId: before.channelId, messageTs: before.messageTs };
}

function posted(
  work: Work,
  view: MessageView,
  { channelId, messageTs, permalink }: Extract<SendOutcome, { kind: 'sent' }>,
): Synced {
  const { message, parts, desired } = work;
  const now = parts.clock.now();
  const shown: ShownMessage = {
    key: message.key,
    channelId,
    messageTs,
    permalink,
    contentHash: parts.notifier.contentHash(view),
    postedAt: now,
    editedAt: now,
    notice: view.notice,
    culprit: view.culprit,
    replaces: replacedBy(channelId, message.shown),
  };
  // What the message says needs no line; a first post is edited next, with its evidence.
  const isComplete = view.isBrief === true || desired?.parent !== undefined;
  const done = isComplete ? settled(work) : pending(work);
  return {
    ...done,
    failures: 0,
    shown,
    lineKeys: message.lines.map(({ key }) => key),
    call: 'post',
    outcome: 'sent',
  };
}

/** Looks where the message may have gone: its thread, or its channel and the default one. */
async function findPost(work: Work, since: EpochMs): Promise<{ found: FindOutcome; channel: string }> {
  const { parts, message, parent } = work;
  const { notifier, defaultChannel } = parts;
  const { key } = message;
  if (parent !== undefined) {
    const channel = parent.channelId;
    return { found: await notifier.find({ channel, key, since, threadTs: parent.messageTs }), channel };
  }
  let result: { found: FindOutcome; channel: string } | undefined;
  for (const channel of new Set([channelOf(work), defaultChannel])) {
    const found = await notifier.find({ channel, key, since });
    // The message that was to be replaced is not the one that is looked for.
    if (found.kind === 'found' && found.messageTs === message.shown?.messageTs) continue;
    if (found.kind === 'found') return { found, channel };
    // A channel that cannot be read makes the whole search inconclusive.
    if (result === undefined || found.kind === 'unknown') result = { found, channel };
  }
  return result ?? { found: { kind: 'absent' }, channel: defaultChannel };
}

export async function reconcilePost(work: Work): Promise<Synced> {
  const { parts, message, desired, isEnded: hasEnded } = work;
  const { attempt, failures } = message;
  if (attempt === undefined) return { ...pending(work), outcome: 'waiting' };
  const now = parts.clock.now();
  const { found, channel } = await findPost(work, attempt.since);
  const step = decideReconcile(found.kind, attempt, { failures, now });
  if (found.kind === 'found') return adopted(work, attempt, { found, channel });
  if (step.kind === 'wait') return stillUnknown(work, step.until, found);
  if (step.kind === 'send' && step.reason === 'out-of-patience')
    parts.logger.warn('a message with an unknown outcome is sent again: it could not be looked for', {
      message: message.key,
      reason: found.kind === 'unknown' ? found.reason : found.kind,
    });
  const isBrief = message.shown === undefined && hasEnded && desired?.parent === undefined;
  return post(work, { isBrief, shown: message.shown });
}

/** Takes a message that was found for the one that was posted. Its content is not known, so it is edited next. */
function adopted(
  work: Work,
  attempt: Attempt,
  { found, channel }: { readonly found: Extract<FindOutcome, { kind: 'found' }>; readonly channel: string },
): Synced {
  const { message, parent, parts } = work;
  const now = parts.clock.now();
  const wanted = channelOf(work);
  const isMoved = channel !== wanted && parent === undefined;
  const { channelId, messageTs, permalink } = found;
  const shown: ShownMessage = {
    key: message.key,
    channelId,
    messageTs,
    permalink,
    notice: isMoved ? `Could not post to ${wanted}; posted here instead.` : undefined,
    contentHash: '',
    postedAt: now,
    editedAt: now,
  };
  // Lines that were decided after the call are not part of it.
  const older = message.lines.filter(({ at }) => at <= attempt.since);
  return {
    ...pending(work),
    failures: 0,
    shown,
    lineKeys: older.map(({ key }) => key),
    call: 'post',
    outcome: 'sent',
  };
}

export const stillUnknown = (work: Work, until: EpochMs, found: FindOutcome): Synced => ({
  ...pending(work),
  attempt: work.message.attempt,
  failures: work.message.failures + 1,
  dueAt: until,
  outcome: 'waiting',
  reason: found.kind === 'unknown' ? found.reason : 'it may still appear',
});
