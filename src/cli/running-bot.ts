import { errorMessage } from '../lib/errors.ts';

/** Where the operations port is. */
export interface OpsAddress {
  readonly host: string;
  readonly port: string;
  readonly token?: string;
}

/** The bot does not answer, or not as expected. The message says what to do. */
export class RunningBotError extends Error {
  override readonly name = 'RunningBotError';
}

/** Longer than the bot takes for a command. */
const TIMEOUT = 25_000;

/**
 * A response of the bot that runs on this machine, from its operations port, as JSON.
 * @throws RunningBotError when it does not respond or wants another token.
 */
export async function askRunningBot(
  { host, port, token }: OpsAddress,
  { method, path }: { readonly method: 'GET' | 'POST'; readonly path: string },
): Promise<{ readonly status: number; readonly body: unknown; readonly url: string }> {
  const url = `http://${host}:${port}${path.split('?')[0]}`;
  const headers = token === undefined ? undefined : { authorization: `Bearer ${token}` };
  const request = { method, headers, signal: AbortSignal.timeout(TIMEOUT) };
  const response = await fetch(`http://${host}:${port}${path}`, request).catch((error: unknown) => {
    const why = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    throw new RunningBotError(
      `The bot does not respond at ${url} (${errorMessage(why)}). Run this command where the bot runs, with its OPS_PORT.`,
    );
  });
  if (response.status === 401)
    throw new RunningBotError(`${url} needs a token: set OPS_TOKEN as for the bot.`);
  return { status: response.status, body: await response.json().catch(() => undefined), url };
}
