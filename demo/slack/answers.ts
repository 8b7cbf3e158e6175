import { SlackApiError } from './api-error.ts';
import { type Args, type Content, flagArg, readContent, textArg } from './content.ts';
import type { Message } from './model.ts';
import { SLACKBOT, type WorkspaceState } from './state.ts';
import type { ResponseTarget } from './tickets.ts';

/**
 * What the app answers to a command or an action, at once or through a response_url: seen by one person unless
 * `response_type` says `in_channel`; `replace_original` and `delete_original` act on the message it came from. A command came
 * from no message, so that there they do nothing: `replace_original` posts one more (bolt-js #2287, bolt-python #1268).
 */
export function applyAnswer(state: WorkspaceState, target: ResponseTarget, answer: Args): void {
  const original =
    target.originalTs === undefined
      ? undefined
      : state.conversations.find(target.channelId, target.originalTs);
  if (flagArg(answer, 'delete_original')) {
    if (original !== undefined) state.conversations.remove(original);
    delete target.originalTs;
    return;
  }
  const content = readContent(answer, state);
  if (content.text === '' && (content.blocks ?? []).length === 0) throw new SlackApiError('no_text');
  if (flagArg(answer, 'replace_original') && original !== undefined) {
    state.conversations.change(original, { text: content.text, blocks: content.blocks ?? [] });
    return;
  }
  postAnswer(state, target, { answer, content });
}

function postAnswer(
  state: WorkspaceState,
  target: ResponseTarget,
  { answer, content }: { answer: Args; content: Content },
): Message {
  const named = textArg(answer, 'thread_ts');
  const opening = named === undefined ? undefined : state.conversations.find(target.channelId, named);
  const threadTs = opening?.threadTs ?? opening?.ts;
  return state.conversations.post({
    channelId: target.channelId,
    userId: state.app.botUserId,
    text: content.text,
    blocks: content.blocks ?? [],
    ...(threadTs === undefined ? {} : { threadTs }),
    ...(textArg(answer, 'response_type') === 'in_channel' ? {} : { ephemeralFor: target.userId }),
  });
}

/** A line from Slackbot that one person sees. */
export function sendOnlyToYou(
  state: WorkspaceState,
  to: { userId: string; channelId: string; threadTs?: string },
  text: string,
): void {
  const { userId, ...place } = to;
  state.conversations.post({ ...place, userId: SLACKBOT.id, text, ephemeralFor: userId });
}
