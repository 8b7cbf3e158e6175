import { withDeadline } from '../lib/deadline.ts';
import { explanationOf, faultText, UpstreamError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { ms } from '../lib/units.ts';
import { type Answer, linesAnswer } from './answer.ts';
import type { CommandDeps, CommandRequest, Reply, SlashCommand } from './command.ts';
import { parseCommand } from './parse.ts';
import { refusalOf } from './permit.ts';
import { type Command, formOf, usageOf, writeCommand } from './table.ts';

type Sender = Pick<CommandRequest<Command>, 'by' | 'now' | 'key'>;

/** Answers slash commands. Every error is an answer: no method throws. */
export interface Commands {
  answer(request: Sender & { readonly command: SlashCommand; readonly text: string }): Promise<{
    readonly answer: Answer;
    /** Whether the answer is for everyone in the channel. */
    readonly share: boolean;
    /** The complete command that gives the same answer, for the Share button. Absent for what cannot be shared. */
    readonly reproducible?: string;
  }>;
  /** Runs a command that was not typed: the values of a form. */
  run(command: Command, sender: Sender): Promise<Answer>;
}

const DEADLINE = ms(18_000);
/** Time to return a partial answer after the deadline. */
const GRACE = ms(500);

export function createCommands(deps: CommandDeps): Commands {
  return {
    run: async (command, sender) => (await run(deps, command, sender)).answer,
    async answer({ command: slash, text, ...sender }) {
      const parsed = parseCommand(slash, text);
      if (!parsed.ok) {
        const { problem, usage, suggestion, choices } = parsed;
        if (choices !== undefined) return { answer: choicesAnswer(problem, choices), share: false };
        return { answer: { kind: 'usage', problem, usage, suggestion }, share: false };
      }
      const { answer, again } = await run(deps, parsed.command, sender);
      const reproducible = again === undefined ? undefined : writeCommand(again);
      // Errors and failures are shown only to the sender.
      return { answer, share: parsed.share && reproducible !== undefined, reproducible };
    },
  };
}

/** A line with a button for each command. */
const choicesAnswer = (problem: string, choices: readonly string[]): Answer =>
  linesAnswer(
    [choices.length > 1 ? `${problem} Select one:` : problem],
    ...choices.map((command) => ({ phrase: [{ code: command }], button: { label: 'Show', command } })),
  );

async function run(deps: CommandDeps, command: Command, sender: Sender): Promise<Reply<Command>> {
  if (command.kind === 'help')
    return { answer: { kind: 'usage', problem: '', usage: usageOf(command.slash) } };
  const { clock, logger } = deps;
  try {
    const form = formOf(command);
    const refusal = await refusalOf(deps, form.needs ?? 'look_up', sender.by);
    if (refusal !== undefined) return { answer: refusal };
    return await withDeadline({ clock, duration: DEADLINE, grace: GRACE, system: form.system }, (signal) =>
      form.run({ ...sender, command, signal }, deps),
    );
  } catch (error) {
    return { answer: { kind: 'failed', text: failureText(error, command, logger) } };
  }
}

function failureText(error: unknown, { kind: command }: Command, logger: Logger): string {
  if (error instanceof UpstreamError) {
    const { system, code } = error;
    logger.warn('command not answered', { command, system, code });
    const text = explanationOf(error);
    return text.charAt(0).toUpperCase() + text.slice(1);
  }
  logger.error('command failed', { command, error: faultText(error) });
  return "Internal error. Details are in the bot's log.";
}
