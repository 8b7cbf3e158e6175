import type { Clock } from '../lib/clock.ts';
import type { Links } from '../lib/links.ts';
import type { Logger } from '../lib/logger.ts';
import type { EpochMs, Milliseconds } from '../lib/units.ts';
import type { FindRequest } from '../traces/find-request.ts';
import type { FindSlowest } from '../traces/find-slowest.ts';
import type { InspectTrace } from '../traces/inspect-trace.ts';
import type { RankRequest } from '../traces/rank-request.ts';
import type { ResolveService } from '../traces/resolve-service.ts';
import type { TraceSource } from '../traces/trace-source.ts';
import type { Answer } from './answer.ts';
import type { AnswerKeeper } from './answer-keeper.ts';
import type { Command } from './command.ts';
import { formatCommand } from './format-command.ts';

/** What the commands are answered with. */
export interface CommandsOptions {
  readonly traces: Pick<TraceSource, 'operations' | 'trace' | 'search'>;
  readonly findSlowest: FindSlowest;
  readonly resolveService: ResolveService;
  readonly findRequest: FindRequest;
  readonly inspectTrace: InspectTrace;
  readonly rankRequest: RankRequest;
  readonly reportLatency: (
    asked: { readonly service: string; readonly last: Milliseconds; readonly now: EpochMs },
    signal?: AbortSignal,
  ) => Promise<Answer>;
  readonly reportSloStatus: (now: EpochMs, signal?: AbortSignal) => Promise<Answer>;
  /** Silences, acknowledgements, ends. */
  readonly keeper: AnswerKeeper;
  readonly links: Links;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How long a command may take. 18 s unless given: below the 20 s after which the bot's Slack side gives up. */
  readonly deadline?: Milliseconds;
}

/** A command that is being answered. */
export interface Asking<C extends Command = Command> {
  readonly command: C;
  readonly now: EpochMs;
  readonly signal: AbortSignal;
}

/** An answer, and the command that gives it again. */
export interface Reply {
  readonly answer: Answer;
  readonly again?: Command;
}

const NEAREST = 3;

/** The service that is meant, or the answer that asks for it. */
export async function serviceOf<C extends Extract<Command, { readonly service: string }>>(
  { resolveService }: Pick<CommandsOptions, 'resolveService'>,
  { command, signal }: Pick<Asking<C>, 'command' | 'signal'>,
): Promise<{ readonly service: string } | { readonly answer: Answer }> {
  const resolved = await resolveService(command.service, signal);
  if (resolved.kind === 'found') return { service: resolved.service };
  const all = resolved.kind === 'ambiguous' ? resolved.candidates : resolved.all;
  const near = resolved.kind === 'ambiguous' ? resolved.candidates : resolved.nearest;
  return {
    answer: {
      kind: 'unknown-service',
      asked: command.service,
      nearest: near.slice(0, NEAREST),
      all,
      isAmbiguous: resolved.kind === 'ambiguous' ? true : undefined,
      retry: formatCommand({ ...command, service: '{service}' }).replace('"{service}"', '{service}'),
    },
  };
}
