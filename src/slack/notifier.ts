import type { Clock } from '../lib/clock.ts';
import { hashTexts } from '../lib/labels.ts';
import type { Logger } from '../lib/logger.ts';
import { after, type EpochMs, epochMs, HOUR, ms } from '../lib/units.ts';
import type {
  ChannelReader,
  IsAllowed,
  MessageView,
  Notifier,
  SendOutcome,
  ThreadNote,
} from '../messages/notifier.ts';
import { alertMessage } from './blocks/alert.ts';
import { alertGroupMessage } from './blocks/alert-group.ts';
import { CHART, type Rendered } from './blocks/block-kit.ts';
import { noteMessage } from './blocks/note.ts';
import { type CallOutcome, type Calls, type CallsOptions, createCalls } from './calls.ts';
import { type Channels, createChannels } from './channels.ts';
import { EVENT_TYPE, findByKey, readOpenMessages } from './history.ts';
import { metadataViolations, textOnly, violations } from './limits.ts';

export interface SlackNotifierOptions extends CallsOptions {
  /** Distinguishes the messages of installations that share a Slack app: the same for all replicas of one. Absent: there is one. */
  readonly installation?: string;
  /** Whether the end of an acknowledged page mentions who acknowledged it. Default: it does. */
  readonly mentionsAcknowledger?: boolean;
}

/**
 * Posts and edits messages in Slack. Each outcome says whether the call was carried out, was not, or is unknown. `post`
 * accepts channel names; `find` resolves them to ids and reads the history, for which the bot must be a member.
 */
export function createSlackNotifier(options: SlackNotifierOptions): Notifier & ChannelReader {
  const calls = createCalls(options);
  const channels = createChannels({ calls, clock: options.clock });
  const { clock, logger, installation = 'default' } = options;
  const metadataOf = (key: string, { restorePoint }: MessageView): MessageMetadata => ({
    key,
    alertId: key,
    installation,
    restore: restorePoint,
  });
  const send = createSender({ calls, clock, logger, queueOf: (channel) => channels.nameOf(channel) });

  return {
    async post({ channel, view, key, threadTs, isAllowed }) {
      const outcome = await send({
        method: 'chat.postMessage',
        target: { channel, thread_ts: threadTs },
        message: messageOf(view),
        metadata: metadataOf(key, view),
        isAllowed,
      });
      if (outcome.kind === 'sent') channels.learn(channel, outcome.channelId);
      // A reply is found in the thread of its message.
      return threadTs === undefined ? withPermalink(calls, outcome) : outcome;
    },

    update: ({ shown, view, isAllowed }) =>
      send({
        method: 'chat.update',
        target: { channel: shown.channelId, ts: shown.messageTs },
        message: messageOf(view),
        metadata: metadataOf(shown.key, view),
        isAllowed,
      }),

    reply: ({ shown, note, key, isAllowed }) =>
      send({
        method: 'chat.postMessage',
        target: {
          channel: shown.channelId,
          thread_ts: shown.messageTs,
          reply_broadcast: isBroadcast(note) ? true : undefined,
        },
        message: noteMessage(note, options),
        metadata: { key, alertId: shown.key, installation },
        isAllowed,
      }),

    ...createReader({ calls, channels, clock, installation }),
    contentHash: (view) => hashOf(messageOf(view)),
  };
}

/** Whether a reply is shown in the channel, too: an edit of an older message is seen by nobody. */
const isBroadcast = ({ kind, rule, isBroadcast: isWanted }: ThreadNote): boolean =>
  isWanted === true || kind === 'flapping' || (kind === 'resolved' && rule.about === 'silence');

/** Reads channels: for one message by its key, and for the open ones. */
function createReader(parts: {
  readonly calls: Calls;
  readonly channels: Channels;
  readonly clock: Clock;
  readonly installation: string;
}): Pick<Notifier, 'find'> & ChannelReader {
  const { calls, channels, clock, installation } = parts;
  return {
    async find({ channel, key, since, threadTs }) {
      const id = await channels.idOf(channel);
      // Nothing was posted to a channel that does not exist.
      if (id.kind === 'missing') return { kind: 'absent' };
      if (id.kind === 'unknown') return id;
      const found = await findByKey(calls, {
        channelId: id.id,
        key,
        since,
        threadTs,
      });
      if (found.kind !== 'found') return found;
      const permalink = await permalinkOf(calls, { channelId: id.id, messageTs: found.messageTs });
      return { ...found, channelId: id.id, ...(permalink === undefined ? {} : { permalink }) };
    },

    async openMessages({ channel, since }) {
      const id = await channels.idOf(channel);
      if (id.kind === 'missing') return { kind: 'unreadable', reason: 'channel_not_found' };
      if (id.kind === 'unknown') return { ...id, retryAfter: ms(0) };
      const read = await readOpenMessages({ calls, clock }, { channelId: id.id, since, installation });
      if (read.kind === 'unknown') return read.isFinal ? { kind: 'unreadable', reason: read.reason } : read;
      const linked = read.messages.map(async (message) => ({
        ...message,
        permalink: await permalinkOf(calls, message),
      }));
      return { kind: 'read', channelId: id.id, messages: await Promise.all(linked) };
    },

    checkChannels: (names) => channels.check(names),

    joinedChannels: () => channels.joined(),
  };
}

/** What the metadata of a message holds. Its values are flat. */
interface MessageMetadata {
  readonly key: string;
  readonly alertId: string;
  readonly installation: string;
  readonly restore?: string;
}

const messageOf = (view: MessageView): Rendered =>
  view.alertGroup === undefined
    ? alertMessage(view)
    : alertGroupMessage({ ...view, alertGroup: view.alertGroup });

/** Without URLs and button values, which contain the current time. */
function hashOf(message: Rendered): string {
  const visible = JSON.stringify(message.blocks, (name, value: unknown) =>
    (name === 'url' || name === 'value') && typeof value === 'string' ? undefined : value,
  );
  return hashTexts([message.text, visible]);
}

async function withPermalink(calls: Calls, outcome: SendOutcome): Promise<SendOutcome> {
  if (outcome.kind !== 'sent') return outcome;
  const permalink = await permalinkOf(calls, outcome);
  return permalink === undefined ? outcome : { ...outcome, permalink };
}

/** The message's URL. Without it `/slo` shows no link, so that a failure is ignored. */
async function permalinkOf(
  calls: Calls,
  message: { channelId: string; messageTs: string },
): Promise<string | undefined> {
  const outcome = await calls.call('chat.getPermalink', {
    channel: message.channelId,
    message_ts: message.messageTs,
  });
  const permalink = outcome.kind === 'done' ? outcome.data['permalink'] : undefined;
  return typeof permalink === 'string' ? permalink : undefined;
}

interface Sending {
  readonly method: 'chat.postMessage' | 'chat.update';
  /** `ts` for an edit, `thread_ts` for a reply, `reply_broadcast` to show a reply in the channel, too. */
  readonly target: {
    readonly channel: string;
    readonly ts?: string;
    readonly thread_ts?: string;
    readonly reply_broadcast?: true;
  };
  readonly message: Rendered;
  readonly metadata: MessageMetadata;
  readonly isAllowed?: IsAllowed;
}

/** Errors that concern the content of a message. */
const CONTENT_ERRORS = new Set([
  'invalid_blocks',
  'invalid_blocks_format',
  'msg_blocks_too_long',
  'block_mismatch',
  'invalid_arguments',
  'msg_too_long',
]);

/**
 * Sends a message. When Slack refuses its content, the message is sent without the chart, which some workspaces do not
 * support, and then as text alone.
 */
function createSender(parts: {
  calls: Calls;
  clock: Clock;
  logger: Logger;
  /** One name per channel, because Slack limits the messages of a channel. */
  queueOf: (channel: string) => string;
}): (it: Sending) => Promise<SendOutcome> {
  const { calls, clock, logger, queueOf } = parts;
  let chartsRefusedUntil: EpochMs = epochMs(0);

  const attempt = (it: Sending, form: Rendered): Promise<CallOutcome> =>
    calls.call(
      it.method,
      {
        ...it.target,
        text: form.text,
        blocks: form.blocks,
        metadata: { event_type: EVENT_TYPE, event_payload: it.metadata },
        ...(it.method === 'chat.postMessage' ? { unfurl_links: false, unfurl_media: false } : {}),
      },
      { channel: queueOf(it.target.channel), key: it.metadata.key, isAllowed: it.isAllowed },
    );

  return async (it) => {
    const forms = formsOf(it, { withoutChart: chartsRefusedUntil > clock.now(), logger });
    let outcome: CallOutcome = { kind: 'refused', code: 'invalid_blocks' };
    let sentForm = 0;
    for (const [index, form] of forms.entries()) {
      sentForm = index;
      outcome = await attempt(it, form);
      if (outcome.kind !== 'refused' || !CONTENT_ERRORS.has(outcome.code)) break;
      logger.warn('slack: content refused', {
        method: it.method,
        code: outcome.code,
        next: index + 1 < forms.length ? 'a simpler form' : 'none',
      });
    }
    // Only the chart was refused.
    if (sentForm > 0 && outcome.kind === 'done' && hasChart(forms[sentForm - 1]))
      chartsRefusedUntil = after(clock.now(), HOUR);
    return toSendOutcome(outcome, it);
  };
}

const hasChart = (form: Rendered | undefined): boolean =>
  form !== undefined && form.blocks.some(({ type }) => type === CHART);

/** The forms to try, the complete one first. A form that exceeds a limit is left out. */
function formsOf(it: Sending, given: { withoutChart: boolean; logger: Logger }): readonly Rendered[] {
  const { message } = it;
  const bare: Rendered = { ...message, blocks: message.blocks.filter(({ type }) => type !== CHART) };
  const text = textOnly(message.text);
  const rich = hasChart(message) && !given.withoutChart ? [message, bare] : [bare];
  const broken = [...violations(bare), ...metadataViolations({ ...it.metadata })];
  if (broken.length === 0) return [...rich.filter((form) => violations(form).length === 0), text];
  given.logger.error('slack: a message exceeds a limit and is sent as text', {
    violations: broken.slice(0, 5),
  });
  return [text];
}

function toSendOutcome(outcome: CallOutcome, it: Sending): SendOutcome {
  switch (outcome.kind) {
    case 'done': {
      const { channel, ts } = outcome.data;
      if (typeof ts !== 'string') return { kind: 'unknown', reason: 'response without a message id' };
      return {
        kind: 'sent',
        channelId: typeof channel === 'string' ? channel : it.target.channel,
        messageTs: ts,
      };
    }
    case 'not-sent':
      return { kind: 'not-sent', retryAfter: outcome.retryAfter, reason: outcome.reason };
    case 'message-gone':
      return { kind: 'message-gone' };
    case 'unknown':
    case 'edit-refused':
    case 'channel-refused':
    case 'refused':
      return outcome;
  }
}
