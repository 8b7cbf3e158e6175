import { z } from 'zod';
import { type LedgerEntry, ledgerLine } from '../messages/ledger.ts';
import { askRunningBot, type OpsAddress, RunningBotError } from './running-bot.ts';

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
