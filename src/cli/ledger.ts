import { z } from 'zod';
import { errorMessage } from '../lib/errors.ts';
import { type LedgerEntry, ledgerLine } from '../messages/ledger.ts';

export interface LedgerOptions {
  readonly json?: true;
}

/** Where the operations port is. */
export interface OpsAddress {
  readonly host: string;
  readonly port: string;
  readonly token?: string;
}

/** The bot does not answer, or not as expected. The message says what to do. */
export class LedgerError extends Error {
  override readonly name = 'LedgerError';
}

const answerSchema = z.object({ data: z.array(z.custom<LedgerEntry>((value) => typeof value === 'object')) });

/**
 * The ledger of the bot that runs on this machine, the oldest entry first: a line or a JSON document for each. It is read
 * from the operations port, because the embedded store is open in that process only.
 * @throws LedgerError when the bot does not answer.
 */
export async function ledgerCommand(
  { host, port, token }: OpsAddress,
  { json }: LedgerOptions,
): Promise<string> {
  const url = `http://${host}:${port}/api/v1/ledger`;
  const headers = token === undefined ? undefined : { authorization: `Bearer ${token}` };
  const response = await fetch(url, { headers, signal: AbortSignal.timeout(10_000) }).catch(
    (error: unknown) => {
      const why = error instanceof Error && error.cause instanceof Error ? error.cause : error;
      throw new LedgerError(
        `The bot does not respond at ${url} (${errorMessage(why)}). Run this command where the bot runs, with its OPS_PORT.`,
      );
    },
  );
  const read = answerSchema.safeParse(await response.json().catch(() => undefined));
  if (!response.ok || !read.success)
    throw new LedgerError(
      response.status === 401
        ? `${url} needs a token: set OPS_TOKEN as for the bot.`
        : `${url} responded with HTTP ${response.status} and no ledger.`,
    );
  const entries = read.data.data.toReversed();
  return entries.map((entry) => (json === true ? JSON.stringify(entry) : ledgerLine(entry))).join('\n');
}
