import { applyAnswer, sendOnlyToYou } from './answers.ts';
import { interactiveElements } from './blocks.ts';
import type { AppReply } from './delivery.ts';
import type { Channel, DeliveryOutcome, ElementAction, User, Workspace } from './model.ts';
import { actionPayload, choice, commandPayload, joinedPayload } from './payloads.ts';
import type { WorkspaceState } from './state.ts';
import type { ResponseTarget } from './tickets.ts';

type Typed = Parameters<Workspace['type']>[0];

const DONE: DeliveryOutcome = { ok: true };
const failed = (detail: string): DeliveryOutcome => ({ ok: false, error: 'dispatch_unknown_error', detail });

/** What people do with the composer and with the buttons of messages. */
export function createPeople(state: WorkspaceState): Pick<Workspace, 'type' | 'press' | 'invite'> {
  return {
    type: (input) => typeLine(state, input),
    press: (action) => pressElement(state, action),
    invite: (input) => inviteBot(state, input),
  };
}

/** How often Slack sends an event again that is not acknowledged; it does so at once, after a minute and after five. */
const RETRIES = 3;

async function inviteBot(
  state: WorkspaceState,
  { userId, channelId }: { userId: string; channelId: string },
): Promise<DeliveryOutcome> {
  const inviter = state.conversations.user(userId);
  const channel = state.conversations.channel(channelId);
  if (inviter === undefined || channel === undefined) return failed('channel_not_found');
  state.conversations.changeChannel({ ...channel, botIsMember: true });
  const payload = joinedPayload(state, { channel, inviter });
  for (let attempt = 0; ; attempt += 1) {
    const reply = await state.connection.delivery.deliver({ kind: 'events_api', payload });
    if (reply.ok) return DONE;
    if (attempt === RETRIES) return reply;
  }
}

async function typeLine(state: WorkspaceState, input: Typed): Promise<DeliveryOutcome> {
  const person = {
    user: state.conversations.user(input.userId),
    channel: state.conversations.channel(input.channelId),
  };
  const { user, channel } = person;
  if (user === undefined) return failed('user_not_found');
  if (channel === undefined) return failed('channel_not_found');
  if (input.text.startsWith('/')) return runCommand(state, { ...input, user, channel });
  if (channel.isArchived) return failed('is_archived');
  if (input.text.trim() === '') return failed('no_text');
  const { threadTs } = input;
  state.conversations.post({
    channelId: channel.id,
    userId: user.id,
    text: escapeText(input.text),
    ...(threadTs === undefined ? {} : { threadTs }),
  });
  return DONE;
}

/** What a person types means itself: no mention and no link is made of it (docs.slack.dev, escaping text). */
const escapeText = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

interface CommandLine extends Typed {
  readonly user: User;
  readonly channel: Channel;
}

async function runCommand(state: WorkspaceState, line: CommandLine): Promise<DeliveryOutcome> {
  const command = /^\S+/.exec(line.text)?.[0] ?? '/';
  const refusal = slackOwnAnswer(state, command, line);
  if (refusal !== undefined) {
    sendOnlyToYou(state, line, refusal);
    return DONE;
  }
  const target: ResponseTarget = { channelId: line.channel.id, userId: line.user.id };
  const text = line.text.slice(command.length).trim();
  const payload = commandPayload(state, line, {
    command,
    text: state.escapesCommands ? escapeText(text) : text,
    responseUrl: state.connection.publicUrl + state.responseUrls.issue('commands', target),
  });
  const reply = await state.connection.delivery.deliver({ kind: 'slash_commands', payload });
  const outcome = settleCommand(state, reply, { target, line });
  if (!outcome.ok) sendOnlyToYou(state, line, `${command} failed with the error "${outcome.error}"`);
  return outcome;
}

/** Slack's own answers, given without calling the app. The wording is Slack's. */
function slackOwnAnswer(state: WorkspaceState, command: string, line: Typed): string | undefined {
  if (!state.commands.has(command))
    return `${command} is not a valid command. In Slack, all messages that start with the "/" character are interpreted as commands.\nIf you are trying to send a message and not run a command, try preceding the "/" with an empty space.`;
  if (line.threadTs !== undefined) return `${command} is not supported in threads. Sorry!`;
  return undefined;
}

function settleCommand(
  state: WorkspaceState,
  reply: AppReply,
  { target, line }: { target: ResponseTarget; line: CommandLine },
): DeliveryOutcome {
  if (!reply.ok) return reply;
  const answer = typeof reply.answer === 'string' ? { text: reply.answer } : reply.answer;
  if (answer === undefined || Object.keys(answer).length === 0 || answer['text'] === '') return DONE;
  try {
    // With an immediate in_channel answer Slack shows the command itself to everyone too.
    if (answer['response_type'] === 'in_channel')
      state.conversations.post({
        channelId: target.channelId,
        userId: target.userId,
        text: escapeText(line.text),
      });
    applyAnswer(state, target, answer);
    return DONE;
  } catch (error) {
    return {
      ok: false,
      error: 'invalid_command_response',
      detail: error instanceof Error ? error.message : 'unknown',
    };
  }
}

async function pressElement(state: WorkspaceState, action: ElementAction): Promise<DeliveryOutcome> {
  const user = state.conversations.user(action.userId);
  const channel = state.conversations.channel(action.channelId);
  const message = channel && state.conversations.find(channel.id, action.messageTs);
  if (user === undefined || channel === undefined || message === undefined)
    return failed('message_not_found');
  const isHidden = message.ephemeralFor !== undefined && message.ephemeralFor !== user.id;
  const located = interactiveElements(message.blocks).find(
    ({ blockId, element }) => blockId === action.blockId && element['action_id'] === action.actionId,
  );
  if (isHidden || located === undefined) return failed('element_not_found');
  const { element } = located;
  remember(state, `${channel.id}/${message.ts}`, { action, element });
  const target: ResponseTarget = { channelId: channel.id, userId: user.id, originalTs: message.ts };
  const responseUrl = state.connection.publicUrl + state.responseUrls.issue('actions', target);
  const payload = actionPayload(state, { action, user, channel, message, element }, responseUrl);
  const reply = await state.connection.delivery.deliver({ kind: 'interactive', payload });
  // An answer in the acknowledgement of a block action is ignored by Slack.
  return reply.ok ? DONE : reply;
}

/** Keeps what was chosen in a menu: the next payload from that message carries it in `state`. */
function remember(
  state: WorkspaceState,
  key: string,
  { action, element }: { action: ElementAction; element: Readonly<Record<string, unknown>> },
): void {
  const chosen = choice(element, action.selectedValue);
  if (Object.keys(chosen).length === 0 || element['type'] === 'overflow') return;
  const values = state.chosen.get(key) ?? {};
  state.chosen.set(key, {
    ...values,
    [action.blockId]: { ...values[action.blockId], [action.actionId]: { type: element['type'], ...chosen } },
  });
}
