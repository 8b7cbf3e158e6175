import type { App } from '@slack/bolt';
import type { Clock } from '../lib/clock.ts';
import { faultText } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import type { Phrase } from '../lib/phrase.ts';
import { type EpochMs, epochMs } from '../lib/units.ts';
import { phraseText } from './blocks/mrkdwn.ts';
import { type Calls, reasonOf } from './calls.ts';
import { createChannels } from './channels.ts';

/** What the bot says in a channel that it was invited to. */
export interface Greetings {
  /** Channels that the settings and the rules name. */
  readonly channels: () => readonly string[];
  /** `here`: those of them that are the channel. */
  readonly lines: (here: ReadonlySet<string>) => readonly Phrase[];
  /** True for one caller per join, on whatever replica: Slack sends an event again that was acknowledged late. */
  readonly claim: (join: { readonly channelId: string; readonly at: EpochMs }) => Promise<boolean>;
}

export interface GreetingParts {
  readonly greetings?: Greetings;
  readonly calls: Calls;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Lets a stop wait for it. */
  readonly track: (work: () => Promise<void>) => Promise<void>;
  /** The bot's own user; undefined until Slack has said it. */
  readonly botUserId: () => string | undefined;
}

/**
 * Greets in a channel once somebody has invited the bot. When the bot joins by itself, to read the history, there is no
 * inviter: a greeting would stand in the middle of an incident.
 */
export function registerGreeting(app: App, { greetings, botUserId, track, ...parts }: GreetingParts): void {
  if (greetings === undefined) return;
  app.event('member_joined_channel', async ({ event }) => {
    const { user, channel: channelId, inviter, event_ts: at } = event;
    if (user !== botUserId() || inviter === undefined || inviter === user) return;
    await track(async () => {
      try {
        const isFirst = await greetings.claim({ channelId, at: epochMs(Math.round(Number(at) * 1_000)) });
        if (isFirst) await greet({ ...parts, greetings }, channelId);
      } catch (error) {
        parts.logger.warn('a channel was joined without a greeting', { channelId, error: faultText(error) });
      }
    });
  });
}

async function greet(
  {
    calls,
    clock,
    logger,
    greetings,
  }: Pick<GreetingParts, 'calls' | 'clock' | 'logger'> & { readonly greetings: Greetings },
  channelId: string,
): Promise<void> {
  const channels = createChannels({ calls, clock });
  const here = new Set<string>();
  for (const name of greetings.channels()) {
    const found = await channels.idOf(name);
    if (found.kind === 'id' && found.id === channelId) here.add(name);
  }
  const text = greetings
    .lines(here)
    .map((line) => phraseText(line))
    .join('\n');
  const message = { channel: channelId, text, unfurl_links: false };
  const outcome = await calls.call('chat.postMessage', message, { channel: channelId });
  if (outcome.kind !== 'done')
    logger.warn('a greeting was not posted', { channelId, reason: reasonOf(outcome) });
}
