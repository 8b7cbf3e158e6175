import type { AnyMiddlewareArgs, App, BlockAction, Middleware } from '@slack/bolt';
import type { Answer } from '../commands/answer.ts';
import type { SlashCommand } from '../commands/command.ts';
import type { Commands } from '../commands/commands.ts';
import { SLASH_COMMANDS } from '../commands/table.ts';
import { createTurns } from '../lib/concurrency.ts';
import { faultText } from '../lib/errors.ts';
import { between, SECOND } from '../lib/units.ts';
import type { PicturePainter } from '../traces/pictures.ts';
import { SLOWEST_TRACES } from './blocks/alert.ts';
import { ACKNOWLEDGE, CLOSE_ALERT, RUN_COMMAND, SILENCE } from './blocks/alert-actions.ts';
import {
  type AnswerFrame,
  answerMessage,
  PICK_SERVICE,
  SHARE_ANSWER,
  SHOW_PICTURE,
  withService,
} from './blocks/answer.ts';
import { OPEN_LINK } from './blocks/block-kit.ts';
import { sendFiles } from './files.ts';
import { createResponder, type Responder } from './responder.ts';
import { registerSilenceForm, type SilenceFormParts } from './silence-form.ts';
import { pictureOf, showPicture } from './trace-picture.ts';

export interface InteractionParts extends SilenceFormParts {
  /** Draws the pictures of answers; without it answers have no pictures. */
  readonly painter?: Pick<PicturePainter, 'draw'>;
  /** Whether a request comes from the bot's workspace. */
  readonly isAllowed: (body: unknown) => boolean;
}

const TEXT = {
  internalError: "Internal error. Details are in the bot's log.",
  unknownCommand: 'Unknown command.',
  otherWorkspace: 'This bot belongs to another Slack workspace and does not accept commands from this one.',
} as const;

type CommandRequest = Parameters<Commands['answer']>[0];
type Reply = Awaited<ReturnType<Commands['answer']>>;
type Handler = (request: CommandRequest, responder: Responder) => Promise<void>;

/** Buttons and menus that run a command. */
const COMMAND_ACTIONS = `${SLOWEST_TRACES}$|${PICK_SERVICE}|${ACKNOWLEDGE}|${CLOSE_ALERT}$|${RUN_COMMAND}`;
const OTHER_ACTIONS = `${SHARE_ANSWER}$|${SHOW_PICTURE}$|${OPEN_LINK}|${SILENCE}$`;

/**
 * Registers the handlers of commands, buttons, menus and forms. Each acknowledges first: Slack waits three seconds. Bolt
 * runs every handler that matches, so that their patterns must not overlap.
 */
export function registerInteractions(app: App, parts: InteractionParts): void {
  refuseOtherWorkspaces(app, parts);
  registerCommands(app, parts);
  registerSilenceForm(app, parts);
  registerActions(app, parts, {
    pattern: new RegExp(`^(?:${COMMAND_ACTIONS})`, 'u'),
    handle: (request, responder) => reply(parts, request, responder),
  });
  registerActions(app, parts, {
    pattern: new RegExp(`^${SHARE_ANSWER}$`, 'u'),
    handle: (request, responder) => share(parts, request, responder),
  });
  registerActions(app, parts, {
    pattern: new RegExp(`^${SHOW_PICTURE}$`, 'u'),
    handle: (request, responder) => replyPicture(parts, request, responder),
  });
  // Slack also reports pressed links, and shows a warning when that is not acknowledged.
  app.action(new RegExp(`^${OPEN_LINK}`, 'u'), async ({ ack }) => ack());
  // Buttons of older versions.
  app.action(new RegExp(`^(?!${COMMAND_ACTIONS}|${OTHER_ACTIONS})`, 'u'), async ({ ack, body }) => {
    await ack();
    parts.logger.debug('slack: unknown action', { type: body.type });
  });
  app.error(async (error) => {
    parts.logger.error('slack: handler failed', { code: error.code, error: faultText(error) });
  });
}

/** Answers requests of other workspaces with a sentence, before any handler sees them. */
function refuseOtherWorkspaces(app: App, parts: InteractionParts): void {
  const check: Middleware<AnyMiddlewareArgs> = (request) =>
    parts.isAllowed(request.body) ? request.next() : refuseOther(parts, request);
  app.use(check);
}

async function refuseOther(parts: InteractionParts, request: AnyMiddlewareArgs): Promise<void> {
  if ('ack' in request) await request.ack?.();
  parts.logger.warn('slack: a request of another workspace was refused');
  const { response_url: responseUrl } = request.body as { readonly response_url?: unknown };
  // A form has no address for an answer: it closes.
  if (typeof responseUrl !== 'string') return;
  const origin = { responseUrl, channelId: '', userId: '', at: parts.clock.now() };
  const responder = createResponder(parts, origin);
  await parts.track(async () => {
    await responder.answer(answerMessage({ kind: 'failed', text: TEXT.otherWorkspace }));
  });
}

function registerCommands(app: App, parts: InteractionParts): void {
  app.command(/.*/u, async ({ ack, command }) => {
    await ack();
    const { command: name, text, user_id: userId } = command;
    const now = parts.clock.now();
    const origin = { responseUrl: command.response_url, channelId: command.channel_id, userId, at: now };
    const responder = createResponder(parts, origin);
    await parts.track(() =>
      isSlashCommand(name)
        ? reply(parts, { command: name, text, now, by: userId }, responder)
        : refuse(responder),
    );
  });
}

function registerActions(
  app: App,
  parts: InteractionParts,
  { pattern, handle }: { readonly pattern: RegExp; readonly handle: Handler },
): void {
  app.action<BlockAction>(pattern, async ({ ack, action, body }) => {
    await ack();
    const now = parts.clock.now();
    const userId = body.user.id;
    const origin = { responseUrl: body.response_url, channelId: body.channel?.id ?? '', userId, at: now };
    const responder = createResponder(parts, origin);
    const [command = '', ...rest] = commandOf(action).trim().split(/\s+/u);
    await parts.track(() =>
      isSlashCommand(command)
        ? handle({ command, text: rest.join(' '), now, by: userId }, responder)
        : refuse(responder),
    );
  });
}

/** The command in a button's value. A menu's command is the id of its block, with the selected service filled in. */
function commandOf(action: BlockAction['actions'][number]): string {
  if (action.type === 'button') return action.value ?? '';
  return action.type === 'static_select' ? withService(action.block_id, action.selected_option.value) : '';
}

const COMMANDS = new Set<string>(SLASH_COMMANDS.map(({ command }) => command));
const isSlashCommand = (text: string): text is SlashCommand => COMMANDS.has(text);

async function refuse(responder: Responder): Promise<void> {
  const usage = SLASH_COMMANDS.map(({ command, usageHint }) => `${command} ${usageHint}`);
  await responder.answer(answerMessage({ kind: 'usage', problem: TEXT.unknownCommand, usage }));
}

/** One answer of many lines in each turn: equal commands are answered at the same time, each rendered for its person. */
const renderingTurns = createTurns(1);

/** Runs a command and shows its answer to the person, or to everyone with `share`. */
async function reply(parts: InteractionParts, request: CommandRequest, responder: Responder): Promise<void> {
  const { answer, share: inChannel, reproducible } = await run(parts, request);
  await renderingTurns.begin()(1);
  if (!inChannel) {
    const hasPicture = parts.painter !== undefined && pictureOf(answer) !== undefined;
    const frame = { share: reproducible, picture: hasPicture ? reproducible : undefined };
    await responder.answer(answerMessage(answer, frame));
    if (answer.kind === 'files') await sendFiles(parts, answer, responder);
    return;
  }
  const frame: AnswerFrame = { sharedBy: { userId: request.by, command: typedCommand(request) } };
  await responder.answer(answerMessage(answer, frame), { inChannel });
  await showPictureOf(answer, parts, { responder, inChannel });
}

/** Shows the picture of a private answer: on request, because it takes a direct message. */
async function replyPicture(
  parts: InteractionParts,
  request: CommandRequest,
  responder: Responder,
): Promise<void> {
  const { answer } = await run(parts, request);
  if (pictureOf(answer) === undefined) await responder.answer(answerMessage(answer));
  await showPictureOf(answer, parts, { responder, inChannel: false });
}

/** Runs a command again, shows its answer to everyone in the channel, and then deletes the private answer. */
async function share(parts: InteractionParts, request: CommandRequest, responder: Responder): Promise<void> {
  const { answer } = await run(parts, request);
  const sharedBy = { userId: request.by, command: typedCommand(request) };
  const message = answerMessage(answer, { sharedBy });
  if (!(await responder.answer(message, { inChannel: true }))) return;
  await responder.deleteOriginal();
  await showPictureOf(answer, parts, { responder, inChannel: true });
}

/** The picture follows the answer: an answer does not wait for it. */
async function showPictureOf(
  answer: Answer,
  { painter, ...parts }: InteractionParts,
  to: { readonly responder: Responder; readonly inChannel: boolean },
): Promise<void> {
  const picture = pictureOf(answer);
  if (picture !== undefined && painter !== undefined) await showPicture({ ...parts, painter }, picture, to);
}

const typedCommand = ({ command, text }: CommandRequest): string => `${command} ${text}`.trim();

/** Runs a command. Errors become answers. */
async function run(parts: InteractionParts, request: CommandRequest): Promise<Reply> {
  const { clock, recorder, logger, commands } = parts;
  const startedAt = clock.now();
  const reply = await commands.answer(request).catch((error: unknown): Reply => {
    logger.error('slack: command failed', { command: request.command, error: faultText(error) });
    return { answer: { kind: 'failed', text: TEXT.internalError }, share: false };
  });
  recorder.answered({
    command: request.command,
    outcome: outcomeOf(reply.answer),
    seconds: between(startedAt, clock.now()) / SECOND,
  });
  return reply;
}

const outcomeOf = ({ kind }: Answer): 'ok' | 'usage' | 'failed' =>
  kind === 'failed' ? 'failed' : kind === 'usage' || kind === 'unknown-service' ? 'usage' : 'ok';
