import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import { after, type EpochMs, MINUTE, type Milliseconds, ms, SECOND } from '../lib/units.ts';
import type { Rendered } from './blocks/block-kit.ts';
import { truncate } from './blocks/mrkdwn.ts';
import { type Calls, reasonOf } from './calls.ts';
import { violations } from './limits.ts';

/** A `response_url` takes five messages within thirty minutes (docs.slack.dev, handling user interaction). */
const USES = 5;
const LIFETIME = ms(30 * MINUTE);
/** Bolt's own `respond()` has no deadline. */
const TIMEOUT = ms(10 * SECOND);
const TEXT_ALONE = 3_900;

/** Where an interaction happened and how to answer it. */
export interface Origin {
  readonly responseUrl?: string;
  readonly channelId: string;
  readonly userId: string;
  readonly at: EpochMs;
}

export interface Responder {
  /** Where the interaction happened, and who acted. */
  readonly place: Pick<Origin, 'channelId' | 'userId'>;
  /** Shows a message to the person who asked, or to all in the channel. True when Slack took it. */
  answer(message: Rendered, options?: { inChannel?: boolean }): Promise<boolean>;
  /** Takes the message that was acted upon away; only what came over this `response_url` can be. */
  deleteOriginal(): Promise<boolean>;
  /** How many messages the `response_url` still takes. */
  usesLeft(): number;
}

export interface ResponderParts {
  readonly calls: Calls;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Answers one interaction over its `response_url`, counting its uses. When they are used up, the time is over, or the
 * address fails, the answer goes out as `chat.postEphemeral` (scope `chat:write`, and the bot must be in the channel),
 * a shared one as `chat.postMessage`.
 */
export function createResponder(parts: ResponderParts, origin: Origin): Responder {
  const { clock, logger } = parts;
  let used = 0;
  const expiresAt = after(origin.at, LIFETIME);
  const usesLeft = (): number =>
    origin.responseUrl === undefined || clock.now() >= expiresAt ? 0 : USES - used;

  async function overUrl(body: Record<string, unknown>): Promise<boolean> {
    if (usesLeft() <= 0 || origin.responseUrl === undefined) return false;
    used += 1;
    try {
      const response = await fetch(origin.responseUrl, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
        redirect: 'error',
        signal: AbortSignal.timeout(TIMEOUT),
      });
      // Slack refuses blocks here with a 200 of its own now and then; its word for success is `ok`.
      const text = (await response.text()).slice(0, 200);
      const isTaken = response.ok && !text.includes('"ok":false');
      if (!isTaken) logger.warn('slack: an answer was refused', { status: response.status });
      return isTaken;
    } catch (error) {
      // The address is a secret of its own: only what went wrong is written down.
      logger.warn('slack: an answer could not be delivered', {
        error: error instanceof Error ? error.name : 'unknown',
      });
      return false;
    }
  }

  async function overApi(message: Rendered, inChannel: boolean): Promise<boolean> {
    const { channelId, userId } = origin;
    const outcome = inChannel
      ? await parts.calls.call('chat.postMessage', { channel: channelId, ...message }, { channel: channelId })
      : await parts.calls.call(
          'chat.postEphemeral',
          { channel: channelId, user: userId, ...message },
          { channel: channelId },
        );
    if (outcome.kind !== 'done') logger.warn('slack: an answer was lost', { reason: reasonOf(outcome) });
    return outcome.kind === 'done';
  }

  return {
    place: { channelId: origin.channelId, userId: origin.userId },
    usesLeft,
    async answer(message, { inChannel = false } = {}) {
      const form = guarded(message, logger);
      const type = inChannel ? 'in_channel' : 'ephemeral';
      const body = { response_type: type, replace_original: false, ...form };
      if (await overUrl(body)) return true;
      return overApi(form, inChannel);
    },
    deleteOriginal: () => overUrl({ delete_original: true }),
  };
}

/** The message, or its text alone when it breaks one of Slack's limits: an answer is never lost to a block. */
function guarded(message: Rendered, logger: Logger): Rendered {
  const broken = violations(message);
  if (broken.length === 0) return message;
  logger.error('slack: an answer breaks the limits and goes out as text alone', {
    violations: broken.slice(0, 5),
  });
  return { text: truncate(message.text, TEXT_ALONE) || 'The answer could not be shown.', blocks: [] };
}

/** Keeps account of handlers: Slack has its acknowledgement, the person waits for an answer. */
export interface Running {
  /** Runs something to its end whatever happens to the request that began it. */
  add(work: () => Promise<void>): Promise<void>;
}

export interface RunningWorks extends Running {
  /** Ends when all that runs has ended, or after `within`. */
  settled(within: Milliseconds): Promise<void>;
}

export function createRunning(clock: Clock): RunningWorks {
  const works = new Set<Promise<void>>();
  return {
    async add(work) {
      const promise = work();
      works.add(promise);
      try {
        await promise;
      } finally {
        works.delete(promise);
      }
    },
    async settled(within) {
      const timer = new AbortController();
      await Promise.race([Promise.allSettled(works), clock.sleep(within, timer.signal)]);
      timer.abort();
    },
  };
}
