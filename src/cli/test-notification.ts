import { z } from 'zod';
import { askRunningBot, type OpsAddress, RunningBotError } from './running-bot.ts';

/** Options of `tailwatch test-notification` as they were typed. */
export interface TestNotificationOptions {
  readonly channel?: string;
  readonly service?: string;
  readonly mention?: true;
}

const answerSchema = z.object({ data: z.object({ text: z.string(), isPosted: z.boolean() }) });
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
  const read = answerSchema.safeParse(body);
  if (read.success) return { text: read.data.data.text, exitCode: read.data.data.isPosted ? 0 : 1 };
  const failed = errorSchema.safeParse(body);
  throw new RunningBotError(failed.success ? failed.data.error : `${url} responded with HTTP ${status}.`);
}
