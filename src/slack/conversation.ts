import type { Answer } from '../commands/answer.ts';
import type { Commands, SlashCommand } from '../commands/command.ts';
import type { Clock } from '../lib/clock.ts';
import { faultText } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import type { Recorder } from '../lib/recorder.ts';
import { between, type EpochMs, type Milliseconds, ms, SECOND } from '../lib/units.ts';
import { type AnswerFrame, answerMessage } from './blocks/answer.ts';
import { timeSpan } from './blocks/format.ts';
import { type PictureShow, pictureOf } from './picture-show.ts';
import type { Responder } from './responder.ts';
import { SLASH_COMMANDS } from './scopes.ts';

/** Slack shows the answer whenever it comes; a person waits this long at most before being notified what happened. */
const DEADLINE = ms(20 * SECOND);

export interface ConversationOptions {
  readonly commands: Commands;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly recorder: Recorder;
  /** How long a command may take. */
  readonly deadline?: Milliseconds;
  /** Shows the pictures of answers; without it an answer is text alone. */
  readonly pictures?: PictureShow;
}

/** A command as it was typed or as a button holds it. */
export interface Asked {
  readonly command: SlashCommand;
  readonly text: string;
  readonly at: EpochMs;
  /** The Slack user who asks. */
  readonly by: string;
}

export interface Conversation {
  /** Answers a command to the person who typed it, or to all when they said `share`. */
  reply(asked: Asked, to: { responder: Responder; userId: string }): Promise<void>;
  /** Gives the same answer again, to all in the channel, and takes the private one away once Slack took it. */
  share(asked: Asked, to: { responder: Responder; userId: string }): Promise<void>;
}

type Reply = Awaited<ReturnType<Commands['answer']>>;

const COMMANDS = new Set<string>(SLASH_COMMANDS.map(({ command }) => command));

export const isSlashCommand = (text: string): text is SlashCommand => COMMANDS.has(text);

/** `/trace slowest checkout` apart into command and text; undefined when it is none of the bot's commands. */
export function splitCommand(line: string): { command: SlashCommand; text: string } | undefined {
  const [command = '', ...rest] = line.trim().split(/\s+/u);
  return isSlashCommand(command) ? { command, text: rest.join(' ') } : undefined;
}

/** The complete command of a text that may or may not begin with it. */
const completeCommand = (command: SlashCommand, text: string): string =>
  text.startsWith('/') ? text : `${command} ${text}`.trim();

/** Runs commands under a deadline and shows what came of them. Nothing thrown below gets past it. */
export function createConversation(options: ConversationOptions): Conversation {
  const { clock, recorder, deadline = DEADLINE } = options;

  async function ask(asked: Asked): Promise<Reply> {
    const startedAt = clock.now();
    const reply = await withinDeadline(options, asked, deadline);
    recorder.answered({
      command: asked.command,
      outcome: outcomeOf(reply.answer),
      seconds: between(startedAt, clock.now()) / 1_000,
    });
    return reply;
  }

  /** Below the answer, which never waits for it. */
  async function showPicture(
    answer: Answer,
    to: { responder: Responder; inChannel: boolean },
  ): Promise<void> {
    const picture = pictureOf(answer);
    if (picture !== undefined) await options.pictures?.show(picture, to);
  }

  return {
    async reply(asked, { responder, userId }) {
      const { answer, share, reproducible } = await ask(asked);
      const typed = completeCommand(asked.command, asked.text);
      const frame: AnswerFrame = share
        ? { sharedBy: { userId, command: typed } }
        : reproducible === undefined
          ? {}
          : { share: completeCommand(asked.command, reproducible) };
      await responder.answer(answerMessage(complete(answer, asked.command), frame), { inChannel: share });
      await showPicture(answer, { responder, inChannel: share });
    },
    async share(asked, { responder, userId }) {
      const { answer } = await ask(asked);
      const command = completeCommand(asked.command, asked.text);
      const message = answerMessage(answer, { sharedBy: { userId, command } });
      if (!(await responder.answer(message, { inChannel: true }))) return;
      // The private answer has done its duty once all can see it.
      await responder.deleteOriginal();
      await showPicture(answer, { responder, inChannel: true });
    },
  };
}

/** An unknown service's command to try again, with its slash: a button has to hold all of it. */
function complete(answer: Answer, command: SlashCommand): Answer {
  return answer.kind === 'unknown-service'
    ? { ...answer, retry: completeCommand(command, answer.retry) }
    : answer;
}

const outcomeOf = ({ kind }: Answer): 'ok' | 'usage' | 'failed' =>
  kind === 'failed' ? 'failed' : kind === 'usage' || kind === 'unknown-service' ? 'usage' : 'ok';

async function withinDeadline(
  { commands, clock, logger }: ConversationOptions,
  asked: Asked,
  deadline: Milliseconds,
): Promise<Reply> {
  const question = new AbortController();
  const timer = new AbortController();
  const answered = Promise.resolve()
    .then(() =>
      commands.answer(
        { command: asked.command, text: asked.text, now: asked.at, by: asked.by },
        question.signal,
      ),
    )
    .catch((error: unknown): Reply => {
      logger.error('slack: a command failed', {
        command: asked.command,
        error: faultText(error),
      });
      return failed(
        'Something went wrong inside the bot; its log says what. Try again, or look at the tools directly.',
      );
    });
  const late = clock.sleep(deadline, timer.signal).then((): Reply => {
    question.abort();
    return failed(
      `No answer within ${timeSpan(deadline)}: Prometheus or Jaeger did not answer in time. Try a shorter period, or look at the tools directly.`,
    );
  });
  const reply = await Promise.race([answered, late]);
  timer.abort();
  return reply;
}

const failed = (text: string): Reply => ({ answer: { kind: 'failed', text }, share: false });
