import type { App, BlockAction } from '@slack/bolt';
import type { EpochMs } from '../lib/units.ts';
import { SLOWEST_TRACES } from './blocks/alert.ts';
import { ACKNOWLEDGE, END_ALERT, RUN_COMMAND, SILENCE } from './blocks/alert-actions.ts';
import { answerMessage, PICK_SERVICE, SHARE_ANSWER, withService } from './blocks/answer.ts';
import { OPEN_LINK } from './blocks/block-kit.ts';
import { type Asked, type Conversation, isSlashCommand, splitCommand } from './conversation.ts';
import { createResponder, type Origin, type Responder } from './responder.ts';
import { SLASH_COMMANDS } from './scopes.ts';
import { listenForSilences, type SilenceFormParts } from './silence-form.ts';

export interface ListenerParts extends SilenceFormParts {
  readonly conversation: Conversation;
}

/** What a pressed button or a chosen option asks for. */
interface Pressed {
  readonly asked: Asked | undefined;
  readonly to: { readonly responder: Responder; readonly userId: string };
}

/** Buttons whose value is a complete command. */
const COMMANDS = new RegExp(
  `^(?:${SLOWEST_TRACES}$|${PICK_SERVICE}|${ACKNOWLEDGE}|${END_ALERT}$|${RUN_COMMAND})`,
  'u',
);
const OURS = `${SLOWEST_TRACES}$|${SHARE_ANSWER}$|${PICK_SERVICE}|${OPEN_LINK}|${ACKNOWLEDGE}|${END_ALERT}$|${RUN_COMMAND}|${SILENCE}$`;
const NOT_OURS = new RegExp(`^(?!${OURS})`, 'u');

/** Registers every command and button. Each is acknowledged before anything else is done: Slack waits three seconds. */
export function listen(app: App, parts: ListenerParts): void {
  const { conversation } = parts;
  commands(app, parts);
  listenForSilences(app, parts);
  onAction(app, parts, {
    pattern: COMMANDS,
    run: ({ asked, to }) => orExplain(asked, to, (it) => conversation.reply(it, to)),
  });
  onAction(app, parts, {
    pattern: new RegExp(`^${SHARE_ANSWER}$`, 'u'),
    run: ({ asked, to }) => orExplain(asked, to, (it) => conversation.share(it, to)),
  });
  // A pressed link is notified to the app as well, and shows a warning sign to the person unless it is acknowledged.
  app.action(new RegExp(`^${OPEN_LINK}`, 'u'), async ({ ack }) => ack());
  // Whatever else comes (a button of an older version): acknowledged, so that nobody sees a warning sign. Bolt runs
  // every listener that matches, so this one must match nothing that another does.
  app.action(NOT_OURS, async ({ ack, body }) => {
    await ack();
    parts.logger.debug('slack: an unknown action', { type: body.type });
  });
  app.error(async (error) => {
    parts.logger.error('slack: a handler failed', {
      code: error.code,
      error: `${error.name}: ${error.message}`,
    });
  });
}

function commands(app: App, parts: ListenerParts): void {
  app.command(/.*/u, async ({ ack, command }) => {
    await ack();
    const at = parts.clock.now();
    const to = {
      userId: command.user_id,
      responder: responderFor(parts, {
        responseUrl: command.response_url,
        channelId: command.channel_id,
        userId: command.user_id,
        at,
      }),
    };
    await parts.running.add(async () => {
      const asked = isSlashCommand(command.command)
        ? { command: command.command, text: command.text, at, by: command.user_id }
        : undefined;
      await orExplain(asked, to, (it) => parts.conversation.reply(it, to));
    });
  });
}

const responderFor = (parts: ListenerParts, origin: Origin): Responder => createResponder(parts, origin);

function onAction(
  app: App,
  parts: ListenerParts,
  handler: { pattern: RegExp; run: (pressed: Pressed) => Promise<void> },
): void {
  app.action<BlockAction>(handler.pattern, async ({ ack, action, body }) => {
    await ack();
    const at = parts.clock.now();
    const responder = responderFor(parts, {
      responseUrl: body.response_url,
      channelId: body.channel?.id ?? '',
      userId: body.user.id,
      at,
    });
    const to = { responder, userId: body.user.id };
    await parts.running.add(() =>
      handler.run({ asked: askedBy(commandOf(action), { at, by: body.user.id }), to }),
    );
  });
}

/** The command in a button's value; of a menu, the block's id with the chosen service put in. */
function commandOf(action: BlockAction['actions'][number]): string {
  if (action.type === 'button') return action.value ?? '';
  return action.type === 'static_select' ? withService(action.block_id, action.selected_option.value) : '';
}

function askedBy(line: string, who: { readonly at: EpochMs; readonly by: string }): Asked | undefined {
  const split = splitCommand(line);
  return split === undefined ? undefined : { ...split, ...who };
}

async function orExplain(
  asked: Asked | undefined,
  { responder }: { responder: Responder },
  run: (asked: Asked) => Promise<void>,
): Promise<void> {
  if (asked !== undefined) return run(asked);
  await responder.answer(
    answerMessage({
      kind: 'usage',
      problem: 'This bot does not know that command.',
      usage: SLASH_COMMANDS.map(({ command, usageHint }) => `${command} ${usageHint}`),
    }),
  );
}
