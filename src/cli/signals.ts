import { errorMessage } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';

/** The bot that signals stop or reload. */
interface RunningBot {
  readonly logger: Logger;
  reload(): Promise<unknown>;
  stop(): Promise<void>;
}

/** The time limit of a shutdown in milliseconds: less than the default grace period of Kubernetes, 30 seconds. */
const STOP_DEADLINE = 25_000;

/**
 * Handles signals from the start, since SIGHUP ends a process without a handler: SIGTERM and SIGINT stop the bot, SIGHUP
 * reloads its rules, and an unhandled error stops it too. `attach` sets the bot, once it runs.
 */
export function handleSignals(): {
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
    setTimeout(() => fail('shutdown timed out; unfinished work continues at the next start'), STOP_DEADLINE);
    end().then(
      () => process.exit(exitCode),
      (error: unknown) => fail('shutdown failed', { error }),
    );
  };
  const leave = (error: unknown): void => {
    const message = 'unhandled error, stopping';
    if (running === undefined)
      process.stderr.write(`${message}: ${errorMessage(error)}
`);
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
