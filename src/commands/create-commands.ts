import { UpstreamError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { type EpochMs, type Milliseconds, ms } from '../lib/units.ts';
import { addPercentiles } from './add-percentiles.ts';
import type { Answer } from './answer.ts';
import { answerComparison } from './answer-comparison.ts';
import { answerPart } from './answer-part.ts';
import { answerRequest, answerTrace } from './answer-request.ts';
import { answerSlowest } from './answer-slowest.ts';
import type { Asking, CommandsOptions, Reply } from './asking.ts';
import type { Command, Commands, ParsedCommand } from './command.ts';
import { formatCommand } from './format-command.ts';
import type { Asker, KeeperCommand } from './keeper-command.ts';
import { parseCommand } from './parse-command.ts';
import { readKeeper } from './read-keeper.ts';
import { USAGE } from './usage.ts';

const DEFAULT_DEADLINE = ms(18_000);
/** What is under way when the time is over gets this long to hand over what it has. */
const GRACE = ms(500);

/** Answers slash commands. Nothing that goes wrong gets out of it as an error. */
export function createCommands(options: CommandsOptions): Commands {
  return {
    keep: (command, asker) => kept(options, command, asker),
    async answer({ command, text, now, by }, signal) {
      const keeper = command === '/slo' ? readKeeper(text) : undefined;
      if (keeper?.ok === false)
        return { answer: usageOf({ ...keeper, usage: USAGE[command] }), share: false };
      if (keeper !== undefined)
        return { answer: await kept(options, keeper.command, { by, now }), share: false };
      const parsed = parseCommand(command, text);
      if (!parsed.ok) return { answer: usageOf(parsed), share: false };
      const { answer, again } = await safely(options, { command: parsed.command, now, signal });
      const isShareable = again !== undefined;
      return {
        answer,
        // A mistake or a failure is for the one who asked.
        share: parsed.share && isShareable,
        reproducible: isShareable ? formatCommand(again) : undefined,
      };
    },
  };
}

const usageOf = ({
  problem,
  usage,
  suggestion,
}: Omit<Extract<ParsedCommand, { ok: false }>, 'ok'>): Answer => ({
  kind: 'usage',
  problem,
  usage,
  suggestion,
});

/** What changes something is never shared by a word in passing, and is not asked again by a button. */
async function kept(options: CommandsOptions, command: KeeperCommand, asker: Asker): Promise<Answer> {
  try {
    return await options.keeper(command, asker);
  } catch (error) {
    return { kind: 'failed', text: failureText(error, options.logger, command) };
  }
}

interface Request {
  readonly command: Command;
  readonly now: EpochMs;
  readonly signal: AbortSignal | undefined;
}

async function safely(options: CommandsOptions, request: Request): Promise<Reply> {
  try {
    return await withinDeadline(options, request);
  } catch (error) {
    return { answer: { kind: 'failed', text: failureText(error, options.logger, request.command) } };
  }
}

function failureText(error: unknown, logger: Logger, command: { readonly kind: string }): string {
  if (error instanceof UpstreamError) {
    logger.warn('command not answered', { command: command.kind, system: error.system, code: error.code });
    return `${error.message} ${error.advice}`;
  }
  logger.error('command failed', {
    command: command.kind,
    error: error instanceof Error ? `${error.name}: ${error.message}` : String(error),
  });
  return 'Something went wrong inside the bot; its log says what.';
}

/** Ends the question when its time is over, lets it hand over what it has, and never waits for what does not listen. */
async function withinDeadline(options: CommandsOptions, request: Request): Promise<Reply> {
  const { clock, deadline = DEFAULT_DEADLINE } = options;
  const work = new AbortController();
  const done = new AbortController();
  const cancel = (): void => work.abort();
  if (request.signal?.aborted === true) cancel();
  request.signal?.addEventListener('abort', cancel, { once: true });
  const late = clock.sleep(deadline, done.signal).then(async (): Promise<Reply> => {
    work.abort();
    await clock.sleep(GRACE, done.signal);
    return { answer: { kind: 'failed', text: lateText(request.command, deadline) } };
  });
  try {
    const { command, now } = request;
    return await Promise.race([dispatch(options, { command, now, signal: work.signal }), late]);
  } finally {
    done.abort();
    request.signal?.removeEventListener('abort', cancel);
  }
}

function lateText({ kind }: Command, deadline: Milliseconds): string {
  const system = kind === 'latency' || kind === 'slo-status' ? 'Prometheus' : 'Jaeger';
  return `${system} did not answer within ${Math.round(deadline / 1_000)} s. Try again, or ask about a shorter time.`;
}

async function dispatch(options: CommandsOptions, asking: Asking): Promise<Reply> {
  const { command, now, signal } = asking;
  switch (command.kind) {
    case 'help':
      return { answer: { kind: 'usage', problem: '', usage: USAGE[command.about] } };
    case 'slowest':
      return answerSlowest(options, { command, now, signal });
    case 'inspect-trace':
      return addPercentiles(options, await answerTrace(options, { command, now, signal }), asking);
    case 'find-request':
      return addPercentiles(options, await answerRequest(options, { command, now, signal }), asking);
    case 'request-latency':
    case 'trace-latency':
      return answerPart(options, { command, now, signal });
    case 'compare':
      return answerComparison(options, { command, now, signal });
    case 'latency': {
      const answer = await options.reportLatency(
        { service: command.service, last: command.last, now },
        signal,
      );
      return shareable(answer, command);
    }
    case 'slo-status':
      return shareable(await options.reportSloStatus(now, signal), command);
  }
}

const SHAREABLE: ReadonlySet<Answer['kind']> = new Set(['latency', 'slo-status']);

const shareable = (answer: Answer, command: Command): Reply =>
  SHAREABLE.has(answer.kind) ? { answer, again: command } : { answer };
