import { after, between, type EpochMs, type Milliseconds, ms, SECOND } from '../lib/units.ts';
import { alertLinks, groupLinks } from './alert-links.ts';
import { backoff, decideAfterLookUp, decideDelivery, REFRESH_ATTEMPTS } from './decide-delivery.ts';
import { type Evidence, NO_EVIDENCE } from './evidence.ts';
import type { MessageView, ThreadNote } from './notifier.ts';
import {
  adopted,
  type Delivered,
  type DeliveryParts,
  findMessage,
  later,
  messageKey,
  performPage,
  post,
  waiting,
} from './post-message.ts';
import type { MessageRef, OutboxEntry, TakenEntry } from './store.ts';

/** Where the messages are that an entry is about. */
interface Refs {
  /** Its own, once it is posted. */
  readonly ref: MessageRef | undefined;
  /** The one that its own stands below, or that it escalates. */
  readonly related: MessageRef | undefined;
}

/** Does what an entry asks for, once. Throws only what the notifier's own mistakes are. */
export function createPerform(parts: DeliveryParts): (entry: TakenEntry, refs: Refs) => Promise<Delivered> {
  return async (entry, { ref, related }) => {
    const action = decideDelivery(entry, ref, parts.clock.now());
    switch (action.kind) {
      case 'nothing-to-do':
        parts.logger.debug('notification dropped', { entry: entry.id, reason: action.reason });
        return { kind: 'done', outcome: 'nothing-to-do' };
      case 'wait':
        return { kind: 'later', outcome: 'waiting', notBefore: action.until, reason: action.reason };
      case 'post':
        return postFiring(parts, entry, related);
      case 'look-up-first':
        return lookUpFiring(parts, entry, related);
      case 'update':
        return ref === undefined
          ? { kind: 'done', outcome: 'nothing-to-do' }
          : update(parts, entry, { ref, related, note: action.note });
      case 'tell':
        return ref === undefined
          ? { kind: 'done', outcome: 'nothing-to-do' }
          : tell(parts, entry, { edited: { kind: 'done', outcome: 'sent' }, ref, note: action.note });
      case 'page':
        return page(parts, entry, { ref, related });
    }
  };
}

/** A firing is posted from what the metrics say: nothing is waited for. Traces and chart follow by an edit. */
async function postFiring(
  parts: DeliveryParts,
  entry: TakenEntry,
  related: MessageRef | undefined,
): Promise<Delivered> {
  const view = viewOf(parts, entry, { related });
  return withEnrichment(parts, entry, await post(parts, entry, view));
}

/**
 * Has the message enriched after its first post. The edit shows the alert as it was when the firing was decided, so it
 * keeps that time: whatever was decided since, and waits in the outbox already, wins over it.
 */
function withEnrichment({ clock }: DeliveryParts, entry: TakenEntry, delivered: Delivered): Delivered {
  if (delivered.kind !== 'done' || delivered.ref === undefined) return delivered;
  const { leasedUntil: _lease, unknownSince: _uncertain, ...rest } = entry;
  const follow: OutboxEntry = {
    ...rest,
    id: `${entry.alertId}:refresh:first`,
    kind: 'refresh',
    notBefore: clock.now(),
    attempt: 0,
  };
  return { ...delivered, follow: [follow] };
}

async function lookUpFiring(
  parts: DeliveryParts,
  entry: TakenEntry,
  related: MessageRef | undefined,
): Promise<Delivered> {
  const { found, channel } = await findMessage(parts, entry);
  const action = decideAfterLookUp(found.kind, entry, parts.clock.now());
  if (found.kind === 'found') return withEnrichment(parts, entry, adopted(parts, entry, { found, channel }));
  if (action.kind === 'wait') return waiting(action.until, found);
  if (action.kind === 'send' && action.reason === 'out-of-patience')
    parts.logger.warn('a notification of unknown fate is sent again: nobody could look for it', {
      entry: entry.id,
      reason: found.kind === 'unknown' ? found.reason : found.kind,
    });
  return postFiring(parts, entry, related);
}

interface Shown {
  readonly related?: MessageRef | undefined;
  readonly evidence?: Evidence;
  readonly notice?: string | undefined;
}

/** What the message of an entry is rendered from: one alert, or many that share it. */
function viewOf({ links }: DeliveryParts, entry: TakenEntry, shown: Shown): MessageView {
  const { alert, rule, alertGroup, escalates, createdAt: now } = entry;
  const { related, evidence = NO_EVIDENCE, notice } = shown;
  const { traceService } = evidence;
  return {
    alert,
    rule,
    evidence,
    alertGroup,
    links:
      alertGroup === undefined
        ? alertLinks(links, { alert, rule, traceService })
        : groupLinks(links, { alert, rule, traceService, alertGroup, now }),
    // Slack notifies of a mention only when its message is new: an edit notifies nobody.
    mentions: entry.destination?.mentions,
    notice,
    escalates: escalates === undefined ? undefined : { url: related?.permalink },
  };
}

async function page(parts: DeliveryParts, entry: TakenEntry, { ref, related }: Refs): Promise<Delivered> {
  const { alertGroup } = entry;
  if (alertGroup === undefined) return { kind: 'done', outcome: 'nothing-to-do' };
  return await performPage(parts, entry, { ref, parent: related, view: viewOf(parts, entry, {}) });
}

interface Editing {
  readonly ref: MessageRef;
  readonly related: MessageRef | undefined;
  readonly note: ThreadNote['kind'] | undefined;
}

/** Edits the message, posts it anew where it is gone, and tells its thread. */
async function update(
  parts: DeliveryParts,
  entry: TakenEntry,
  { ref, related, note }: Editing,
): Promise<Delivered> {
  const { alert, rule, alertGroup } = entry;
  const known = entry.kind === 'act' ? parts.lately?.(alert.alertId) : undefined;
  const evidence =
    known ?? (await parts.enrich({ alert, rule, isAlertGroup: alertGroup === undefined ? undefined : true }));
  const view = viewOf(parts, entry, { related, evidence, notice: ref.notice });
  const edited = await edit(parts, entry, { ref, view });
  if (edited.kind === 'later') return orGiveUp(entry, edited, parts.clock.now());
  const isNew = edited.ref !== undefined && edited.ref.messageTs !== ref.messageTs;
  // A message that was just posted says it all; its predecessor's followers are gone with it.
  return note === undefined || isNew ? edited : tell(parts, entry, { edited, ref: edited.ref ?? ref, note });
}

/** An edit that would come later than this is not worth its wait: the alert's end may stand behind it. */
const LONGEST_REFRESH_WAIT: Milliseconds = ms(30 * SECOND);

/**
 * An edit that does not succeed is given up for the next one: what follows in the alert must not wait for it. Not so
 * one that may have posted the message anew: what follows would not know and post it once more.
 */
function orGiveUp(entry: TakenEntry, edited: Extract<Delivered, { kind: 'later' }>, now: EpochMs): Delivered {
  if (entry.unknownSince !== undefined || edited.unknownSince !== undefined) return edited;
  const isHopeless =
    entry.attempt >= REFRESH_ATTEMPTS || between(now, edited.notBefore) > LONGEST_REFRESH_WAIT;
  return entry.kind === 'refresh' && isHopeless ? { kind: 'done', outcome: 'nothing-to-do' } : edited;
}

async function edit(
  parts: DeliveryParts,
  entry: TakenEntry,
  { ref, view }: { ref: MessageRef; view: MessageView },
): Promise<Delivered> {
  const { notifier, clock } = parts;
  const contentHash = notifier.contentHash(view);
  if (contentHash === ref.contentHash)
    return { kind: 'done', outcome: 'unchanged', ref: { ...ref, asOf: entry.createdAt } };
  const attemptAt = clock.now();
  const outcome = await notifier.update({ ref, view, key: messageKey(entry) });
  switch (outcome.kind) {
    case 'sent':
      return {
        kind: 'done',
        outcome: 'sent',
        ref: { ...ref, contentHash, editedAt: clock.now(), asOf: entry.createdAt },
      };
    case 'message-gone':
    case 'channel-refused':
      return heal(parts, entry, { ref, view });
    case 'unknown':
      // An edit can be repeated as it is: there is nothing to look for.
      return {
        kind: 'later',
        outcome: 'unknown',
        notBefore: after(clock.now(), backoff(entry.attempt)),
        reason: outcome.reason,
      };
    case 'not-sent':
    case 'refused':
      return later(parts, entry, { outcome, attemptAt });
  }
}

/** The message was deleted, or its channel takes no more: it is posted anew, once. */
async function heal(
  parts: DeliveryParts,
  entry: TakenEntry,
  { ref, view }: { ref: MessageRef; view: MessageView },
): Promise<Delivered> {
  if (entry.unknownSince !== undefined) {
    const { found, channel } = await findMessage(parts, entry);
    if (found.kind === 'found' && found.messageTs !== ref.messageTs)
      return edit(parts, entry, { ref: adopted(parts, entry, { found, channel }).ref ?? ref, view });
    const action = decideAfterLookUp(
      found.kind === 'unknown' ? 'unknown' : 'absent',
      entry,
      parts.clock.now(),
    );
    if (action.kind === 'wait') return waiting(action.until, found);
  }
  parts.logger.info('a message is gone and is posted anew', { alertId: entry.alertId });
  // Whoever is on call was called by the first post.
  const { mentions: _mentions, ...uncalled } = view;
  return post(parts, entry, uncalled);
}

/** Replies in the thread, so that those who follow it hear of it. */
async function tell(
  parts: DeliveryParts,
  entry: TakenEntry,
  notification: { edited: Extract<Delivered, { kind: 'done' }>; ref: MessageRef; note: ThreadNote['kind'] },
): Promise<Delivered> {
  const { notifier, clock } = parts;
  const { edited, ref } = notification;
  if (entry.unknownSince !== undefined) {
    const found = await notifier.find({
      channel: ref.channelId,
      key: entry.id,
      since: entry.createdAt,
      threadTs: ref.messageTs,
    });
    const action = decideAfterLookUp(found.kind, entry, clock.now());
    if (action.kind === 'adopt') return edited;
    if (action.kind === 'wait') return waiting(action.until, found);
  }
  const attemptAt = clock.now();
  const outcome = await notifier.reply({ ref, note: noteOf(notification.note, entry), key: entry.id });
  // The message itself says it already: a thread that is gone or closed is no reason to go on.
  if (outcome.kind === 'sent' || outcome.kind === 'message-gone' || outcome.kind === 'channel-refused')
    return edited;
  return later(parts, entry, { outcome, attemptAt });
}

const noteOf = (kind: ThreadNote['kind'], entry: TakenEntry): ThreadNote => ({
  kind,
  alert: entry.alert,
  rule: entry.rule,
  alertGroup: entry.alertGroup,
  at: entry.createdAt,
  text: entry.note,
  silence: entry.notified,
});
