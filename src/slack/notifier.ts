import { hashTexts } from '../lib/labels.ts';
import type { MessageView, Notifier, SendOutcome } from '../messages/notifier.ts';
import { alertMessage } from './blocks/alert.ts';
import { alertGroupMessage } from './blocks/alert-group.ts';
import type { Rendered } from './blocks/block-kit.ts';
import { noteMessage } from './blocks/note.ts';
import { type Calls, type CallsOptions, createCalls } from './calls.ts';
import { createChannels, findByKey } from './channels.ts';
import { createSender } from './sender.ts';

export type SlackNotifierOptions = CallsOptions;

/**
 * Posts and edits messages in Slack. Each outcome says whether the call was carried out, was not, or is unknown. `post`
 * accepts channel names; `find` resolves them to ids and reads the history, for which the bot must be a member.
 */
export function createSlackNotifier(options: SlackNotifierOptions): Notifier {
  const calls = createCalls(options);
  const channels = createChannels({ calls, clock: options.clock });
  const { clock, logger } = options;
  const send = createSender({ calls, clock, logger, queueOf: (channel) => channels.nameOf(channel) });

  return {
    async post({ channel, view, key, threadTs, isAllowed }) {
      const outcome = await send({
        method: 'chat.postMessage',
        target: { channel, thread_ts: threadTs },
        message: messageOf(view),
        metadata: { key, alertId: key },
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
        metadata: { key: shown.key, alertId: shown.key },
        isAllowed,
      }),

    reply: ({ shown, note, key, isAllowed }) =>
      send({
        method: 'chat.postMessage',
        target: {
          channel: shown.channelId,
          thread_ts: shown.messageTs,
          reply_broadcast: note.kind === 'flapping' ? true : undefined,
        },
        message: noteMessage(note),
        metadata: { key, alertId: shown.key },
        isAllowed,
      }),

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

    contentHash: (view) => hashOf(messageOf(view)),
  };
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
