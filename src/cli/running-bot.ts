import { z } from 'zod';
import { errorMessage } from '../lib/errors.ts';
import { type LedgerEntry, ledgerLine } from '../messages/ledger.ts';

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
async function askRunningBot(
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

export interface LedgerOptions {
  readonly json?: true;
}

const answerSchema = z.object({ data: z.array(z.custom<LedgerEntry>((value) => typeof value === 'object')) });

/**
 * The ledger of the bot that runs on this machine, the oldest entry first: a line or a JSON document for each. It is read
 * from the operations port, because the embedded store is open in that process only.
 * @throws RunningBotError when the bot does not answer.
 */
export async function ledgerCommand(address: OpsAddress, { json }: LedgerOptions): Promise<string> {
  const { status, body, url } = await askRunningBot(address, { method: 'GET', path: '/api/v1/ledger' });
  const read = answerSchema.safeParse(body);
  if (status !== 200 || !read.success)
    throw new RunningBotError(`${url} responded with HTTP ${status} and no ledger.`);
  const entries = read.data.data.toReversed();
  return entries.map((entry) => (json === true ? JSON.stringify(entry) : ledgerLine(entry))).join('\n');
}

/** Options of `tailwatch test-notification` as they were typed. */
export interface TestNotificationOptions {
  readonly channel?: string;
  readonly service?: string;
  readonly mention?: true;
}

const testAnswerSchema = z.object({ data: z.object({ text: z.string(), isPosted: z.boolean() }) });
const errorSchema = z.object({ error: z.string() });

/**
 * Lets the bot that runs on this machine post a sample breach: routes, traces and the end of its message are the bot's.
 * @throws RunningBotError when there is no such bot, or it cannot.
 */
export async function testNotificationCommand(
  address: OpsAddress,
  { channel, service, mention }: TestNotificationOptions,
): Promise<{ readonly text: string; readonly exitCode: 0 | 1 }> {
  const query = new URLSearchParams();
  if (channel !== undefined) query.set('channel', channel);
  if (service !== undefined) query.set('service', service);
  if (mention === true) query.set('mention', 'true');
  const path = `/api/v1/test-notification?${query.toString()}`;
  const { status, body, url } = await askRunningBot(address, { method: 'POST', path });
  const read = testAnswerSchema.safeParse(body);
  if (read.success) return { text: read.data.data.text, exitCode: read.data.data.isPosted ? 0 : 1 };
  const failed = errorSchema.safeParse(body);
  throw new RunningBotError(failed.success ? failed.data.error : `${url} responded with HTTP ${status}.`);
}
