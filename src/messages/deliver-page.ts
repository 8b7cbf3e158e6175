import { after, between, HOUR, type Milliseconds, ms, SECOND } from '../lib/units.ts';
import type { AlertGroupView } from './alert-group-view.ts';
import { decideAfterLookUp } from './decide-delivery.ts';
import type { SendOutcome } from './notifier.ts';
import { type Delivered, type DeliveryParts, later, messageKey, refOf, waiting } from './post-alert.ts';
import type { MessageRef, TakenEntry } from './store.ts';

/** How long a reply waits until its alertGroup's message is there, before it looks again. */
const PARENT_WAIT: Milliseconds = ms(2 * SECOND);

/** A message that is not there after so long will not come: a store has lost its reference. */
const LONGEST_PARENT_WAIT: Milliseconds = HOUR;

interface Page {
  /** Where the reply is, once it is posted. */
  readonly ref: MessageRef | undefined;
  /** Where the alertGroup's message is, once it is posted. */
  readonly parent: MessageRef | undefined;
  readonly view: AlertGroupView;
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

type Placed = { readonly parent: MessageRef; readonly view: AlertGroupView };

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
