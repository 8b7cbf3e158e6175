import { after, between, type EpochMs, MINUTE, type Milliseconds, ms, SECOND } from '../lib/units.ts';
import { isRecovery, statusOf } from './alert-subject.ts';
import { type CulpritFinding, type CulpritState, isReplaced, replacedText } from './culprit.ts';
import type { Lease } from './decide-sync.ts';
import { decideReconcile, decideStep } from './decide-sync.ts';
import { type Evidence, NO_EVIDENCE, settlesAt } from './evidence.ts';
import type { MessageView } from './notifier.ts';
import { isUnattended } from './plan-reminders.ts';
import {
  failed,
  leaseLost,
  pending,
  post,
  reconcilePost,
  type Synced,
  type SyncMessageParts,
  settled,
  stillUnknown,
  viewOf,
  type Work,
} from './post-message.ts';
import type { ClaimedMessage, DesiredMessage, ShownMessage, ThreadLine } from './store.ts';
import { withLatestActions } from './with-actions.ts';

function isEnded(desired: DesiredMessage | undefined): boolean {
  if (desired === undefined) return true;
  const { alertGroup, alert } = desired;
  return alertGroup === undefined
    ? statusOf(alert) === 'resolved'
    : alertGroup.counts.firing + alertGroup.counts['no-data'] === 0;
}

/** Whether showing a message collects evidence, which takes long: a first post and a thread reply never do. */
export const collectsEvidence = ({ desired, shown, revision, syncedRevision }: ClaimedMessage): boolean =>
  shown !== undefined && desired !== undefined && desired.parent === undefined && revision > syncedRevision;

/** How long a message that is continued waits between looks for the one that continues it, and how long at most. */
const SUCCESSOR_WAIT: Milliseconds = ms(2 * SECOND);
const LONGEST_SUCCESSOR_WAIT: Milliseconds = MINUTE;

/** A message that is continued links the one that continues it, which is posted at the same time. */
function isSuccessorAwaited({ parts, desired, message, successor }: Work): boolean {
  if (desired?.alert.continuedAs === undefined || message.shown === undefined) return false;
  return successor === undefined && between(desired.asOf, parts.clock.now()) < LONGEST_SUCCESSOR_WAIT;
}

/** Reads what showing a message depends on. */
async function readWork(parts: SyncMessageParts, message: ClaimedMessage, lease: Lease): Promise<Work> {
  const { store } = parts;
  const shownAs = async (key: string | undefined): Promise<ShownMessage | undefined> =>
    key === undefined ? undefined : await store.shownMessage(key);
  const desired = message.desired && (await withLatestActions(store, message.desired, message.silence));
  const [parent, escalated, successor] = await Promise.all([
    shownAs(desired?.parent),
    shownAs(desired?.escalates ?? desired?.alert.continues),
    shownAs(desired?.alert.continuedAs?.alertId),
  ]);
  return { parts, lease, message, desired, parent, escalated, successor, isEnded: isEnded(desired) };
}

const waiting = (work: Work, dueAt: EpochMs, reason: string): Synced => ({
  ...pending(work),
  attempt: work.message.attempt,
  outcome: 'waiting',
  dueAt,
  reason,
});

/** Brings Slack one step closer to what a message is to show. Throws what the store throws. */
export async function syncMessage(
  parts: SyncMessageParts,
  message: ClaimedMessage,
  lease: Lease,
): Promise<Synced> {
  const now = parts.clock.now();
  const work = await readWork(parts, message, lease);
  if (isSuccessorAwaited(work)) return waiting(work, after(now, SUCCESSOR_WAIT), 'successor not posted');
  const step = decideStep(message, { parent: work.parent, isEnded: work.isEnded, now });
  switch (step.kind) {
    case 'drop':
      parts.logger.debug('a message is dropped', { message: message.key, reason: step.reason });
      return { ...settled(work), outcome: 'dropped', lineKeys: message.lines.map(({ key }) => key) };
    case 'wait':
      return waiting(work, step.until, step.reason);
    case 'reconcile':
      return step.isLine ? reconcileLine(work) : reconcilePost(work);
    case 'post':
      return post(work, { isBrief: step.isBrief, shown: message.shown });
    case 'update':
      return update(work, step.isEdit);
  }
}

async function reconcileLine(work: Work): Promise<Synced> {
  const { parts, message } = work;
  const { attempt, failures, shown } = message;
  const line = message.lines.find(({ key }) => key === attempt?.key);
  if (attempt === undefined || line === undefined || shown === undefined)
    return { ...pending(work), outcome: 'waiting' };
  const { channelId: channel, messageTs: threadTs } = shown;
  const found = await parts.notifier.find({ channel, key: line.key, since: attempt.since, threadTs });
  const step = decideReconcile(found.kind, attempt, { failures, now: parts.clock.now() });
  switch (step.kind) {
    case 'adopt':
      return { ...pending(work), failures: 0, lineKeys: [line.key], call: 'reply', outcome: 'sent' };
    case 'wait':
      return stillUnknown(work, step.until, found);
    case 'send':
      return reply(work, line, { ...pending(work), outcome: 'unchanged' });
  }
}

/** Nobody is reminded of what was acknowledged, silenced or resolved since the reminder was decided. */
function isNeeded({ kind }: ThreadLine, { desired, isEnded }: Work): boolean {
  if (kind !== 'reminder') return true;
  if (isEnded || desired === undefined) return false;
  const { alert, alertGroup } = desired;
  return alertGroup === undefined
    ? isUnattended(alert)
    : (alertGroup.unacknowledged ?? 0) > 0 || alertGroup.rows.some(isUnattended);
}

/** Edits the message where it differs, posts it again where it is gone, then adds the next line to its thread. */
async function update(work: Work, isEdit: boolean): Promise<Synced> {
  const { message, desired } = work;
  let edited: Synced =
    isEdit && desired !== undefined ? await edit(work, desired) : { ...settled(work), outcome: 'unchanged' };
  const isShown = edited.outcome === 'sent' || edited.outcome === 'unchanged';
  const open = message.lines.filter(({ key }) => !edited.lineKeys.includes(key));
  const [line, ...later] = open.filter((each) => isNeeded(each, work));
  const dropped = open.filter((each) => !isNeeded(each, work)).map(({ key }) => key);
  edited = { ...edited, lineKeys: [...edited.lineKeys, ...dropped] };
  if (!isShown || edited.call === 'post' || line === undefined) return edited;
  return reply(work, line, later.length === 0 ? edited : { ...edited, dueAt: undefined });
}

/** When the evidence of a message that has ended is collected a last time; undefined when it needs not be. */
function lastEvidenceAt({ desired, isEnded }: Work): EpochMs | undefined {
  if (!isEnded || desired === undefined || desired.parent !== undefined) return undefined;
  const { alert, rule, asOf } = desired;
  return rule.about === undefined && isRecovery(alert) ? settlesAt(asOf) : undefined;
}

async function evidenceOf(work: Work, desired: DesiredMessage): Promise<Evidence> {
  const { parts, message } = work;
  const { alert, rule, alertGroup, asOf, parent } = desired;
  if (parent !== undefined) return NO_EVIDENCE;
  // Only what people did changed: it is shown at once, with the evidence that the message has.
  const isSettled = parts.clock.now() >= (lastEvidenceAt(work) ?? Number.POSITIVE_INFINITY);
  const isCollected = message.shown?.evidenceAsOf === asOf && !isSettled;
  const known = isCollected ? parts.remembered(alert.alertId) : undefined;
  return (
    known ?? (await parts.collect({ alert, rule, isAlertGroup: alertGroup === undefined ? undefined : true }))
  );
}

/** What an edit leaves to do: the form of a message that has ended is final with its last evidence. */
function untilSettled(work: Work): Omit<Synced, 'outcome'> {
  const dueAt = lastEvidenceAt(work);
  return dueAt === undefined || work.parts.clock.now() >= dueAt
    ? settled(work)
    : { ...pending(work), failures: 0, dueAt };
}

async function edit(work: Work, desired: DesiredMessage): Promise<Synced> {
  const { message } = work;
  const { shown } = message;
  if (shown === undefined) return { ...pending(work), outcome: 'waiting' };
  const evidence = await evidenceOf(work, desired);
  const { finding, lookAt } = culpritOf(work, { desired, evidence, shown });
  const said = isReplaced(shown.culprit, finding)
    ? await reply(work, replacedLine(work, desired, finding), { ...pending(work), outcome: 'unchanged' })
    : undefined;
  // Nobody is to see another culprit without a word about the one before. A line that may have arrived is not repeated.
  if (said !== undefined && said.outcome !== 'sent' && said.outcome !== 'unknown') return said;
  const edited = await editWith(work, { desired, evidence, shown: { ...shown, culprit: finding } });
  const isShown = edited.outcome === 'sent' || edited.outcome === 'unchanged';
  // Shown by a second edit: the first one does not wait for it.
  if (lookAt === undefined || !isShown || edited.call !== 'edit') return edited;
  return {
    ...pending(work),
    ...edited,
    failures: 0,
    syncedRevision: message.syncedRevision,
    isFinal: false,
    dueAt: lookAt,
  };
}

/** Refused edits before a message leaves its channel: three and a half minutes. */
const CHANNEL_PATIENCE = 3;

interface Editing {
  readonly desired: DesiredMessage;
  readonly evidence: Evidence;
  readonly shown: ShownMessage;
}

function culpritOf({ parts }: Work, { desired, evidence, shown }: Editing): CulpritState {
  const { alert, rule, parent, alertGroup } = desired;
  const known = { finding: shown.culprit };
  if (parts.watchCulprit === undefined || parent !== undefined) return known;
  return parts.watchCulprit({
    alert,
    rule,
    alertGroup,
    traceService: evidence.traceService,
    shown: shown.culprit,
  });
}

/** The line that says that another culprit was found, or the first one after a comparison that named none. */
function replacedLine(
  { message }: Work,
  { alert, rule }: DesiredMessage,
  found: CulpritFinding | undefined,
): ThreadLine {
  const at = found?.asOf ?? alert.seenAt;
  const text = replacedText(message.shown?.culprit, found);
  return { key: `${message.key}:culprit:${at}`, kind: 'culprit', at, alert, rule, text };
}

async function editWith(work: Work, { desired, evidence, shown }: Editing): Promise<Synced> {
  const { parts, message, lease } = work;
  const { notifier, clock } = parts;
  const view = viewOf(work, desired, { evidence, culprit: shown.culprit, notice: shown.notice });
  const contentHash = notifier.contentHash(view);
  const evidenceAsOf = desired.asOf;
  const done = untilSettled(work);
  if (contentHash === shown.contentHash)
    return { ...done, shown: { ...shown, evidenceAsOf }, call: 'edit', outcome: 'unchanged' };
  if (!(await lease.renew())) return leaseLost(work);
  const outcome = await notifier.update({ shown, view, isAllowed: lease.allowsCall });
  switch (outcome.kind) {
    case 'sent': {
      const next = { ...shown, contentHash, editedAt: clock.now(), evidenceAsOf };
      if (work.isEnded && shown.replaces !== undefined)
        await endReplaced(work, view, { ...shown, ...shown.replaces });
      return { ...done, shown: next, call: 'edit', outcome: 'sent' };
    }
    case 'message-gone':
      return postAgain(work, shown);
    case 'channel-refused':
      // A channel that is unarchived again has the message still: a second one would leave that one open.
      return message.failures < CHANNEL_PATIENCE
        ? { ...pending(work), call: 'edit', ...failed(work, outcome, undefined) }
        : postAgain(work, shown);
    case 'edit-refused':
      return freeze(work, shown, outcome.code);
    default:
      // An edit can be repeated as it is: there is nothing to reconcile.
      return { ...pending(work), call: 'edit', ...failed(work, outcome, undefined) };
  }
}

/** Ends the message that was left open in a channel that refused edits; where it still does, nothing can be done. */
async function endReplaced(
  { parts, message, lease }: Work,
  view: MessageView,
  shown: ShownMessage,
): Promise<void> {
  const outcome = await parts.notifier.update({ shown, view, isAllowed: lease.allowsCall });
  const { channelId } = shown;
  parts.logger.info('the message that was replaced is ended too', {
    message: message.key,
    channelId,
    outcome: outcome.kind,
  });
}

function postAgain(work: Work, shown: ShownMessage): Promise<Synced> {
  work.parts.logger.info('a message is gone and is posted again', { message: work.message.key });
  return post(work, { isBrief: false, shown });
}

/** Slack refuses to edit the message: one reply says so, and what is new is a reply from then on. */
async function freeze(work: Work, shown: ShownMessage, code: string): Promise<Synced> {
  const { parts, message, desired } = work;
  parts.logger.warn('Slack refuses to edit a message: updates are posted in its thread', {
    message: message.key,
    code,
  });
  const frozen: ShownMessage = { ...shown, isFrozen: true };
  const done: Synced = {
    ...settled(work),
    shown: frozen,
    call: 'edit',
    outcome: 'edit-refused',
    reason: code,
  };
  const isSaid = message.lines.length > 0 || desired === undefined;
  if (isSaid) return { ...done, outcome: 'unchanged' };
  const { alert, rule } = desired;
  const at = parts.clock.now();
  return reply(work, { key: `${message.key}:frozen`, kind: 'frozen', at, alert, rule, text: code }, done);
}

/** Adds a line to the thread. `before` is what was done in this step already. */
async function reply(work: Work, line: ThreadLine, before: Synced): Promise<Synced> {
  const { parts, message, desired, lease } = work;
  const { notifier, clock } = parts;
  const shown = before.shown ?? message.shown;
  if (shown === undefined) return before;
  const attempt = { key: line.key, since: clock.now() };
  if (!(await lease.renew(attempt))) return leaseLost(work);
  const alertGroup = desired === undefined ? undefined : parts.redact.desired(desired).alertGroup;
  const isBroadcast = line.kind === 'resolved' && desired?.destination?.broadcastsEnd === true;
  const note = { ...parts.redact.line(line), alertGroup, isBroadcast };
  const outcome = await notifier.reply({ shown, note, key: line.key, isAllowed: lease.allowsCall });
  // The message says it too: a thread that is gone or closed is no reason to go on.
  const isDone =
    outcome.kind === 'sent' || outcome.kind === 'message-gone' || outcome.kind === 'channel-refused';
  if (isDone) return { ...before, lineKeys: [...before.lineKeys, line.key], call: 'reply', outcome: 'sent' };
  return { ...before, call: 'reply', ...failed(work, outcome, attempt), isFinal: false };
}
