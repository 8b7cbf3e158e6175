import type { Clock } from '../lib/clock.ts';
import type { Links } from '../lib/links.ts';
import type { Logger } from '../lib/logger.ts';
import { after, between, type EpochMs, HOUR, type Milliseconds, ms, SECOND } from '../lib/units.ts';
import { backoff, decideAfterLookUp, SHOWN_WITHIN } from './decide-delivery.ts';
import type { CollectEvidence, Evidence } from './evidence.ts';
import type { MessageView, Notifier, SendOutcome } from './notifier.ts';
import type { MessageRef, OutboxEntry, TakenEntry } from './store.ts';

/** What came of an entry: it is over, or it is tried again. */
export type Delivered =
  | {
      readonly kind: 'done';
      readonly outcome: 'sent' | 'unchanged' | 'nothing-to-do';
      readonly ref?: MessageRef;
      readonly follow?: readonly OutboxEntry[];
    }
  | {
      readonly kind: 'later';
      readonly outcome: Exclude<SendOutcome['kind'], 'sent'> | 'waiting';
      readonly notBefore: EpochMs;
      readonly unknownSince?: EpochMs;
      readonly reason: string;
      /** Nothing can be sent until a person actions. */
      readonly isRefused?: boolean;
    };

/** What notification of an alert needs. */
export interface DeliveryParts {
  readonly notifier: Notifier;
  readonly enrich: CollectEvidence;
  /** What was collected for the last edit of an alert's message. */
  readonly lately?: (alertId: string) => Evidence | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly links: Links;
  /** Where alerts go whose rule names no channel, or whose channel refuses them. */
  readonly defaultChannel: string;
}

/** Where a message is carried by its key: the same for its first post, every edit and every post that replaces it. */
export const messageKey = (entry: Pick<OutboxEntry, 'alertId'>): string => entry.alertId;

/** After an attempt of unknown outcome the first look comes this soon. */
const FIRST_LOOK: Milliseconds = ms(3 * SECOND);

const channelOf = ({ defaultChannel }: DeliveryParts, { rule, destination }: OutboxEntry): string =>
  (destination === undefined ? rule.channel : destination.channel) ?? defaultChannel;

/** How long a post may take: two slow forms of the message, or two channels. */
const LONGEST_POST: Milliseconds = ms(40 * SECOND);

/** Posts to the rule's channel, or, where that refuses, to the default one with a line that says why. */
export async function post(parts: DeliveryParts, entry: TakenEntry, view: MessageView): Promise<Delivered> {
  const { notifier, clock, logger, defaultChannel } = parts;
  // Looking through a large workspace takes minutes. A post that outlasts the lease could be made twice.
  if (after(clock.now(), LONGEST_POST) > entry.leasedUntil) return outOfTime(clock.now());
  const channel = channelOf(parts, entry);
  const identity = { key: messageKey(entry), alertId: entry.alertId };
  const attemptAt = clock.now();
  const outcome = await notifier.post({ channel, view, ...identity });
  if (outcome.kind === 'sent') return posted(parts, entry, { outcome, view });
  if (outcome.kind !== 'channel-refused' || channel === defaultChannel)
    return later(parts, entry, { outcome, attemptAt });
  logger.warn('a channel refuses messages: the default channel gets them', { channel, code: outcome.code });
  const moved: MessageView = {
    ...view,
    notice: `Could not post to ${channel} (${outcome.code}); posted here instead.`,
  };
  const second = await notifier.post({ channel: defaultChannel, view: moved, ...identity });
  return second.kind === 'sent'
    ? posted(parts, entry, { outcome: second, view: moved })
    : later(parts, entry, { outcome: second, attemptAt });
}

const outOfTime = (now: EpochMs): Delivered => ({
  kind: 'later',
  outcome: 'waiting',
  notBefore: now,
  reason: 'too little is left of the time to post it',
});

/** Where an entry's message is from now on. */
function refOf(
  { clock }: Pick<DeliveryParts, 'clock'>,
  entry: Pick<OutboxEntry, 'alertId' | 'createdAt'>,
  { channelId, messageTs, contentHash }: Pick<MessageRef, 'channelId' | 'messageTs' | 'contentHash'>,
): MessageRef {
  const now = clock.now();
  return {
    alertId: entry.alertId,
    channelId,
    messageTs,
    contentHash,
    postedAt: now,
    editedAt: now,
    asOf: entry.createdAt,
  };
}

function posted(
  { notifier, clock }: DeliveryParts,
  entry: TakenEntry,
  { outcome, view }: { outcome: Extract<SendOutcome, { kind: 'sent' }>; view: MessageView },
): Delivered {
  const ref: MessageRef = {
    ...refOf({ clock }, entry, { ...outcome, contentHash: notifier.contentHash(view) }),
    ...(outcome.permalink === undefined ? {} : { permalink: outcome.permalink }),
    ...(view.notice === undefined ? {} : { notice: view.notice }),
  };
  return { kind: 'done', outcome: 'sent', ref };
}

/** When to try again after an attempt that did not succeed. */
export function later(
  { clock }: DeliveryParts,
  entry: TakenEntry,
  { outcome, attemptAt }: { outcome: Exclude<SendOutcome, { kind: 'sent' }>; attemptAt: EpochMs },
): Delivered {
  const now = clock.now();
  switch (outcome.kind) {
    case 'not-sent': {
      // A time that Slack names is kept to the second; without one the attempts grow apart.
      const wait = outcome.retryAfter > 0 ? outcome.retryAfter : backoff(entry.attempt);
      return { kind: 'later', outcome: 'not-sent', notBefore: after(now, wait), reason: outcome.reason };
    }
    case 'unknown': {
      // Whoever is unsure for the second time waits until Slack must have shown it.
      const wait = entry.unknownSince === undefined ? FIRST_LOOK : SHOWN_WITHIN;
      return {
        kind: 'later',
        outcome: 'unknown',
        notBefore: after(now, wait),
        unknownSince: attemptAt,
        reason: outcome.reason,
      };
    }
    case 'message-gone':
      return {
        kind: 'later',
        outcome: 'message-gone',
        notBefore: after(now, backoff(entry.attempt)),
        reason: 'message gone',
      };
    case 'channel-refused':
    case 'refused':
      return {
        kind: 'later',
        outcome: outcome.kind,
        notBefore: after(now, backoff(entry.attempt + 4)),
        reason: outcome.code,
        isRefused: true,
      };
  }
}

/** What came of looking for a message in a channel. */
export type Found = Awaited<ReturnType<Notifier['find']>>;

/** Looks where the message may have gone: the rule's channel, then the default one. */
export async function findMessage(
  parts: DeliveryParts,
  entry: TakenEntry,
): Promise<{ found: Found; channel: string }> {
  const channels = [...new Set([channelOf(parts, entry), parts.defaultChannel])];
  let answer: { found: Found; channel: string } | undefined;
  for (const channel of channels) {
    const found = await parts.notifier.find({ channel, key: messageKey(entry), since: entry.createdAt });
    if (found.kind === 'found') return { found, channel };
    // A channel that could not be looked into makes the whole look inconclusive.
    if (answer === undefined || found.kind === 'unknown') answer = { found, channel };
  }
  return answer ?? { found: { kind: 'absent' }, channel: parts.defaultChannel };
}

/** To be tried again: whether the message is there is not known yet. */
export const waiting = (until: EpochMs, found: Found): Delivered => ({
  kind: 'later',
  outcome: 'waiting',
  notBefore: until,
  reason: found.kind === 'unknown' ? found.reason : 'it may still appear',
});

/** Takes a message that was found for the alertId's own. Its content is not known, so the next edit is always sent. */
export function adopted(
  parts: DeliveryParts,
  entry: TakenEntry,
  { found, channel }: { found: Extract<Found, { kind: 'found' }>; channel: string },
): Delivered & { kind: 'done' } {
  const wanted = channelOf(parts, entry);
  const ref: MessageRef = {
    ...refOf(parts, entry, { ...found, contentHash: '' }),
    ...(found.permalink === undefined ? {} : { permalink: found.permalink }),
    ...(channel === wanted ? {} : { notice: `Could not post to ${wanted}; posted here instead.` }),
  };
  return { kind: 'done', outcome: 'sent', ref };
}

/** How long a reply waits until its alertGroup's message is there, before it looks again. */
const PARENT_WAIT: Milliseconds = ms(2 * SECOND);

/** A message that is not there after so long will not come: a store has lost its reference. */
const LONGEST_PARENT_WAIT: Milliseconds = HOUR;

interface Page {
  /** Where the reply is, once it is posted. */
  readonly ref: MessageRef | undefined;
  /** Where the alertGroup's message is, once it is posted. */
  readonly parent: MessageRef | undefined;
  readonly view: MessageView;
}

const NOTHING: Delivered = { kind: 'done', outcome: 'nothing-to-do' };

/** Posts or edits the reply that lists a part of a alertGroup's alerts, below the message as it stands now. */
export async function performPage(parts: DeliveryParts, entry: TakenEntry, page: Page): Promise<Delivered> {
  const { clock } = parts;
  const { ref, parent, view } = page;
  if (parent === undefined) {
    if (between(entry.createdAt, clock.now()) > LONGEST_PARENT_WAIT) return NOTHING;
    const notBefore = after(clock.now(), PARENT_WAIT);
    return { kind: 'later', outcome: 'waiting', notBefore, reason: 'its message is not posted yet' };
  }
  // A message that was deleted and posted anew has a new thread.
  if (ref === undefined || parent.postedAt > ref.postedAt) return postPage(parts, entry, { parent, view });
  return editPage(parts, entry, { ref, parent, view });
}

type Placed = { readonly parent: MessageRef; readonly view: MessageView };

async function postPage(
  parts: DeliveryParts,
  entry: TakenEntry,
  { parent, view }: Placed,
): Promise<Delivered> {
  const { notifier, clock } = parts;
  const key = messageKey(entry);
  const { channelId: channel, messageTs: threadTs } = parent;
  if (entry.unknownSince !== undefined) {
    const found = await notifier.find({ channel, key, since: entry.createdAt, threadTs });
    const action = decideAfterLookUp(found.kind, entry, clock.now());
    // Its content is not known, so the next edit is always sent.
    if (found.kind === 'found') return done(parts, entry, { ...found, contentHash: '' });
    if (action.kind === 'wait') return waiting(action.until, found);
  }
  const attemptAt = clock.now();
  const outcome = await notifier.post({ channel, view, key, alertId: entry.alertId, threadTs });
  if (outcome.kind === 'sent')
    return done(parts, entry, { ...outcome, contentHash: notifier.contentHash(view) });
  // The thread is gone: its message is posted anew by its next edit, and the page below it.
  return isGone(outcome) ? NOTHING : later(parts, entry, { outcome, attemptAt });
}

const isGone = ({ kind }: SendOutcome): boolean => kind === 'message-gone' || kind === 'channel-refused';

const done = (
  parts: DeliveryParts,
  entry: TakenEntry,
  posted: { channelId: string; messageTs: string; contentHash: string },
): Delivered => ({ kind: 'done', outcome: 'sent', ref: refOf(parts, entry, posted) });

async function editPage(
  parts: DeliveryParts,
  entry: TakenEntry,
  { ref, parent, view }: Placed & { readonly ref: MessageRef },
): Promise<Delivered> {
  const { notifier, clock } = parts;
  if (entry.createdAt < ref.asOf) return NOTHING;
  const contentHash = notifier.contentHash(view);
  if (contentHash === ref.contentHash)
    return { kind: 'done', outcome: 'unchanged', ref: { ...ref, asOf: entry.createdAt } };
  const attemptAt = clock.now();
  const outcome = await notifier.update({ ref, view, key: messageKey(entry) });
  if (outcome.kind === 'sent') {
    const edited = { ...ref, contentHash, editedAt: clock.now(), asOf: entry.createdAt };
    return { kind: 'done', outcome: 'sent', ref: edited };
  }
  if (isGone(outcome)) return postPage(parts, entry, { parent, view });
  // An edit can be repeated as it is: there is nothing to look for.
  const { unknownSince: _repeatable, ...again } = later(parts, entry, { outcome, attemptAt }) as Extract<
    Delivered,
    { kind: 'later' }
  >;
  return again;
}
