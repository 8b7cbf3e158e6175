import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import { after, type EpochMs, MINUTE, type Milliseconds, ms } from '../lib/units.ts';
import type { Rendered } from './blocks/block-kit.ts';
import { type Calls, reasonOf, SLACK_TIMEOUT } from './calls.ts';
import { textOnly, violations } from './limits.ts';
import { DIRECT, type SlackNetwork } from './network.ts';

/** A `response_url` accepts five messages within 30 minutes. Source: docs.slack.dev, handling user interaction. */
const MAX_USES = 5;
const LIFETIME: Milliseconds = ms(30 * MINUTE);

/** Where an interaction happened, who acted, and how to answer. */
export interface Origin {
  readonly responseUrl?: string;
  readonly channelId: string;
  readonly userId: string;
  readonly at: EpochMs;
}

export interface ResponderParts {
  readonly calls: Calls;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly network?: SlackNetwork;
}

export interface Responder {
  readonly origin: Pick<Origin, 'channelId' | 'userId'>;
  /** Sends a message to the person, or to everyone in the channel. Returns whether Slack accepted it. */
  answer(message: Rendered, options?: { inChannel?: boolean }): Promise<boolean>;
  /** Deletes the message that the interaction came from; possible only with its `response_url`. */
  deleteOriginal(): Promise<boolean>;
}

/**
 * Answers one interaction through its `response_url`. When that is used up, expired or failing, the answer is sent with
 * `chat.postEphemeral`, a shared one with `chat.postMessage` (scope `chat:write`; the bot must be in the channel).
 */
export function createResponder(
  { calls, clock, logger, network = DIRECT }: ResponderParts,
  origin: Origin,
): Responder {
  const { responseUrl, channelId, userId } = origin;
  const expiresAt = after(origin.at, LIFETIME);
  let used = 0;

  async function overUrl(body: Record<string, unknown>): Promise<boolean> {
    if (responseUrl === undefined || used >= MAX_USES || clock.now() >= expiresAt) return false;
    used += 1;
    try {
      const response = await network.fetch(responseUrl, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
        redirect: 'error',
        signal: AbortSignal.timeout(SLACK_TIMEOUT),
      });
      // Slack can refuse blocks with HTTP 200 and an error in the body.
      const text = (await response.text()).slice(0, 200);
      const isAccepted = response.ok && !text.includes('"ok":false');
      if (!isAccepted) logger.warn('slack: response_url refused the answer', { status: response.status });
      return isAccepted;
    } catch (error) {
      // Only the name of the error: its message can contain the URL, which is a secret.
      const name = error instanceof Error ? error.name : 'unknown';
      logger.warn('slack: response_url failed', { error: name });
      return false;
    }
  }

  async function overApi(message: Rendered, inChannel: boolean): Promise<boolean> {
    const method = inChannel ? 'chat.postMessage' : 'chat.postEphemeral';
    const args = { channel: channelId, user: inChannel ? undefined : userId, ...message };
    const outcome = await calls.call(method, args, { channel: channelId });
    if (outcome.kind !== 'done') logger.warn('slack: the answer was not sent', { reason: reasonOf(outcome) });
    return outcome.kind === 'done';
  }

  return {
    origin: { channelId, userId },
    async answer(message, { inChannel = false } = {}) {
      const form = withinLimits(message, logger);
      const type = inChannel ? 'in_channel' : 'ephemeral';
      const body = { response_type: type, replace_original: false, ...form };
      return (await overUrl(body)) || overApi(form, inChannel);
    },
    deleteOriginal: () => overUrl({ delete_original: true }),
  };
}

/** The message, or its text alone when its blocks exceed a limit of Slack. */
function withinLimits(message: Rendered, logger: Logger): Rendered {
  const broken = violations(message);
  if (broken.length === 0) return message;
  logger.error('slack: the answer exceeds a limit and is sent as text', { violations: broken.slice(0, 5) });
  return textOnly(message.text || 'The answer could not be displayed.');
}
