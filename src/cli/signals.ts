import { errorMessage } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';

/** What a signal actions on. */
interface RunningBot {
  readonly logger: Logger;
  reload(): Promise<unknown>;
  stop(): Promise<void>;
}

/** How long ending may take, in milliseconds: a little less than the half minute that Kubernetes grants. */
const STOP_DEADLINE = 25_000;

/**
 * Obeys signals from the first moment, since SIGHUP ends a process that does not listen: SIGTERM and SIGINT end the
 * bot, SIGHUP reloads its rules, and what nobody caught ends it too. Returns how to tell which bot is meant.
 */
export function obeySignals(): {
  readonly attach: (bot: RunningBot, alsoStop?: () => Promise<void>) => void;
  readonly isStopping: () => boolean;
} {
  let running: { readonly bot: RunningBot; readonly end: () => Promise<void> } | undefined;
  let isStopping = false;
  const stop = (exitCode: number): void => {
    if (isStopping) return;
    isStopping = true;
    if (running === undefined) process.exit(exitCode);
    const { bot, end } = running;
    const fail = (message: string, fields: Record<string, unknown> = {}): never => {
      bot.logger.error(message, fields);
      process.exit(1);
    };
    setTimeout(
      () => fail('ending took too long: what was under way is taken up at the next start'),
      STOP_DEADLINE,
    );
    end().then(
      () => process.exit(exitCode),
      (error: unknown) => fail('ending failed', { error }),
    );
  };
  const leave = (error: unknown): void => {
    const message = 'the process ends because of an error that nobody handled';
    if (running === undefined) process.stderr.write(`${message}: ${errorMessage(error)}\n`);
    else running.bot.logger.error(message, { error });
    stop(1);
  };
  process.on('SIGTERM', () => stop(0));
  process.on('SIGINT', () => stop(0));
  process.on('SIGHUP', () => void running?.bot.reload().catch(leave));
  process.on('uncaughtException', leave);
  process.on('unhandledRejection', leave);
  return {
    attach: (bot, alsoStop = async () => undefined) => {
      running = { bot, end: () => bot.stop().then(alsoStop) };
    },
    isStopping: () => isStopping,
  };
}
